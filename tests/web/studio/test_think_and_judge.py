"""In a real browser: a network thinks, and is judged."""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from tests.web.studio.browser import Browser


def test_a_drawn_digit_is_answered_and_every_layer_shows_its_maps(browser: Browser) -> None:
    browser.open("think/relu")
    browser.draw_a_seven()
    page = browser.page
    assert page.locator(".bars tr").count() == 5
    assert page.locator(".layers li").count() == 13
    assert "6 maps of 24 x 24" in page.locator(".layers").inner_text()
    assert page.evaluate("window.strokes.length") >= 1
    pixels = page.evaluate(
        "(() => { const c = document.querySelectorAll('canvas.sheet')[1]; "
        "return new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size })()"
    )
    assert pixels > 20
    assert browser.violations() == []


def test_a_unit_is_taken_apart_and_is_the_networks_own(browser: Browser) -> None:
    browser.open("think/relu")
    browser.draw_a_seven()
    page = browser.page
    page.locator("button.maps").nth(1).click()
    page.locator(".enlarged .pick canvas").click(position={"x": 150, "y": 60})
    page.get_by_text("It sees rows").wait_for()
    assert page.locator(".kernels canvas").count() == 1
    assert page.locator(".terms tbody tr").count() == 25
    worked, own = (float(page.get_by_test_id(each).inner_text()) for each in ("worked-out", "own"))
    assert abs(worked - own) < 2e-5
    after = float(page.get_by_test_id("after").inner_text())
    assert after == max(0.0, own)
    assert page.locator(".marked .mark rect").count() == 1
    page.get_by_label("Map", exact=True).fill("5")
    page.locator(".enlarged").get_by_text("It sees rows").wait_for()
    page.get_by_role("button", name="Close").click()
    assert page.locator(".enlarged").count() == 0


def test_test_images_are_stepped_through_and_pixels_that_count_are_shown(browser: Browser) -> None:
    browser.open("think/relu")
    page = browser.page
    page.get_by_label("Which").select_option("mistakes")
    page.get_by_text("1 of").wait_for()
    page.get_by_text("true:").wait_for()
    first = page.locator("fieldset strong").inner_text()
    page.locator(".bars tr").first.wait_for()
    assert page.locator(".bars th").first.inner_text() != first  # a mistake is one
    page.get_by_role("button", name="Next").click()
    page.get_by_text("2 of").wait_for()
    page.get_by_role("button", name="Cover a part").click()
    page.get_by_text("It does not say why").wait_for()
    page.get_by_role("button", name="Gradient times input").click()
    page.get_by_text("infinitely small change").wait_for()
    page.get_by_role("button", name="Count them").click()
    page.locator("table.dead tbody tr").first.wait_for()
    assert page.locator("table.dead tbody tr").count() == 4
    assert browser.violations() == []


def test_an_image_file_is_opened_beside_another_run(browser: Browser, tmp_path: Path) -> None:
    pixels = np.zeros((30, 30), np.uint8)
    pixels[5:25, 13:17] = 255
    Image.fromarray(pixels).save(tmp_path / "one.png")
    browser.refused = True
    browser.open("think/relu")
    page = browser.page
    page.get_by_label("Beside it").select_option("sigmoid<b>")  # a name with markup is text
    page.get_by_label("Open an image").set_input_files(tmp_path / "one.png")
    page.locator(".brain").nth(1).locator(".bars tr").first.wait_for()
    page.locator(".brain").nth(0).locator(".bars tr").first.wait_for()
    assert "sigmoid<b>" in page.locator(".brain h2").nth(1).inner_text()
    (tmp_path / "none.png").write_bytes(b"no image")
    page.get_by_label("Open an image").set_input_files(tmp_path / "none.png")
    page.get_by_text("not an image").first.wait_for()


def test_with_the_keyboard_alone_in_chinese_on_a_phone(phone: Browser) -> None:
    phone.open("think/relu")
    page = phone.page
    page.get_by_text("训练记录", exact=True).first.wait_for()
    board = page.get_by_role("application")
    for _ in range(30):
        page.keyboard.press("Tab")
        if board.evaluate("e => e === document.activeElement"):
            break
    for key in ("ArrowUp", "ArrowUp", " ", *["ArrowDown"] * 12):
        page.keyboard.press(key)
    page.locator(".bars tr").first.wait_for()
    page.locator("button.maps").nth(1).focus()
    page.keyboard.press("Enter")
    page.get_by_text("网络自己的值").wait_for()
    assert phone.too_wide() == []
    assert phone.violations() == []


def test_a_run_is_judged_and_a_cell_opens_its_images(browser: Browser) -> None:
    browser.open("judge/relu")
    page = browser.page
    page.locator("table.confusion").wait_for()
    cell = page.locator("td.wrong-cell button").first
    said = cell.get_attribute("aria-label")
    found = re.match(r"(.+) taken for (.+): (\d+)", said or "")
    assert found
    cell.click()
    page.get_by_role("heading", name=f"{found[1]} taken for {found[2]} ({found[3]})").wait_for()
    page.locator(".thumbnails img").first.wait_for()
    assert page.locator(".thumbnails li").count() == int(found[3])
    page.get_by_label("shares of the row").uncheck()
    assert cell.inner_text() == found[3]
    page.get_by_label("Run").nth(1).select_option("sigmoid<b>")
    page.get_by_text("alone right").wait_for()
    assert page.get_by_role("row", name='network "lenet-relu" "lenet5"').count() == 1
    assert browser.violations() == []


def test_runs_are_listed_and_the_page_is_dark_where_it_is_wanted(browser: Browser) -> None:
    browser.open("runs")
    page = browser.page
    page.get_by_role("button", name="relu").wait_for()
    assert page.locator("tbody tr").count() >= 2
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 20, 25)"
    assert browser.violations() == []
    page.get_by_role("button", name="中文").click()
    page.get_by_role("heading", name="训练记录").wait_for()
    assert page.evaluate("document.documentElement.lang") == "zh"
