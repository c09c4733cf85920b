"""A program of PyTorch's as an ONNX file."""

import json
from typing import Any

import torch

from alexlab.errors import UserError
from alexlab.export.program import NAMES, exporting
from alexlab.runs.run import Run

OPSET, IR = 18, 8  # which ONNX Runtime 1.14 reads; PyTorch's exporter names a later IR, of which nothing is used
LARGEST = 2**31 - 1  # bytes, of a protobuf


def onnx_file(run: Run, program: torch.export.ExportedProgram, facts: dict[str, Any]) -> bytes:
    """Return the ONNX file of a program that `alexlab.export.program` made, with `facts` in its metadata.

    Raises:
        UserError: PyTorch cannot write this network as ONNX, or it is too large.
    """
    taken, given = NAMES[facts["begins"]]
    with exporting(run), torch.no_grad():
        made = torch.onnx.export(
            program, input_names=[taken], output_names=[given], opset_version=OPSET, dynamo=True, verbose=False
        )
        assert made is not None
        model = made.model_proto
    if model.ByteSize() > LARGEST:
        raise UserError(f"{run.recipe.network}: {model.ByteSize() / 1e9:.1f} GB; an ONNX file holds 2 GB at most.")
    model.ir_version = IR
    _forget(model.graph)
    del model.metadata_props[:]
    model.metadata_props.add(key="alexlab", value=json.dumps(facts))
    content: bytes = model.SerializeToString()
    return content


def _forget(graph: Any) -> None:
    """Take out where in its source each operation was written, which names folders of this machine."""
    for node in graph.node:
        del node.metadata_props[:]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _forget(attribute.g)
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del value.metadata_props[:]
    del graph.metadata_props[:]
