"""Optimizer: how weights follow gradients."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from typing import Any, TypeGuard

import numpy as np

from framework.engine import awaiting, ops
from framework.engine.slices import dense
from framework.engine.spelling import suggest
from framework.engine.tensor import Tensor
from framework.keras import configurable
from framework.keras.configurable import Configurable
from framework.keras.naming import auto_name
from framework.keras.optimizers.schedules import LearningRateSchedule
from framework.keras.step.reduction import all_reduce_gradients
from framework.keras.variable import Variable

# Arguments of Keras that are not here yet: configs hold them, so these values are taken.
NOT_YET = {
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


class Optimizer(Configurable, kind="optimizer"):
    """Base: subclasses name their `slots` and write `update(p, g, rate, *slots)`, one parameter at
    a time.

    learning_rate: a number, a LearningRateSchedule or a function without arguments. weight_decay w:
    p -= w rate p before each update. clipnorm, clipvalue, global_clipnorm: at most one; limits of
    each gradient's norm, of each element, of the norm of all gradients; 0: no limit.
    """

    takes_rows = False  # whether `update` can do with IndexedSlices
    updates_decay = False  # whether `update` sees to weight_decay itself
    slots: tuple[tuple[str, ...], ...] = ()  # groups: the states of a group lie together

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **not_yet: Any,
    ):
        for key, value in not_yet.items():
            if key not in NOT_YET:
                raise ValueError(
                    f"{type(self).__name__}: unknown argument {key!r}{suggest(key, self.knows())}"
                )
            if value not in (NOT_YET[key], None):
                raise ValueError(f"{type(self).__name__}: {key}={value!r} is not there yet")
        self.name = name or auto_name(type(self).__name__)
        self.weight_decay, self.clipnorm = weight_decay, clipnorm
        self.clipvalue, self.global_clipnorm = clipvalue, global_clipnorm
        if sum(limit is not None for limit in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                f"{type(self).__name__}: only one of clipnorm, clipvalue and global_clipnorm can "
                "be set"
            )
        self.iterations = self._state("iteration", np.int64(0))
        self._schedule: Any = None
        self._rate: Any = None
        self._set_rate(
            configurable.get("schedule", learning_rate)
            if isinstance(learning_rate, dict)
            else learning_rate
        )
        self._states: dict[int, list[Variable]] = {}  # id of a parameter -> its states
        self._parameters: list[Any] = []
        self._excluded: list = []  # Variables and patterns of names
        self._has_warned = False
        self.built = False

    def update(self, p: Any, g: Tensor, rate: Tensor, *states: Variable) -> None:
        """Change parameter p and its states for gradient g: one op."""
        raise NotImplementedError

    def initial(self, slot: str) -> float:
        """The value with which a slot starts."""
        return 0.0

    @classmethod
    def knows(cls) -> list[str]:
        """The arguments of the constructor."""
        return [
            "learning_rate",
            "weight_decay",
            "clipnorm",
            "clipvalue",
            "global_clipnorm",
            "name",
            *NOT_YET,
        ]

    # The learning rate.

    def _set_rate(self, value: Any) -> None:
        if isinstance(value, LearningRateSchedule) or (
            callable(value) and not isinstance(value, Tensor)
        ):
            self._schedule, self._rate = value, None
        elif self._schedule is not None:
            raise TypeError(
                f"{self.name}: the learning rate follows a LearningRateSchedule or a function and "
                "cannot be set to a number; give the optimizer a number at the start to set it "
                "later"
            )
        elif self._rate is None:
            self._rate = self._state("learning_rate", np.float32(value))
        else:
            self._rate.assign(np.float32(value))

    @property
    def learning_rate(self) -> Any:
        """The rate now: a Variable, or what the schedule gives for `iterations`."""
        if self._schedule is None:
            return self._rate
        given = (
            self._schedule(self.iterations)
            if isinstance(self._schedule, LearningRateSchedule)
            else self._schedule()
        )
        return (
            ops.as_tensor(given) if isinstance(given, Tensor) else ops.as_tensor(np.float32(given))
        )

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self._set_rate(value)

    # State.

    def _state(self, name: str, value: Any) -> Variable:
        state = Variable(value, trainable=False, name=name)
        state.path = f"{self.name}/{name}"
        return state

    def build(self, variables: Iterable[Any]) -> None:
        """Make the states for these parameters; the first `apply` does it."""
        if self.built:
            return
        self._parameters = list(variables)
        self._states = {id(v): [] for v in self._parameters}
        for group in self.slots:
            for v in self._parameters:
                prefix = getattr(v, "path", v.name.split(":")[0]).replace("/", "_")
                for slot in group:
                    start = np.full(v.array.shape, self.initial(slot), v.array.dtype)
                    self._states[id(v)].append(self._state(f"{prefix}_{slot}", start))
        self.built = True
        if awaiting.WAITING:  # of a checkpoint restored before
            awaiting.settle()

    @property
    def variables(self) -> list[Variable]:
        """iteration, learning_rate (if it is no schedule) and the states."""
        head = [self.iterations] + ([self._rate] if self._rate is not None else [])
        states: list[Variable] = []
        start = 0
        for group in self.slots:
            for v in self._parameters:
                states += self._states[id(v)][start : start + len(group)]
            start += len(group)
        return head + states

    def exclude_from_weight_decay(
        self, var_list: list | None = None, var_names: list | None = None
    ) -> None:
        """Leave these Variables, and those in whose name one of var_names (regular expressions) is
        found, out of weight_decay, and no others. ValueError after `build`.
        """
        if self.built:
            raise ValueError(
                f"{self.name}: exclude_from_weight_decay can only be called before the optimizer "
                "is built"
            )
        self._excluded = [*(var_list or []), *map(re.compile, var_names or [])]

    # Updates.

    def apply_gradients(self, grads_and_vars: Iterable[tuple]) -> Tensor:
        """Update the variables of (gradient, variable) pairs; a None gradient is left out with a
        warning.

        IndexedSlices count as the dense gradient that they stand for: rows of one index are summed
        before anything is computed from them. (Keras with TensorFlow takes each apart in Adam,
        RMSprop and Adagrad, which is another step.)
        """
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self.iterations

    def apply(self, grads: list, trainable_variables: list | None = None) -> None:
        """Update the variables (those of `build` if none are given) by their gradients."""
        variables = self._parameters if trainable_variables is None else list(trainable_variables)
        grads = list(grads)
        if len(grads) != len(variables):
            raise ValueError(
                f"{self.name}: got {len(grads)} gradients for {len(variables)} variables"
            )
        pairs = self._with_gradient(all_reduce_gradients(grads), variables)
        if not self.built:
            self.build(variables)
        unknown = [v for v in variables if id(v) not in self._states]
        if unknown:
            raise ValueError(
                f"{self.name}: variable {path_of(unknown[0])!r} was not among those the optimizer "
                "was built with; compile() again, with a new optimizer, makes states for it"
            )
        rate, updated = self.learning_rate, [v for _, v in pairs]
        grads = self._clip([g if self._keeps_rows() else dense(g) for g, _ in pairs])
        self._decay(updated, rate)
        self.begin(rate)
        for g, v in zip(grads, updated):
            self.update(v, g, in_dtype(rate, v), *self._states[id(v)])
        constrain(updated)
        self.iterations.assign_add(1)

    def begin(self, rate: Tensor) -> None:
        """Called before the updates of a step: what they share can be computed here."""

    def _keeps_rows(self) -> bool:
        """Whether IndexedSlices reach `update` as they are."""
        limits = (self.clipnorm, self.clipvalue, self.global_clipnorm)
        return self.takes_rows and not any(is_limit(limit) for limit in limits)

    def _decay(self, variables: list, rate: Tensor) -> None:
        """v = v - rate weight_decay v (Loshchilov and Hutter 2019)"""
        if self.weight_decay is None or self.updates_decay:
            return
        for v in [v for v in variables if self.decay_of(v)]:
            v.assign_sub(v * (in_dtype(rate, v) * self.decay_of(v)))

    def decay_of(self, v: Any) -> float:
        """The weight_decay of a parameter; 0 for those that are left out."""
        is_left_out = any(
            e.search(v.name) is not None if isinstance(e, re.Pattern) else e is v
            for e in self._excluded
        )
        return 0.0 if is_left_out or self.weight_decay is None else float(self.weight_decay)

    def _with_gradient(self, grads: list, variables: list) -> list[tuple]:
        pairs = [(g, v) for g, v in zip(grads, variables) if g is not None]
        if not pairs:
            raise ValueError("No gradients provided for any variable.")
        if len(pairs) < len(grads) and not self._has_warned:
            self._has_warned = True
            missing = ", ".join(path_of(v) for g, v in zip(grads, variables) if g is None)
            warnings.warn(
                f"Gradients do not exist for variables {missing} when minimizing the loss: "
                "they are left as they are",
                stacklevel=4,
            )
        return pairs

    def _clip(self, grads: list) -> list:
        if is_limit(self.clipnorm):
            return [g * scale_to(norm_of([g]), self.clipnorm) for g in grads]
        if is_limit(self.global_clipnorm):
            scale = scale_to(norm_of(grads), self.global_clipnorm)
            return [g * scale for g in grads]
        if is_limit(self.clipvalue):
            low, high = -float(self.clipvalue), float(self.clipvalue)
            return [ops.minimum(ops.maximum(g, low), high) for g in grads]
        return grads

    def save_own_variables(self, store: dict) -> None:
        """Put the states into `store` under "0", "1" ..."""
        store.update({str(i): np.array(v.array) for i, v in enumerate(self.variables)})

    def load_own_variables(self, store: dict) -> None:
        """Take the states from what save_own_variables made."""
        for i, v in enumerate(self.variables):
            v.assign(np.asarray(store[str(i)], v.array.dtype))

    def get_config(self) -> dict:
        """The constructor's arguments; the learning rate as it is now."""
        own = super().get_config()
        rate = self._schedule if self._schedule is not None else float(self._rate.numpy())
        return own | NOT_YET | {"name": self.name, "learning_rate": configurable.serialize(rate)}


def path_of(v: Any) -> str:
    """How messages call a variable."""
    return getattr(v, "path", v.name)


def is_limit(limit: float | None) -> TypeGuard[float]:
    """True for what clips: 0 and below are off, as in Keras."""
    return limit is not None and limit > 0


def in_dtype(rate: Tensor, v: Any) -> Tensor:
    """The rate in the dtype of a parameter."""
    dtype = v.array.dtype
    return rate if rate.array.dtype == dtype else ops.cast(rate, dtype=dtype.name)


def constrain(variables: list) -> None:
    """Variables with a constraint go back to where it holds."""
    for v in variables:
        if getattr(v, "constraint", None) is not None:
            v.assign(v.constraint(v))


def norm_of(grads: list) -> Tensor:
    """The Euclidean norm of all elements."""
    total = None
    for g in grads:
        part = ops.sum(ops.square(g))
        total = part if total is None else total + part
    return ops.sqrt(total)


def scale_to(norm: Tensor, limit: float) -> Tensor:
    """The factor that brings `norm` down to `limit`, 1 where it is below."""
    return float(limit) / ops.maximum(norm, float(limit))
