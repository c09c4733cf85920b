"""Networks are described, compared and drawn, and a script is read; nobody's code is run."""

import tempfile
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from alexlab.check import check_script
from alexlab.check.formats import as_list
from alexlab.describe import Description, compare
from alexlab.describe.describing import described
from alexlab.describe.diagram import diagram
from alexlab.errors import UserError
from alexlab.networks.catalogue import find
from alexlab.passes.target import find_target


@lru_cache(maxsize=32)
def description(network: str) -> Description:
    """Describe a network of the catalogue. Raises UserError for any other name: what is not in it is nobody's code to run."""
    return described(find_target(find(network).name))


def as_rows(network: str) -> dict[str, Any]:
    """Return the layers of a network, each with its arithmetic."""
    found = description(network)
    layers = [asdict(layer) for layer in found.layers]
    return {"network": network, "layers": layers, "totals": asdict(found.totals), "outputs": found.outputs}


def beside(networks: list[str]) -> dict[str, Any]:
    """Return networks side by side."""
    if not 2 <= len(networks) <= 6:
        raise UserError("expected two to six networks.")
    return compare(*map(description, networks)).to_dict()


def drawing(networks: list[str], theme: str) -> str:
    """Return a drawing of networks, as SVG."""
    return diagram(*map(description, networks[:6]), theme="dark" if theme == "dark" else "light").svg()


def read(script: bytes, language: str) -> dict[str, Any]:
    """Return what `alexlab check` finds in a script, which is read and never run."""
    with tempfile.TemporaryDirectory(prefix="alexlab-studio-") as place:
        file = Path(place) / "script.py"
        file.write_bytes(script)
        try:
            checked = check_script(file)
        except UserError as error:
            raise UserError(str(error).replace(str(file), "script.py")) from None
        findings = as_list(checked, "zh" if language == "zh" else "en")
    return {
        "findings": [{**each, "file": "script.py"} for each in findings],
        "nothing": checked.found_nothing,
        "parts": len(checked.parts),
    }
