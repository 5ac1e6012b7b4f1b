"""The table that model.summary() prints."""

from __future__ import annotations

import io
import re
import shutil
from typing import Any

from framework.engine import nest

UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def summary_lines(
    model: Any,
    line_length: int | None = None,
    positions: list | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: list | None = None,
) -> list[str]:
    """The lines: model, table of layers, totals."""
    is_plain = is_chain(model)
    positions = positions or ([0.45, 0.80, 1.0] if is_plain else [0.3, 0.56, 0.74, 1.0])
    header = ["Layer (type)", "Output Shape", "Param #", *([] if is_plain else ["Connected to"])]
    default = 88 if is_plain else 108
    if show_trainable:
        header, positions, default = (
            [*header, "Trainable"],
            [p * 0.9 for p in positions] + [1.0],
            default + 12,
        )
    width = line_length or min(default, shutil.get_terminal_size().columns - 4)
    ends = [int(p * width) for p in positions]
    widths = [end - start for start, end in zip([0, *ends], ends)]
    if min(widths) < 4:
        raise ValueError(f"summary: a line of {width} characters is too short")
    first, last = bounds(model.layers, layer_range)
    rows = []
    for layer in model.layers[first:last]:
        rows += rows_of(model, layer, 0, is_plain, expand_nested, show_trainable)
    return [f'Model: "{model.name}"', *table(header, widths, rows, width), *totals(model)]


def is_chain(model: Any) -> bool:
    """True if every layer has one input and is called once: no column of connections then."""
    calls = getattr(model, "_calls", None)
    if calls is None:
        return True
    read = [id(x) for line in calls for x in line.inputs]
    layers = [id(line.layer) for line in calls]
    is_single = (
        all(len(line.inputs) == 1 for line in calls)
        and len(model.inputs) == len(model.outputs) == 1
    )
    return is_single and len(set(read)) == len(read) and len(set(layers)) == len(layers)


def rows_of(
    model: Any, layer: Any, depth: int, is_plain: bool, expand: bool, trainable: bool
) -> list[list[str]]:
    """The row of a layer, and those of the layers inside if `expand`."""
    prefix = "   " * depth + "└ " if depth else ""
    count = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
    row = [f"{prefix}{layer.name} ({type(layer).__name__})", shape_of(layer), count]
    if not is_plain:
        row.append(connections(model, layer))
    if trainable:
        row.append(("Y" if layer.trainable else "N") if layer.weights else "-")
    rows = [row]
    if expand:
        for inner in getattr(layer, "layers", []):
            rows += rows_of(model, inner, depth + 1, is_plain, expand, trainable)
    return rows


def shape_of(layer: Any) -> str:
    """The output shape, "?" if it is not known."""
    try:
        shapes = [tuple(x.shape) for x in nest.flatten(layer.output)]
    except AttributeError:
        config = layer.get_build_config() or {}
        config = config.get("shapes_dict", config)
        if not config or None in config.values():
            return "?"
        try:
            shapes = [
                tuple(s.shape) if hasattr(s, "shape") else s
                for s in [layer.compute_output_shape(*config.values())]
            ]
        except (TypeError, ValueError, NotImplementedError):
            return "?"
    return (
        ", ".join(str(s) for s in shapes)
        if len(shapes) == 1
        else f"[{', '.join(str(s) for s in shapes)}]"
    )


def connections(model: Any, layer: Any) -> str:
    """Where a layer's inputs come from: name[call][output]."""
    found = []
    for line in model._calls:
        if line.layer is layer:
            found += [
                f"{x.layer_call.layer.name}[{x.layer_call.number}][{x.index}]" for x in line.inputs
            ]
    return ", ".join(found) or "-"


def bounds(layers: list, layer_range: list | None) -> tuple[int, int]:
    """The part of the layers from the first that matches one pattern to the last that matches the
    other.
    """
    if layer_range is None:
        return 0, len(layers)
    found = [
        [i for i, layer in enumerate(layers) if re.match(pattern, layer.name)]
        for pattern in layer_range
    ]
    if len(found) != 2 or not all(found):
        raise ValueError(f"summary: layer_range {layer_range} names no layers of this model")
    return min(found[0]), max(found[1]) + 1


def table(header: list[str], widths: list[int], rows: list[list[str]], width: int) -> list[str]:
    """The rows under the header, drawn by rich."""
    from rich.console import Console
    from rich.table import Column, Table

    sides: dict[str, Any] = {"Param #": "right", "Trainable": "center"}
    columns = [
        Column(name, justify=sides.get(name, "left"), width=w) for name, w in zip(header, widths)
    ]
    drawn = Table(*columns, width=width, show_lines=True)
    for row in rows:
        drawn.add_row(*[cell.replace("[", "\\[") for cell in row])
    text = io.StringIO()
    Console(file=text, width=width, color_system=None, force_terminal=False, highlight=False).print(
        drawn
    )
    return text.getvalue().rstrip("\n").split("\n")


def totals(model: Any) -> list[str]:
    """How many numbers there are and how much memory they take."""
    parts = {"Trainable": model.trainable_weights, "Non-trainable": model.non_trainable_weights}
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and optimizer.built:
        parts["Optimizer"] = optimizer.variables
    everything = [v for variables in parts.values() for v in variables]
    return [
        count_line(name, variables) for name, variables in {"Total": everything, **parts}.items()
    ]


def count_line(name: str, variables: list) -> str:
    """Trainable params: 44 (176.00 B)"""
    count, size = (
        sum(v.array.size for v in variables),
        float(sum(v.array.nbytes for v in variables)),
    )
    unit = 0
    while size >= 1024 and unit < len(UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f" {name} params: {count:,} ({size:.2f} {UNITS[unit]})"
