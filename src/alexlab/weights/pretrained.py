"""Weights from elsewhere: read without running code, recognised, and put into a network whose head may be another.

    network = build("alexnet-torchvision", classes=5)
    load_pretrained(network, Path("alexnet-owt-7be5be79.pth"), "alexnet-torchvision")
    freeze_all_but_head(network)

Formats: PyTorch's state_dict, alone or in a training's state (.pth, .pt, .pth.tar, .ckpt, .bin), safetensors (.safetensors) and Caffe's
bvlc_alexnet (.caffemodel). A network that is built for another class count keeps the head it was built with, which starts as its
initialisation says.
"""

import hashlib
import io
import json
import re
import zipfile
from argparse import Namespace
from collections.abc import Collection, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn

from alexlab.errors import UserError
from alexlab.networks.alexnet import AlexNetTorchvision
from alexlab.networks.building import build
from alexlab.networks.catalogue import NETWORKS
from alexlab.networks.lenet_1998 import RadialBasis
from alexlab.showing import listed
from alexlab.weights.caffe import read_caffemodel
from alexlab.weights.wrapped import WRAPPERS, Noted, Weights, plain, unwrapped

PYTORCH = (".pth", ".pt", ".pth.tar", ".pt.tar", ".ckpt", ".bin")
TORCHVISION_NAME = re.compile(r"alexnet-owt-([0-9a-f]{8,64})\.pth")
SAFE_WAY = (
    "Only tensors are read, since reading any other pickle can run code. If you trust where it comes from, rewrite it "
    'where that can do no harm: torch.save(torch.load(FILE, weights_only=False)["state_dict"], NEW_FILE), or '
    ".state_dict() of it if it is a whole network."
)


def read_weights(path: Path, expected: Collection[str] = (), noted: Noted = lambda text: None) -> Weights:
    """Return names and tensors of a weight file, on the CPU; a .caffemodel's as `alexnet-caffe` has them.

    What other programs put around the weights, and before their names, is taken off.

    Args:
        expected: the names of the network's weights; a file that has these is taken as it is.
        noted: told what was taken off.

    Raises:
        UserError: no such file, one that is damaged, one that is not weights alone, or one whose SHA-256 is not the
            one in its name (alexnet-owt-HASH.pth, as torchvision names it).
    """
    weights, key = _read(path)
    weights, done = plain(weights, expected)
    if key or done:
        noted(f"{path}: {'; '.join([f'read from {key!r}'] * bool(key) + done)}.")
    return weights


def _read(path: Path) -> tuple[Weights, str]:
    """Return the weights with the names that the file gives them, and the key under which they lie there."""
    if not path.is_file():
        raise UserError(f"{path}: no such weight file.")
    if path.suffix == ".caffemodel":
        return read_caffemodel(path), ""
    if path.suffix == ".safetensors":
        try:
            return load_file(path), ""
        except (SafetensorError, OSError, ValueError) as error:
            raise UserError(f"{path}: not a whole safetensors file ({error}).") from error
    if path.suffix in (".pkl", ".pickle"):
        raise UserError(f"{path}: refused, it is a pickle. {SAFE_WAY}")
    if not path.name.endswith(PYTORCH):
        raise UserError(
            f"{path}: found the ending {path.suffix!r}; expected {', '.join(PYTORCH)}, .safetensors or .caffemodel. "
            "Rename the file to what it is."
        )
    _check_hash(path)
    _check_sizes(path)
    try:
        with torch.serialization.safe_globals([Namespace]):  # the options of many a script: attributes, and no code
            found = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        what = re.search(r"GLOBAL (\S+)", str(error))
        holds = f"it wants to load {what[1]}" if what else "it is not a file of tensors"
        raise UserError(f"{path}: refused, {holds}. {SAFE_WAY}") from None
    except Exception as error:  # whatever the reader stumbles over in bytes that are no such file
        raise UserError(f"{path}: not a whole PyTorch file ({_first_line(error)}). Fetch it again.") from error
    return _tensors(found, path)


def _check_hash(path: Path) -> None:
    named = TORCHVISION_NAME.fullmatch(path.name)
    if named is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(named[1]):
        raise UserError(
            f"{path}: its SHA-256 begins with {found[: len(named[1])]}, its name says {named[1]}: it is not the file "
            "that was published, or not the whole of it. Fetch it again."
        )


def _check_sizes(path: Path) -> None:
    """Raise UserError where an archive, as torch.save writes it, claims more than it holds: PyTorch would take the memory first."""
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            return
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except Exception as error:  # what the module raises on damaged archives is no one family
        raise UserError(f"{path}: not a whole PyTorch file ({_first_line(error)}). Fetch it again.") from error
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise UserError(
                f"{path}: {member.filename} is packed or of a false size, as torch.save never writes it; refused."
            )
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise UserError(f"{path}: claims to hold more than it does; refused.")


def _tensors(found: Any, path: Path) -> tuple[Weights, str]:
    if weights := unwrapped(found):
        return weights
    kind = (
        f"a dictionary of {listed([str(key) for key in found])}" if isinstance(found, Mapping) else type(found).__name__
    )
    raise UserError(
        f"{path}: found {kind}; expected a state_dict, names and tensors and nothing else, alone or under {', '.join(WRAPPERS[:4])} ... "
        "Save that alone: torch.save(network.state_dict(), FILE)."
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def load_pretrained(network: nn.Module, path: Path, name: str, noted: Noted = lambda text: None) -> bool:
    """Put the weights at `path` into `network`, in place.

    Args:
        network: as `build` makes it; it may have another class count than the weights.
        path: a file that `read_weights` reads.
        name: what the network is called, for messages.
        noted: told what other programs put around the weights, which was taken off.

    Returns:
        Whether the head came from the file, too. If not, the classes are others and the head is as it was.

    Raises:
        UserError: the weights are those of another network, which is named where the catalogue has it.
    """
    expected = network.state_dict()
    weights = read_weights(path, expected, noted)
    if (written := _network_named_in(path)) and written != name and written in {entry.name for entry in NETWORKS}:
        raise UserError(
            f"{path}: these are weights of {written}, as the file itself says, not of {name}. Use that network."
        )
    head = head_name(network)
    other_classes = _differs_only_in_classes(weights, expected, head)
    if other_classes:
        weights = {key: tensor for key, tensor in weights.items() if key not in _parameters_of(head)}
        expected = {key: tensor for key, tensor in expected.items() if key in weights}
    if _shapes(weights) != _shapes(expected):
        raise UserError(f"{path}: these are not weights of {name}: {_what_they_are(weights, expected)}")
    for key, tensor in weights.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise UserError(f"{path}: {key} holds values that are not finite. Fetch the file again.")
    network.load_state_dict(weights, strict=not other_classes)
    return not other_classes


def _network_named_in(path: Path) -> str:
    """Return the network that a run's own weight file names: `alexnet-paper` and `alexnet-2012` have the same names and shapes."""
    if path.suffix != ".safetensors":
        return ""
    with safe_open(path, framework="pt") as file:
        try:
            facts = json.loads((file.metadata() or {}).get("alexlab", "{}"))
        except ValueError:
            return ""
    return str(facts.get("network", "")) if isinstance(facts, dict) else ""


def head_name(network: nn.Module) -> str:
    """Return the name of the head, the last linear layer or what stands in its place. Raises UserError where there is none."""
    linear: list[str] = [name for name, layer in network.named_modules() if isinstance(layer, nn.Linear | RadialBasis)]
    if not linear:
        raise UserError("this network has no linear layer, so it has no head that could be replaced.")
    return linear[-1]


def freeze_all_but_head(network: nn.Module) -> None:
    """Stop the training of everything but the head. Running statistics of batch normalisation still follow the data."""
    head = _parameters_of(head_name(network))
    if not set(head) & {name for name, _ in network.named_parameters()}:
        raise UserError("freeze trains the head alone, and this network's head has no weights to train: leave it out.")
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in head)


def recognised(weights: Mapping[str, torch.Tensor]) -> list[str]:
    """Return the names of the catalogue's networks whose weights have these names and shapes, the class count left aside.

    `alexnet-paper` and `alexnet-2012` differ in what stands between their weights, so both are named for either.
    """
    names = []
    for entry in NETWORKS:
        with torch.device("meta"):
            network = build(entry.name)
        expected = network.state_dict()
        if _shapes(weights) == _shapes(expected) or _differs_only_in_classes(weights, expected, head_name(network)):
            names.append(entry.name)
    return names


def torchvision_file(network: nn.Module) -> tuple[str, bytes]:
    """Return the network's weights as torchvision distributes them: the name, alexnet-owt-HASH.pth, and the file's content.

    HASH is the first eight hexadecimal digits of the content's SHA-256, which torch.hub checks.

    Raises:
        UserError: the network is not `alexnet-torchvision`.
    """
    if not isinstance(network, AlexNetTorchvision):
        raise UserError(f"found a {type(network).__name__}; torchvision's format is for alexnet-torchvision alone.")
    content = io.BytesIO()
    torch.save({name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}, content)
    data = content.getvalue()
    return f"alexnet-owt-{hashlib.sha256(data).hexdigest()[:8]}.pth", data


def _shapes(weights: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}


def _parameters_of(head: str) -> tuple[str, str]:
    return f"{head}.weight", f"{head}.bias"


def _differs_only_in_classes(
    weights: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor], head: str
) -> bool:
    found, wanted = _shapes(weights), _shapes(expected)
    weight, bias = _parameters_of(head)
    if (
        found == wanted
        or set(found) != set(wanted)
        or any(found[n] != wanted[n] for n in found if n not in (weight, bias))
    ):
        return False
    return found[weight][1:] == wanted[weight][1:] and found.get(bias, found[weight][:1]) == found[weight][:1]


def _what_they_are(weights: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> str:
    if others := recognised(weights):
        return f"they are those of {' or '.join(others)}. Use that network."
    found, wanted = _shapes(weights), _shapes(expected)
    problems = [f"{name} is missing" for name in wanted if name not in found]
    problems += [f"{name} is not part of it" for name in found if name not in wanted]
    problems += [
        f"{n} is {_by(found[n])}, expected {_by(wanted[n])}" for n in wanted if n in found and found[n] != wanted[n]
    ]
    more = f"; and {len(problems) - 4} more" if len(problems) > 4 else ""
    return f"{'; '.join(problems[:4])}{more}. `alexlab networks` lists the networks; none has these weights."


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a single number"
