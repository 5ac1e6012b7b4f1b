"""Convolutions: every output is a weighted sum of a window of the input."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.op import Sample
from framework.keras import activations, configurable
from framework.keras.layers.input_spec import InputSpec
from framework.keras.layers.spatial import Spatial, padding_name


class Convolution(Spatial, register=False):
    """Base of layers that convolve: subclasses make weights in `build` and write `convolve`.

    padding "valid": where a whole window fits; "same": zeros around, ceil(n / stride) outputs.
    """

    takes_floats = True
    paddings_too: tuple = ()  # what else `padding` may be
    bias: Any

    def __init__(
        self,
        *,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.kernel_size = self.per_axis("kernel_size", kernel_size)
        self.strides = self.per_axis("strides", strides)
        self.dilation_rate = self.per_axis("dilation_rate", dilation_rate)
        self.padding = padding_name(padding, *self.paddings_too)
        self.activation, self.use_bias = activations.get(activation), use_bias
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: "
                f"strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def get_config(self) -> dict:
        """The constructor's arguments; activity_regularizer even if there is none, as Keras."""
        activity = configurable.serialize(self.activity_regularizer)
        return super().get_config() | {"activity_regularizer": activity}

    def take_input(self, input_shape: tuple) -> int:
        """The number of channels of the input, which later inputs must have, too."""
        self.check_rank(input_shape)
        channels = input_shape[self.channel_axis]
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self.channel_axis: channels})
        return channels

    def check_room(self, input_shape: tuple, kernel_shape: tuple) -> None:
        """ValueError, in Keras' words, if a window does not fit."""
        rules = zip(self.space_of(input_shape), self.kernel_size, self.dilation_rate, strict=True)
        if self.padding == "valid" and any(n is not None and n <= (k - 1) * d for n, k, d in rules):
            raise ValueError(
                "Computed output size would be zero or negative. Received `inputs shape="
                f"{tuple(input_shape)}`, `kernel shape={kernel_shape}`, `dilation_rate="
                f"{self.dilation_rate}`, `strides={self.strides}`, `padding={self.padding}`."
            )

    def place(self, shape: tuple) -> dict:
        """Strides, dilations and paddings over images of a shape."""
        strides, dilations = self.of_images(self.strides), self.of_images(self.dilation_rate)
        paddings: Any = ((0, 0), (0, 0))
        if self.padding == "same":
            sizes = self.of_images(self.kernel_size)
            paddings = ops.same_paddings(shape, sizes, strides, dilations)
        elif self.padding == "causal":
            paddings = ((0, 0), ((self.kernel_size[0] - 1) * self.dilation_rate[0], 0))
        return {"strides": strides, "dilations": dilations, "paddings": paddings}

    def images_kernel(self, kernel: Any) -> Any:
        """A weight (*window, a, b) over images."""
        if self.rank == 2:
            return kernel
        return ops.reshape(kernel, shape=(1, *kernel.array.shape))

    def convolve(self, x: Any) -> Any:
        """Images (n, h, w, c) -> (n, oh, ow, o), without bias."""
        raise NotImplementedError

    def call(self, x: Any) -> Any:
        """activation(convolve(x) + bias)"""
        y = self.convolve(self.as_images(x))
        if self.bias is not None:
            y = ops.add(y, self.bias)
        return activations.applied(self.activation, self.as_given(y))


def check_filters(filters: Any) -> None:
    """ValueError unless it is a positive number."""
    if not isinstance(filters, int) or filters <= 0:
        raise ValueError(
            "Invalid value for argument `filters`. Expected a strictly positive value. Received "
            f"filters={filters}."
        )


class Conv(Convolution, register=False):
    """Base of Conv1D and Conv2D."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
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
        check_filters(filters)
        if groups <= 0:
            raise ValueError(
                f"The number of groups must be a positive integer. Received: groups={groups}."
            )
        if filters % groups:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={groups}, filters={filters}."
            )
        self.filters, self.groups = filters, groups
        self.take_rules(rules)

    def build(self, input_shape: tuple) -> None:
        """kernel (*kernel_size, channels / groups, filters); bias (filters,)."""
        channels = self.take_input(input_shape)
        if channels % self.groups:
            raise ValueError(
                "The number of input channels must be evenly divisible by the number of groups. "
                f"Received groups={self.groups}, but the input has {channels} channels (full "
                f"input shape is {tuple(input_shape)})."
            )
        self.check_room(input_shape, (*self.kernel_size, channels, self.filters))
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.ruled_weight("kernel", shape)
        self.bias = self.ruled_weight("bias", (self.filters,)) if self.use_bias else None

    def convolve(self, x: Any) -> Any:
        """ops.convolve with the kernel."""
        return ops.convolve(x, self.images_kernel(self.kernel), **self.place(x.array.shape))


class Conv1D(Conv):
    """y[n, i, o] = activation(sum_{a, c} x[n, i s + a d, c] kernel[a, c, o] + bias[o]).

    x (n, steps, channels) -> y (n, new steps, filters). padding "causal": zeros before the first
    step, so that y[i] sees no x behind step i. groups: each makes filters / groups outputs from
    channels / groups inputs.
    """

    samples = (
        Sample(((2, 7, 3),), {"filters": 4, "kernel_size": 3}),
        Sample(
            ((2, 7, 2),),
            {"filters": 3, "kernel_size": 2, "padding": "causal", "dilation_rate": 2},
        ),
        Sample(
            ((2, 4, 9),),
            {"filters": 6, "kernel_size": 3, "strides": 2, "padding": "same", "groups": 2}
            | {"data_format": "channels_first", "activation": "relu"},
        ),
    )
    aliases = ("Convolution1D",)
    rank = 1
    paddings_too = ("causal",)


class Conv2D(Conv):
    """y[n, i, j, o] = activation(sum_{a, b, c} x[n, i s + a d, j s + b d, c] kernel[a, b, c, o]
    + bias[o]).

    x (n, height, width, channels) -> y (n, new height, new width, filters). groups: each makes
    filters / groups outputs from channels / groups inputs.
    """

    samples = (
        Sample(((2, 6, 5, 3),), {"filters": 4, "kernel_size": 3}),
        Sample(
            ((2, 7, 6, 2),),
            {"filters": 3, "kernel_size": (3, 2), "strides": (2, 1), "padding": "same"}
            | {"activation": "elu", "kernel_regularizer": "l2"},
        ),
        Sample(
            ((1, 8, 8, 4),),
            {"filters": 4, "kernel_size": 3, "dilation_rate": 2, "use_bias": False, "groups": 2},
        ),
        Sample(
            ((2, 2, 5, 4),),
            {"filters": 3, "kernel_size": 2, "padding": "same", "data_format": "channels_first"},
        ),
    )
    aliases = ("Convolution2D",)
