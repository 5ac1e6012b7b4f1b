"""Learning rates that change with the step; computed with ops, so that they run inside compiled
steps.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.tensor import Tensor
from framework.keras import configurable
from framework.keras.configurable import Configurable


class LearningRateSchedule(Configurable, kind="schedule"):
    """Base: subclasses write `__call__(step)`, which gives the rate as a float32 tensor of shape
    ().
    """

    def __call__(self, step: Any) -> Tensor:
        """The rate at `step`, a number or a tensor."""
        raise NotImplementedError


def as_float(step: Any) -> Tensor:
    """`step` as a float32 tensor."""
    return (
        ops.cast(step, dtype="float32")
        if isinstance(step, Tensor)
        else ops.as_tensor(np.float32(step))
    )


class ExponentialDecay(LearningRateSchedule):
    """initial decay_rate^(step / decay_steps); staircase: in whole decay_steps."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ):
        self.initial_learning_rate, self.decay_steps, self.decay_rate = (
            initial_learning_rate,
            decay_steps,
            decay_rate,
        )
        self.staircase, self.name = staircase, name

    def __call__(self, step: Any) -> Tensor:
        p = as_float(step) / float(self.decay_steps)
        p = ops.floor(p) if self.staircase else p
        return ops.power(np.float32(self.decay_rate), p) * float(self.initial_learning_rate)


class InverseTimeDecay(LearningRateSchedule):
    """initial / (1 + decay_rate step / decay_steps); staircase: in whole decay_steps."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ):
        self.initial_learning_rate, self.decay_steps, self.decay_rate = (
            initial_learning_rate,
            decay_steps,
            decay_rate,
        )
        self.staircase, self.name = staircase, name

    def __call__(self, step: Any) -> Tensor:
        p = as_float(step) / float(self.decay_steps)
        p = ops.floor(p) if self.staircase else p
        return float(self.initial_learning_rate) / (p * float(self.decay_rate) + 1.0)


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[i] up to and with step boundaries[i], the last value after them."""

    def __init__(self, boundaries: list, values: list, name: str = "PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"PiecewiseConstantDecay: {len(values)} values want {len(values) - 1} boundaries, "
                f"got {len(boundaries)}"
            )
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step: Any) -> Tensor:
        step = as_float(step)
        rate = ops.as_tensor(np.float32(self.values[-1]))
        for boundary, value in reversed(list(zip(self.boundaries, self.values))):
            rate = ops.where(step <= float(boundary), ops.as_tensor(np.float32(value)), rate)
        return rate


class PolynomialDecay(LearningRateSchedule):
    """(initial - end) (1 - step / decay_steps)^power + end; cycle: with the next multiple of
    decay_steps.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.end_learning_rate, self.power, self.cycle, self.name = (
            end_learning_rate,
            power,
            cycle,
            name,
        )

    def __call__(self, step: Any) -> Tensor:
        step, steps = as_float(step), float(self.decay_steps)
        if self.cycle:
            p = step / (ops.maximum(ops.ceil(step / steps), 1.0) * steps)
        else:
            p = ops.minimum(step, steps) / steps
        scale = float(self.initial_learning_rate) - float(self.end_learning_rate)
        return ops.power(1.0 - p, ops.as_tensor(np.float32(self.power))) * scale + float(
            self.end_learning_rate
        )


class CosineDecay(LearningRateSchedule):
    """Half a cosine from the initial rate to alpha times it (Loshchilov and Hutter 2017).

    warmup_target: first a straight line from the initial rate to it in warmup_steps, then the
    cosine from there.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ):
        if decay_steps <= 0:
            raise ValueError(f"CosineDecay: decay_steps is {decay_steps}, wanted more than 0")
        self.initial_learning_rate, self.decay_steps, self.alpha = (
            initial_learning_rate,
            decay_steps,
            alpha,
        )
        self.name, self.warmup_target, self.warmup_steps = name, warmup_target, warmup_steps

    def _cosine(self, step: Tensor, start: float) -> Tensor:
        p = ops.minimum(step, float(self.decay_steps)) / float(self.decay_steps)
        return (
            (ops.cos(p * math.pi) + 1.0) * (0.5 * (1 - self.alpha)) + float(self.alpha)
        ) * float(start)

    def __call__(self, step: Any) -> Tensor:
        step = as_float(step)
        if self.warmup_target is None:
            return self._cosine(step, self.initial_learning_rate)
        warm = float(self.warmup_steps)
        rise = float(self.warmup_target) - float(self.initial_learning_rate)
        line = step * (rise / warm if warm else 0.0) + float(self.initial_learning_rate)
        return ops.where(step > warm, self._cosine(step - warm, self.warmup_target), line)


def get(identifier: Any) -> Any:
    """The schedule of a config or an object; numbers stay what they are."""
    return configurable.get("schedule", identifier) if isinstance(identifier, dict) else identifier


def serialize(schedule: Any) -> Any:
    """The config dict of a schedule."""
    return configurable.serialize(schedule)


def deserialize(config: Any, custom_objects: dict | None = None) -> Any:
    """The schedule of what `serialize` gave."""
    return configurable.deserialize(config, "schedule", custom_objects)
