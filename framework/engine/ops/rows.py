"""Rows of a Variable, written in place."""

from __future__ import annotations

import math

import numpy as np

from framework.engine.errors import InvalidArgumentError
from framework.engine.op import Sample, op
from framework.engine.ops.index import check_indices
from framework.engine.tensor import Spec

HOWS = ("update", "add", "sub", "mul", "div", "min", "max")
UFUNCS = dict(zip(HOWS[1:], (np.add, np.subtract, np.multiply, np.divide, np.minimum, np.maximum)))
FACTORS = {"update": 0, "add": 1, "sub": -1}  # those with a kernel
ROWS = {"dtypes": (None, np.int64, None), "top": 4}


def check_rows(
    p: np.ndarray | Spec, indices: np.ndarray | Spec, values: np.ndarray | Spec, how: str
) -> None:
    """Raise unless values[i] fits p[indices[i]]."""
    if how not in HOWS:
        raise ValueError(f"assign_rows: how is {how!r}, wanted one of {', '.join(HOWS)}")
    wanted = (*indices.shape, *p.shape[1:])
    if values.shape != wanted and values.shape != ():
        raise InvalidArgumentError(
            f"assign_rows: values have shape {tuple(values.shape)}, wanted {wanted}: that of "
            f"indices {tuple(indices.shape)} and of a row of {tuple(p.shape)}"
        )
    if values.dtype != p.dtype:
        raise InvalidArgumentError(
            f"assign_rows: values have dtype {values.dtype}, wanted {p.dtype}"
        )


@op(
    Sample(((4, 3), (5,), (5, 3)), {"how": "add"}, **ROWS),
    Sample(((4, 3), (5,), (5, 3)), {"how": "update"}, **ROWS),
    Sample(((4, 2, 3), (3,), (3, 2, 3)), {"how": "sub"}, **ROWS),
    Sample(((4,), (2, 3), (2, 3)), {"how": "max"}, **ROWS),
    Sample(((4, 3), (5,), ()), {"how": "mul"}, **ROWS),
    writes=(0,),
    infer=lambda *inputs, **attrs: (),
    is_differentiable=False,
)
def assign_rows(p, indices, values, *, how):
    """p[indices[i]] = values[i] for each i in order, or += -= *= /= min max of it; an index that
    occurs twice counts twice. An index out of range raises InvalidArgumentError.
    """
    check_rows(p, indices, values, how)
    check_indices("assign_rows", indices, p.shape[0])
    if how == "update":
        p[indices] = values
    else:
        UFUNCS[how].at(p, indices, values)


def see_rows(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    p, indices, values = inputs
    check_rows(p, indices, values, attrs["how"])
    if attrs["how"] not in FACTORS or not values.shape:  # rare: left to NumPy
        return None
    width = math.prod(p.shape[1:])
    words = {"factor": FACTORS[attrs["how"]], "control": "control"}
    return [], [(p.shape[0], width), (indices.size,), (indices.size, width)], words


@assign_rows.kernel(views=see_rows)
def _(p, indices, values, factor, control):
    n = p.shape[0]
    for i in range(indices.size):
        if indices[i] < 0 or indices[i] >= n:
            pointer_int64(control)[1] = 3  # NumPy's forward says which index is wrong
            return
    for i in range(indices.size):
        row, v = p[indices[i]], values[i]
        for c in range(row.size):
            if factor == 0:
                row[c] = v[c]
            elif factor > 0:
                row[c] += v[c]
            else:
                row[c] -= v[c]


def infer_merged(indices: Spec, values: Spec, *, height: int) -> tuple[Spec, Spec]:
    return Spec(values.shape, values.dtype), Spec((height,), np.dtype(np.int64))


@op(
    Sample(((5,), (5, 3)), {"height": 4}, dtypes=(np.int64, None), top=4),
    Sample(((3,), (3, 2, 2)), {"height": 6}, dtypes=(np.int64, None), top=2),
    Sample(((4,), (4,)), {"height": 3}, dtypes=(np.int64, None), top=3),
    infer=infer_merged,
    outs=2,
    is_differentiable=False,
)
def merge_rows(indices, values, *, height):
    """(merged, places): values of equal indices summed up at the first of them, zeros at the
    others; places[k]: 1 + the first i with indices[i] = k, or 0, for each k < height.

    An index out of range raises InvalidArgumentError.
    """
    check_indices("merge_rows", indices, height)
    places = np.zeros(height, np.int64)
    count = np.arange(len(indices), 0, -1)
    places[indices[::-1]] = count  # what is written last stays: the first of each
    merged = np.zeros_like(values)
    np.add.at(merged, places[indices] - 1, values)
    return merged, places


def see_merged(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    indices, values = inputs
    width = math.prod(values.shape[1:])
    shape = (indices.size, width)
    return [shape, (attrs["height"],)], [(indices.size,), shape], {"control": "control"}


@merge_rows.kernel(views=see_merged)
def _(merged, places, indices, values, control):
    for k in range(places.size):
        places[k] = 0
    for i in range(indices.size):
        k, row = indices[i], merged[i]
        if k < 0 or k >= places.size:
            pointer_int64(control)[1] = 3  # NumPy's forward says which index is wrong
            return
        if places[k] == 0:
            places[k] = i + 1
            copy_into(row, values[i])
        else:
            for c in range(row.size):
                row[c] = 0
            add_into(merged[places[k] - 1], values[i])
