"""The functions of tf.random whose numbers depend on a seed alone, and seeds from seeds.

They are the same at each call with the same seed, of two integers; not TensorFlow's numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine import door, ops
from framework.engine import random as engine
from framework.engine.dtypes import as_dtype
from framework.engine.errors import InvalidArgumentError
from framework.engine.tensor import Tensor
from framework.tf.call import tensor
from framework.tf.draws import between, choices, shape_of
from framework.tf.generator import check_algorithm


def state_of(seed: Any) -> Tensor:
    """A seed as the engine's ops take it."""
    seed = tensor(seed)
    if tuple(seed.shape) != (2,):
        raise InvalidArgumentError(f"seed must have shape [2], not {list(seed.shape)}")
    return ops.cast(seed, dtype="int64")


def stateless_uniform(
    shape: Any,
    seed: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = "float32",
    name: str | None = None,
    alg: Any = "auto_select",
) -> Tensor:
    """Uniform numbers in [minval, maxval); integers from everywhere if both are None."""
    check_algorithm(alg)
    return between(
        shape, minval, maxval, dtype, lambda: state_of(seed),
        "For integer `dtype` argument {0}, argument `minval` and `maxval` must be both None or not "
        "None. Got `minval`={1} and `maxval`={2}.",
    )  # fmt: skip


def stateless_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    name: str | None = None,
    alg: Any = "auto_select",
) -> Tensor:
    """Normal numbers."""
    check_algorithm(alg)
    dtype = as_dtype(dtype).name
    return engine.normal(shape_of(shape), dtype=dtype, seed=state_of(seed)) * stddev + mean


def stateless_truncated_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    name: str | None = None,
    alg: Any = "auto_select",
) -> Tensor:
    """Normal numbers, none further than two standard deviations from the mean."""
    check_algorithm(alg)
    dtype, state = as_dtype(dtype).name, state_of(seed)
    return engine.truncated_normal(shape_of(shape), dtype=dtype, seed=state) * stddev + mean


def stateless_categorical(
    logits: Any, num_samples: Any, seed: Any, dtype: Any = "int64", name: str | None = None
) -> Tensor:
    """(rows, num_samples) numbers of classes, drawn with the probabilities softmax(logits)."""
    return choices(logits, num_samples, dtype, state_of(seed))


def split(seed: Any, num: int = 2, alg: Any = "auto_select") -> Tensor:
    """(num, 2): seeds made of one, whose numbers have nothing to do with each other."""
    check_algorithm(alg)
    seed = tensor(seed)
    first, second = [int(s) for s in state_of(seed).numpy()]
    key = engine.mixed(first, second)
    made = [[engine.mixed(key, 2 * i), engine.mixed(key, 2 * i + 1)] for i in range(int(num))]
    return Tensor(np.array(made, np.int64).reshape(-1, 2).astype(seed.array.dtype))


def fold_in(seed: Any, data: Any, alg: Any = "auto_select") -> Tensor:
    """A seed made of a seed and a number, (2,)."""
    check_algorithm(alg)
    seed = tensor(seed)
    first, second = [int(s) for s in state_of(seed).numpy()]
    made = [engine.mixed(first, second), int(door.static(data))]
    return Tensor(np.array(made, np.int64).astype(seed.array.dtype))
