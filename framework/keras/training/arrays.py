"""What fit, evaluate and predict are given, as arrays that programs can read: checked once, at the
border."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.engine import nest
from framework.engine.compile.signature import Like
from framework.engine.tensor import Tensor

LARGEST = 2**63 - 1


@dataclass
class Rows:
    """A data set in memory: nests of arrays that agree in their number of rows."""

    x: Any
    y: Any = None
    sample_weight: Any = None

    @property
    def leaves(self) -> list[np.ndarray]:
        """All arrays, in a fixed order."""
        return [
            leaf for leaf in nest.flatten((self.x, self.y, self.sample_weight)) if leaf is not None
        ]

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.leaves[0])

    @property
    def names(self) -> list[str]:
        """What messages call the arrays: x, y[0], y[1]."""
        found = []
        for name, part in (("x", self.x), ("y", self.y), ("sample_weight", self.sample_weight)):
            leaves = nest.flatten(part)
            each = [f"{name}[{i}]" for i in range(len(leaves))] if len(leaves) > 1 else [name]
            found += [n for n, leaf in zip(each, leaves, strict=True) if leaf is not None]
        return found

    def packed(self, leaves: list) -> tuple:
        """(x,), (x, y) or (x, y, sample_weight) in this structure with other leaves."""
        rest = iter(leaves)
        parts = (self.x, self.y, self.sample_weight)
        while parts[-1] is None:
            parts = parts[:-1]
        return nest.map_structure(lambda leaf: None if leaf is None else next(rest), parts)

    def part(self, start: int, stop: int) -> Rows:
        """Rows start ... stop."""
        return Rows(*self.packed([leaf[start:stop] for leaf in self.leaves]))


def likes_of(leaves: list[np.ndarray]) -> list[Like]:
    """Shapes and dtypes: what a program that takes such arrays depends on."""
    return [Like(leaf.shape, leaf.dtype) for leaf in leaves]


def as_rows(x: Any, y: Any = None, sample_weight: Any = None, caller: str = "fit") -> Rows:
    """Check and convert: floats to float32, everything C-contiguous, all of the same length, at
    least one row."""
    rows = rows_of(x, y, sample_weight, caller)
    if rows.count == 0:
        raise ValueError(f"{caller}: the data set is empty: x has 0 rows")
    return rows


def rows_of(x: Any, y: Any, sample_weight: Any, caller: str) -> Rows:
    """The same, also for none."""
    named = {"x": x, "y": y, "sample_weight": sample_weight}
    made = {
        name: nest.map_structure(lambda leaf, n=name: as_leaf(leaf, n, caller), part)
        for name, part in named.items()
    }
    rows = Rows(**made)
    if not rows.leaves:
        raise ValueError(f"{caller}: x is missing")
    counts = {
        name: [len(leaf) for leaf in nest.flatten(part) if leaf is not None]
        for name, part in made.items()
    }
    if len({count for lengths in counts.values() for count in lengths}) > 1:
        text = ", ".join(
            f"{name} {' '.join(map(str, lengths))}" for name, lengths in counts.items() if lengths
        )
        raise ValueError(f"{caller}: arrays differ in their number of rows: {text}")
    return rows


def as_leaf(value: Any, name: str, caller: str) -> np.ndarray | None:
    """One array of rows."""
    if value is None:
        return None
    if not isinstance(value, (np.ndarray, Tensor)) and not hasattr(value, "__array__"):
        if isinstance(value, (int, float)):
            raise ValueError(
                f"{caller}: {name} is the number {value!r}, wanted arrays with one row per sample"
            )
        raise TypeError(
            f"{caller}: {name} is a {type(value).__name__}; wanted a NumPy array, a tensor "
            "or a structure of them"
        )
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{caller}: {name} has dtype {array.dtype}, wanted numbers")
    if array.ndim == 0:
        raise ValueError(f"{caller}: {name} has shape (), wanted one row per sample")
    dtype = np.float32 if array.dtype.kind == "f" else array.dtype.newbyteorder("=")
    return np.ascontiguousarray(array, dtype)


def check_counts(least: int, caller: str = "", **counts: Any) -> None:
    """ValueError unless every count that is given is a whole number, from `least` to what a program
    can count to."""
    for name, n in counts.items():
        if n is None:
            continue
        is_whole = isinstance(n, (int, np.integer)) and not isinstance(n, bool)
        if not is_whole or not least <= n <= LARGEST:
            raise ValueError(
                f"{caller}{caller and ': '}{name} is {n!r}, wanted a whole number from {least} to "
                "2**63 - 1"
            )


def listed(value: Any) -> Any:
    """Plain Python lists of numbers become arrays (Keras takes them for y and sample_weight)."""
    if isinstance(value, list) and value and not any(hasattr(v, "shape") for v in value):
        return np.asarray(value)
    return value


def as_validation(data: Any) -> Rows:
    """validation_data=(x, y[, sample_weight])"""
    if not isinstance(data, (tuple, list)) or not 2 <= len(data) <= 3:
        got = type(data).__name__ + (f" of {len(data)}" if isinstance(data, (tuple, list)) else "")
        raise ValueError(f"fit: validation_data is a {got}, wanted (x, y) or (x, y, sample_weight)")
    return as_rows(*map(listed, data), caller="validation_data")


def split_validation(rows: Any, fraction: float) -> tuple[Rows, Rows]:
    """The last `fraction` of the rows, before any shuffling, is for validation (as in Keras)."""
    if not isinstance(rows, Rows):
        raise ValueError(
            "Argument `validation_split` is only supported for tensors or NumPy arrays. Found "
            f"incompatible type in the input: {type(rows.dataset)}"
        )
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"fit: validation_split must lie between 0 and 1, got {fraction!r}")
    at = int(rows.count * (1.0 - fraction))
    if at == 0 or at == rows.count:
        raise ValueError(
            f"fit: validation_split={fraction} of {rows.count} rows leaves a part without rows"
        )
    return rows.part(0, at), rows.part(at, rows.count)


def weights_of_classes(rows: Rows, class_weight: dict) -> np.ndarray:
    """A weight per sample from {class: weight}; targets are integer labels or one-hot rows;
    classes left out weigh 1."""
    check_class_weight(rows, class_weight)
    is_one_hot = rows.y.ndim > 1 and rows.y.shape[-1] > 1
    labels = (
        rows.y.argmax(-1)
        if is_one_hot
        else np.rint(rows.y.reshape(rows.count, -1)[:, 0]).astype(np.int64)
    )
    table = {int(label): float(weight) for label, weight in class_weight.items()}
    return np.asarray([table.get(int(label), 1.0) for label in labels.ravel()], np.float32)


def check_class_weight(rows: Rows, class_weight: Any) -> None:
    """ValueError unless weights of classes can be meant for these targets."""
    if rows.sample_weight is not None:
        raise ValueError("fit: give class_weight or sample_weight, not both")
    if not isinstance(class_weight, dict):
        raise ValueError(f"fit: class_weight is {class_weight!r}, wanted {{class: weight}}")
    if not isinstance(rows.y, np.ndarray):
        raise ValueError("fit: class_weight is for models with one output")
    if rows.y.ndim > 2:
        raise ValueError(
            f"fit: class_weight is for labels (rows,) or one-hot (rows, classes), y has shape "
            f"{rows.y.shape}"
        )
