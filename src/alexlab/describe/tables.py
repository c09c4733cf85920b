"""The tables of a description as plain text cells, for every way of showing them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alexlab.describe.description import Description, Layer, Setting


@dataclass(frozen=True)
class Table:
    """Cells as text. Columns in `right` are aligned to the right; the last row is a sum where `summed`."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[str] = frozenset()
    summed: bool = False


def shape_text(shape: Sequence[int]) -> str:
    """`96x55x55`."""
    return "x".join(map(str, shape))


def megabytes(count: int) -> str:
    """Bytes in units of 10^6, 10^9 or 10^3, as `148.7 MB`."""
    for size, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= size:
            return f"{count / size:.4g} {unit}" if count < 1000 * size else f"{count / size:,.0f} {unit}"
    return f"{count} B"


def percent(share: float) -> str:
    """`61.9 %`; a share that is not 0 is never shown as 0."""
    return f"{100 * share:.1f} %" if share >= 0.0005 else ("<0.1 %" if share else "0.0 %")


def side_text(value: Sequence[int | float]) -> str:
    """One number where all sides agree, `11x7` where they differ."""
    numbers = [f"{v:g}" for v in value]
    return numbers[0] if len(set(numbers)) == 1 else "x".join(numbers)


def settings_text(settings: dict[str, Setting]) -> str:
    """`96 of 11x11, s 4, p 2`: s stride, p padding, d dilation, g groups."""
    short = {"stride": "s", "padding": "p", "dilation": "d", "groups": "g", "output padding": "out p"}
    parts: list[str] = []
    for key, value in settings.items():
        if key == "filters":
            continue
        if key == "kernel" and isinstance(value, tuple):
            kernel = shape_text(value)
            parts.append(f"{settings['filters']} of {kernel}" if "filters" in settings else kernel)
        elif key == "stride" and isinstance(value, tuple) and set(value) == {1} and "filters" in settings:
            continue
        elif key == "ceiling":
            parts.append("ceiling")
        elif key in ("settings", "connected"):
            parts.append(str(value))
        else:
            text = side_text(value) if isinstance(value, tuple) else str(value)
            parts.append(f"{short.get(key, key)} {text}")
    return ", ".join(parts)


def field_text(layer: Layer, description: Description) -> str:
    """Return the receptive field; "all" where it covers the whole input, "?" where it is unknown."""
    if layer.receptive_field is None:
        return "?" if any(len(shape) > 1 for shape in description.inputs) else "all"
    image = next((shape[1:] for shape in description.inputs if len(shape) > 1), ())
    if layer.stride_on_input is None and layer.receptive_field == image:
        return "all"
    return side_text(layer.receptive_field)


def _stride_text(layer: Layer) -> str:
    return side_text(layer.stride_on_input) if layer.stride_on_input is not None else ""


def shapes_table(description: Description, with_working: bool) -> Table:
    """Layer, kind, window, output size worked out (where wanted), output, field, stride."""
    rows = []
    for layer in description.layers:
        working = ("\n".join(layer.size_working),) if with_working else ()
        rows.append(
            (
                layer.name,
                layer.kind,
                settings_text(layer.settings),
                *working,
                shape_text(layer.output_shape),
                field_text(layer, description),
                _stride_text(layer),
            )
        )
    if description.failure is not None:
        rows.append((description.failure.layer, description.failure.kind, "does not fit", *[""] * (3 + with_working)))
    columns = ("layer", "kind", "window", *(("output size",) if with_working else ()), "output", "field", "step")
    return Table("Shapes", columns, tuple(rows), frozenset({"output", "field", "step"}))


def tells_connections(description: Description) -> bool:
    """Whether connections are something else than weights and biases at work, so that they are shown: where a pooling has some."""
    return any(layer.connections and layer.role == "pooling" for layer in description.layers)


def costs_table(description: Description, with_working: bool) -> Table:
    """Layer, units, parameters (worked out where wanted), their share or connections, multiply-adds, memory."""
    rows = []
    with_connections = tells_connections(description)

    def second(share: str, connections: int) -> tuple[str]:  # there is room for one of them
        return ((f"{connections:,}" if connections else "") if with_connections else share,)

    for layer in description.layers:
        if layer.shared_with:
            worked = f"of {layer.shared_with}" + (f", + {layer.parameters:,}" if layer.parameters else "")
        else:
            worked = layer.parameters_working if with_working or not layer.parameters else f"{layer.parameters:,}"
        rows.append(
            (
                layer.name,
                f"{layer.units:,}",
                worked,
                *second(percent(layer.share) if layer.parameters else "", layer.connections),
                f"{layer.multiply_adds:,}" if layer.multiply_adds else "",
                megabytes(layer.activation_bytes) if layer.activation_bytes else "",
                megabytes(layer.kept_bytes) if layer.kept_bytes else "",
            )
        )
    for name, count in description.unused:
        share = count / description.totals.parameters
        rows.append((name, "", f"{count:,} not used", *second(percent(share), 0), "", "", ""))
    totals = description.totals
    total = (
        "total",
        "",
        f"{totals.parameters:,}",
        *second("" if description.failure else "100 %" if totals.parameters else "", totals.connections),
        f"{totals.multiply_adds:,}",
        megabytes(totals.activation_bytes),
        megabytes(totals.kept_bytes) if totals.kept_bytes is not None else "?",
    )
    beside = "connections" if with_connections else "share"
    columns = ("layer", "units", "parameters", beside, "multiply-adds", "activations", "kept")
    right = frozenset(columns[1:]) - ({"parameters"} if with_working else set())
    return Table("Costs", columns, (*rows, total), right, summed=True)


def workings_table(description: Description, with_sizes: bool) -> Table:
    """Return the workings that have no column of their own: sizes and parameters at 80 columns, multiply-adds at any."""
    rows: list[tuple[str, ...]] = []
    for layer in description.layers:
        if with_sizes:
            rows.extend((layer.name, "output", text) for text in layer.size_working)
            if layer.parameters_working:
                rows.append((layer.name, "parameters", layer.parameters_working))
        if layer.connections_working and tells_connections(description):
            rows.append((layer.name, "connections", layer.connections_working))
        if layer.multiply_adds_working:
            rows.append((layer.name, "multiply-adds", layer.multiply_adds_working))
    shown = [(name if i == 0 or rows[i - 1][0] != name else "", *rest) for i, (name, *rest) in enumerate(rows)]
    return Table("Worked out" if with_sizes else "Multiply-adds worked out", ("layer", "", "how"), tuple(shown))


def notes_by_layer(description: Description) -> list[tuple[str, str]]:
    """Each note once, with the layers that it holds for."""
    found: dict[str, list[str]] = {}
    for layer in description.layers:
        for note in layer.notes:
            found.setdefault(note, []).append(layer.name)
    return [(", ".join(names), note) for note, names in found.items()]


CSV_COLUMNS = (
    "name", "kind", "role", "settings", "input_shape", "output_shape", "units", "size_working", "notes", "parameters",
    "parameters_working", "trainable", "share", "multiply_adds", "multiply_adds_working", "activation_bytes",
    "kept_bytes", "receptive_field", "stride_on_input", "shared_with",
)  # fmt: skip


def full_table(description: Description) -> Table:
    """Every fact of every layer, one row each, for a spreadsheet."""

    def cell(layer: Layer, column: str) -> str:
        value = getattr(layer, column)
        if value is None:
            return ""
        if column == "settings":
            return settings_text(value)
        if isinstance(value, tuple):
            return ("x" if column not in ("size_working", "notes") else "; ").join(map(str, value))
        return f"{value:.6f}" if isinstance(value, float) else str(value)

    rows = tuple(tuple(cell(layer, column) for column in CSV_COLUMNS) for layer in description.layers)
    return Table("Layers", CSV_COLUMNS, rows)
