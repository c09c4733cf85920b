"""A network thinks: what every layer makes of one image, one unit taken apart, and which pixels count."""

import hashlib
import io
import json
import struct
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image

from alexlab.data.input.transform import batch_of
from alexlab.data.sources.ilsvrc import readable
from alexlab.describe.receptive import region
from alexlab.errors import UserError
from alexlab.inference.ranking import ranked
from alexlab.passes.activity import activity
from alexlab.passes.pixels import gradient_times_input, occlusion
from alexlab.passes.seen import Seen, watch
from alexlab.passes.unit import softmax_unit, unit
from alexlab.web.studio.opened import Opened, place_of

TOP = 5
MOST_MAPS = 64  # of a layer, shown at once; each of the others when it is asked for
MOST_UNITS = 4096  # of a fully connected layer
MOST_TERMS = 500  # of a unit, the largest of more
MOST_WEIGHTS = 2400  # of a filter that is shown
ACTIVE_IMAGES = 256  # by which dead units are told, fewer where the images are large
ACTIVE_NUMBERS = 1 << 21


@dataclass(frozen=True)
class Picture:
    """What is thought about: the content of an image file, or the number of a held-out image; and whether it is inverted."""

    content: bytes = b""
    number: int | None = None
    inverted: bool = False

    @property
    def key(self) -> str:
        """Tells it from others."""
        return f"{hashlib.sha256(self.content).hexdigest()} {self.number} {self.inverted}"


def seen_of(opened: Opened, picture: Picture) -> Seen:
    """Return the watched pass of a picture. Raises UserError where it cannot be read."""

    def make() -> Seen:
        return watch(opened.network, _input(opened, picture))

    with opened.lock:
        return opened.once(picture.key, make)


def _stored(opened: Opened, picture: Picture) -> Any:
    given: Image.Image | bytes
    if picture.number is None:
        given = picture.content
    else:
        if not 0 <= picture.number < len(opened.images):
            raise UserError(f"image {picture.number}: there are {len(opened.images):,}.")
        given = opened.images.images.picture(picture.number)
    return replace(opened.run.transform, inverted=picture.inverted).stored(given, "the image")


def _input(opened: Opened, picture: Picture) -> torch.Tensor:
    return opened.run.transform(batch_of(_stored(opened, picture)[None])).contiguous()


def think(opened: Opened, picture: Picture) -> bytes:
    """Return the answer and all maps: the length of what follows as JSON (uint32, little-endian), the JSON, and the maps' bytes.

    A map is scaled with the others of its layer from their least number, 0, to their greatest, 255; the JSON says both.
    """
    began = time.perf_counter()
    with opened.lock:
        seen = seen_of(opened, picture)
        log_1K = seen.logits_NK.double().log_softmax(1)
        names = readable(opened.run.classes)
        first = [int(k) for k in ranked(log_1K.numpy(), TOP)[0] if k >= 0]
        layers, parts, at = [], [], 0
        described = {layer.name: layer for layer in opened.description.layers}
        every = [("input", seen.inputs_NCHW[0]), *((step.name, seen.made(step)[0]) for step in seen.steps)]
        for name, made in every:
            facts, data = _maps(made)
            layer = described.get(name)
            about = {"kind": layer.kind, "role": layer.role} if layer else {"kind": "input", "role": "input"}
            layers.append({"name": name, **about, **facts, "offset": at})
            parts.append(data)
            at += len(data)
        top = [{"class": names[k], "k": k, "probability": float(log_1K[0, k].exp())} for k in first]
        facts = {
            "top": top,
            "logits": [float(x) for x in seen.logits_NK[0]] if len(names) <= 1000 else [],
            "layers": layers,
            "ms": 1000 * (time.perf_counter() - began),
        }
    head = json.dumps(facts).encode()
    return b"".join([struct.pack("<I", len(head)), head, *parts])


def _maps(made: torch.Tensor) -> tuple[dict[str, Any], bytes]:
    shape = list(made.shape)
    shown = made[:MOST_MAPS] if made.dim() == 3 else made.flatten()[:MOST_UNITS].view(1, 1, -1)
    low, high = float(made.min()), float(made.max())
    scale = 255 / (high - low) if high > low else 0.0
    pixels = ((shown - low) * scale).round().clamp(0, 255).to(torch.uint8).contiguous().numpy()
    count, height, width = shown.shape
    facts = {"shape": shape, "maps": count, "height": height, "width": width, "low": low, "high": high}
    return facts, pixels.tobytes()


def one_map(opened: Opened, picture: Picture, layer: str, number: int) -> dict[str, Any]:
    """Return the numbers of one map of a layer, and the filter that made it where there is one."""
    with opened.lock:
        seen = seen_of(opened, picture)
        made = seen.inputs_NCHW[0] if layer == "input" else seen.made(seen.step(layer))[0]
        if made.dim() != 3 or not 0 <= number < len(made):
            raise UserError(f"{layer} has no map {number}.")
        facts: dict[str, Any] = {"values": made[number].flatten().tolist(), "shape": list(made.shape)}
        if layer != "input":
            module = seen.step(layer).module
            weight = getattr(module, "weight", None)
            if isinstance(weight, torch.Tensor) and weight.dim() == 4 and number < len(weight):
                kernel = weight[number].detach()
                shown = kernel[: max(1, MOST_WEIGHTS // kernel[0].numel())]
                facts["filter"] = {"shape": list(kernel.shape), "shown": len(shown), "values": shown.flatten().tolist()}
        return facts


def one_unit(opened: Opened, picture: Picture, layer: str, place: str) -> dict[str, Any]:
    """Return a unit taken apart, the layer after it, and what it sees of the image."""
    at = place_of(place)
    with opened.lock:
        seen = seen_of(opened, picture)
        if layer == "softmax":
            if len(at) != 1 or at[0] >= seen.logits_NK.shape[1]:
                raise UserError(f"there is no class {place}.")
            found = softmax_unit(seen.logits_NK[0], at[0])
            return {**_told(found), "field": None, "after": None}
        found = unit(seen, layer, at)
        sight = opened.sights.get(layer)
        pixels = tuple(seen.inputs_NCHW.shape[2:])
        fields = region(sight, at, pixels) if sight is not None else None
        names = [step.name for step in seen.steps]
        after = None
        following = names[names.index(layer) + 1 :][:1]
        for name in following:
            step = seen.step(name)
            made = seen.made(step)[0]
            if tuple(made.shape) == tuple(seen.made(seen.step(layer))[0].shape):
                after = {"layer": name, "value": made[at].item()}
        before = names[names.index(layer) - 1] if names.index(layer) else "input"
        return {**_told(found), "field": fields, "after": after, "before": before}


def _told(found: Any) -> dict[str, Any]:
    order = np.arange(len(found.terms))
    if len(order) > MOST_TERMS:
        order = np.sort(np.argsort(-np.abs(found.terms), kind="stable")[:MOST_TERMS])
    return {
        "layer": found.layer,
        "place": list(found.place),
        "kind": found.kind,
        "formula": found.formula,
        "count": len(found.terms),
        "places": found.places[order].tolist(),
        "read": found.read[order].tolist(),
        "weights": found.weights[order].tolist() if found.weights is not None else None,
        "terms": found.terms[order].tolist(),
        "sum": float(found.terms.sum()),
        "numbers": found.numbers,
        "workedOut": found.worked_out,
        "value": found.value,
    }


def pixels_that_count(opened: Opened, picture: Picture, k: int, how: str) -> dict[str, Any]:
    """Return how much each part of the image counts for class `k`, by covering it ("occlusion") or by "gradient" times input."""
    with opened.lock:
        image = _input(opened, picture)[0]
        if not 0 <= k < len(opened.run.classes):
            raise UserError(f"class {k}: there are {len(opened.run.classes):,}.")
        size = min(image.shape[1:])
        side, stride = max(2, size // 8), max(1, size // 16)
        if how == "occlusion":
            fill = float(image[:, 0, :].mean())  # what lies at the edge, as a background would
            found = occlusion(opened.network, image, k, side, stride, fill)
        elif how == "gradient":
            found = gradient_times_input(opened.network, image, k)
        else:
            raise UserError(f"{how[:40]!r}: expected occlusion or gradient.")
    facts = {"height": found.shape[0], "width": found.shape[1], "values": found.flatten().tolist()}
    return {**facts, "side": side, "stride": stride} if how == "occlusion" else facts


def dead_units(opened: Opened) -> dict[str, Any]:
    """Return the units that say nothing on some of the held-out images, by layer."""
    with opened.lock:
        ready = opened.run.transform
        channels, height, width = ready.input
        wanted = max(16, min(ACTIVE_IMAGES, ACTIVE_NUMBERS // (channels * height * width)))
        count = min(len(opened.images), wanted)
        numbers = [i * len(opened.images) // count for i in range(count)]
        stored = np.stack([ready.stored(opened.images.images.picture(i)) for i in numbers])
        found = activity(opened.network, (ready(batch_of(part)) for part in np.array_split(stored, -(-count // 32))))
    return {"images": count, "layers": [each.__dict__ for each in found]}


def png_of(opened: Opened, number: int, small: int | None = None) -> bytes:
    """Return a held-out image as its source holds it, as PNG; shrunk to `small` pixels where it is larger."""
    if not 0 <= number < len(opened.images):
        raise UserError(f"image {number}: there are {len(opened.images):,}.")
    image = opened.images.images.picture(number)
    if small:
        image.thumbnail((small, small))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
