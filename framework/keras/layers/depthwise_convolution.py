"""Convolutions of each channel on its own, alone or followed by a mix of the channels."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.op import Sample
from framework.keras.layers.convolution import Convolution, check_filters


class Depthwise(Convolution, register=False):
    """Base of layers whose window makes `depth_multiplier` channels of each channel."""

    depth_multiplier: int

    def take_depth(self, depth_multiplier: int) -> None:
        """Check and keep the number of outputs of each channel."""
        if not isinstance(depth_multiplier, int) or depth_multiplier <= 0:
            raise ValueError(
                "Invalid value for argument `depth_multiplier`. Expected a strictly positive "
                f"value. Received depth_multiplier={depth_multiplier}."
            )
        self.depth_multiplier = depth_multiplier

    def convolve_each(self, x: Any, kernel: Any) -> Any:
        """Images (n, h, w, c) and kernel (*window, c, m) -> (n, oh, ow, c m)."""
        kh, kw, c, m = self.of_images(kernel.array.shape)
        each = ops.reshape(kernel, shape=(kh, kw, 1, c * m))
        return ops.convolve(x, each, **self.place(x.array.shape))


class DepthwiseConv(Depthwise, register=False):
    """Base of DepthwiseConv1D and DepthwiseConv2D."""

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        rules = locals()
        super().__init__(
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            dilation_rate=dilation_rate,
            data_format=data_format,
            activation=activation,
            use_bias=use_bias,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.take_depth(depth_multiplier)
        self.take_rules(rules)

    def build(self, input_shape: tuple) -> None:
        """kernel (*kernel_size, channels, depth_multiplier); bias (channels depth_multiplier,)."""
        channels = self.take_input(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.check_room(input_shape, shape)
        self.kernel = self.ruled_weight("kernel", shape, rules="depthwise")
        n = channels * self.depth_multiplier
        self.bias = self.ruled_weight("bias", (n,)) if self.use_bias else None

    def convolve(self, x: Any) -> Any:
        """Each channel with its own window."""
        return self.convolve_each(x, self.kernel)


class DepthwiseConv1D(DepthwiseConv):
    """y[n, i, c m + k] = activation(sum_a x[n, i s + a d, c] kernel[a, c, k] + bias[c m + k]),
    k < m = depth_multiplier.
    """

    samples = (Sample(((2, 7, 3),), {"kernel_size": 3, "depth_multiplier": 2}),)
    rank = 1


class DepthwiseConv2D(DepthwiseConv):
    """y[n, i, j, c m + k] = activation(sum_{a, b} x[n, i s + a d, j s + b d, c] kernel[a, b, c, k]
    + bias[c m + k]), k < m = depth_multiplier.
    """

    samples = (
        Sample(((2, 6, 5, 3),), {"kernel_size": 3}),
        Sample(
            ((2, 6, 6, 2),),
            {"kernel_size": 3, "strides": 2, "padding": "same", "depth_multiplier": 2},
        ),
    )


class SeparableConv(Depthwise, register=False):
    """Base of SeparableConv1D and SeparableConv2D."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        rules = locals()
        super().__init__(
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            dilation_rate=dilation_rate,
            data_format=data_format,
            activation=activation,
            use_bias=use_bias,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.take_depth(depth_multiplier)
        check_filters(filters)
        self.filters = filters
        self.take_rules(rules)

    def build(self, input_shape: tuple) -> None:
        """depthwise_kernel (*kernel_size, channels, depth_multiplier), pointwise_kernel (1, ...,
        channels depth_multiplier, filters); bias (filters,).
        """
        channels = self.take_input(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.check_room(input_shape, shape)
        self.depthwise_kernel = self.ruled_weight("depthwise_kernel", shape, rules="depthwise")
        mix = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.pointwise_kernel = self.ruled_weight("pointwise_kernel", mix, rules="pointwise")
        self.bias = self.ruled_weight("bias", (self.filters,)) if self.use_bias else None

    def convolve(self, x: Any) -> Any:
        """Each channel with its own window, then all channels of a place."""
        each = self.convolve_each(x, self.depthwise_kernel)
        plain = {"strides": (1, 1), "dilations": (1, 1), "paddings": ((0, 0), (0, 0))}
        return ops.convolve(each, self.images_kernel(self.pointwise_kernel), **plain)


class SeparableConv1D(SeparableConv):
    """DepthwiseConv1D without bias, then a Conv1D with a window of 1 (Chollet 2017)."""

    samples = (Sample(((2, 7, 3),), {"filters": 4, "kernel_size": 3, "depth_multiplier": 2}),)
    aliases = ("SeparableConvolution1D",)
    rank = 1


class SeparableConv2D(SeparableConv):
    """DepthwiseConv2D without bias, then a Conv2D with a window of 1 x 1 (Chollet 2017)."""

    samples = (
        Sample(((2, 6, 5, 3),), {"filters": 4, "kernel_size": 3, "activation": "relu"}),
        Sample(
            ((1, 7, 7, 2),),
            {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}
            | {"depth_multiplier": 2},
        ),
    )
    aliases = ("SeparableConvolution2D",)
