"""Values as text in the way of TensorFlow's print: [0 1 2 ... 7 8 9], floats in 6 or 9 digits."""

from __future__ import annotations

import pprint
import random
from typing import Any

import numpy as np

from framework.engine import nest
from framework.engine.shapes import TensorShape
from framework.engine.tensor import Tensor

DIGITS = {4: (6, 9), 8: (15, 17)}  # bytes of a float: digits that may do, digits that always do


def number_text(x: Any) -> str:
    """One element: as few digits as say it exactly, 6 or 9 (15 or 17 of a float64); bools are 0, 1;
    subnormal numbers are 0.
    """
    if x.dtype.kind != "f":
        return str(int(x))
    x = np.float32(x) if x.dtype.itemsize < 4 else x
    if x and abs(x) < np.finfo(x.dtype).tiny:
        x = x * 0
    short, long = DIGITS[x.dtype.itemsize]
    text = f"{x:.{short}g}"
    return text if x.dtype.type(text) == x or x != x else f"{x:.{long}g}"


def tensor_text(array: np.ndarray, summarize: int | None = 3) -> str:
    """The elements in brackets; of each axis the first and last `summarize`, all if it is
    negative.
    """
    size = array.size
    summarize = 3 if summarize is None else summarize
    ends = size if summarize < 0 else min(summarize, size)
    return _axis_text(array, ends, 0, array.ndim)


def _axis_text(array: np.ndarray, ends: int, axis: int, rank: int) -> str:
    if axis == rank:
        return number_text(array[()])
    count, last = len(array), axis == rank - 1
    space = " " if last else "\n" * (rank - axis - 1) + " " * (axis + 1)
    head = [_axis_text(array[i], ends, axis + 1, rank) for i in range(min(ends, count))]
    tail = range(max(ends, count - ends), count)
    text = space.join(head)
    if count > 2 * ends:
        text += space + "..."
    rest = [space + _axis_text(array[i], ends, axis + 1, rank) for i in tail]
    return "[" + text + "".join(rest) + "]"


def template(inputs: tuple, sep: str = " ") -> tuple[list[str], list[Tensor]]:
    """The inputs as tf.print shows them, strings as they are and structures by pprint: the text
    around the tensors, and the tensors.
    """
    inputs = tuple([solid(x) for x in inputs])
    place = placeholder(" ".join([pprint.pformat(marked(x, "")) for x in inputs]))
    templates = [x if isinstance(x, str) else pprint.pformat(marked(x, place)) for x in inputs]
    parts = sep.join(templates).replace(f"'{place}'", place).split(place)
    return parts, [x for x in nest.flatten(list(inputs)) if isinstance(x, Tensor)]


def filled(parts: list[str], arrays: Any, summarize: int | None = 3) -> str:
    """The text of a template, with the values of its tensors."""
    texts = [tensor_text(np.asarray(x), summarize) for x in arrays]
    return "".join([a + b for a, b in zip(parts, [*texts, ""])])


def marked(structure: Any, mark: str) -> Any:
    """The structure with `mark` where tensors are."""
    return nest.map_structure(lambda x: mark if isinstance(x, Tensor) else x, structure)


def solid(x: Any) -> Any:
    """x; a shape as something that is not walked into."""
    return Shown(repr(x)) if isinstance(x, TensorShape) else x


class Shown:
    """Something whose repr is a given text."""

    def __init__(self, text: str):
        self.text = text

    def __repr__(self) -> str:
        return self.text


def placeholder(text: str) -> str:
    """A word that is not in the text; its length decides where pprint breaks lines."""
    place = "{}"
    while place in text:
        place = f"{{}}_{random.randint(0, 999999)}"
    return place
