"""Embedding: a row of a table for each integer."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.op import Sample
from framework.keras import configurable
from framework.keras.layers.layer import Layer


def check_count(name: str, n: Any) -> None:
    """ValueError, in Keras' words, unless n is a positive integer."""
    if not isinstance(n, int) or isinstance(n, bool) or n <= 0:
        raise ValueError(
            f"`{name}` must be a positive integer. Received: {name}={n} (of type "
            f"{type(n).__name__})."
        )


class Embedding(Layer):
    """y[...] = embeddings[x[...]];  x integers (...), embeddings (input_dim, output_dim),
    y (..., output_dim).

    As in Keras a negative number counts from the end; others outside [0, input_dim) raise
    InvalidArgumentError. The gradient of the table is IndexedSlices: SGD touches the rows that
    were read, other optimizers make it dense. weights: a table to start from.
    """

    samples = (
        Sample(((3, 4),), {"input_dim": 7, "output_dim": 3}, dtypes=(np.int32,), top=7),
        Sample(
            ((5,),),
            {"input_dim": 3, "output_dim": 2, "embeddings_regularizer": "l2"},
            dtypes=(np.int64,),
        ),
    )
    is_shapeless = True

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: None = None,
        lora_alpha: None = None,
        quantization_config: None = None,
        **kwargs: Any,
    ):
        if kwargs.pop("input_length", None) is not None:
            warnings.warn("Argument `input_length` is deprecated. Just remove it.", stacklevel=2)
        super().__init__(**kwargs)
        check_count("input_dim", input_dim)
        check_count("output_dim", output_dim)
        if mask_zero:
            raise NotImplementedError("Embedding: mask_zero=True: layers pass no masks on here")
        if not (lora_rank is lora_alpha is quantization_config is None):
            raise NotImplementedError("Embedding: lora and quantization are not there")
        self.input_dim, self.output_dim, self.mask_zero = input_dim, output_dim, mask_zero
        self.autocast = False
        self.take_rules(locals())
        if weights is not None:
            self.build((None,))
            self.set_weights(weights if isinstance(weights, list) else [weights])

    def build(self, input_shape: Any = None) -> None:
        """embeddings (input_dim, output_dim)"""
        if not self.built:
            self.embeddings = self.ruled_weight("embeddings", (self.input_dim, self.output_dim))

    def call(self, x: Any) -> Any:
        """embeddings[x]"""
        if x.array.dtype.name not in ("int32", "int64"):
            x = ops.cast(x, dtype="int32")
        n = ops.as_tensor(np.asarray(self.input_dim, x.array.dtype))
        from_end = ops.where(ops.less(x, ops.zeros_like(n)), ops.add(x, n), x)
        return ops.gather(self.embeddings, from_end, axis=0)

    def get_config(self) -> dict:
        """The constructor's arguments that Keras writes: not the table's values."""
        config = super().get_config()
        for name in ("weights", "lora_rank", "lora_alpha"):
            config.pop(name)
        activity = configurable.serialize(self.activity_regularizer)
        # input_dim is also an old argument of all layers, which Layer leaves out
        return config | {"input_dim": self.input_dim, "activity_regularizer": activity}
