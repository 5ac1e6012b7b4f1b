"""From a data set to the arrays that fit takes: scaled, flattened, labels as asked."""

from __future__ import annotations

import numpy as np

from framework.data.errors import DataError
from framework.data.sets import DataSet
from framework.data.split import Parts, split

NORMALIZE = ("none", "unit", "standardize")


def prepare(
    data: DataSet,
    validation: int | float = 0,
    test: int | float = 0,
    normalize: str = "none",
    flatten: bool = False,
    one_hot: bool = False,
) -> Parts:
    """Split `data`, then transform each part.

    normalize: `unit` divides by the format's largest value (255 for pixels), so x is in [0, 1];
    `standardize` subtracts the mean and divides by the standard deviation of each feature, both
    measured on the training part only. flatten: x becomes `(n, features)`. one_hot: labels become
    float32 rows `(n, classes)`. Raises DataError where an option does not fit the data.
    """
    parts = split(data, validation, test)
    pairs = [parts.train, parts.validation, parts.test]
    shift, factor = _normalizer(data, parts.train[0], normalize)
    if one_hot and data.classes is None:
        raise DataError(f"{data.name}: one_hot needs class labels, this data set is a regression")
    ready = []
    for x, y in pairs:
        if normalize != "none":
            x = ((x - shift) * factor).astype(np.float32)
        if flatten:
            x = x.reshape(len(x), int(np.prod(x.shape[1:])))
        if one_hot:
            y = np.eye(data.classes, dtype=np.float32)[y]
        ready.append((np.ascontiguousarray(x), np.ascontiguousarray(y)))
    return Parts(*ready)


def _normalizer(data: DataSet, x: np.ndarray, how: str) -> tuple[np.ndarray | float, np.ndarray]:
    """(shift, factor) such that `(x - shift) * factor` is the normalised x."""
    if how == "standardize":
        x = x.astype(np.float64)
        deviation = x.std(axis=0)
        # A feature that never changes in training carries nothing: it becomes 0, not infinity.
        return x.mean(axis=0), np.where(deviation > 0, 1 / np.where(deviation > 0, deviation, 1), 0)
    if how == "unit":
        if data.scale is None:
            raise DataError(
                f"{data.name}: normalize: unit needs 8-bit or otherwise bounded features; "
                "use standardize"
            )
        return 0.0, np.asarray(1.0 / data.scale)
    if how == "none":
        return 0.0, np.asarray(1.0)
    raise DataError(f"normalize: expected one of {', '.join(NORMALIZE)}, got {how!r}")
