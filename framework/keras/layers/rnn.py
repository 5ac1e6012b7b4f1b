"""RNN: a cell, called for one time step after the other."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from framework.engine import nest, ops
from framework.engine.compile.scan import is_tracing, scanned
from framework.engine.ops.recurrence import rows_after
from framework.engine.tensor import Tensor
from framework.keras import configurable
from framework.keras.layers.input_spec import InputSpec
from framework.keras.layers.layer import Layer
from framework.keras.layers.recurrent_cell import RecurrentCell, initial_state
from framework.keras.layers.stacked_rnn_cells import StackedRNNCells
from framework.keras.step.deferred import update_later
from framework.keras.variable import Variable

FEW = 4  # steps that are traced one by one


class RNN(Layer):
    """y = the last output of cell(x[:, i], states) over i, or all with return_sequences.

    x (batch, t, ...), y (batch, units) or (batch, t, units); return_state: the last states follow.
    go_backwards: from the last step on. stateful: a call starts where the one before it ended; the
    batch must have a fixed size. cell: one with `call(inputs, states)` and `state_size`, or a list
    of them. unroll means nothing here: in a compiled step the time steps of our own cells are one
    line, an op or a loop; those of a cell that you wrote, or that has a layer as its activation,
    are lines of their own.
    """

    takes_floats = True

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        cell = StackedRNNCells(list(cell)) if isinstance(cell, (list, tuple)) else cell
        check_cell(cell)
        self.cell = cell
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful, self.unroll = go_backwards, stateful, unroll
        self.zero_output_for_mask = zero_output_for_mask
        size = cell.state_size
        self.state_size = [size] if isinstance(size, int) else list(size)
        self._rnn_states: list[Variable] | None = None

    def build(self, sequences_shape: tuple, initial_state_shape: Any = None) -> None:
        """Builds the cell; makes the states of a stateful layer."""
        self._check_unroll(sequences_shape)
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
        if self.stateful and self._rnn_states is None:
            if sequences_shape[0] is None:
                raise ValueError(
                    "When using `stateful=True` in a RNN, the batch size must be static. Found "
                    f"dynamic batch size: sequence.shape={tuple(sequences_shape)}"
                )
            self._rnn_states = [
                Variable(
                    state.numpy(), trainable=False, dtype=self.variable_dtype, name="rnn_state"
                )
                for state in nest.flatten(self.get_initial_state(sequences_shape[0]))
            ]

    def _check_unroll(self, sequences_shape: tuple) -> None:
        if self.unroll and sequences_shape[1] is None:
            raise ValueError(
                "Cannot unroll a RNN if the time dimension is undefined. \n"
                "- If using a Sequential model, specify the time dimension by passing an "
                "`Input()` as your first layer.\n"
                "- If using the functional API, specify the time dimension by passing a `shape` "
                "or `batch_shape` argument to your `Input()`."
            )

    @property
    def states(self) -> list | None:
        """The states of a stateful layer, as Variables; None before it is built."""
        if self._rnn_states is None:
            return None
        return nest.pack_sequence_as(self._structure(), self._rnn_states)

    def get_initial_state(self, batch_size: int) -> list:
        """What the cell starts with: zeros."""
        make = getattr(self.cell, "get_initial_state", None)
        if make is None:
            dtype = getattr(self.cell, "compute_dtype", self.compute_dtype)
            return [initial_state(batch_size, n, dtype) for n in self.state_size]
        states = make(batch_size=batch_size)
        return list(states) if isinstance(states, (list, tuple)) else [states]

    def reset_state(self) -> None:
        """The states of a stateful layer become zeros."""
        for state in self._rnn_states or ():
            state.assign(ops.zeros_like(state))

    reset_states = reset_state

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False
    ) -> Any:
        """The output, or (output, *states). mask (batch, t): at a step where it is False the output
        and the states stay what they are."""
        if mask is not None and self.return_sequences:
            raise NotImplementedError(
                f"layer '{self.path}' ({type(self).__name__}): mask with return_sequences: outputs "
                "carry no mask to the layers and losses that follow here"
            )
        states = self._first_states(sequences, initial_state)
        x, mask = ops.swapaxes(sequences, 0, 1), None if mask is None else by_steps(mask)
        if self.go_backwards:
            x, mask = ops.flip(x, axis=0), None if mask is None else ops.flip(mask, axis=0)
        cells = [cell for cell in cells_of(self.cell) if isinstance(cell, RecurrentCell)]
        try:
            for cell in cells:
                cell.share_choices(True)
            outputs, last, states = self._run(x, states, training, mask)
        finally:
            for cell in cells:
                cell.share_choices(False)
        self._keep(states)
        y = ops.swapaxes(outputs(), 0, 1) if self.return_sequences else last
        return (y, *states) if self.return_state else y

    def _run(
        self, x: Tensor, states: list, training: Any, mask: Any
    ) -> tuple[Callable, Tensor, list]:
        """(function of all outputs, the last output, the last states) of x (t, batch, ...)."""
        is_fused = getattr(self.cell, "is_fused", None)
        if mask is None and is_fused is not None and x.ndim == 3 and is_fused(training):
            outputs, states = self.cell.over_time(x, states, training)
            return outputs, nest.flatten(states[-1] if is_stacked(self.cell) else states)[0], states
        if not x.array.shape[0]:
            raise ValueError(f"layer '{self.path}' ({type(self).__name__}): got no time steps")
        rows, outputs, y = [x] if mask is None else [x, mask], [], None
        if self._may_scan(x):  # the first step draws what all steps share
            y, states = self._step([part[0] for part in rows], y, states, training)
            outputs, rows = [y], [rows_after(part) for part in rows]
            made = self._scanned(rows, y, states, training)
            if made is not None:
                return made
        for row in zip(*[ops.unstack(part) for part in rows], strict=True):
            y, states = self._step(row, y, states, training)
            outputs.append(y)
        return (lambda: ops.stack(outputs)), outputs[-1], states

    def _may_scan(self, x: Tensor) -> bool:
        """Whether the steps are to become one line of a trace: those of cells that are known to do
        nothing but to compute."""
        steps = x.array.shape[0]
        is_long = is_tracing() and type(steps) is int and steps > FEW
        return is_long and all([is_plain(cell) for cell in cells_of(self.cell)])

    def _scanned(self, rows: list, y: Tensor, states: list, training: Any) -> tuple | None:
        """_run for the steps that follow on one which gave y and the states, as one line; None if
        they do more than to compute."""
        count, is_masked = len(nest.flatten(states)), len(rows) > 1
        place = count - len(nest.flatten(states[-1])) if is_stacked(self.cell) else 0
        place = count if is_masked else place  # where y is among what goes on

        def step(*values: Tensor) -> list:
            row, given = values[: len(rows)], list(values[len(rows) :])
            packed = nest.pack_sequence_as(states, given[:count])
            y, new = self._step(row, given[-1], packed, training)
            return [*nest.flatten(new), *([y] if is_masked else [])]

        found = scanned(step, rows, [*nest.flatten(states), *([y] if is_masked else [])])
        if found is None:
            return None
        ends = [state[-1] for state in found]
        outputs = functools.partial(ops.concatenate, (ops.expand_dims(y, axis=0), found[place]))
        return outputs, ends[place], nest.pack_sequence_as(states, ends[:count])

    def _step(
        self, row: Sequence, before: Tensor | None, states: list, training: Any
    ) -> tuple[Tensor, list]:
        """(output, states) of the cell for one time step, row = (x,) or (x, mask): where the mask
        is False the output (zeros at first) and the states stay what they are `before`."""
        if isinstance(self.cell, Layer):
            y, new = self.cell(row[0], states, training=training)
        else:
            y, new = self.cell.call(row[0], states)
        new = list(new) if isinstance(new, (list, tuple)) else [new]
        if len(row) == 1:
            return y, new
        before = ops.zeros_like(y) if before is None else before
        pairs = zip(nest.flatten(new), nest.flatten(states), strict=True)
        kept = [ops.where(row[1], after, state) for after, state in pairs]
        return ops.where(row[1], y, before), nest.pack_sequence_as(new, kept)

    def _first_states(self, sequences: Tensor, given: Any) -> list:
        batch = sequences.array.shape[0]
        if self._rnn_states is not None and batch != self._rnn_states[0].array.shape[0]:
            raise ValueError(
                "If an RNN is stateful, the batch size of the input sequences must be the same as "
                "the batch size of the initial state. \n"
                f"- Expected batch size: {self._rnn_states[0].array.shape[0]}\n"
                f"- Received batch size: {batch}"
            )
        if given is not None:
            given = list(given) if isinstance(given, (list, tuple)) else [given]
            found, wanted = len(nest.flatten(given)), len(nest.flatten(self._structure()))
            if found != wanted:
                raise ValueError(
                    f"layer '{self.path}' ({type(self).__name__}): initial_state has {found} "
                    f"tensors, wanted {wanted}"
                )
            return given
        if self._rnn_states is not None:
            read = [ops.identity(state) for state in self._rnn_states]
            return nest.pack_sequence_as(self._structure(), read)
        return self.get_initial_state(batch)

    def _structure(self) -> list:
        """How the states are nested."""
        return self.get_initial_state(0)

    def _keep(self, states: list) -> None:
        """A stateful layer goes on from these states."""
        for variable, state in zip(self._rnn_states or (), nest.flatten(states)):
            update_later(functools.partial(keep, variable, state))

    @classmethod
    def from_config(cls, config: dict) -> Any:
        """The layer whose get_config gave `config`."""
        return cls(configurable.deserialize(config["cell"], "layer"), **without(config, "cell"))


class RecurrentLayer(RNN, register=False):
    """Base of the layers that make their cell from their own arguments, which stay with it."""

    def __init__(self, cell: RecurrentCell, use_cudnn: Any = "auto", **kwargs: Any):
        super().__init__(cell, **kwargs)
        self.input_spec = InputSpec(ndim=3)
        if use_cudnn not in ("auto", True, False):
            raise ValueError(
                "Invalid valid received for argument `use_cudnn`. Expected one of {'auto', True, "
                f"False}}. Received: use_cudnn={use_cudnn}"
            )
        self.use_cudnn = use_cudnn

    def __getattr__(self, name: str) -> Any:
        cell = vars(self).get("cell")
        if cell is not None and not name.startswith("_"):
            return getattr(cell, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False
    ) -> Any:
        """The output, or (output, *states)."""
        if self.use_cudnn is True:
            raise ValueError(
                "use_cudnn=True was specified, but cuDNN is not supported for this layer "
                "configuration with this backend. Pass use_cudnn='auto' to fallback to a "
                "non-cuDNN implementation."
            )
        return super().call(sequences, initial_state, mask, training)

    def get_config(self) -> dict:
        """The constructor's arguments that Keras writes."""
        config = without(super().get_config(), "cell", "use_cudnn")
        return config | {"activity_regularizer": configurable.serialize(self.activity_regularizer)}

    @classmethod
    def from_config(cls, config: dict) -> Any:
        """The layer whose get_config gave `config`."""
        return cls(**config)


def by_steps(mask: Any) -> Tensor:
    """A mask (batch, t) as bools (t, batch, 1)."""
    return ops.expand_dims(ops.swapaxes(ops.cast(mask, dtype="bool"), 0, 1), axis=2)


def check_cell(cell: Any) -> None:
    """ValueError, in Keras' words, unless cell has what RNN calls."""
    if not hasattr(cell, "call"):
        raise ValueError(f"Argument `cell` should have a `call` method. Received: cell={cell}")
    if not hasattr(cell, "state_size"):
        raise ValueError(
            "The RNN cell should have a `state_size` attribute (single integer or list of "
            f"integers, one integer per RNN state). Received: cell={cell}"
        )
    if not isinstance(cell.state_size, (list, tuple, int)):
        raise ValueError(
            "state_size must be an integer, or a list/tuple of integers (one for each state "
            "tensor)."
        )


def cells_of(cell: Any) -> list:
    """The cells of a stack; of another cell itself."""
    return cell.cells if is_stacked(cell) else [cell]


def is_plain(cell: Any) -> bool:
    """Whether a step of a cell is known to do nothing but to compute: one of ours, with functions
    that are no layers."""
    is_ours = isinstance(cell, RecurrentCell) and type(cell).__module__.startswith("framework.")
    return is_ours and not any(
        [isinstance(f, Layer) for f in (cell.activation, cell.recurrent_activation)]
    )


def is_stacked(cell: Any) -> bool:
    """Whether a cell is a stack of cells."""
    return isinstance(cell, StackedRNNCells)


def without(config: dict, *names: str) -> dict:
    """The config without these entries."""
    return {key: value for key, value in config.items() if key not in names}


def keep(variable: Any, state: Tensor) -> None:
    """The Variable holds the state."""
    variable.assign(ops.stop_gradient(state))
