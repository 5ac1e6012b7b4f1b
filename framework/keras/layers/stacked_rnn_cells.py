"""StackedRNNCells: cells on top of each other, as one cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framework.engine.tensor import Tensor
from framework.keras import configurable
from framework.keras.layers.layer import Layer
from framework.keras.layers.recurrent_cell import RecurrentCell, initial_state


class StackedRNNCells(Layer):
    """The output of each cell is the input of the next one; the states are those of all cells."""

    takes_floats = True

    def __init__(self, cells: list, **kwargs: Any):
        super().__init__(**kwargs)
        for cell in cells:
            if not hasattr(cell, "call"):
                raise ValueError(
                    "All cells must have a `call` method. Received cell without a `call` method: "
                    f"{cell}"
                )
            if not hasattr(cell, "state_size"):
                raise ValueError(
                    "All cells must have a `state_size` attribute. Received cell without a "
                    f"`state_size`: {cell}"
                )
        self.cells = list(cells)

    @property
    def state_size(self) -> list:
        """The sizes of each cell's states."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """The size of the last cell's output."""
        return output_size_of(self.cells[-1])

    def get_initial_state(self, batch_size: int | None = None) -> list:
        """Zeros for each cell."""
        return [first_state_of(cell, batch_size, self.compute_dtype) for cell in self.cells]

    def build(self, input_shape: tuple) -> None:
        """Builds the cells."""
        shape = tuple(input_shape)
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(shape)
            shape = (shape[0], output_size_of(cell))

    def call(self, inputs: Any, states: Any, training: Any = False) -> tuple:
        """One time step of all cells."""
        found = []
        for cell, state in zip(self.cells, states):
            is_list = isinstance(state, (list, tuple))
            given = list(state) if is_list else [state]
            if isinstance(cell, Layer):
                inputs, new = cell(inputs, given, training=training)
            else:
                inputs, new = cell.call(inputs, given)
            is_single = not is_list and isinstance(new, (list, tuple)) and len(new) == 1
            found.append(new[0] if is_single else new)
        return inputs, found[0] if len(found) == 1 else found

    def is_fused(self, training: Any) -> bool:
        """Whether all cells compute their time steps at once."""
        return len(self.cells) > 1 and all(
            isinstance(cell, RecurrentCell) and cell.is_fused(training) for cell in self.cells
        )

    def over_time(self, x: Tensor, states: list, training: Any) -> tuple[Callable, list]:
        """(function that gives the outputs, the last states) of inputs (t, batch, n)."""
        found, outputs = [], lambda: x
        for cell, state in zip(self.cells, states):
            is_list = isinstance(state, (list, tuple))
            given = list(state) if is_list else [state]
            outputs, new = cell.over_time(outputs(), given, training)
            found.append(new if is_list else new[0])
        return outputs, found

    @classmethod
    def from_config(cls, config: dict) -> Any:
        """The layer whose get_config gave `config`."""
        cells = [configurable.deserialize(cell, "layer") for cell in config["cells"]]
        return cls(**(config | {"cells": cells}))


def output_size_of(cell: Any) -> int:
    """The size of a cell's output: it says so, or it is that of its first state."""
    if getattr(cell, "output_size", None) is not None:
        return cell.output_size
    return cell.state_size[0] if isinstance(cell.state_size, (list, tuple)) else cell.state_size


def first_state_of(cell: Any, batch_size: int | None, dtype: str) -> Any:
    """What a cell says that it starts with, else zeros."""
    make = getattr(cell, "get_initial_state", None)
    if make is not None:
        return make(batch_size=batch_size)
    if isinstance(cell.state_size, int):
        return initial_state(batch_size, cell.state_size, dtype)
    return [initial_state(batch_size, n, dtype) for n in cell.state_size]
