"""Transposed convolutions: the adjoint of a convolution, which enlarges images."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.op import Sample
from framework.keras.layers.convolution import Convolution, check_filters


class ConvTranspose(Convolution, register=False):
    """Base of Conv1DTranspose and Conv2DTranspose."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        self.filters, self.output_padding = filters, None
        if output_padding is not None:
            self.output_padding = self.per_axis("output_padding", output_padding, least=0)
            self.check_output_padding()
        self.take_rules(rules)

    def check_output_padding(self) -> None:
        """ValueError unless each is below its stride."""
        for i, (more, stride) in enumerate(zip(self.output_padding or (), self.strides)):
            if more >= stride:
                raise ValueError(
                    "`output_padding` must be strictly less than `strides` for all dimensions. At "
                    f"dimension {i}, `output_padding` is {more} but `strides` is {stride}. "
                    f"Received: output_padding={self.output_padding}, strides={self.strides}"
                )

    def build(self, input_shape: tuple) -> None:
        """kernel (*kernel_size, filters, channels); bias (filters,)."""
        channels = self.take_input(input_shape)
        shape = (*self.kernel_size, self.filters, channels)
        self.kernel = self.ruled_weight("kernel", shape)
        self.bias = self.ruled_weight("bias", (self.filters,)) if self.use_bias else None

    def enlarged(self, space: tuple) -> tuple:
        """The lengths of the outputs' axes: "same" n s, "valid" (n - 1) s + max(reach, s); with
        output_padding (n - 1) s + reach (same: reach modulo 2) + output_padding.
        """
        found, more = [], self.output_padding or (None,) * self.rank
        rules = zip(space, self.kernel_size, self.strides, self.dilation_rate, more, strict=True)
        for n, size, stride, dilation, extra in rules:
            reach = (size - 1) * dilation + 1
            if self.padding == "same":
                last = stride if extra is None else reach % 2 + extra
            else:
                last = max(reach, stride) if extra is None else reach + extra
            found.append((n - 1) * stride + last)
        return tuple(found)

    def convolve(self, x: Any) -> Any:
        """The gradient of a convolution in its input."""
        n, h, w, _ = x.array.shape
        space = self.enlarged((h, w)[2 - self.rank :])
        whole = (n, *self.of_images(space), self.filters)
        kernel = self.images_kernel(self.kernel)
        return ops.convolve_transpose(x, kernel, whole=whole, **self.place(whole))


class Conv1DTranspose(ConvTranspose):
    """The gradient of a Conv1D in its input, plus bias: (n, steps, channels) -> (n, new steps,
    filters).
    """

    samples = (
        Sample(((2, 5, 3),), {"filters": 2, "kernel_size": 3, "strides": 2}),
        Sample(
            ((2, 2, 5),),
            {"filters": 3, "kernel_size": 4, "strides": 2, "padding": "same"}
            | {"data_format": "channels_first"},
        ),
    )
    aliases = ("Convolution1DTranspose",)
    rank = 1


class Conv2DTranspose(ConvTranspose):
    """The gradient of a Conv2D in its input, plus bias: (n, h, w, channels) -> (n, new h, new w,
    filters).
    """

    samples = (
        Sample(((2, 4, 3, 3),), {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same"}),
        Sample(((1, 4, 5, 2),), {"filters": 3, "kernel_size": (3, 2), "dilation_rate": 2}),
        Sample(
            ((1, 4, 4, 2),),
            {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 1},
        ),
    )
    aliases = ("Convolution2DTranspose",)
