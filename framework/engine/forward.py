"""ForwardAccumulator: derivatives carried along with the values, in the order of the computation.

The tangent of an op comes from its gradient rule. A rule g -> vjp(g) is linear in g, and the
transpose of the vjp is the jvp: <vjp(g), t> = <g, jvp(t)>. So the rule is recorded for some g and
differentiated with respect to g (the "double vjp" of J. Townsend, 2017; TensorFlow's forwardprop.py
does the same). Every op with a second derivative has its forward mode without a line of its own.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from framework.engine import nest
from framework.engine.active import ACTIVE, Recorder
from framework.engine.backward import apply_rule, filled_like
from framework.engine.program import Line
from framework.engine.slices import dense
from framework.engine.tape import GradientTape
from framework.engine.tensor import Tensor, as_tensor

LOG = logging.getLogger("framework")


class ForwardAccumulator(Recorder):
    """Jacobian-vector products: ForwardAccumulator(primals, tangents), a context manager.

    What is computed from `primals` (tensors or variables, a structure) inside the block has, by
    `jvp`, the derivative along `tangents` (the same structure). Costs about twice the forward pass,
    for any number of outputs. Around a GradientTape it gives Hessian-vector products:

        with tf.autodiff.ForwardAccumulator(w, v) as acc:
            with tf.GradientTape() as tape:
                loss = f(w)
            gradient = tape.gradient(loss, w)
        hv = acc.jvp(gradient)

    A custom_gradient is followed through its body. May be entered again. Raises ValueError for
    structures that differ, a tangent of another dtype, a primal given twice.
    """

    follows_bodies = True

    def __init__(self, primals: Any, tangents: Any):
        self._tangents: dict[int, Tensor] = {}
        self._kept: list[Tensor] = []  # primals: kept, so that their slots keep their meaning
        self._is_recording = False
        self._watch(primals, tangents)

    def _watch(self, primals: Any, tangents: Any) -> None:
        if nest.form_of(primals) != nest.form_of(tangents):
            raise ValueError(
                "ForwardAccumulator: The two structures don't have the same nested structure: "
                f"primals {primals}, tangents {tangents}"
            )
        for x, t in zip(nest.flatten(primals), nest.flatten(tangents), strict=True):
            if not isinstance(x, Tensor):
                raise TypeError(
                    f"ForwardAccumulator: a primal must be a tensor or variable, got {x!r}"
                )
            if x.array.dtype.kind != "f":
                LOG.warning("The dtype of the watched primal must be floating (e.g. tf.float32), "
                            "got %r", x.dtype)  # fmt: skip
            elif x.id in self._tangents:
                raise ValueError(
                    f"Tensor {x} was specified as a primal multiple times. This may indicate an "
                    "error. If it was intended, please sum the corresponding tangents."
                )
            else:
                self._tangents[x.id] = as_tensor(t, x.dtype)
                self._kept.append(x)

    def __enter__(self) -> ForwardAccumulator:
        if self._is_recording:
            raise ValueError("Accumulator is already recording.")
        ACTIVE.tapes, self._is_recording = (*ACTIVE.tapes, self), True
        return self

    def __exit__(self, *_) -> None:
        ACTIVE.tapes = tuple([tape for tape in ACTIVE.tapes if tape is not self])
        self._is_recording = False

    def watches(self, tensors: Any) -> bool:
        """Whether one of the tensors has a tangent."""
        return any([x.id in self._tangents for x in tensors])

    def record(self, op: Any, inputs: tuple, attrs: dict, outs: tuple) -> None:
        """Called by every op call of this thread while the accumulator is active."""
        if op.rule is None or not self.watches(inputs):
            return
        line = Line(op, tuple([x.id for x in inputs]), attrs, tuple([o.id for o in outs]),
                    op.values(inputs, outs))  # fmt: skip
        with self._hidden():
            tangents = jvp_of(line, [self._tangents.get(x.id) for x in inputs], outs)
        self._tangents.update({o.id: t for o, t in zip(outs, tangents) if t is not None})

    @contextlib.contextmanager
    def _hidden(self) -> Iterator[None]:
        """Within this block only what was active before this accumulator records: a nested one's
        tangents are values to the outer one, never the other way round."""
        active = ACTIVE.tapes
        outer = active[: active.index(self)] if self in active else active
        ACTIVE.tapes = outer
        try:
            yield
        finally:
            ACTIVE.tapes = active

    def jvp(self, primals: Any, unconnected_gradients: Any = "none") -> Any:
        """The derivatives of `primals` along the tangents, in their structure.

        unconnected_gradients: "none" or "zero", for what does not depend on the primals.
        """
        unconnected = getattr(unconnected_gradients, "value", unconnected_gradients)
        if unconnected not in ("none", "zero"):
            raise ValueError(f"Unknown value for unconnected_gradients: {unconnected_gradients!r}")

        def of(x: Tensor) -> Tensor | None:
            if not isinstance(x, Tensor):
                raise TypeError(f"jvp: got {x!r}, wanted a tensor or a variable")
            found = self._tangents.get(x.id)
            return filled_like(x, 0.0) if found is None and unconnected == "zero" else found

        return nest.map_structure(of, primals)


def jvp_of(line: Line, tangents: list, outs: tuple) -> list[Tensor | None]:
    """The tangents of a line's outputs for those of its inputs (None: no tangent)."""
    wants = [t is not None for t in tangents]
    floats = [i for i, o in enumerate(outs) if o.array.dtype.kind == "f"]
    if not floats:
        return [None] * len(outs)
    with GradientTape(watch_accessed_variables=False) as tape:
        g = [filled_like(o, 0.0) if i in floats else None for i, o in enumerate(outs)]
        seeds = [g[i] for i in floats]
        tape.watch(seeds)
        found = [dense(x) for x in apply_rule(line, g[0] if len(g) == 1 else tuple(g), wants)]
    both = [i for i, x in enumerate(found) if x is not None and wants[i]]
    along = [tangents[i] for i in both]
    made = tape.gradient([found[i] for i in both], seeds, output_gradients=along)
    known = dict(zip(floats, made, strict=True))
    return [known.get(i) for i in range(len(outs))]
