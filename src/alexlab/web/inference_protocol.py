"""The Open Inference Protocol, version 2, as KServe and Triton speak it, with Triton's binary tensors.

Its text: https://github.com/kserve/open-inference-protocol, and the binary data extension in Triton's documentation.
A model takes one of two inputs: `image`, BYTES of shape (N,), each the content of an image file (in JSON in base64); or `pixels`, UINT8
of shape (N, height, width, 3), RGB. It gives `probabilities`, FP32 of shape (N, K), and `class`, BYTES of shape (N,): the names of the
most probable classes.
"""

import json
import struct
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from alexlab.inference.ranking import ranked
from alexlab.web.bodies import MOST_IMAGES, parsed, unpacked
from alexlab.web.engine import Image
from alexlab.web.errors import Refused, bad
from alexlab.web.models import Probabilities

HEADER_LENGTH = "inference-header-content-length"
LONGEST_HEADER = 1 << 20
MOST_SIDE = 1 << 16

Size = Annotated[int, Field(ge=0, le=1 << 32)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Tensor(_Message):
    """A tensor that a client sends, its data in JSON or, with the parameter `binary_data_size`, after it."""

    name: str
    shape: Annotated[list[Size], Field(min_length=1, max_length=4)]
    datatype: str
    parameters: dict[str, Any] = {}
    data: list[Any] | None = None


class Wanted(_Message):
    """An output that a client asks for."""

    name: str
    parameters: dict[str, Any] = {}


class Inference(_Message):
    """A request for answers."""

    id: str | None = None
    parameters: dict[str, Any] = {}
    inputs: Annotated[list[Tensor], Field(min_length=1, max_length=1)]
    outputs: list[Wanted] | None = None


def metadata(name: str, platform: str, classes: Sequence[str]) -> dict[str, Any]:
    """Return what a model takes and gives."""
    return {
        "name": name,
        "versions": ["1"],
        "platform": platform,
        "inputs": [
            {"name": "image", "datatype": "BYTES", "shape": [-1]},
            {"name": "pixels", "datatype": "UINT8", "shape": [-1, -1, -1, 3]},
        ],
        "outputs": [
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, len(classes)]},
            {"name": "class", "datatype": "BYTES", "shape": [-1]},
        ],
        "parameters": {"classes": list(classes), "inputs": "one of the two"},
    }


def read(body: bytes, header_length: str | None) -> tuple[Inference, list[Image]]:
    """Return the request and its images.

    Args:
        header_length: of the JSON at the beginning of the body, where tensors follow it.

    Raises:
        Refused: it is not as the protocol has it.
    """
    if header_length is None:
        asked, rest = parsed(Inference, body), b""
    else:
        if not header_length.isdecimal() or int(header_length[:20]) > min(len(body), LONGEST_HEADER):
            raise bad(f"{HEADER_LENGTH}: {header_length[:20]!r} is not the length of the JSON in this body.")
        length = int(header_length)
        asked, rest = parsed(Inference, body[:length]), body[length:]
    (tensor,) = asked.inputs
    if tensor.name == "image":
        return asked, list(_files(tensor, rest))
    if tensor.name == "pixels":
        return asked, list(_pixels(tensor, rest))
    raise bad(f"input {tensor.name[:80]!r} is not known; expected `image` or `pixels`.")


def _binary(tensor: Tensor, rest: bytes) -> bytes | None:
    size = tensor.parameters.get("binary_data_size")
    if size is None:
        return None
    if not isinstance(size, int) or isinstance(size, bool) or size != len(rest):
        raise bad(f"input {tensor.name}: binary_data_size is {size!r}, and {len(rest):,} bytes follow the JSON.")
    return rest


def _counted(tensor: Tensor, datatype: str, dimensions: int) -> int:
    if tensor.datatype != datatype or len(tensor.shape) != dimensions:
        raise bad(
            f"input {tensor.name}: found {tensor.datatype[:20]} of {len(tensor.shape)} dimensions; "
            f"expected {datatype} of {dimensions}."
        )
    count = tensor.shape[0]
    if not 1 <= count <= MOST_IMAGES:
        raise bad(f"input {tensor.name}: {count:,} images; a request takes 1 to {MOST_IMAGES}.")
    return count


def _files(tensor: Tensor, rest: bytes) -> Sequence[bytes]:
    count = _counted(tensor, "BYTES", 1)
    data = _binary(tensor, rest)
    if data is None:
        texts = tensor.data or []
        if len(texts) != count or not all(isinstance(text, str) for text in texts):
            raise bad(f"input image: expected {count} strings in base64 as its data.")
        return [unpacked(text) for text in texts]
    files, place = [], 0
    for _ in range(count):
        if place + 4 > len(data):
            raise bad(f"input image: its {len(data):,} bytes end before {count} elements do.")
        (length,) = struct.unpack_from("<I", data, place)
        place += 4
        if place + length > len(data):
            raise bad(f"input image: an element of {length:,} bytes is longer than what is left of the body.")
        files.append(data[place : place + length])
        place += length
    if place != len(data):
        raise bad(f"input image: {len(data) - place:,} bytes are left after its {count} elements.")
    return files


def _pixels(tensor: Tensor, rest: bytes) -> Sequence[np.ndarray[Any, np.dtype[np.uint8]]]:
    _counted(tensor, "UINT8", 4)
    shape = tuple(tensor.shape)
    if shape[3] != 3 or not all(1 <= side <= MOST_SIDE for side in shape[1:3]):
        raise bad(f"input pixels: found the shape {list(shape)}; expected (images, height, width, 3).")
    numbers = int(np.prod(shape, dtype=object))
    data = _binary(tensor, rest)
    if data is None:
        try:
            values = np.array(tensor.data, dtype=object).reshape(-1)
            if len(values) != numbers or not all(type(value) is int and 0 <= value <= 255 for value in values):
                raise ValueError
            found = values.astype(np.uint8)
        except (ValueError, TypeError):
            raise bad(f"input pixels: expected {numbers:,} whole numbers from 0 to 255 as its data.") from None
    elif len(data) != numbers:
        raise bad(f"input pixels: {len(data):,} bytes; its shape takes {numbers:,}.")
    else:
        found = np.frombuffer(data, np.uint8)
    return list(found.reshape(shape))


def write(
    asked: Inference, model: str, classes: Sequence[str], answers: Sequence[Probabilities]
) -> tuple[bytes, int | None]:
    """Return the response's body, and the length of the JSON at its beginning where tensors follow it.

    Raises:
        Refused: an output is asked for that there is not.
    """
    tops = [classes[i] for i in ranked(np.stack(answers), 1)[:, 0]]
    probabilities_NK = np.stack(answers).astype("<f4")
    whole_is_binary = asked.parameters.get("binary_data_output") is True
    wanted = asked.outputs or [Wanted(name="probabilities"), Wanted(name="class")]
    outputs: list[dict[str, Any]] = []
    rest: list[bytes] = []
    for output in wanted:
        if output.name == "probabilities":
            datatype, shape = "FP32", list(probabilities_NK.shape)
            binary, plain = probabilities_NK.tobytes(), probabilities_NK.ravel().tolist()
        elif output.name == "class":
            datatype, shape = "BYTES", [len(tops)]
            encoded = [top.encode(errors="backslashreplace") for top in tops]
            binary, plain = (
                b"".join(struct.pack("<I", len(each)) + each for each in encoded),
                [e.decode() for e in encoded],
            )
        else:
            raise bad(f"output {output.name[:80]!r} is not known; expected `probabilities` or `class`.")
        told: dict[str, Any] = {"name": output.name, "datatype": datatype, "shape": shape}
        if output.parameters.get("binary_data", whole_is_binary) is True:
            outputs.append({**told, "parameters": {"binary_data_size": len(binary)}})
            rest.append(binary)
        else:
            outputs.append({**told, "data": plain})
    facts: dict[str, Any] = {"model_name": model, "model_version": "1", "outputs": outputs}
    if asked.id is not None:
        facts["id"] = asked.id
    head = json.dumps(facts, allow_nan=False).encode()
    return (head + b"".join(rest), len(head)) if rest else (head, None)


def first_refusal(answers: Sequence[Probabilities | Refused]) -> Refused | None:
    """Return why the first image that has no answer has none."""
    return next((answer for answer in answers if isinstance(answer, Refused)), None)
