"""Loss: how far predictions are from targets, per sample and in one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from framework.engine import ops
from framework.engine.dtypes import DTYPES
from framework.engine.tensor import Tensor
from framework.keras import configurable
from framework.keras.configurable import Configurable
from framework.keras.losses.reduction import check_reduction, match_ranks, reduced
from framework.keras.losses.targets import check_same_shape
from framework.keras.naming import auto_name


class Loss(Configurable, kind="loss"):
    """Base: subclasses write `call(y_true, y_pred)`, one number per sample.

    reduction: "sum_over_batch_size" (or "mean": divided by the element count), "sum",
    "mean_with_sample_weight" (divided by the weights' sum) or "none".
    """

    is_elementwise: ClassVar[bool] = False  # targets have the shape of the outputs

    def __init__(
        self, name: str | None = None, reduction: Any = "sum_over_batch_size", dtype: Any = None
    ):
        self.name = name or auto_name(type(self).__name__)
        self.reduction = check_reduction(reduction)
        self.dtype = str(dtype or "float32")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each sample."""
        raise NotImplementedError

    def check_targets(self, y_true: np.ndarray, output_shape: tuple) -> None:
        """ValueError if these targets cannot be meant for outputs of shape (batch, ...)."""
        if self.is_elementwise:
            check_same_shape(self.name, y_true, output_shape)

    def mask(self, y_true: Any) -> Any:
        """Which samples count (a bool tensor of the losses' shape); None: all."""
        return None

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        y_true, y_pred = to_tensor(y_true, self.dtype), to_tensor(y_pred, self.dtype)
        values = to_tensor(self.call(y_true, y_pred), self.dtype)
        return reduced(values, sample_weight, self.mask(y_true), self.reduction)

    def get_config(self) -> dict:
        """The constructor's arguments without dtype, as Keras."""
        config = super().get_config()
        config.pop("dtype", None)
        return {"name": self.name, "reduction": self.reduction} | config


class LossFunctionWrapper(Loss, register=False):
    """A Loss from a function (y_true, y_pred, **options) that gives one number per sample."""

    def __init__(
        self,
        fn: Callable,
        reduction: Any = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **options: Any,
    ):
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self.fn, self.options = fn, options

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """fn, on targets and predictions of the same rank."""
        return self.fn(*match_ranks(y_true, y_pred), **self.options)

    def get_config(self) -> dict:
        """For a plain function also `fn`."""
        config = super().get_config()
        return (
            config
            if type(self) is LossFunctionWrapper
            else {k: v for k, v in config.items() if k != "fn"}
        )


def to_tensor(x: Any, dtype: str) -> Tensor:
    """`x` as a Tensor: floats in `dtype`; integers and bools keep theirs, functions cast them when
    they compute.
    """
    if isinstance(x, Tensor):
        have = x.array.dtype
        is_cast = have.kind == "f" and have is not DTYPES[dtype].dtype
        return ops.cast(x, dtype=dtype) if is_cast else x
    array = np.asarray(x)
    return Tensor(array.astype(dtype) if array.dtype.kind == "f" else array)


def like(x: Any, y_pred: Tensor) -> Tensor:
    """`x` as a Tensor of the dtype of y_pred."""
    dtype = y_pred.array.dtype
    x = x if isinstance(x, Tensor) else Tensor(np.asarray(x))
    return x if x.array.dtype == dtype else ops.cast(x, dtype=dtype.name)


def get(identifier: Any) -> Any:
    """The Loss of a name, a config, an object or a function (y_true, y_pred); None stays None."""
    found = configurable.get("loss", identifier)
    return found if found is None or isinstance(found, Loss) else LossFunctionWrapper(found)
