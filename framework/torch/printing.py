"""How tensors print: the same text as PyTorch's, with its default print options."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

PRECISION, THRESHOLD, EDGE, WIDTH = 4, 1000, 3, 80


def formatter(array: np.ndarray) -> Callable[[Any], str]:
    """The function that writes one element, all of the same width."""
    write, width = writer(array)

    def padded(value: Any) -> str:
        return write(value).rjust(width)

    return padded


def writer(array: np.ndarray) -> tuple[Callable[[Any], str], int]:
    """How an element is written, and the width of the longest."""
    values = array.reshape(-1).tolist()
    if array.dtype.kind != "f":
        return str, max([len(str(v)) for v in values], default=1)
    values = [v for v in values if math.isfinite(v) and v != 0]
    if not values:
        return whole, 1
    highest, lowest = max(map(abs, values)), min(map(abs, values))
    are_whole = all([v == math.ceil(v) for v in values])
    if highest / lowest > 1000 or highest > 1e8 or (not are_whole and lowest < 1e-4):
        return scientific, max([len(scientific(v)) for v in values])
    write = whole if are_whole else fixed
    return write, max([len(write(v)) for v in values])


def whole(value: float) -> str:
    """2."""
    return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"


def fixed(value: float) -> str:
    """2.5000"""
    return f"{value:.{PRECISION}f}"


def scientific(value: float) -> str:
    """2.5000e+10"""
    return f"{value:.{PRECISION}e}"


def ends(array: np.ndarray) -> np.ndarray:
    """The elements that are shown of a long array."""
    for axis, n in enumerate(array.shape):
        if n > 2 * EDGE:
            array = np.take(array, [*range(EDGE), *range(n - EDGE, n)], axis)
    return array


def text_of(array: np.ndarray, indent: int) -> str:
    """The elements in brackets; long arrays are shortened to their ends."""
    is_short = array.size <= THRESHOLD
    write = formatter(array if is_short else ends(array))
    return nested(array, indent, write, is_short)


def nested(array: np.ndarray, indent: int, write: Callable, is_short: bool) -> str:
    """One level of brackets."""
    if array.ndim == 0:
        return write(array.item())
    is_cut = not is_short and len(array) > 2 * EDGE
    shown = [*array[:EDGE], *array[-EDGE:]] if is_cut else list(array)
    if array.ndim == 1:
        parts = [write(value.item()) for value in shown]
    else:
        parts = [nested(part, indent + 1, write, is_short) for part in shown]
    if is_cut:
        parts.insert(EDGE, " ..." if array.ndim == 1 else "...")
    if array.ndim > 1:
        return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"
    per_line = max(1, (WIDTH - indent) // (len(write(shown[0].item())) + 2)) if shown else 1
    lines = [", ".join(parts[i : i + per_line]) for i in range(0, len(parts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def representation(array: np.ndarray, suffixes: list[str], head: str = "tensor(") -> str:
    """tensor(..., suffix, suffix)"""
    indent = len(head)
    text = head + (text_of(array, indent) if array.size else "[]")
    length = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if length + len(suffix) + 2 > WIDTH:
            text += ",\n" + " " * indent + suffix
            length = indent + len(suffix)
        else:
            text += ", " + suffix
            length += len(suffix) + 2
    return text + ")"
