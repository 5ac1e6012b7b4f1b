"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.tensor import Tensor
from framework.keras.optimizers.optimizer import Optimizer, in_dtype
from framework.keras.variable import Variable


class Adam(Optimizer):
    """Steps by the mean m and the mean square v of past gradients (Kingma and Ba 2015, section 2).

    m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p -= rate sqrt(1 - b2^t) / (1 - b1^t) m /
    (sqrt(v) + epsilon) amsgrad: with the largest v so far (Reddi et al. 2018).
    """

    aliases = ("adam",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad
        extra = (("velocity_hat",),) if amsgrad else ()
        self.slots = (("momentum", "velocity"), *extra)

    @property
    def updates_decay(self) -> bool:
        """The op decays what it updates; amsgrad has no such op."""
        return not self.amsgrad

    def begin(self, rate: Tensor) -> None:
        """The rate of all parameters' steps."""
        betas = {"beta_1": self.beta_1, "beta_2": self.beta_2}
        self._alpha = ops.adam_rate(rate, self.iterations, **betas)

    def update(self, p: Any, g: Tensor, rate: Tensor, *states: Variable) -> None:
        """One op per parameter; amsgrad takes several."""
        if not self.amsgrad:
            betas = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
            ops.adam_update(p, *states, g, rate, self._alpha, **betas, decay=self.decay_of(p))
            return
        (m, v, highest), alpha = states, in_dtype(self._alpha, p)
        m.assign_add((g - m) * (1 - self.beta_1))
        v.assign_add((ops.square(g) - v) * (1 - self.beta_2))
        highest.assign(ops.maximum(highest, v))
        p.assign_sub(m * alpha / (ops.sqrt(highest) + self.epsilon))


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019): p -= weight_decay rate p."""

    aliases = ("adamw",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ):
        if weight_decay is None:
            raise ValueError("AdamW: weight_decay is None, wanted a number; use Adam")
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **kwargs
        )
