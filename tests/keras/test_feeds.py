"""fit, evaluate and predict of a tf.data.Dataset: as real Keras, compiled as eagerly."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path

import numpy as np
import pytest

import framework as tf
from framework import keras
from tests.golden import record_feeds
from tests.golden.record_feeds import FITS, X, Y, model_of, pairs

GOLDEN = json.loads((Path(__file__).parent / "feeds.json").read_text())


@pytest.mark.parametrize("name", FITS)
def test_like_real_keras(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that data ran out: see below
        ours = record_feeds.run(tf, name)
    want = GOLDEN[name]
    assert ours.get("error") == want.get("error")
    if "error" in want:
        return
    assert list(ours["history"]) == list(want["history"])
    assert ours["steps"] == want["steps"]
    for key, column in want["history"].items():
        np.testing.assert_allclose(ours["history"][key], column, rtol=2e-5, err_msg=key)
    for key in ("batches", "evaluate", "evaluate 2", "predict", "predict x"):
        np.testing.assert_allclose(ours[key], want[key], rtol=2e-4, atol=1e-6, err_msg=key)


def test_batches_of_a_data_set_train_as_arrays_do():
    one, other = model_of(keras), model_of(keras)
    one.fit(X, Y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    other.fit(pairs(tf), epochs=3, shuffle=False, verbose=0)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_eager_steps_are_compiled_steps():
    weights = []
    for is_eager in (False, True):
        model = model_of(keras)
        model.compile("adam", "mse", run_eagerly=is_eager)
        model.fit(pairs(tf), epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_random_stages_are_drawn_anew_in_every_epoch():
    seen = []

    class Seen(keras.Model):
        def train_step(self, data):
            seen.append(np.asarray(data[0])[:, 0].tolist())
            return {"loss": 0.0}

    tf.random.set_seed(0)
    numbers = np.arange(8, dtype="float32")[:, None]
    model = Seen()
    model.compile(run_eagerly=True)
    rows = tf.data.Dataset.from_tensor_slices((numbers, numbers))
    model.fit(rows.shuffle(8).batch(8), epochs=3, shuffle=False, verbose=0)
    assert len(seen) == 3
    assert [sorted(epoch) for epoch in seen] == [list(range(8))] * 3
    assert seen[0] != seen[1] != seen[2]


def test_a_warning_says_that_shuffle_is_for_arrays():
    with pytest.warns(UserWarning, match="`shuffle=True` was passed, but will be ignored"):
        model_of(keras).fit(pairs(tf), verbose=0)


def test_a_warning_says_that_the_data_ran_out():
    data = pairs(tf).filter(lambda x, y: tf.shape(x)[0] > 3)
    with pytest.warns(UserWarning, match="Your input ran out of data"):
        model_of(keras).fit(data, steps_per_epoch=5, shuffle=False, verbose=0)


def test_a_batch_size_beside_a_data_set_is_told(caplog):
    with caplog.at_level(logging.WARNING, "framework"):
        model_of(keras).evaluate(pairs(tf), batch_size=3, verbose=0)
    assert "batch_size=3: a data set's batches are taken as they are" in caplog.text


@pytest.mark.parametrize(
    ("caller", "data", "words"),
    [
        ("fit", lambda: pairs(tf).repeat(), "fit: the data set has no end, so give steps_per_"),
        ("evaluate", lambda: pairs(tf).repeat(), "evaluate: the data set has no end, so give"),
        ("predict", lambda: pairs(tf).repeat(), "predict: the data set has no end, so give steps"),
        ("fit", lambda: pairs(tf).take(0), "fit: the data set is empty"),
        ("fit", lambda: pairs(tf).map(lambda x, y: (x, y, y, y)), "Data is expected to be in"),
        ("fit", lambda: pairs(tf).map(lambda x, y: x), "targets y are missing"),
        ("fit", lambda: pairs(tf).map(lambda x, y: (x[:, :2], y)), "axis 1 has 2 elements, wanted"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(caller, data, words):
    model = model_of(keras)
    options = {"shuffle": False} if caller == "fit" else {}
    with pytest.raises(ValueError, match=words):
        getattr(model, caller)(data(), verbose=0, **options)


def test_an_error_of_the_users_map_comes_through():
    def bad(x, y):
        raise KeyError("mine")

    def late(i):
        if int(i) == 2:
            raise KeyError("mine")
        return X[:2], Y[:2]

    with pytest.raises(KeyError, match="mine"):
        pairs(tf).map(bad)
    with pytest.raises(KeyError, match="mine"):
        model_of(keras).fit(tf.data.Dataset.range(5).map(late), shuffle=False, verbose=0)


def test_a_loss_that_is_nan_names_the_step():
    x = X.copy()
    x[9] = np.nan
    data = tf.data.Dataset.from_tensor_slices((x, Y)).batch(4)
    stop = keras.callbacks.TerminateOnNaN(error=True)
    with pytest.raises(FloatingPointError, match="epoch 1, step 3 of 3"):
        model_of(keras).fit(data, shuffle=False, verbose=0, callbacks=[stop])


def test_validation_split_is_for_arrays():
    with pytest.raises(ValueError, match="only supported for tensors or NumPy arrays"):
        model_of(keras).fit(pairs(tf), validation_split=0.2, verbose=0)


def with_empty_batches(places, x=X, y=Y, known=True):
    """Batches of four rows, and batches without rows before some of them."""
    data = tf.data.Dataset.from_tensors((x[:0], y[:0])).take(0)
    for i in range(len(x) // 4 + 1):
        empty = tf.data.Dataset.from_tensors((x[:0], y[:0])).repeat(places.count(i))
        rows = slice(4 * i, 4 * i + 4)
        data = data.concatenate(empty)
        if len(x[rows]):
            data = data.concatenate(tf.data.Dataset.from_tensors((x[rows], y[rows])))
    return data if known else data.filter(lambda *_: True)


@pytest.mark.parametrize("is_eager", [False, True])
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("places", [(0,), (2,), (1, 1, 2)])
def test_batches_without_rows_are_left_out(places, known, is_eager, caplog):
    x, y = X[: len(X) // 4 * 4], Y[: len(X) // 4 * 4]
    found = []
    for data in (with_empty_batches((), x, y), with_empty_batches(places, x, y, known)):
        model = model_of(keras)
        model.compile("adam", "mse", metrics=["mae"], run_eagerly=is_eager)
        history = model.fit(data, epochs=2, shuffle=False, verbose=0).history
        results = model.evaluate(data, verbose=0), model.predict(data, verbose=0)
        found.append((history, *results, model.get_weights()))
    (plain, *others), (history, *results) = found
    assert plain == history
    for a, b in zip(tf.nest.flatten(others), tf.nest.flatten(results), strict=True):
        np.testing.assert_array_equal(a, b)
    assert caplog.text.count("fit: a batch without rows is left out") == 1


def test_only_batches_without_rows_are_an_empty_data_set():
    model = model_of(keras)
    model.compile("sgd", "mse")
    data = with_empty_batches((0, 0), X[:0], Y[:0])
    with pytest.raises(ValueError, match="is empty: it has only batches without rows"):
        model.fit(data, verbose=0, shuffle=False)
