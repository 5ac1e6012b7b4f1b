"""EinsumDense: a dense layer whose product is an einsum."""

from __future__ import annotations

import re
from typing import Any

from framework.engine import ops
from framework.engine.op import Sample
from framework.keras import activations
from framework.keras.initializers.random import VarianceScaling
from framework.keras.layers.input_spec import InputSpec
from framework.keras.layers.layer import Layer

FORMS = (
    ("([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)", False),
    ("0([a-zA-Z]+),([a-zA-Z]+)->0([a-zA-Z]+)", True),
    ("([a-zA-Z]{2,})0,([a-zA-Z]+)->([a-zA-Z]+)0", False),
)


class EinsumDense(Layer):
    """y = activation(einsum(equation, x, kernel) + bias).

    equation: "ab,bc->ac", with "..." in front of, or behind, input and output for axes that stay.
    output_shape: the shape of y without the batch; None: as in x. bias_axes: the letters of the
    output that the bias has; None: there is no bias. Shapes that do not fit raise ValueError.
    """

    samples = (
        Sample(
            ((2, 4, 3),), {"equation": "abc,cd->abd", "output_shape": (4, 5), "bias_axes": "d"}
        ),
        Sample(
            ((2, 4, 3),),
            {
                "equation": "abc,cde->abde", "output_shape": (4, 2, 3), "bias_axes": "de",
                "activation": "tanh",
            },
        ),
        Sample(((2, 3),), {"equation": "...x,xy->...y", "output_shape": 4}),
    )  # fmt: skip
    takes_floats = True
    kernel_initializer: Any
    kernel_regularizer: Any
    kernel_constraint: Any

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: None = None,
        lora_alpha: None = None,
        gptq_unpacked_column_size: None = None,
        quantization_config: None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not (
            lora_rank is lora_alpha is gptq_unpacked_column_size is quantization_config is None
        ):
            raise NotImplementedError("EinsumDense: lora and quantization are not there")
        self.equation, self.bias_axes = equation, bias_axes
        is_number = isinstance(output_shape, int)
        self.partial_output_shape = (output_shape,) if is_number else tuple(output_shape)
        self.activation = activations.get(activation)
        self.take_rules(locals())

    def build(self, input_shape: tuple) -> None:
        """The kernel has the second part of the equation as its axes, the bias those of bias_axes
        and 1 for those behind the first of them."""
        shapes = weight_shapes(
            self.equation, self.bias_axes, tuple(input_shape), self.partial_output_shape
        )
        kernel, bias, inputs, outputs, _ = shapes
        rule = self.kernel_initializer
        if isinstance(rule, VarianceScaling) and None in (rule.input_axes, rule.output_axes):
            axes = {"input_axes": inputs, "output_axes": outputs}
            rule = type(rule).from_config(rule.get_config() | axes)
        self.kernel = self.add_weight(
            kernel, rule, regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
            name="kernel",
        )  # fmt: skip
        self.bias = None if bias is None else self.ruled_weight("bias", bias)
        self.input_spec = InputSpec(ndim=len(input_shape))

    def call(self, x: Any, training: Any = None) -> Any:
        """activation(einsum(equation, x, kernel) + bias)"""
        y = ops.einsum(self.equation, x, self.kernel)
        if self.bias is not None:
            y = ops.add(y, self.bias)
        return activations.applied(self.activation, y)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The batch and output_shape, in which None stays None."""
        given = tuple(input_shape), self.partial_output_shape
        return weight_shapes(self.equation, self.bias_axes, *given)[-1]

    def get_config(self) -> dict:
        """The constructor's arguments that Keras writes."""
        config = super().get_config()
        for name in ("lora_rank", "lora_alpha", "gptq_unpacked_column_size"):
            config.pop(name, None)
        shape = self.partial_output_shape
        config |= {"output_shape": shape, "activity_regularizer": None}
        return config


def weight_shapes(equation: str, bias_axes: str | None, given: tuple, wanted: tuple) -> tuple:
    """(shape of the kernel, of the bias or None, axes of the kernel that are the input's, axes
    that are the output's, shape of the output) for inputs of the shape `given`."""
    dotted = equation.replace("...", "0")
    found = [(m, is_left) for text, is_left in FORMS if (m := re.match(text, dotted))]
    if not found:
        raise ValueError(
            f"Invalid einsum equation '{equation}'. Equations must be in the form "
            "[X],[Y]->[Z], ...[X],[Y]->...[Z], or [X]...,[Y]->[Z]...."
        )
    match, is_left = found[0]
    inputs, kernel, outputs = match.groups()
    elided = len(given) - len(inputs)
    if is_left:
        whole = (given[0], *given[1:elided], *wanted)
    else:
        whole = (given[0], *wanted, *given[len(given) - elided :][: max(elided, 0)])
    skipped = max(elided, 0) if is_left else 0
    sizes = {label: given[skipped + i] for i, label in enumerate(inputs)}
    made = {label: whole[skipped + i] for i, label in enumerate(outputs)}
    check_labels(sizes, made, kernel)
    shape = tuple([made[label] if label in made else sizes[label] for label in kernel])
    ours = [i for i, label in enumerate(kernel) if label not in made]
    theirs = [i for i, label in enumerate(kernel) if label in made]
    return (
        shape,
        bias_shape(bias_axes, outputs, whole[skipped:], 0 if is_left else elided),
        ours,
        theirs,
        whole,
    )


def check_labels(sizes: dict, made: dict, kernel: str) -> None:
    """ValueError unless the labels of input, kernel and output fit."""
    inputs, outputs = "".join(sizes), "".join(made)
    for label in inputs:
        if made.get(label) not in (None, sizes[label]):
            raise ValueError(
                f"Input shape and output shape do not match at shared dimension '{label}'. Input "
                f"shape is {sizes[label]}, and output shape is {made[label]}."
            )
    for label in without(outputs, inputs + kernel):
        raise ValueError(
            f"Dimension '{label}' was specified in the output '{outputs}' but has no "
            f"corresponding dim in the input spec '{inputs}' or weight spec '{outputs}'"
        )
    for label in without(kernel, inputs + outputs):
        raise ValueError(
            f"Weight dimension '{label}' did not have a match in either the input spec "
            f"'{inputs}' or the output spec '{outputs}'. For this layer, the weight must be "
            "fully specified."
        )


def without(labels: str, others: str) -> list[str]:
    """The labels that are not among the others."""
    return [label for label in labels if label not in others]


def bias_shape(bias_axes: str | None, outputs: str, sizes: tuple, behind: int) -> tuple | None:
    """The sizes of bias_axes where the output has them, 1 elsewhere, from the first of them on;
    `behind`: axes of the ellipsis that follow."""
    if bias_axes is None:
        return None
    for label in bias_axes:
        if label not in outputs:
            raise ValueError(
                f"Bias dimension '{label}' was requested, but is not part of the output spec "
                f"'{outputs}'"
            )
    first = min([outputs.find(label) for label in bias_axes])
    shape = [
        n if label in bias_axes else 1
        for i, (label, n) in enumerate(zip(outputs, sizes)) if i >= first
    ]  # fmt: skip
    return (*shape, *[1] * behind)
