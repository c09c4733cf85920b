"""The studio's server: what it answers, and whom it does not."""

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from alexlab.data.input.transform import batch_of
from alexlab.runs.run import Run
from tests.web.studio.browser import Process
from tests.web.studio.conftest import started


def _digit() -> bytes:
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4:24, 12:16] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _thought(studio: Process, query: str = "", **how: Any) -> tuple[dict[str, Any], bytes]:
    answer = studio.ask(f"/api/runs/relu/think{query}", "POST", **how)
    assert answer.status == 200, answer.data
    (length,) = struct.unpack("<I", answer.data[:4])
    return json.loads(answer.data[4 : 4 + length]), answer.data[4 + length :]


def test_what_is_thought_is_what_the_run_predicts(studio: Process, runs_folder: Path) -> None:
    run = Run(runs_folder / "relu")
    facts, maps = _thought(studio, body=_digit())
    predicted = run.predict(_digit(), top=5)
    assert [each["class"] for each in facts["top"]] == [name for name, _ in predicted.top]
    for each, (_, probability) in zip(facts["top"], predicted.top, strict=True):
        assert each["probability"] == pytest.approx(probability, rel=1e-5)
    first = facts["layers"][1]
    inputs = run.transform(batch_of(run.transform.stored(_digit())[None]))
    network = run.network()
    assert isinstance(network, torch.nn.Sequential)
    with torch.no_grad():
        made = network[0](inputs)[0]
    assert first["shape"] == list(made.shape) and first["low"] == pytest.approx(float(made.min()), rel=1e-5)
    size = made.numel()
    shown = np.frombuffer(maps[first["offset"] : first["offset"] + size], np.uint8).reshape(made.shape)
    expected = (made - made.min()) / (made.max() - made.min()) * 255
    assert np.abs(shown - expected.numpy()).max() < 0.51


def test_units_over_http_are_the_networks_own(studio: Process) -> None:
    facts, _ = _thought(studio, body=_digit())
    random = np.random.default_rng(3)
    for layer in facts["layers"][1:]:
        place = ",".join(str(random.integers(n)) for n in layer["shape"])
        found = studio.json(f"/api/runs/relu/unit?layer={layer['name']}&place={place}", "POST", body=_digit())
        assert found["workedOut"] == pytest.approx(found["value"], rel=1e-4, abs=1e-5)
    found = studio.json("/api/runs/relu/unit?layer=softmax&place=1", "POST", body=_digit())
    assert found["workedOut"] == pytest.approx(found["value"], rel=1e-5)


def test_held_out_images_by_number_and_by_what_became_of_them(studio: Process) -> None:
    judged = studio.json("/api/runs/relu/judged")
    wrong = studio.json("/api/runs/relu/images?which=mistakes")
    assert wrong["count"] == round(judged["images"] * (1 - judged["top1"]))
    assert all(each["true"] != each["predicted"] for each in wrong["images"])
    sure = [each["probability"] for each in wrong["images"]]
    assert sure == sorted(sure, reverse=True)
    unsure = studio.json("/api/runs/relu/images?which=unsure&true=3")
    assert {each["true"] for each in unsure["images"]} == {3}
    number = wrong["images"][0]["number"]
    facts, _ = _thought(studio, query=f"?image={number}")
    assert facts["top"][0]["k"] == wrong["images"][0]["predicted"]
    image = studio.ask(f"/api/runs/relu/images/{number}.png")
    assert Image.open(io.BytesIO(image.data)).size == (8, 8)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/runs/nobody", 400),
        ("/api/runs/..", 404),
        ("/api/runs/%2e%2e", 400),
        ("/api/runs/..%2f..%2fetc", 404),
        ("/assets/../../app.py", 404),
        ("/assets/%2e%2e/%2e%2e/app.py", 404),
        ("/api/runs/relu/images?which=others", 400),
        ("/api/runs/relu/images/99999.png", 400),
        ("/nothing", 404),
    ],
)
def test_addresses_that_lead_nowhere(studio: Process, path: str, status: int) -> None:
    answer = studio.ask(path)
    assert answer.status == status and b"Traceback" not in answer.data


def test_a_link_out_of_the_folder_is_not_opened(tmp_path: Path, digits_run: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "link").symlink_to(digits_run)
    with started(tmp_path / "runs") as found:
        assert found.ask("/api/runs/link").status == 400


def test_other_sites_and_other_names_are_refused(studio: Process) -> None:
    assert studio.ask("/api/runs", headers={"host": "evil.example"}).status == 403
    assert studio.ask("/api/runs", headers={"origin": "http://evil.example"}).status == 403
    assert studio.ask("/api/runs", headers={"sec-fetch-site": "cross-site"}).status == 403
    assert studio.ask("/api/runs/relu/think", "POST", headers={"origin": "null"}, body=_digit()).status == 403
    answer = studio.ask("/api/runs")
    assert answer.status == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy


def test_what_is_no_image_and_what_is_too_large_is_refused_in_a_sentence(studio: Process) -> None:
    answer = studio.ask("/api/runs/relu/think", "POST", body=b"not an image")
    assert answer.status == 400 and "not an image" in json.loads(answer.data)["error"]
    answer = studio.ask("/api/runs/relu/think", "POST", headers={"content-length": str(100 << 20)}, body=b"")
    assert answer.status == 413


def test_where_others_can_ask_a_token_is_wanted_and_a_cookie_keeps_it(runs_folder: Path) -> None:
    with started(runs_folder, "--host", "0.0.0.0", "--token", "secret") as found:
        assert found.tail == "?token=secret"
        assert found.ask("/api/runs").status == 401
        assert found.ask("/api/runs", headers={"authorization": "Bearer wrong"}).status == 401
        assert found.ask("/api/runs", headers={"authorization": "Bearer secret"}).status == 200
        answer = found.ask("/?token=secret", redirect=False)
        cookie = answer.headers["set-cookie"]
        assert answer.status == 303 and "HttpOnly" in cookie and "SameSite=strict" in cookie
        assert found.ask("/api/runs", headers={"cookie": cookie.partition(";")[0]}).status == 200
