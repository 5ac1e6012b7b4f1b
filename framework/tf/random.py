"""tf.random: repeatable after set_seed."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from framework.engine import door, dtypes, ops
from framework.engine import random as engine
from framework.engine.tensor import Tensor
from framework.tf.call import tensor
from framework.tf.draws import between, choices, shape_of

STREAMS: dict[int, engine.SeedGenerator] = {}  # one per seed: the second call of a seed goes on


DETERMINISM = {"is_on": False}


def require_seeds() -> None:
    """From now on random ops need a seed, their own or the global one."""
    DETERMINISM["is_on"] = True


def set_seed(seed: int) -> None:
    """Start all random numbers again from `seed`."""
    STREAMS.clear()
    engine.set_seed(seed)


def stream(seed: int | None) -> engine.SeedGenerator | None:
    """The generator of calls that give this seed."""
    if seed is None:
        if DETERMINISM["is_on"] and engine.STATE["seed"] is None:
            raise RuntimeError(
                "Random ops require a seed to be set when determinism is enabled. Please set a "
                "seed before running the op, e.g. by calling tf.random.set_seed(1)."
            )
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
    z = engine.normal(shape_of(shape), dtype=dtypes.as_dtype(dtype).name, seed=stream(seed))
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
        shape_of(shape), dtype=dtypes.as_dtype(dtype).name, seed=stream(seed)
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
    if maxval is None and dtypes.as_dtype(dtype).is_integer:
        raise ValueError(
            "Must specify maxval for integer dtype: uniform(shape, minval, maxval, dtype)"
        )
    return between(shape, minval, maxval, dtype, lambda: stream(seed), "")


def categorical(
    logits: Any,
    num_samples: Any,
    dtype: Any = None,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """(rows, num_samples) numbers of classes, drawn with the probabilities softmax(logits)."""
    return choices(logits, num_samples, dtype, stream(seed))


def shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """The rows in random order; has no gradient."""
    value = tensor(value)
    if not value.ndim:
        return ops.stop_gradient(value)
    keys = engine.uniform((len(value),), dtype="float64", seed=stream(seed))
    rows = ops.stop_gradient(value)  # TensorFlow's has no gradient
    return ops.gather(rows, Tensor(np.argsort(keys.numpy(), kind="stable")))


LATER = {  # names of modules that need this one
    **dict.fromkeys(
        ("Algorithm", "Generator", "get_global_generator", "set_global_generator"),
        "framework.tf.generator",
    ),
    **dict.fromkeys(
        ("fold_in", "split", "stateless_categorical", "stateless_normal",
         "stateless_truncated_normal", "stateless_uniform"),
        "framework.tf.stateless",
    ),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in LATER:
        return getattr(importlib.import_module(LATER[name]), name)
    raise door.missing(__name__, name, __dir__())


def __dir__() -> list[str]:
    return sorted({*door.public(globals(), __name__, "require_seeds stream"), *LATER})
