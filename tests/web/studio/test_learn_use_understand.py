"""In a real browser: a network is trained, put to use, described; a script is read."""

from pathlib import Path

import numpy as np
from PIL import Image

from alexlab.runs.run import Run
from tests.waiting import until
from tests.web.studio.browser import Browser


def test_a_training_is_started_watched_and_a_run_like_any_other(browser: Browser, runs_folder: Path) -> None:
    browser.open("learn")
    page = browser.page
    page.get_by_role("button", name="Look at it first").click()
    page.get_by_role("heading", name="Digits 8x8").wait_for()
    page.get_by_label("Name of the run").fill("from-the-page")
    page.get_by_role("textbox", name="epochs").fill("1")
    page.get_by_role("button", name="Start").click()
    page.locator("[data-testid=state]", has_text="finished").wait_for()
    page.locator(".live .chart").first.wait_for()
    run = Run(runs_folder / "from-the-page")
    assert run.result["state"] == "finished" and run.recipe.epochs == 1
    assert browser.violations() == []
    page.get_by_role("button", name="Think").click()
    browser.draw_a_seven()


def test_images_are_classified_and_listed_and_the_run_is_taken_along(browser: Browser, tmp_path: Path) -> None:
    pixels = np.zeros((30, 30), np.uint8)
    pixels[5:25, 13:17] = 255
    for name in ("a.png", "<i>b.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    (tmp_path / "c.png").write_bytes(b"no image")
    browser.open("use/relu")
    page = browser.page
    files = [tmp_path / name for name in ("a.png", "<i>b.png", "c.png")]
    page.get_by_label("Choose images").set_input_files(files)
    page.get_by_text("3 / 3").wait_for()
    assert page.locator(".answers tr").count() == 3
    assert page.locator(".answers .problem").count() == 1
    assert page.get_by_role("rowheader", name="<i>b.png").count() == 1
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert text.splitlines()[0] == "image,class,probability,note" and '"a.png"' in text
    with page.expect_download() as download:
        page.get_by_role("button", name="ONNX file").click()
    (tmp_path / "run.onnx").write_bytes(Path(download.value.path()).read_bytes())
    from alexlab.export.onnx_file import OnnxFile

    assert OnnxFile((tmp_path / "run.onnx").read_bytes(), "run.onnx").classes == tuple("0123456789")
    assert browser.violations() == []


def test_a_network_unfolds_into_its_arithmetic_and_a_script_is_read(browser: Browser) -> None:
    browser.open("understand")
    page = browser.page
    page.locator(".described summary").first.click()
    page.get_by_text("floor((28 - 5 + 2*0)/1) + 1 = 24").first.wait_for()
    page.get_by_label("Compare with").select_option("lenet5")
    page.locator("tr.differs").first.wait_for()
    until(lambda: page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)"))
    page.get_by_role("textbox").fill(
        "import torch\nfrom torch import nn\n\n"
        "net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmax(dim=1))\n"
        "loss = nn.CrossEntropyLoss()\noptimiser = torch.optim.SGD(net.parameters(), lr=0.1)\n\n"
        "def train(loader):\n    for x, y in loader:\n        error = loss(net(x), y)\n"
        "        optimiser.zero_grad()\n        error.backward()\n        optimiser.step()\n"
    )
    page.get_by_role("button", name="Read it").click()
    page.get_by_text("softmax-before-cross-entropy").wait_for()
    assert browser.violations() == []
