"""Metric: a number about many batches; its state is Variables, updated with ops, so that it runs in
compiled steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.tensor import Tensor
from framework.keras import configurable
from framework.keras.configurable import Configurable
from framework.keras.naming import auto_name
from framework.keras.policy import policy_of
from framework.keras.variable import Variable


class Metric(Configurable, kind="metric"):
    """Base: subclasses make their state with `add_variable` and write `update_state` and `result`.

    Each state names how ranks combine it (aggregation, "sum" by default), so that a result over all
    ranks counts each sample once.
    """

    def __init__(self, dtype: Any = None, name: str | None = None):
        self.name = name or auto_name(type(self).__name__)
        self.dtype = policy_of(dtype).compute_dtype
        self._variables: list[Variable] = []

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """A state of the metric."""
        draw = configurable.get("initializer", initializer)
        state = Variable(
            draw,
            tuple(shape),
            dtype or self.dtype,
            trainable=False,
            aggregation=aggregation,
            name=name,
        )
        state.path = f"{self.name}/{state.name}"
        self._variables.append(state)
        return state

    add_weight = add_variable

    @property
    def variables(self) -> list[Variable]:
        """The states, those of metrics among the attributes too."""
        inner = [m for m in vars(self).values() if isinstance(m, Metric)]
        return self._variables + [v for m in inner for v in m.variables]

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Add a batch."""
        raise NotImplementedError

    def result(self) -> Any:
        """The number over all batches since the reset."""
        raise NotImplementedError

    def reset_state(self) -> None:
        """Start anew."""
        for v in self.variables:
            v.assign(np.zeros(v.array.shape, v.array.dtype))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict:
        """name, dtype and the constructor's other arguments."""
        return {"name": self.name, "dtype": self.dtype} | super().get_config()


def to_float(x: Any, dtype: str) -> Tensor:
    """`x` as a Tensor of that dtype."""
    if not isinstance(x, Tensor):
        return Tensor(np.asarray(x, dtype))
    return x if x.array.dtype.name == dtype else ops.cast(x, dtype=dtype)
