"""The contract of every metric; values against Keras are in test_goldens.py."""

from __future__ import annotations

import json

import numpy as np
import pytest

from framework import keras
from framework.engine.active import ACTIVE
from framework.engine.program import Program
from framework.keras.configurable import registry
from tests.keras.cases import METRICS, WEIGHTS, targets

CASES = [(name, i) for name, rows in METRICS.items() for i in range(len(rows))]
every_metric = pytest.mark.parametrize(("name", "number"), CASES)


def made(name, number):
    y, p = targets(name)
    args = (p,) if name in ("Mean", "Sum") else (y, p)
    return registry("metric")[name](**METRICS[name][number]), args


@every_metric
def test_config_gives_the_same_metric(name, number):
    metric, args = made(name, number)
    again = keras.metrics.get(json.loads(json.dumps(keras.metrics.serialize(metric))))
    assert float(again(*args)) == float(metric(*args))
    assert again.name == metric.name


@every_metric
def test_reset_starts_anew(name, number):
    metric, args = made(name, number)
    first = float(metric(*args))
    metric.reset_state()
    assert float(metric.result()) == 0.0
    assert float(metric(*args)) == first


@every_metric
def test_states_of_ranks_add_up(name, number):
    """The states say "sum": those of two halves, added, are those of the whole."""
    whole, args = made(name, number)
    whole.update_state(*args, sample_weight=WEIGHTS)
    halves = [made(name, number)[0] for _ in range(2)]
    for half, rows in zip(halves, (slice(0, 2), slice(2, None))):
        half.update_state(*[a[rows] for a in args], sample_weight=WEIGHTS[rows])
    for v, a, b in zip(whole.variables, halves[0].variables, halves[1].variables):
        assert v.aggregation == "sum"
        np.testing.assert_allclose(v.numpy(), a.numpy() + b.numpy(), rtol=1e-6)


@every_metric
def test_batch_without_rows_changes_nothing(name, number):
    metric, args = made(name, number)
    first = float(metric(*args))
    metric.update_state(*[a[:0] for a in args])
    assert float(metric.result()) == first


@every_metric
def test_update_and_result_can_be_traced(name, number):
    metric, args = made(name, number)
    wanted = float(made(name, number)[0](*args))
    ACTIVE.trace = program = Program()
    try:
        metric.update_state(*args)
        result = metric.result()
    finally:
        ACTIVE.trace = None
    assert float(metric.result()) == 0.0  # tracing wrote nothing
    program.outputs = (result.id,)
    assert float(program.run()[0]) == pytest.approx(wanted)


def test_accuracy_depends_on_the_shapes():
    resolve = keras.metrics.resolve
    column, rows, labels = np.zeros((4, 1)), np.zeros((4, 3)), np.zeros(4, int)
    assert type(resolve("accuracy", column, column)) is keras.metrics.BinaryAccuracy
    assert type(resolve("acc", rows, rows)) is keras.metrics.CategoricalAccuracy
    assert type(resolve("accuracy", labels, rows)) is keras.metrics.SparseCategoricalAccuracy
    assert resolve("acc", labels, rows).name == "acc"
    assert resolve("mse", rows, rows).name == "mse"
    assert resolve("huber", rows, rows).name == "huber"
    with pytest.raises(ValueError, match="did you mean"):
        resolve("acuracy", rows, rows)


def test_own_metric():
    class Largest(keras.metrics.Metric):
        def __init__(self, name="largest", **kwargs):
            super().__init__(name=name, **kwargs)
            self.value = self.add_weight(name="value", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.value.assign(max(float(self.value), float(np.max(y_pred))))

        def result(self):
            return self.value

    metric = Largest()
    assert float(metric(np.zeros(2), np.array([1.0, 5.0]))) == 5.0
    assert [v.path for v in metric.variables] == ["largest/value"]
