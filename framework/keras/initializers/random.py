"""Initializers that draw: uniform and normal, scaled by the fans of a weight, and orthogonal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.keras.initializers.initializer import RandomInitializer

TRUNCATED_DEVIATION = 0.87962566103423978  # of a standard normal cut at +-2: std of what is left


def truncated_normal(generator: np.random.Generator, shape: tuple) -> np.ndarray:
    """Standard normal values, drawn again where they lie beyond 2."""
    values = generator.standard_normal(shape)
    flat = values.reshape(-1)
    far = np.flatnonzero(np.abs(flat) > 2)
    while far.size:
        flat[far] = generator.standard_normal(far.size)
        far = far[np.abs(flat[far]) > 2]
    return flat.reshape(shape)


def fans(shape: tuple) -> tuple[float, float]:
    """(fan_in, fan_out) of a weight (..., inputs, outputs), where the leading axes are a window."""
    if len(shape) < 2:
        n = shape[0] if shape else 1
        return n, n
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


class RandomUniform(RandomInitializer):
    """Uniform in [minval, maxval)."""

    aliases = ("random_uniform", "uniform")

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None):
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def draw(self, shape: tuple) -> np.ndarray:
        """Uniform values."""
        return self.generator().uniform(self.minval, self.maxval, shape)


class RandomNormal(RandomInitializer):
    """Normal with `mean` and `stddev`."""

    aliases = ("random_normal", "normal")

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None):
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def draw(self, shape: tuple) -> np.ndarray:
        """Normal values."""
        return self.generator().normal(self.mean, self.stddev, shape)


class TruncatedNormal(RandomInitializer):
    """Normal, drawn again beyond two standard deviations."""

    aliases = ("truncated_normal",)

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None):
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def draw(self, shape: tuple) -> np.ndarray:
        """Normal values within two standard deviations."""
        return truncated_normal(self.generator(), shape) * self.stddev + self.mean


class VarianceScaling(RandomInitializer):
    """Variance scale / n, n = fan_in, fan_out or their mean (He et al. 2015, Glorot and Bengio
    2010).

    distribution: "truncated_normal", "untruncated_normal" or "uniform".
    """

    aliases = ("variance_scaling",)
    shares = {
        "fan_in": lambda i, o: i,
        "fan_out": lambda i, o: o,
        "fan_avg": lambda i, o: (i + o) / 2,
    }

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Any = None,
        output_axes: Any = None,
    ):
        super().__init__(seed)
        distribution = {"normal": "truncated_normal"}.get(
            distribution.lower(), distribution.lower()
        )
        if scale <= 0 or mode not in self.shares or distribution not in DISTRIBUTIONS:
            raise ValueError(
                f"VarianceScaling: got scale {scale}, mode {mode!r}, distribution "
                f"{distribution!r}; wanted "
                f"scale > 0, mode of {list(self.shares)}, distribution of {list(DISTRIBUTIONS)}"
            )
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes

    def draw(self, shape: tuple) -> np.ndarray:
        """Values of variance scale / n."""
        fan_in, fan_out = fans(shape)
        if self.input_axes is not None or self.output_axes is not None:
            fan_in = math.prod([shape[i] for i in self.input_axes or ()])
            fan_out = math.prod([shape[i] for i in self.output_axes or ()])
        n = max(1.0, self.shares[self.mode](fan_in, fan_out))
        return DISTRIBUTIONS[self.distribution](self.generator(), shape, math.sqrt(self.scale / n))


DISTRIBUTIONS = {
    "truncated_normal": lambda rng, shape, std: (
        truncated_normal(rng, shape) * (std / TRUNCATED_DEVIATION)
    ),
    "untruncated_normal": lambda rng, shape, std: rng.normal(0.0, std, shape),
    "uniform": lambda rng, shape, std: rng.uniform(-std * math.sqrt(3), std * math.sqrt(3), shape),
}


class FixedScaling(VarianceScaling, register=False):
    """Base of the named cases of VarianceScaling: `case` is (scale, mode, distribution)."""

    case: tuple[float, str, str] = (1.0, "fan_in", "truncated_normal")

    def __init__(self, seed: int | None = None, input_axes: Any = None, output_axes: Any = None):
        super().__init__(*self.case, seed=seed, input_axes=input_axes, output_axes=output_axes)


class GlorotUniform(FixedScaling):
    """Uniform of variance 2 / (fan_in + fan_out) (Glorot and Bengio 2010)."""

    aliases = ("glorot_uniform",)
    case = (1.0, "fan_avg", "uniform")


class GlorotNormal(FixedScaling):
    """Truncated normal of variance 2 / (fan_in + fan_out) (Glorot and Bengio 2010)."""

    aliases = ("glorot_normal",)
    case = (1.0, "fan_avg", "truncated_normal")


class HeUniform(FixedScaling):
    """Uniform of variance 2 / fan_in (He et al. 2015)."""

    aliases = ("he_uniform",)
    case = (2.0, "fan_in", "uniform")


class HeNormal(FixedScaling):
    """Truncated normal of variance 2 / fan_in (He et al. 2015)."""

    aliases = ("he_normal",)
    case = (2.0, "fan_in", "truncated_normal")


class LecunUniform(FixedScaling):
    """Uniform of variance 1 / fan_in (LeCun et al. 1998)."""

    aliases = ("lecun_uniform",)
    case = (1.0, "fan_in", "uniform")


class LecunNormal(FixedScaling):
    """Truncated normal of variance 1 / fan_in (LeCun et al. 1998)."""

    aliases = ("lecun_normal",)
    case = (1.0, "fan_in", "truncated_normal")


class Orthogonal(RandomInitializer):
    """gain times a random orthogonal matrix over the last axis (Saxe et al. 2014)."""

    aliases = ("orthogonal", "OrthogonalInitializer")

    def __init__(self, gain: float = 1.0, seed: int | None = None):
        super().__init__(seed)
        self.gain = gain

    def draw(self, shape: tuple) -> np.ndarray:
        """Orthonormal columns, or rows if there are fewer of them, times gain."""
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: shape is {shape}, wanted at least two axes")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(
            self.generator().standard_normal((max(rows, columns), min(rows, columns)))
        )
        q = q * np.sign(np.diag(r))  # makes the distribution uniform (Mezzadri 2007)
        return (q if rows >= columns else q.T).reshape(shape) * self.gain
