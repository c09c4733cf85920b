"""The Open Inference Protocol: Triton's own client, and messages that are not as it has them."""

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from alexlab.runs.run import Run
from alexlab.web import inference_protocol as protocol
from alexlab.web.errors import Refused
from tests.web.conftest import Service
from tests.web.test_service import BOUND, DIGITS

client_of = pytest.importorskip("tritonclient.http", reason="tritonclient[http] is not installed")


@pytest.fixture
def client(service: Service) -> Any:
    with client_of.InferenceServerClient(service.address.removeprefix("http://")) as found:
        yield found


def test_what_a_client_sees(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("digits")
    assert not client.is_model_ready("other")
    assert client.get_server_metadata()["name"] == "alexlab"
    found = client.get_model_metadata("digits")
    assert found["parameters"]["classes"] == [str(digit) for digit in range(10)]


@pytest.mark.parametrize("binary", [True, False])
def test_pixels_and_files(client: Any, digits_run: Path, binary: bool) -> None:
    run = Run(digits_run)
    for path in DIGITS[:3]:
        expected = dict(run.predict(path, top=10).top)
        pixels = np.asarray(Image.open(path).convert("RGB"))[None]
        ready = client_of.InferInput("pixels", list(pixels.shape), "UINT8")
        ready.set_data_from_numpy(pixels, binary_data=binary)
        outputs = [
            client_of.InferRequestedOutput("probabilities", binary_data=binary),
            client_of.InferRequestedOutput("class", binary_data=not binary),
        ]
        found = client.infer("digits", [ready], outputs=outputs, request_id="one")
        probability_K = found.as_numpy("probabilities")[0]
        assert dict(zip(run.classes, probability_K.tolist(), strict=True)) == pytest.approx(expected, abs=BOUND)
        (named,) = found.as_numpy("class")
        assert (named if isinstance(named, str) else named.decode()) == max(expected, key=lambda name: expected[name])
        assert found.get_response()["id"] == "one"
        file = client_of.InferInput("image", [1], "BYTES")
        file.set_data_from_numpy(np.array([path.read_bytes()], dtype=object))
        assert client.infer("digits", [file]).as_numpy("probabilities")[0] == pytest.approx(probability_K, abs=BOUND)


def test_what_is_refused(service: Service) -> None:
    good = base64.b64encode(DIGITS[0].read_bytes()).decode()
    for status, says, inputs in (
        (400, "not known", [{"name": "x", "shape": [1], "datatype": "BYTES", "data": [good]}]),
        (400, "expected BYTES", [{"name": "image", "shape": [1, 1], "datatype": "BYTES", "data": [good]}]),
        (400, "1 to 256", [{"name": "image", "shape": [0], "datatype": "BYTES", "data": []}]),
        (400, "2 strings", [{"name": "image", "shape": [2], "datatype": "BYTES", "data": [good]}]),
        (415, "not an image", [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["aGVsbG8="]}]),
        (400, "(images, height", [{"name": "pixels", "shape": [1, 2, 2, 1], "datatype": "UINT8", "data": [0] * 4}]),
        (400, "0 to 255", [{"name": "pixels", "shape": [1, 1, 1, 3], "datatype": "UINT8", "data": [0, 1, 256]}]),
        (400, "0 to 255", [{"name": "pixels", "shape": [1, 65536, 65536, 3], "datatype": "UINT8", "data": [0]}]),
        (400, "inputs", []),
    ):
        body = json.dumps({"inputs": inputs})
        answer = service.ask("POST", "/v2/models/digits/infer", body=body)
        assert (answer.status, says in json.loads(answer.data)["error"]) == (status, True), answer.data
    answer = service.ask(
        "POST",
        "/v2/models/digits/infer",
        body=json.dumps(
            {
                "inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [good]}],
                "outputs": [{"name": "other"}],
            }
        ),
    )
    assert (answer.status, "not known" in json.loads(answer.data)["error"]) == (400, True)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 4),
    st.lists(st.binary(max_size=20), max_size=4),
    st.binary(max_size=8),
    st.one_of(st.none(), st.integers(-2, 300)),
)
def test_binary_tensors_are_read_or_refused(count: int, files: list[bytes], more: bytes, size: int | None) -> None:
    rest = b"".join(struct.pack("<I", len(each)) + each for each in files) + more
    tensor = {
        "name": "image",
        "shape": [count],
        "datatype": "BYTES",
        "parameters": {"binary_data_size": len(rest) if size is None else size},
    }
    head = json.dumps({"inputs": [tensor]}).encode()
    sound = 0 < count == len(files) and not more and size in (None, len(rest))
    try:
        _, found = protocol.read(head + rest, str(len(head)))
    except Refused as refused:
        assert refused.status == 400
        assert not sound
    else:
        assert found == files[:count] or more or size is not None
