"""InputSpec: which shapes a layer takes."""

from __future__ import annotations

from typing import Any


class InputSpec:
    """What a layer wants of an input: InputSpec(dtype=None, shape=None, ndim=None, min_ndim=None,
    axes=None).
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: tuple | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
    ):
        self.dtype, self.shape = dtype, None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.min_ndim, self.max_ndim = min_ndim, max_ndim
        self.axes = dict(axes or {})
        if self.shape is not None:
            self.axes |= {i: n for i, n in enumerate(self.shape) if n is not None}

    def problem(self, shape: tuple) -> str | None:
        """Why `shape` does not fit, None if it does."""
        rank = len(shape)
        if self.ndim is not None and rank != self.ndim:
            return f"it has {rank} axes, wanted {self.ndim}"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"it has {rank} axes, wanted at least {self.min_ndim}"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"it has {rank} axes, wanted at most {self.max_ndim}"
        for axis, wanted in self.axes.items():
            if wanted is not None and shape[axis] not in (wanted, None):
                return f"axis {axis} has {shape[axis]} elements, wanted {wanted}"
        return None

    def __str__(self) -> str:
        if self.shape is not None:
            return str(self.shape).replace("None", "any")
        if set(self.axes) == {-1}:
            return f"(..., {self.axes[-1]})"
        parts = [f"{k}={v}" for k, v in vars(self).items() if v]
        return ", ".join(parts)


def check_inputs(layer: Any, inputs: list, specs: Any) -> None:
    """Raise a ValueError that names the layer, both shapes and what differs."""
    specs = list(specs) if isinstance(specs, (list, tuple)) else [specs]
    for i, (x, spec) in enumerate(zip(inputs, specs)):
        problem = (
            None
            if spec is None
            else spec.problem(x.array.shape if hasattr(x, "array") else x.shape)
        )
        if problem:
            which = f"input {i}" if len(specs) > 1 else "input"
            raise ValueError(
                f"layer '{layer.path}' ({type(layer).__name__}): {which} of shape "
                f"{tuple(x.shape)} does not fit "
                f"{spec}: {problem}"
            )
