"""SGD: a step against the gradient, with momentum."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.slices import IndexedSlices
from framework.engine.tensor import Tensor
from framework.keras.optimizers.optimizer import Optimizer
from framework.keras.variable import Variable


class SGD(Optimizer):
    """p -= rate g; with momentum m = momentum m - rate g, p += m (Sutskever et al. 2013)."""

    aliases = ("sgd",)

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **kwargs: Any,
    ):
        if not 0 <= momentum <= 1:
            raise ValueError(f"SGD: momentum is {momentum}, wanted a number between 0 and 1")
        super().__init__(learning_rate, **kwargs)
        self.momentum, self.nesterov = momentum, nesterov
        self.slots = (("momentum",),) if momentum else ()

    @property
    def takes_rows(self) -> bool:
        """Without momentum a row without gradient stays where it is."""
        return not self.momentum

    def update(self, p: Any, g: Any, rate: Tensor, *states: Variable) -> None:
        """One op per parameter; of IndexedSlices only the rows are touched."""
        if isinstance(g, IndexedSlices):
            ops.assign_rows(p, g.indices, g.values * rate, how="sub")
        elif not states:
            ops.sgd_update(p, g, rate)
        else:
            ops.momentum_update(p, *states, g, rate, momentum=self.momentum, nesterov=self.nesterov)
