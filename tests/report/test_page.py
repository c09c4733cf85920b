"""The report in a real browser: it loads with nothing missing, and fits a phone's width."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import alexlab

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
)  # fmt: skip
PHONE = 500  # the narrowest window that headless Chromium opens

PROBE = """<script>
const images = [...document.images];
const broken = images.filter(image => !image.complete || image.naturalWidth === 0).length;
document.documentElement.dataset.probe = [
  images.length, broken, document.documentElement.scrollWidth, window.innerWidth,
  document.querySelectorAll('h2').length].join(' ');
</script></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_report_in_a_browser(tmp_path: Path) -> None:
    run = alexlab.train("lenet5", "digits", epochs=12, device="cpu", out="run")
    page = tmp_path / "probed.html"
    page.write_text((run.folder / "report.html").read_text().replace("</body>", PROBE))
    command = [str(CHROMIUM), *QUIET, f"--user-data-dir={tmp_path / 'chromium'}", f"--window-size={PHONE},900"]
    found = subprocess.run([*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120)
    probe = re.search(r'data-probe="([\d ]+)"', found.stdout)
    assert probe, found.stderr[-500:]
    images, broken, wide, window, sections = map(int, probe.group(1).split())
    assert (images, broken) == (3, 0)
    assert wide <= window, "the page is wider than a phone"
    assert sections == 5
