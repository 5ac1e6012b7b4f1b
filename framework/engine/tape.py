"""GradientTape: records what watched tensors flow through, and differentiates it."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from framework.engine import nest, ops, reasons
from framework.engine.active import ACTIVE, Recorder
from framework.engine.backward import filled_like, pullback
from framework.engine.errors import InvalidArgumentError, caller
from framework.engine.program import Line
from framework.engine.reasons import MANY_CUTS, Cut, warn_of_broadcast
from framework.engine.slices import IndexedSlices
from framework.engine.tensor import Tensor, as_tensor

LOG = logging.getLogger("framework")
SPENT = (
    "A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians)"
)


class GradientTape(Recorder):
    """Records the op calls that watched tensors flow through: GradientTape(persistent=False,
    watch_accessed_variables=True).

    Trainable Variables watch themselves when they are read. Nest tapes for higher orders.
    A tape may be entered again: it goes on recording, until `gradient` of a non-persistent tape,
    which works once, has freed what was recorded.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self._persistent, self._watches_variables = persistent, watch_accessed_variables
        self._is_recording = self._was_entered = self._is_spent = False
        self.forget()

    def reset(self) -> None:
        """Forget everything that was recorded and watched; ValueError unless it is recording."""
        if not self._is_recording:
            raise ValueError("Tape is not recording.")
        self.forget()

    def forget(self) -> None:
        """What `reset` does, at any time; not a name of TensorFlow's."""
        self._lines: list[Line] = []
        self._slots: set[int] = set()  # what is watched, or computed from it
        self._variables: dict[int, Any] = {}
        self._kept: list[
            Tensor
        ] = []  # watched tensors: kept, so that their slots keep their meaning
        self._unbuilt: list[Any] = []  # layers whose empty variables were watched
        self._cuts: list[Cut] = []  # where something watched went where no gradient comes from
        self._lost: set[int] = set()  # sources whose gradient was None: `explain` may be asked why
        self._is_spent = False

    def __enter__(self) -> GradientTape:
        if self._is_recording:
            raise ValueError(
                "Tape is still recording, This can happen if you try to re-enter an already-active "
                "tape."
            )
        if self._is_spent:  # what was recorded is gone: from here on it is a new tape
            self.forget()
        self._was_entered = True
        self._start()
        return self

    def __exit__(self, *_) -> None:
        if self._is_recording:
            self._stop()

    def _start(self) -> None:
        ACTIVE.tapes = (*ACTIVE.tapes, self)
        self._is_recording = True

    def _stop(self) -> None:
        ACTIVE.tapes = tuple([tape for tape in ACTIVE.tapes if tape is not self])
        self._is_recording = False

    def watch(self, tensor: Any) -> None:
        """Record what is computed from `tensor` (a tensor, a variable or a structure of them)."""
        layer = getattr(tensor, "layer", None)
        if layer is not None and not len(tensor):
            self._unbuilt.append(layer)
        for x in nest.flatten(tensor):
            if not isinstance(x, Tensor):
                raise ValueError(
                    f"Passed in object {x!r} of type {type(x).__name__!r}, not tf.Tensor or "
                    "tf.Variable"
                )
            if x.array.dtype.kind != "f":
                LOG.warning(
                    "The dtype of the watched tensor must be floating (e.g. tf.float32), got %r",
                    x.dtype,
                )
                continue
            self._slots.add(x.id)
            self._kept.append(x)
            if x.is_variable:
                self._variables[x.id] = x

    def watched_variables(self) -> tuple:
        """The Variables that are watched, in the order in which they were made."""
        return tuple([self._variables[id] for id in sorted(self._variables)])

    @contextlib.contextmanager
    def stop_recording(self):
        """Within this block nothing is recorded."""
        if not self._is_recording:
            kind = ValueError if self._was_entered else RuntimeError
            raise kind("Trying to stop recording a tape which is not recording.")
        self._stop()
        try:
            yield
        finally:
            if self._is_spent:
                self.forget()
            self._start()

    def watches(self, tensors: Any) -> bool:
        """Whether the tape would record a call on these tensors."""
        for x in tensors:
            if x.id in self._slots or (self._watches_variables and x.trainable):
                return True
        return False

    def record(self, op: Any, inputs: tuple, attrs: dict, outs: tuple) -> None:
        """Called by every op call of this thread while the tape is active."""
        slots, ids = self._slots, [x.id for x in inputs]
        if self._watches_variables:
            for x in inputs:
                if x.trainable and x.id not in slots:
                    self._variables[x.id] = x
                    if x.array.dtype.kind == "f":
                        slots.add(x.id)
        if slots.isdisjoint(ids):
            return
        if op.rule is None:
            self._note(op, ids)
            return
        made = [o.id for o in outs]
        for o in outs:
            if o.array.dtype.kind == "f":
                slots.add(o.id)
            else:
                self._note(op, ids)
        if len(ids) == 2 and op.scalar is not None:
            warn_of_broadcast(op, inputs[0].array.shape, inputs[1].array.shape)
        self._lines.append(Line(op, tuple(ids), attrs, tuple(made), op.values(inputs, outs)))

    def left(self, tensor: Any, op: Any = None) -> None:
        """Called when the value of a tensor is handed to NumPy or Python, or by an op that writes
        it into a Variable."""
        if self.watches((tensor,)):
            self._note(op, [tensor.id])

    def _note(self, op: Any, slots: list[int]) -> None:
        if len(self._cuts) < MANY_CUTS:  # asked first: who called takes as long as many an op
            self._cuts.append(Cut(op, slots, caller()))

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = "none",
    ) -> Any:
        """d target / d sources, in the structure of `sources`; several targets are summed.

        output_gradients: cotangents of the targets instead of ones. unconnected_gradients: "none"
        or "zero", what a source gets that the target does not depend on; `explain` says why it does
        not.
        """
        unconnected = self._check_call(unconnected_gradients)
        targets = [check_target(values_of(t)) for t in nest.flatten(target)]
        flat = [check_source(s) for s in nest.flatten(sources)]
        cotangents = start(
            targets, nest.flatten(output_gradients) if output_gradients is not None else []
        )
        with self._paused():
            watched = {s.id for s in flat if s.id in self._slots}
            found = pullback(self._lines, cotangents, watched) if targets else {}
            gradients = [self._pick(found, s, unconnected) for s in flat]
        if unconnected == "none":
            self._warn(flat, gradients)
        if targets:
            self._lost = {s.id for s, g in zip(flat, gradients, strict=True) if g is None}
        self._spend()
        return nest.pack_sequence_as(sources, gradients)

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: Any = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """d target / d sources, of shape target.shape + source.shape for each source.

        experimental_use_pfor: the pullbacks of all elements of the target run together, at most
        parallel_iterations of them at once (None: as many as take 64 MB); False: one by one.
        """
        # Loaded when asked for: most programs never do.
        from framework.engine.jacobian import Units, jacobian_of, pulled_back, zeros

        unconnected = self._check_call(unconnected_gradients)
        target, flat = check_target(target), [check_source(s) for s in nest.flatten(sources)]
        self._check_loop(experimental_use_pfor)
        units = Units(target, False, experimental_use_pfor, parallel_iterations)
        with self._paused():
            watched = {s.id for s in flat if s.id in self._slots and s.dtype.is_floating}
            is_known = target.array.dtype.kind == "f"
            rows = pulled_back(self._lines, units, watched) if is_known else {}
            found = [jacobian_of(rows, units, s) for s in flat]
            if unconnected == "zero":
                shape = tuple(target.shape)
                found = [
                    zeros((*shape, *s.shape), s) if j is None else j for j, s in zip(found, flat)
                ]
        self._spend()
        return nest.pack_sequence_as(sources, found)

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: Any = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Tensor:
        """[d target[i] / d source[i]] for the samples i of a batch, (batch, ...) +
        source.shape[1:]; target[i] must depend on source[i] alone. Zeros where unconnected. The
        last two arguments as in `jacobian`.
        """
        # Loaded when asked for: most programs never do.
        from framework.engine.jacobian import Units, batch_jacobian_of, pulled_back

        self._check_call(unconnected_gradients)
        target, source = check_target(target), check_source(source)
        self._check_loop(experimental_use_pfor)
        shapes = tuple(target.shape), tuple(source.shape)
        for shape in shapes:
            if len(shape) < 2:
                raise ValueError(f"Shape {shape} must have rank at least 2")
        if shapes[0][0] != shapes[1][0]:
            raise ValueError(
                f"Need first dimension of target shape ({shapes[0]}) and source shape "
                f"({shapes[1]}) to match."
            )
        units = Units(target, True, experimental_use_pfor, parallel_iterations)
        with self._paused():
            watched = {source.id} & self._slots if target.array.dtype.kind == "f" else set()
            rows = pulled_back(self._lines, units, watched)
            found = batch_jacobian_of(rows, units, source)
        self._spend()
        return found

    def _check_loop(self, is_together: bool) -> None:
        """One pullback after the other needs a persistent tape, as in TensorFlow."""
        if not (is_together or self._persistent or ACTIVE.trace):
            raise RuntimeError(
                "GradientTape must be created with persistent=True to compute the jacobian with "
                "eager execution enabled and with experimental_use_pfor set to False."
            )

    def _spend(self) -> None:
        """A tape that is not persistent has done its work. What led where is kept if `explain` may
        be asked, but no values, nor ops: the rule of a custom gradient has some."""
        if not self._persistent:
            lines = self._lines if self._lost else []
            self._lines = [Line(ops.identity, x.inputs, {}, x.outs, ()) for x in lines]
            self._is_spent, self._kept = True, []

    @contextlib.contextmanager
    def _paused(self):
        """Within this block a non-persistent tape does not record (its own gradient, say)."""
        pauses = self._is_recording and not self._persistent
        if pauses:
            self._stop()
        try:
            yield
        finally:
            if pauses:
                self._start()

    def _check_call(self, unconnected_gradients: Any) -> str:
        """Raise if gradient() cannot be called now; "none" or "zero"."""
        if self._is_spent:
            raise RuntimeError(SPENT)
        if not self._was_entered:
            raise RuntimeError(
                "gradient() of a GradientTape that was never entered: use it in a `with` block"
            )
        unconnected = getattr(unconnected_gradients, "value", unconnected_gradients)
        if unconnected not in ("none", "zero"):
            raise ValueError(f"Unknown value for unconnected_gradients: {unconnected_gradients!r}")
        return unconnected

    def _pick(self, found: dict, source: Tensor, unconnected: str) -> Tensor | None:
        if source.array.dtype.kind == "f" and source.id in found:
            return found[source.id]
        return filled_like(source, 0.0) if unconnected == "zero" else None

    def _warn(self, sources: list, gradients: list) -> None:
        """A None that has a reason worth a word is logged; the others wait for `explain`."""
        for source, g in zip(sources, gradients, strict=True):
            if g is None and source.array.dtype.kind != "f":
                LOG.warning("The dtype of the source tensor must be floating (e.g. "
                            "tf.float32) when calling "
                            "GradientTape.gradient, got %r", source.dtype)  # fmt: skip
        if self._unbuilt and any(g is None for g in gradients):
            LOG.warning("%s", reasons.watched_too_early(self._unbuilt))

    def explain(self, target: Any, sources: Any) -> Any:
        """One sentence: why d target / d source is None, or that it is not.

        Takes structures as `gradient` does: a sentence for each source, in the structure of
        `sources`. A non-persistent tape whose gradient() was called knows of the sources of which
        that gave None. Raises TypeError or ValueError for what `gradient` refuses.
        """
        targets = [check_target(values_of(t)) for t in nest.flatten(target)]
        flat = [check_source(s) for s in nest.flatten(sources)]
        if not flat or not targets:
            return reasons.nothing_given(sources, targets)
        said = [reasons.explain_all(self, targets, s) for s in flat]
        return nest.pack_sequence_as(sources, said)


def values_of(target: Any) -> Any:
    """Of IndexedSlices the values: their sum is that of the whole."""
    return target.values if isinstance(target, IndexedSlices) else target


def check_target(target: Any) -> Tensor:
    """A target must be a tensor of floats; integers have no gradient."""
    if target is None:
        raise TypeError("Target for gradient() is None")
    if not isinstance(target, Tensor):
        raise TypeError(
            f"Target for gradient() must be a tensor, got {type(target).__name__} {target!r}"
        )
    if target.array.dtype.kind != "f":
        LOG.warning("The dtype of the target tensor must be floating (e.g. tf.float32) when "
                    "calling "
                    "GradientTape.gradient, got %r", target.dtype)  # fmt: skip
    return target


def check_source(source: Any) -> Tensor:
    """A source must be a tensor or a variable."""
    if not isinstance(source, Tensor):
        kind = TypeError if source is None else ValueError
        raise kind(
            "Source for gradient() must be a tensor or variable, got "
            f"{type(source).__name__} {source!r}"
        )
    return source


def start(targets: list, output_gradients: list) -> dict[int, Tensor]:
    """The first cotangents: ones, or what the caller gives; summed where a target is named
    twice."""
    if any(g is None for g in output_gradients):
        raise ValueError(
            "Attempt to convert a value (None) with an unsupported type (<class 'NoneType'>) to a "
            "Tensor: give every output gradient, or none of them"
        )
    cotangents: dict[int, Tensor] = {}
    for i, t in enumerate(targets):
        given = output_gradients[i] if i < len(output_gradients) else None
        if t.array.dtype.kind != "f":
            continue
        if isinstance(given, Tensor) and given.array.dtype != t.array.dtype:
            raise InvalidArgumentError(
                f"output_gradients: number {i} has dtype {given.dtype.name}, its target "
                f"{t.dtype.name}"
            )
        g = filled_like(t, 1.0) if given is None else as_tensor(given, t.array.dtype)
        if g.array.shape != t.array.shape:
            try:
                g = ops.broadcast_to(g, shape=t.array.shape)
            except ValueError:
                raise InvalidArgumentError(
                    f"output_gradients: number {i} has shape {tuple(g.shape)}, its target "
                    f"{tuple(t.shape)}"
                ) from None
        cotangents[t.id] = cotangents[t.id] + g if t.id in cotangents else g
    return cotangents
