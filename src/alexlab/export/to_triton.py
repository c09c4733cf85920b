"""An ONNX file as a model of NVIDIA Triton's model repository: NAME/1/model.onnx, with its configuration and its classes' names.

Source: the Triton Inference Server's documentation, model_repository.md and model_configuration.md.
"""

import json
import secrets
import shutil
from pathlib import Path
from typing import Any

from alexlab.errors import UserError
from alexlab.export.program import NAMES
from alexlab.showing import shown
from alexlab.system import sync_folder
from alexlab.writing import not_written, write_file

MOST_TOGETHER = 64  # images in a batch
WAITED = 1000  # microseconds that an image waits for others


def write_repository(out: Path, content: bytes, facts: dict[str, Any], input: tuple[int, ...]) -> None:
    """Write `content`, an ONNX file with `facts`, as the model's folder `out`, which is there whole or not at all.

    Args:
        input: channels, height, width of the network's input.

    Raises:
        UserError: `out` exists, or cannot be written.
    """
    filling = out.with_name(f".{out.name}-{secrets.token_hex(6)}")
    try:
        if out.exists():
            raise UserError(f"{out}: exists already; name a new folder, whose name is the model's.")
        (filling / "1").mkdir(parents=True)
        write_file(filling / "1" / "model.onnx", content)
        write_file(filling / "config.pbtxt", configuration(out.name, facts, input).encode())
        write_file(filling / "labels.txt", "".join(f"{shown(name)}\n" for name in facts["classes"]).encode())
        filling.rename(out)
        sync_folder(out.parent)
    except OSError as error:
        raise not_written(out, error) from error
    finally:
        shutil.rmtree(filling, ignore_errors=True)  # where it has not taken its name


def configuration(name: str, facts: dict[str, Any], input: tuple[int, ...]) -> str:
    """Return config.pbtxt, a ModelConfig of Triton's model_config.proto in protobuf's text."""
    taken, given = NAMES[facts["begins"]]
    pixels = facts["begins"] == "pixels"
    kind, sides = ("TYPE_UINT8", (-1, -1, 3)) if pixels else ("TYPE_FP32", input)
    return f"""name: {json.dumps(shown(name))}
platform: "onnxruntime_onnx"
max_batch_size: {MOST_TOGETHER}
input [
  {{ name: "{taken}" data_type: {kind} dims: [ {", ".join(map(str, sides))} ] }}
]
output [
  {{ name: "{given}" data_type: TYPE_FP32 dims: [ {len(facts["classes"])} ] label_filename: "labels.txt" }}
]
dynamic_batching {{ max_queue_delay_microseconds: {WAITED} }}
"""
