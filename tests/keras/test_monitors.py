"""Which way a monitored number should go, columns of late validation, NaN among the top k."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from framework import keras

C, M = keras.callbacks, keras.metrics
X, Y = np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)


def fitted(callback, metrics=None, epochs=1, **options):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=metrics)
    model.fit(X, Y, epochs=epochs, verbose=0, callbacks=[callback], **options)
    return callback


class Mine(M.Mean):
    """Says nothing about its direction."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_pred)


class Rising(Mine):
    """Says so as metrics of Keras do."""

    _direction = "up"


def own_function(y_true, y_pred):
    return y_true - y_pred


KINDS = [
    lambda name: C.EarlyStopping(name),
    lambda name: C.ReduceLROnPlateau(name),
    lambda name: C.ModelCheckpoint(
        "w.safetensors", monitor=name, save_best_only=True, save_weights_only=True
    ),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "metrics", "rises"),
    [
        ("loss", None, False),
        ("val_loss", None, False),
        ("mse", ["mse"], False),
        ("acc", ["acc"], True),
        ("val_accuracy", ["accuracy"], True),
        ("accurate", [M.MeanSquaredError(name="accurate")], False),
        ("error", [M.BinaryAccuracy(name="error")], True),
        ("rising", [Rising(name="rising")], True),
        ("huber", [keras.losses.huber], False),
    ],
)
def test_the_metric_decides_not_its_name(kind, name, metrics, rises, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    callback = fitted(kind(name), metrics, validation_data=(X, Y))
    assert callback.rises() == rises
    assert callback.best is not None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "metrics"),
    [
        ("own_function", [own_function]),
        ("mine", [Mine(name="mine")]),
        ("los", None),
        ("learning_rate", None),
    ],
)
def test_where_nothing_tells_mode_must(kind, name, metrics):
    with pytest.raises(ValueError, match=rf"whether '{name}' should rise or fall.*mode='max'"):
        fitted(kind(name), metrics)


def test_an_own_metric_with_a_mode():
    callback = fitted(C.EarlyStopping("mine", mode="max"), [Mine(name="mine")])
    assert callback.rises() and callback.best is not None


def test_nan_is_never_the_best():
    callback = C.EarlyStopping("loss")
    assert not callback.is_better(float("nan"), None)
    assert callback.is_better(float("inf"), None)


@pytest.mark.parametrize("freq", [2, 3])
def test_columns_of_a_validation_that_comes_later(freq, tmp_path):
    path = tmp_path / "log.csv"
    fitted(C.CSVLogger(path), epochs=3, validation_data=(X, Y), validation_freq=freq)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert list(rows[0]) == ["epoch", "loss", "val_loss"]
    given = [row["val_loss"] != "NA" for row in rows]
    assert given == [(i + 1) % freq == 0 for i in range(3)]


NAN, INF = np.nan, np.inf
PREDICTIONS = np.array(
    [
        [0.1, 0.2, 0.7],
        [NAN, 0.2, 0.7],
        [NAN, NAN, NAN],
        [0.1, NAN, 0.7],
        [0.1, 0.2, INF],
        [0.1, 0.2, -INF],
        [0.5, 0.5, 0.5],
        [0.1, 0.7, 0.2],
    ],
    np.float32,
)
LABELS = np.full(8, 2)


@pytest.mark.parametrize(("k", "wanted"), [(1, 2 / 8), (2, 3 / 8), (5, 3 / 8)])
@pytest.mark.parametrize("eagerly", [False, True])
def test_rows_that_are_not_finite_are_wrong_at_any_k(k, wanted, eagerly):
    """As with TensorFlow's in_top_k."""
    for metric, y in (
        (M.SparseTopKCategoricalAccuracy(k, "top"), LABELS),
        (M.TopKCategoricalAccuracy(k, "top"), np.eye(3, dtype=np.float32)[LABELS]),
    ):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Identity()])
        metric.update_state(y, PREDICTIONS)
        assert float(metric.result()) == pytest.approx(wanted)
        metric.reset_state()
        loss = lambda y_true, y_pred: y_pred[:, 0] * 0.0
        model.compile("sgd", loss, metrics=[metric], run_eagerly=eagerly)
        found = model.evaluate(PREDICTIONS, y, verbose=0, return_dict=True)
        assert found["top"] == pytest.approx(wanted)


def test_labels_that_are_no_class_are_wrong():
    value = M.SparseTopKCategoricalAccuracy(k=5)(np.array([5, -1, 2]), PREDICTIONS[[0, 0, 0]])
    assert float(value) == pytest.approx(1 / 3)
