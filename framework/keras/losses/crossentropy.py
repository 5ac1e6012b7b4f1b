"""Losses of classes: cross-entropies of probabilities or logits.

Probabilities that come straight from a softmax or sigmoid are taken back to its input (see
`behind`), as Keras does with TensorFlow: near 0 and 1 only the logits say how far off they are.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.tensor import Tensor
from framework.keras.activations import logits_of
from framework.keras.losses.loss import LossFunctionWrapper, like
from framework.keras.losses.reduction import match_ranks
from framework.keras.losses.regression import pair
from framework.keras.losses.targets import check_labels

EPSILON = 1e-7  # keras.config.epsilon(): how far probabilities stay from 0 and 1


def clipped(p: Tensor) -> Tensor:
    """Probabilities in [epsilon, 1 - epsilon], where their logarithm is finite."""
    return ops.minimum(ops.maximum(p, EPSILON), 1.0 - EPSILON)


def behind(loss: str, p: Tensor, from_logits: bool) -> tuple[Tensor, bool]:
    """(the logits, True) if p is the output of a softmax or sigmoid, else (p, from_logits).

    As in Keras any of the two does for any cross-entropy, and from_logits=True on top is a
    warning; a cast or a reshape in between hides the logits.
    """
    known = logits_of(p)
    if known is None:
        return p, from_logits
    logits, name = known
    if from_logits:
        warnings.warn(
            f"{loss}: from_logits=True, but the predictions are the output of a {name} and so no "
            "logits; the loss is taken from that activation's input",
            stacklevel=3,
        )
    return logits, True


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """mean(-y log p - (1 - y) log(1 - p)) over `axis`; label_smoothing s: y (1 - s) + s / 2."""
    y, p = pair(y_true, y_pred)
    if tuple(y.shape) != tuple(p.shape):
        raise ValueError(
            f"binary_crossentropy: y_true {tuple(y.shape)} and y_pred {tuple(p.shape)} must have "
            "the same shape"
        )
    p, from_logits = behind("binary_crossentropy", p, from_logits)
    if label_smoothing:
        y = y * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        losses = ops.sigmoid_cross_entropy(y, p)
    else:
        p = clipped(p)
        losses = -(y * ops.log(p) + (1.0 - y) * ops.log(1.0 - p))
    return ops.mean(losses, axis=axis)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """-sum(y log p) over `axis`, y one-hot or probabilities; label_smoothing s: y (1 - s) + s /
    classes.
    """
    p = ops.as_tensor(y_pred)
    y = like(y_true, p)
    if y.array.shape[-1] != p.array.shape[-1]:
        raise ValueError(
            f"categorical_crossentropy: y_true {tuple(y.shape)} and y_pred {tuple(p.shape)} have "
            f"{y.array.shape[-1]} and {p.array.shape[-1]} classes; integer labels want "
            "sparse_categorical_crossentropy"
        )
    p, from_logits = behind("categorical_crossentropy", p, from_logits)
    if label_smoothing:
        y = y * (1.0 - label_smoothing) + label_smoothing / y.array.shape[-1]
    if from_logits:
        logs = ops.log_softmax(p, axis=axis)
    else:
        logs = ops.log(clipped(p / ops.sum(p, axis=axis, keepdims=True)))
    return -ops.sum(y * logs, axis=axis)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """-log p[label], labels integers of the shape of y_pred without its last axis (or with 1
    there).

    ignore_class: rows with this label have loss 0. Probabilities are clipped and renormalised as in
    Keras.
    """
    p = ops.as_tensor(y_pred)
    if axis not in (-1, p.ndim - 1):
        raise ValueError(f"sparse_categorical_crossentropy: axis is {axis}, wanted the last one")
    labels = as_labels(y_true, p)
    valid = None
    if ignore_class is None:
        p, from_logits = behind("sparse_categorical_crossentropy", p, from_logits)
    else:  # Keras blanks out rows of the probabilities, and so loses the logits
        valid = ops.not_equal(labels, ops.as_tensor(np.asarray(ignore_class, labels.array.dtype)))
        labels = labels * ops.cast(valid, dtype=labels.array.dtype.name)
    logits = p if from_logits else ops.log(clipped(p))
    losses = ops.sparse_softmax_cross_entropy(labels, logits)[0]
    return losses if valid is None else losses * ops.cast(valid, dtype=losses.array.dtype.name)


def as_labels(y_true: Any, y_pred: Tensor) -> Tensor:
    """Integer labels, one per row of y_pred."""
    y = y_true if isinstance(y_true, Tensor) else Tensor(np.asarray(y_true))
    shape, rows = y.array.shape, y_pred.array.shape[:-1]
    if len(shape) == len(rows) + 1 and shape[-1] == 1:
        y, shape = ops.reshape(y, shape=shape[:-1]), shape[:-1]
    if shape != rows:
        raise ValueError(
            f"sparse_categorical_crossentropy: y_true {tuple(shape)} and y_pred "
            f"{tuple(y_pred.shape)} do "
            f"not fit: wanted integer labels of shape {tuple(rows)}"
        )
    return y if y.array.dtype.kind in "iu" else ops.cast(y, dtype="int64")


class BinaryCrossentropy(LossFunctionWrapper):
    """-y log p - (1 - y) log(1 - p), averaged over the last axis."""

    aliases = ("binary_crossentropy", "bce", "BCE")
    is_elementwise = True

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Any = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(binary_crossentropy, reduction, name, dtype, **options)
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


class CategoricalCrossentropy(LossFunctionWrapper):
    """-sum(y log p), y one-hot or probabilities."""

    aliases = ("categorical_crossentropy",)
    is_elementwise = True

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Any = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_crossentropy, reduction, name, dtype, **options)
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis

    def check_targets(self, y_true: np.ndarray, output_shape: tuple) -> None:
        """One-hot rows, no integer labels."""
        if len(y_true.shape) < len(output_shape) or (y_true.shape[-1] == 1 != output_shape[-1]):
            raise ValueError(
                f"{self.name}: the targets have shape {y_true.shape}, wanted a probability for "
                f"each of {output_shape[-1]} classes; integer labels want "
                "sparse_categorical_crossentropy"
            )
        super().check_targets(y_true, output_shape)


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """-log p[label], integer labels; rows with the label ignore_class do not count."""

    aliases = ("sparse_categorical_crossentropy",)

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: Any = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ):
        options = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(sparse_categorical_crossentropy, reduction, name, dtype, **options)
        self.from_logits, self.ignore_class, self.axis = from_logits, ignore_class, axis

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Labels keep their rank: (batch,) against (batch, classes)."""
        return self.fn(y_true, y_pred, **self.options)

    def check_targets(self, y_true: np.ndarray, output_shape: tuple) -> None:
        """Labels lie in [0, classes)."""
        check_labels(self.name, y_true, output_shape[-1], self.ignore_class)

    def mask(self, y_true: Any) -> Any:
        """The rows whose label is not ignore_class."""
        if self.ignore_class is None:
            return None
        y, _ = match_ranks(y_true, y_true)
        shape = y.array.shape
        y = ops.reshape(y, shape=shape[:-1]) if len(shape) > 1 and shape[-1] == 1 else y
        return ops.not_equal(y, ops.as_tensor(np.asarray(self.ignore_class, y.array.dtype)))

    def get_config(self) -> dict:
        """The arguments without axis, as Keras."""
        return {k: v for k, v in super().get_config().items() if k != "axis"}
