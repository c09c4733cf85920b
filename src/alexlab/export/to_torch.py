"""A program of PyTorch's as a file that `torch.export.load` reads, without alexlab."""

import io
import json
from typing import Any

import torch

from alexlab.export.program import exporting
from alexlab.runs.run import Run

FACTS = "alexlab.json"  # the file in the archive


def torch_file(run: Run, program: torch.export.ExportedProgram, facts: dict[str, Any]) -> bytes:
    """Return the file of a program that `alexlab.export.program` made, with `facts` beside it.

    Raises:
        UserError: PyTorch cannot save this network.
    """
    content = io.BytesIO()
    with exporting(run):
        _forget(program.graph_module)
        torch.export.save(program, content, extra_files={FACTS: json.dumps(facts)})
    return content.getvalue()


def loaded(content: bytes, run: Run) -> torch.nn.Module:
    """Return the program in a file of `torch_file`, to be called."""
    with exporting(run):
        module: torch.nn.Module = torch.export.load(io.BytesIO(content)).module()
    return module


def _forget(graph: torch.fx.GraphModule) -> None:
    """Take out where in its source each operation was written, which names folders of this machine."""
    for module in graph.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)
