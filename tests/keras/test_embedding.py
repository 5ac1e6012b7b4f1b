"""Embedding: rows of a table, their gradients, and what fit does with them."""

from __future__ import annotations

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.keras import layers

X = np.array([[1, 4, 4], [2, 0, 1]], np.int32)


def network(optimizer, is_eager=False) -> keras.Sequential:
    """A compiled classifier of sequences of 6 numbers below 20; the same weights each time."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            layers.Embedding(20, 8),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss=loss, metrics=["accuracy"], run_eagerly=is_eager)
    return model


def data(top: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Sequences, and whether they hold more numbers below 8 than others."""
    x = np.random.default_rng(0).integers(0, top, size=(200, 6)).astype(np.int32)
    return x, ((x < 8).sum(1) > 2).astype(np.int64)


def test_gradient_is_the_rows():
    layer = layers.Embedding(6, 2)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(X))
    g = tape.gradient(loss, layer.embeddings)
    assert isinstance(g, tf.IndexedSlices)
    assert g.indices.numpy().tolist() == X.ravel().tolist()
    np.testing.assert_array_equal(tf.convert_to_tensor(g)[:, 0], [1, 2, 1, 0, 2, 0])


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "float32"])
def test_numbers_of_any_dtype(dtype):
    layer = layers.Embedding(6, 2)
    y = layer(X.astype(dtype))
    assert y.dtype == "float32"
    np.testing.assert_array_equal(y, layer.embeddings.numpy()[X])


def test_negative_numbers_count_from_the_end():
    layer = layers.Embedding(6, 2)
    np.testing.assert_array_equal(layer(np.array([-1])), layer.embeddings.numpy()[[5]])


@pytest.mark.parametrize("wrong", [6, -7])
def test_number_out_of_range(wrong):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"is not in \[0, 6\)"):
        layers.Embedding(6, 2)(np.array([wrong]))


@pytest.mark.parametrize("is_eager", [False, True])
def test_number_out_of_range_in_fit(is_eager):
    x, y = data()
    x[150, 3] = 20
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"index 20 is not in \[0, 20\)"):
        network("sgd", is_eager).fit(x, y, batch_size=32, verbose=0)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_compiled_steps_are_eager_steps(optimizer):
    x, y = data()
    fitted = []
    for is_eager in (False, True):
        model = network(optimizer, is_eager)
        model.fit(x, y, batch_size=32, epochs=2, verbose=0)
        fitted.append(model.get_weights())
    for compiled, eager in zip(*fitted, strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_rows_that_were_not_read_stay(optimizer):
    x, y = data(top=10)
    model = network(optimizer)
    before = model.layers[0].embeddings.numpy()
    model.fit(x, y, batch_size=32, epochs=1, verbose=0)
    after = model.layers[0].embeddings.numpy()
    np.testing.assert_array_equal(after[10:], before[10:])
    assert (after[:10] != before[:10]).all()


def test_fit_learns():
    x, y = data()
    model = network(keras.optimizers.Adam(0.05))
    model.fit(x, y, batch_size=32, epochs=15, verbose=0)
    assert model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"] > 0.95


def test_table_to_start_from_and_files(tmp_path):
    table = np.arange(12, dtype=np.float32).reshape(6, 2)
    layer = layers.Embedding(6, 2, weights=table)
    assert layer.built and "weights" not in layer.get_config()
    model = keras.Sequential([keras.Input((3,), dtype="int32"), layer])
    model.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(again(X), table[X])


def test_what_is_not_there_says_so():
    with pytest.raises(NotImplementedError, match="mask_zero=True"):
        layers.Embedding(6, 2, mask_zero=True)
    with pytest.raises(NotImplementedError, match="lora"):
        layers.Embedding(6, 2, lora_rank=2)


@pytest.mark.parametrize("is_eager", [False, True])
def test_adagrad_on_rows_is_adagrad_on_all(is_eager):
    """Rows that occur several times count by their sum; the others stay."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 30, (64, 5)), rng.standard_normal((64, 1)).astype(np.float32)

    def trained(**options):
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [keras.Input((5,), dtype="int32"), keras.layers.Embedding(50, 4),
             keras.layers.Flatten(), keras.layers.Dense(1)]
        )  # fmt: skip
        model.compile(keras.optimizers.Adagrad(0.1, **options), "mse", run_eagerly=is_eager)
        model.fit(x, y, batch_size=16, epochs=3, verbose=0, shuffle=False)
        return model.get_weights()

    rows, whole = trained(), trained(clipvalue=1e6)  # what is clipped is made dense
    for a, b in zip(rows, whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
