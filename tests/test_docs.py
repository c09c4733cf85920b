"""The docs name what exists, and the two READMEs say the same."""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from alexlab.cli import COMMANDS
from alexlab.recipes import PRESETS, preset_text

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").rglob("*.md")])


def commands(text: str) -> list[str]:
    """The command lines of a page, without their remarks."""
    indented = re.findall(r"^    (?:\.venv/bin/)?((?:alexlab|make) .*?)(?:\s+#.*)?$", text, re.MULTILINE)
    return [*indented, *re.findall(r"`(alexlab [a-z][^`]*)`", text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_and_recipe_that_is_named_exists(page: Path) -> None:
    for line in commands(page.read_text(encoding="utf-8")):
        words = line.split()
        if words[0] == "alexlab":
            assert words[1] in COMMANDS, line
        if "--recipe" in words and not (recipe := words[words.index("--recipe") + 1]).endswith(".toml"):
            assert recipe in PRESETS, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_of_the_project_that_is_named_exists(page: Path) -> None:
    """Written from the root, from the package, or from the page's own folder; a folder and a name, as a bare `train.py` is the reader's."""
    places = (ROOT, ROOT / "src/alexlab", page.parent)
    for name in re.findall(
        r"`([a-z_][\w./-]*/[\w.-]+\.(?:py|md|sh|jsonl?|yaml|toml))\b", page.read_text(encoding="utf-8")
    ):
        assert "NAME" in name or any((place / name).exists() for place in places), f"{page.name} names {name}"


def test_the_decisions_index_lists_every_page_once() -> None:
    folder = ROOT / "docs/decisions"
    listed = re.findall(r"\]\(([^)]+)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(page.name for page in folder.glob("*.md") if page.name != "README.md")


def test_the_speed_of_the_textbooks_alexnet_is_said_as_it_was_measured() -> None:
    """The recipe and the tutorials' page quote the table, which is measured anew now and then."""
    table = (ROOT / "benchmarks/training.md").read_text(encoding="utf-8").partition("## textbook-alexnet\n")[2]
    measured = re.search(r"\| alexlab, float32 \| ([\d.]+) \(.*?\) \| ([\d.]+) \|", table)
    assert measured
    said = f"{float(measured[1]):.0f} images/s, {measured[2]} times the plain loop"
    assert said in preset_text("textbook-alexnet")
    assert said in (ROOT / "docs/from-your-tutorial.md").read_text(encoding="utf-8")


def test_every_library_that_is_installed_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (ROOT / "docs/decisions/libraries.md").read_text(encoding="utf-8").lower()
    for requirement in [*project["dependencies"], *chain(*project["optional-dependencies"].values())]:
        name = re.split(r"[^\w-]", requirement)[0].lower()
        said = name == "alexlab" or re.search(rf"\b{name}\b", page)
        assert said, f"docs/decisions/libraries.md does not say why {requirement}"


def test_the_two_readmes_are_equal_in_what_they_show() -> None:
    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))
    assert commands(english) == commands(chinese)
    for pattern in (
        r"```python\n(.*?)```",
        r"\]\((?!README)(\S+?)\)",
        r"^\|.*?([\d,]{5,}) \|$",
        r"^    ([^#\n]*\d\.\d+.*)$",
    ):
        found = [
            re.findall(pattern, text, re.MULTILINE | re.DOTALL if "```" in pattern else re.MULTILINE)
            for text in (english, chinese)
        ]
        if "```" in pattern:
            found = [[re.sub(r"#.*", "", block) for block in blocks] for blocks in found]
        assert found[0] and found[0] == found[1], pattern
