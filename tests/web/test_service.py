"""What a client relies on: the same answers as predict's, the right status for everything else, and nothing accepted goes unanswered."""

import asyncio
import base64
import io
import json
import shutil
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alexlab.export.exporting import export
from alexlab.runs.run import Run
from alexlab.web.engine import Engine
from alexlab.web.errors import Refused
from alexlab.web.metrics import Metrics
from alexlab.web.models import FileModel
from tests.conftest import ROOT
from tests.waiting import until
from tests.web.conftest import Service

DIGITS = sorted((ROOT / "examples" / "digits").glob("*.png"))
BOUND = 1e-5
"""Between an image's probabilities alone and among others: a product of another size sums in another order."""


@pytest.fixture(scope="module")
def exported(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run as a file."""
    pytest.importorskip("onnxruntime")
    file = tmp_path_factory.mktemp("exported") / "digits.onnx"
    export(Run(digits_run), file, on=DIGITS[0])
    return file


def png(pixels: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def probabilities(facts: dict[str, Any]) -> dict[str, float]:
    return {each["class"]: each["probability"] for each in facts["top"]}


def test_answers_are_those_of_predict(service: Service, digits_run: Path) -> None:
    run = Run(digits_run)
    for path in DIGITS:
        status, found = service.predict(path.read_bytes(), "?model=digits&top=10")
        assert status == 200
        expected = run.predict(path, top=10)
        assert [each["class"] for each in found["predictions"][0]["top"]] == [name for name, _ in expected.top]
        assert probabilities(found["predictions"][0]) == pytest.approx(dict(expected.top), abs=BOUND)


def test_an_answer_is_the_same_alone_and_among_others(service: Service) -> None:
    alone = [service.predict(path.read_bytes(), "?model=digits&top=10")[1]["predictions"][0] for path in DIGITS]
    answers: dict[int, Any] = {}

    def ask(number: int) -> None:
        answers[number] = service.predict(DIGITS[number % len(DIGITS)].read_bytes(), "?model=digits&top=10")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(96)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 96
    for number, (status, found) in answers.items():
        assert status == 200
        expected = probabilities(alone[number % len(DIGITS)])
        assert probabilities(found["predictions"][0]) == pytest.approx(expected, abs=BOUND)


def test_every_way_to_send_an_image(service: Service) -> None:
    data = DIGITS[0].read_bytes()
    text = base64.b64encode(data).decode()
    expected = service.predict(data, "?model=digits")[1]["predictions"]
    ways: list[dict[str, Any]] = [
        {"body": json.dumps({"image": text}), "headers": {"content-type": "application/json"}},
        {"body": json.dumps({"images": [text]}), "headers": {"content-type": "application/json; charset=utf-8"}},
        {"body": data, "headers": {"content-type": "image/png"}},
    ]
    for way in ways:
        answer = service.ask("POST", "/predict?model=digits", **way)
        assert answer.status == 200, answer.data
        assert json.loads(answer.data)["predictions"] == expected
    answer = service.ask(
        "POST",
        "/predict?model=digits",
        fields=[("image", ("one.png", data)), ("image", ("none.txt", b"no image")), ("image", ("two.png", data))],
    )
    one, none, two = json.loads(answer.data)["predictions"]
    assert (one["name"], two["name"]) == ("one.png", "two.png")
    for each in (one, two):
        assert probabilities(each) == pytest.approx(probabilities(expected[0]), abs=BOUND)
    assert "not an image" in none["error"]


@pytest.mark.parametrize(
    ("status", "says", "body", "kind"),
    [
        (415, "not an image", b"hello", "image/png"),
        (422, "damaged", DIGITS[0].read_bytes()[:-40], "image/png"),
        (413, "longer than", b"x" * (33 << 20), "image/png"),
        (415, "'text/html'", b"<p>", "text/html"),
        (400, "empty", b"", "image/png"),
        (400, "not in base64", b'{"image": "%%%"}', "application/json"),
        (400, "expected `image`", b"{}", "application/json"),
        (400, "JSON", b"[" * 100_000, "application/json"),
        (400, "form", b"no form", "multipart/form-data"),
        (400, "no file", b"--x--\r\n", "multipart/form-data; boundary=x"),
    ],
    ids=str,
)
def test_what_is_refused(service: Service, status: int, says: str, body: bytes, kind: str) -> None:
    answer = service.ask("POST", "/predict?model=digits", body=body, headers={"content-type": kind})
    assert answer.status == status
    assert says in json.loads(answer.data)["error"]


def test_pixels_beyond_measure_are_refused(service: Service) -> None:
    buffer = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(buffer, "PNG")
    status, found = service.predict(buffer.getvalue(), "?model=digits")
    assert (status, "decompression bomb" in found["error"]) == (422, True)


def test_addresses(service: Service) -> None:
    for method, path, status in (
        ("GET", "/predict", 405),
        ("GET", "/nowhere", 404),
        ("POST", "/predict", 400),  # which of two models?
        ("POST", "/predict?model=digits&top=0", 400),
        ("POST", "/predict?model=other", 404),
        ("GET", "/v2/models/other", 404),
        ("GET", "/v2/models/..%2f..%2fetc%2fpasswd", 404),
        ("GET", "/health/live", 200),
        ("GET", "/health/ready", 200),
        ("GET", "/", 200),
        ("GET", "/openapi.json", 200),
    ):
        assert service.ask(method, path).status == status, path
    metrics = service.ask("GET", "/metrics").data.decode()
    assert 'alexlab_requests_total{route="/predict",status="405"}' in metrics
    assert "alexlab_batch_images_bucket" in metrics


def test_pages_of_other_sites_are_kept_out(service: Service) -> None:
    data = DIGITS[0].read_bytes()
    assert service.predict(data, "?model=digits", origin="https://elsewhere.example")[0] == 403
    assert service.predict(data, "?model=digits", host="rebound.example")[0] == 403
    assert service.predict(data, "?model=digits", origin=service.address)[0] == 200
    for name in ("localhost", "localhost:8000", "127.0.0.1", "[::1]", "[::1]:8000"):
        assert service.predict(data, "?model=digits", host=name)[0] == 200
    policy = service.ask("GET", "/").headers["content-security-policy"]
    assert "default-src 'none'" in policy


def test_the_log_tells_requests_and_no_content(service: Service) -> None:
    service.predict(b"a secret in an image", "?model=digits")
    form = b"--b\r\nContent-Dis[secret]position: form-data\r\n\r\n\r\n--b--\r\n"
    assert service.predict(form, "?model=digits", content_type="multipart/form-data; boundary=b")[0] == 400
    until(lambda: any(event["event"] == "request" and event["status"] == 415 for event in service.events()))
    assert "secret" not in service.log.read_text()  # and all of it is JSON, what libraries say too


def test_a_token(serve: Callable[..., Any], digits_run: Path, alexlab: Callable[..., Any]) -> None:
    refused = alexlab("serve", str(digits_run), "--host", "0.0.0.0", "--port", "0")
    assert (refused.returncode, "no token is set" in refused.stderr) == (2, True)
    with serve(str(digits_run), ALEXLAB_TOKEN="secret") as service:
        data = DIGITS[0].read_bytes()
        assert service.predict(data)[0] == 401
        assert service.predict(data, authorization="Bearer wrong")[0] == 401
        assert service.predict(data, authorization="Bearer secret")[0] == 200
        assert service.ask("GET", "/health/ready").status == 200
        assert service.ask("GET", "/metrics").status == 401


def test_what_is_no_run_is_told(alexlab: Callable[..., Any], tmp_path: Path, digits_run: Path) -> None:
    for arguments, says in (
        (("nowhere",), "no such run"),
        ((str(tmp_path),), "not a run's folder"),
        ((str(digits_run), str(digits_run)), "two models are called"),
        ((f"a/b={digits_run}",), "cannot stand in an address"),
    ):
        found = alexlab("serve", *arguments, "--port", "0")
        assert (found.returncode, says in found.stderr) == (2, True), found.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        found = alexlab("serve", str(digits_run), "--port", str(taken.getsockname()[1]))
    assert (found.returncode, "cannot be listened at" in found.stderr) == (2, True), found.stderr


def test_a_full_queue_and_a_late_answer(serve: Callable[..., Any], digits_run: Path) -> None:
    data = png(np.zeros((28, 28)))
    images = json.dumps({"images": [base64.b64encode(data).decode()] * 5})
    with serve(str(digits_run), "--queue", "4") as service:
        answer = service.ask("POST", "/predict", body=images, headers={"content-type": "application/json"})
        assert (answer.status, answer.headers["retry-after"]) == (429, "1")
        assert service.predict(data)[0] == 200
    with serve(str(digits_run), "--timeout", "0.001") as service:
        many = json.dumps({"images": [base64.b64encode(png(np.zeros((900, 900)))).decode()] * 64})
        answer = service.ask("POST", "/predict", body=many, headers={"content-type": "application/json"})
        assert answer.status == 504


def test_what_was_accepted_is_answered_before_the_end(serve: Callable[..., Any], digits_run: Path) -> None:
    data = png(np.zeros((1500, 1500)))
    body = json.dumps({"images": [base64.b64encode(data).decode()] * 64})
    with serve(str(digits_run)) as service:
        statuses: list[int] = []

        def ask() -> None:
            answer = service.ask("POST", "/predict", body=body, headers={"content-type": "application/json"})
            statuses.append(answer.status)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        idle = 'alexlab_queue_images{model="digits"} 0.0'
        until(lambda: idle not in service.ask("GET", "/metrics").data.decode() or statuses)
        assert service.end() == 0
        for thread in threads:
            thread.join()
    assert 200 in statuses
    assert set(statuses) <= {200, 503}


def test_a_newer_model_is_taken_and_a_damaged_one_is_not(
    serve: Callable[..., Any], digits_run: Path, tmp_path: Path
) -> None:
    import shutil

    run = tmp_path / "digits"
    shutil.copytree(digits_run, run)
    weights = next(run.glob("best.safetensors"))
    sound = weights.read_bytes()
    data = DIGITS[0].read_bytes()
    with serve(str(run), "--watch") as service:
        before = service.predict(data)[1]

        def loads(outcome: str) -> None:
            wanted = f'alexlab_model_loads_total{{model="digits",outcome="{outcome}"}}'

            def looked() -> bool:
                assert service.predict(data)[0] == 200
                return wanted in service.ask("GET", "/metrics").data.decode()

            until(looked)

        weights.write_bytes(b"damaged")
        loads("failed")
        assert service.predict(data)[1] == before
        weights.write_bytes(sound)
        loads("opened")
        assert service.predict(data)[1] == before


def test_an_exported_file_answers_as_its_run_and_without_torch(
    serve: Callable[..., Any], digits_run: Path, tmp_path: Path, exported: Path
) -> None:
    file = tmp_path / "exported.onnx"
    shutil.copy(exported, file)
    run = Run(digits_run)
    with serve(str(file)) as service:
        maps = Path(f"/proc/{service.process.pid}/maps")
        if maps.exists():
            assert "libtorch" not in maps.read_text()
        body = json.dumps({"images": [base64.b64encode(path.read_bytes()).decode() for path in DIGITS]})
        answer = service.ask("POST", "/predict?top=10", body=body, headers={"content-type": "application/json"})
        found = json.loads(answer.data)["predictions"]
        for path, each in zip(DIGITS, found, strict=True):
            assert probabilities(each) == pytest.approx(dict(run.predict(path, top=10).top), abs=1e-3)
        file.write_bytes(b"damaged")
        assert service.predict(DIGITS[0].read_bytes())[0] == 200


def test_large_pictures_are_answered_few_at_a_time(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = FileModel(exported)
    pictures = [np.full((height, 20, 3), 16 * height, np.uint8) for height in (10, 12, 10, 10, 12)]
    whole = model.probabilities(pictures)
    sizes: list[int] = []
    asked = model._file.probabilities

    def counted(pixels_NHWC: Any) -> Any:
        sizes.append(len(pixels_NHWC))
        return asked(pixels_NHWC)

    monkeypatch.setattr(model._file, "probabilities", counted)
    monkeypatch.setattr("alexlab.web.models.TOGETHER", 2 * 10 * 20)
    assert model.probabilities(pictures) == pytest.approx(whole, abs=1e-5)
    assert sizes == [2, 1, 1, 1]
    monkeypatch.setattr("alexlab.export.onnx_file.LARGE", 1)  # ONNX Runtime's memory is given back after each
    assert model.probabilities(pictures) == pytest.approx(whole, abs=1e-5)


def test_decoded_images_are_answered_before_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexlab.web.engine.HELD", 4 * 12)
    answers, sizes = asyncio.run(_asked_at_once([np.full((2, 2, 3), level, np.uint8) for level in range(11)]))
    assert answers == list(range(11))
    assert max(sizes) == 4 and sum(sizes) == 11


async def _asked_at_once(images: list[Any]) -> tuple[list[float], list[int]]:
    """The answers to `images` of a model that tells their level, and how many it was given at a time."""
    sizes: list[int] = []

    class Levels:
        classes, platform, ahead, pool = ("level",), "none", 0, ThreadPoolExecutor(1)

        def stored(self, image: Any, name: str) -> Any:
            return image

        def probabilities(self, stored: Any) -> Any:
            sizes.append(len(stored))
            return np.array([[each[0, 0, 0]] for each in stored], np.float32)

    engine = Engine("levels", Levels(), 100, Metrics())
    found = await engine.answers(images, 60)
    await engine.close()
    return [float(answer[0]) for answer in found if not isinstance(answer, Refused)], sizes


def test_clients_that_misbehave_cost_others_nothing(service: Service) -> None:
    place = ("127.0.0.1", int(service.address.rpartition(":")[2]))
    head = b"POST /predict?model=digits HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n"
    connections = [socket.create_connection(place) for _ in range(300)]
    try:
        for number, each in enumerate(connections):
            if number % 3:
                each.sendall(head + b"x")  # and no more
            if number % 3 == 2:
                each.shutdown(socket.SHUT_WR)
        assert service.predict(DIGITS[0].read_bytes(), "?model=digits")[0] == 200
    finally:
        for each in connections:
            each.close()
    with socket.create_connection(place) as endless:
        endless.settimeout(60)
        with pytest.raises(OSError):  # closed before all is sent, or answered: see below
            endless.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * (8 << 20))
            assert endless.recv(100).startswith(b"HTTP/1.1 400")
            raise OSError
    assert service.predict(DIGITS[0].read_bytes(), "?model=digits")[0] == 200
