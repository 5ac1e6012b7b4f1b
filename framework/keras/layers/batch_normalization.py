"""BatchNormalization: each feature with mean 0 and variance 1 over the batch."""

from __future__ import annotations

from typing import Any, ClassVar

from framework.engine import ops
from framework.engine.op import Sample
from framework.keras.layers.input_spec import InputSpec
from framework.keras.layers.layer import Layer
from framework.keras.layers.moments import batch_moments
from framework.keras.step.deferred import update_later


class BatchNormalization(Layer):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta (Ioffe and Szegedy 2015).

    Training: mean and variance of the batch, over all axes but `axis`; they move the moving ones:
    m = momentum m + (1 - momentum) mean. Otherwise, or frozen (trainable=False): the moving ones.
    """

    samples = (Sample(((6, 3),)), Sample(((4, 3, 5),), {"axis": 1, "scale": False}))
    takes_floats = True
    uses_global_batch: ClassVar[bool] = True  # False: each rank uses its own part's statistics

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        synchronized: bool = False,  # Keras' word for what uses_global_batch does here
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if renorm:
            raise ValueError("BatchNormalization: renorm is not there")
        self.axis, self.momentum, self.epsilon = int(axis), momentum, epsilon
        self.center, self.scale, self.synchronized = center, scale, synchronized
        self.take_rules(locals())

    def build(self, input_shape: tuple) -> None:
        """Vectors along `axis`: gamma, beta and the moving mean and variance."""
        n = (input_shape[self.axis],)
        self.gamma = self.ruled_weight("gamma", n) if self.scale else None
        self.beta = self.ruled_weight("beta", n) if self.center else None
        self.moving_mean = self.ruled_weight("moving_mean", n, trainable=False)
        self.moving_variance = self.ruled_weight("moving_variance", n, trainable=False)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: n[0]})

    def call(self, x: Any, training: Any = None) -> Any:
        """gamma (x - mean) / sqrt(variance + epsilon) + beta"""
        rank = x.ndim
        axis = self.axis % rank
        along = tuple([-1 if i == axis else 1 for i in range(rank)])
        if training and self.trainable:
            axes = tuple([i for i in range(rank) if i != axis])
            mean, variance = batch_moments(x, axes, self.uses_global_batch)
            update_later(lambda: self._move(self.moving_mean, mean))
            update_later(lambda: self._move(self.moving_variance, variance))
        else:
            mean = ops.reshape(self.moving_mean, shape=along)
            variance = ops.reshape(self.moving_variance, shape=along)
        factor = ops.rsqrt(variance + self.epsilon)
        if self.gamma is not None:
            factor = factor * ops.reshape(self.gamma, shape=along)
        y = ops.scaled_difference(x, mean, factor)
        return y if self.beta is None else y + ops.reshape(self.beta, shape=along)

    def _move(self, moving: Any, value: Any) -> None:
        value = ops.stop_gradient(ops.reshape(value, shape=(-1,)))
        moving.assign(moving * self.momentum + value * (1.0 - self.momentum))
