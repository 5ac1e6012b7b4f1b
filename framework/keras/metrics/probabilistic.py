"""Cross-entropies as metrics."""

from __future__ import annotations

from typing import Any

from framework.keras.losses import crossentropy
from framework.keras.metrics.reduction import MeanMetricWrapper


class BinaryCrossentropy(MeanMetricWrapper):
    """mean(-y log p - (1 - y) log(1 - p))"""

    aliases = ("binary_crossentropy", "bce", "BCE")
    _direction = "down"

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(crossentropy.binary_crossentropy, name, dtype, **options)
        self.from_logits, self.label_smoothing = from_logits, label_smoothing


class CategoricalCrossentropy(MeanMetricWrapper):
    """mean(-sum(y log p)), y one-hot or probabilities."""

    aliases = ("categorical_crossentropy",)
    _direction = "down"

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(crossentropy.categorical_crossentropy, name, dtype, **options)
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """mean(-log p[label])"""

    aliases = ("sparse_categorical_crossentropy",)
    _direction = "down"

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        options = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(crossentropy.sparse_categorical_crossentropy, name, dtype, **options)
        self.from_logits, self.ignore_class, self.axis = from_logits, ignore_class, axis
