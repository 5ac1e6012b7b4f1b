"""Every layer, loss, metric and optimizer on the VM: results, gradients and what is written are
those of eager mode.

The programs of all cases are one: its kernels, some hundreds, are compiled together by all cores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.engine import nest
from framework.engine.compile.entries import entry_of
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.engine.program import Program
from framework.engine.tensor import Tensor
from framework.keras.configurable import registry
from tests.keras.cases import RUNS, SHAPES, WEIGHTS, draw, options_of, targets

pytestmark = pytest.mark.slow
KINDS = ("layer", "loss", "metric", "optimizer")
CASES = [(kind, *case) for kind in KINDS for case in RUNS[kind][1]()]


@dataclass
class Case:
    """call(*tensors) -> tensors; `state`: the Variables that it reads and writes."""

    call: Callable[..., list]
    arrays: list[np.ndarray]
    state: list[Any]

    def eagerly(self) -> list[np.ndarray]:
        """The results and the state behind a call; the state is put back."""
        before = self.values()
        results = [np.array(y) for y in self.call(*map(Tensor, self.arrays))]
        after = self.values()
        for v, value in zip(self.state, before, strict=True):
            v.assign(value)
        return [*results, *after]

    def values(self) -> list[np.ndarray]:
        """The values of the state."""
        return [np.array(v.array) for v in self.state]


def layer_case(name: str, number: int) -> Case:
    """The output in both modes, and the gradients of inputs and weights."""
    sample = registry("layer")[name].samples[number]
    arrays, layer = sample.arrays(number, np.float32), registry("layer")[name](**sample.attrs)
    layer(arrays if len(arrays) > 1 else arrays[0])
    weights = [0.3 * np.abs(draw(i, w.shape)) + 0.1 for i, w in enumerate(layer.get_weights())]
    layer.set_weights(weights)  # positive, as variances are, and so small that nothing saturates

    def call(*inputs: Tensor) -> list:
        x = list(inputs) if len(inputs) > 1 else inputs[0]
        floats = [t for t in inputs if t.dtype.is_floating]
        with tf.GradientTape() as tape:
            tape.watch(floats)
            y = layer(x, training=True)
            loss = sum(layer.losses, tf.reduce_sum(y * draw(9, tuple(y.shape))))
        grads = tape.gradient(loss, floats + layer.trainable_weights)
        found = [tf.convert_to_tensor(g) for g in grads if g is not None]
        return [y, layer(x, training=False), *found]

    return Case(call, arrays, list(layer.variables))


def loss_case(name: str, number: int) -> Case:
    """Values and gradients without and with weights."""
    options = options_of("loss", name, number)
    y, p = targets(name, options.get("from_logits", False))
    loss = registry("loss")[name](**options)

    def call(p: Tensor) -> list:
        found = []
        for weight in (None, WEIGHTS):
            with tf.GradientTape() as tape:
                tape.watch(p)
                value = loss(y, p, sample_weight=weight)
            found += [value, tape.gradient(value, p)]
        return found

    return Case(call, [p], [])


def metric_case(name: str, number: int) -> Case:
    """The result after two batches, one of them weighted."""
    metric, (y, p) = registry("metric")[name](**options_of("metric", name, number)), targets(name)
    metric(*((p,) if name in ("Mean", "Sum") else (y, p)))
    metric.reset_state()

    def call(*args: Tensor) -> list:
        metric.update_state(*args)
        metric.update_state(*args, sample_weight=WEIGHTS)
        return [metric.result()]

    return Case(call, [p] if name in ("Mean", "Sum") else [y, p], list(metric.variables))


def optimizer_case(name: str, number: int) -> Case:
    """Parameters and slots after two updates."""
    optimizer = registry("optimizer")[name](
        learning_rate=0.1, **options_of("optimizer", name, number)
    )
    variables = [keras.Variable(draw(i, s), name=f"v{i}") for i, s in enumerate(SHAPES)]
    optimizer.build(variables)

    def call(*grads: Tensor) -> list:
        optimizer.apply_gradients(zip(grads, variables))
        optimizer.apply_gradients(zip([g * 0.5 for g in grads], variables))
        return []

    grads = [draw(10 + i, s) for i, s in enumerate(SHAPES)]
    return Case(call, grads, [*variables, *optimizer.variables])


MAKE = {
    "layer": layer_case, "loss": loss_case, "metric": metric_case, "optimizer": optimizer_case,
}  # fmt: skip


def joined(programs: list[Program]) -> Program:
    """One Program that does what all do: slots have the same numbers nowhere else."""
    whole = Program()
    for p in programs:
        whole.inputs, whole.outputs = (*whole.inputs, *p.inputs), (*whole.outputs, *p.outputs)
        whole.lines += p.lines
        for mine, its in ((whole.specs, p.specs), (whole.constants, p.constants)):
            mine.update(its)
        whole.variables.update(p.variables)
    return whole


@pytest.fixture(scope="module")
def found() -> dict[tuple, tuple[list, list]]:
    """Of each case what eager mode gives, and what the VM does."""
    cases = {case: MAKE[case[0]](*case[1:]) for case in CASES}
    wanted = {case: made.eagerly() for case, made in cases.items()}
    programs = {case: trace(made.call, *made.arrays) for case, made in cases.items()}
    run = Executable(joined(list(programs.values())))
    refused = [line for line in run.callouts.values() if entry_of(run.program, line)]
    assert not [line.op.name for line in refused], "the compiler refuses a kernel"
    results = iter(run(*nest.flatten([made.arrays for made in cases.values()])))
    return {
        case: (wanted[case], [*[next(results) for _ in programs[case].outputs], *made.values()])
        for case, made in cases.items()
    }


@pytest.mark.parametrize("case", CASES, ids="-".join(["%s"] * 3).__mod__)
def test_the_vm_does_what_eager_mode_does(case, found):
    wanted, got = found[case]
    assert len(got) == len(wanted) > 0
    for g, w in zip(got, wanted, strict=True):
        assert g.shape == w.shape and g.dtype == w.dtype
        assert np.isfinite(w).all()
        np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-5 * np.abs(w).max(initial=0.0))
