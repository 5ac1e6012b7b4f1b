"""tf.random: repeatable after set_seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine import door, dtypes, ops
from framework.engine import random as engine
from framework.engine.tensor import Tensor
from framework.tf.call import tensor

STREAMS: dict[int, engine.SeedGenerator] = {}  # one per seed: the second call of a seed goes on


def set_seed(seed: int) -> None:
    """Start all random numbers again from `seed`."""
    STREAMS.clear()
    engine.set_seed(seed)


def stream(seed: int | None) -> engine.SeedGenerator | None:
    """The generator of calls that give this seed."""
    if seed is None:
        return None
    if seed not in STREAMS:
        mixed = engine.mixed(engine.STATE["seed"] or 0, int(seed) + 1)
        STREAMS[seed] = engine.SeedGenerator(mixed)
    return STREAMS[seed]


def normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Normal numbers; mean and stddev may be tensors, which then have gradients."""
    z = engine.normal(as_shape(shape), dtype=dtypes.as_dtype(dtype).name, seed=stream(seed))
    return z * tensor(stddev, z.dtype) + tensor(mean, z.dtype)


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Normal numbers, none further than two standard deviations from the mean."""
    z = engine.truncated_normal(
        as_shape(shape), dtype=dtypes.as_dtype(dtype).name, seed=stream(seed)
    )
    return z * tensor(stddev, z.dtype) + tensor(mean, z.dtype)


def uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Uniform numbers in [minval, maxval), tensors of which have gradients; integers need a
    maxval.
    """
    dtype = dtypes.as_dtype(dtype)
    if maxval is None and dtype.is_integer:
        raise ValueError(
            "Must specify maxval for integer dtype: uniform(shape, minval, maxval, dtype)"
        )
    wide = "float64" if dtype.is_integer else dtype.name
    u = engine.uniform(as_shape(shape), dtype=wide, seed=stream(seed))
    bounds = minval, 1 if maxval is None else maxval
    low, high = [tensor(v, dtype) for v in bounds]
    if dtype.is_integer:
        low, high = ops.cast(low, dtype=wide), ops.cast(high, dtype=wide)
        return ops.cast(ops.floor(u * (high - low) + low), dtype=dtype.name)
    return u * (high - low) + low


def shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """The rows in random order; has no gradient."""
    value = tensor(value)
    keys = engine.uniform((len(value),), dtype="float64", seed=stream(seed))
    rows = ops.stop_gradient(value)  # TensorFlow's has no gradient
    return ops.gather(rows, Tensor(np.argsort(keys.numpy(), kind="stable")))


def as_shape(shape: Any) -> tuple:
    """A shape given as a tensor, a list or one number."""
    shape = door.static(shape)
    return (shape,) if isinstance(shape, int) else shape


__getattr__ = door.lacking(__name__, globals())
