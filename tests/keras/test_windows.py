"""Layers over windows in models: fit of images, files, shapes, and errors in Keras' words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.data import sets
from framework.keras import layers
from tests.keras.cases import REFUSED, refusal

GOLDEN = Path(__file__).parents[1] / "golden" / "keras.json"
CHANNELS_FIRST = [
    (layers.Conv2D, {"filters": 4, "kernel_size": 3, "groups": 3, "padding": "same"}, 2),
    (layers.Conv2D, {"filters": 6, "kernel_size": 2, "groups": 3, "strides": (2, 1)}, 2),
    (layers.Conv1D, {"filters": 4, "kernel_size": 3, "padding": "causal"}, 1),
    (layers.SeparableConv2D, {"filters": 4, "kernel_size": 3, "dilation_rate": 2}, 2),
    (layers.DepthwiseConv2D, {"kernel_size": 3, "strides": (1, 2)}, 2),
    (layers.Conv2DTranspose, {"filters": 4, "kernel_size": 3, "strides": 2}, 2),
    (layers.AveragePooling2D, {"pool_size": 3, "padding": "same"}, 2),
    (layers.GlobalMaxPooling1D, {}, 1),
    (layers.UpSampling2D, {"size": (1, 3)}, 2),
    (layers.Cropping2D, {"cropping": 1}, 2),
]


def network(**options) -> keras.Sequential:
    """A compiled classifier of 8 x 8 images; the same weights each time."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.SeparableConv2D(16, 3, padding="same", activation="relu"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss=loss, metrics=["accuracy"], **options)
    return model


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 8, 8, 1) from 0 to 1, and their labels."""
    found = sets.load("digits")
    return found.x.reshape(-1, 8, 8, 1) / found.x.max(), found.y


def test_fit_learns_digits():
    x, y = digits()
    model = network()
    model.fit(x[:1500], y[:1500], batch_size=32, epochs=8, verbose=0)
    assert model.evaluate(x[1500:], y[1500:], verbose=0, return_dict=True)["accuracy"] > 0.85


def test_compiled_steps_are_eager_steps():
    x, y = digits()
    fitted = []
    for is_eager in (False, True):
        model = network(run_eagerly=is_eager)
        model.fit(x[:100], y[:100], batch_size=32, epochs=2, verbose=0)
        fitted.append(model.get_weights())
    for compiled, eager in zip(*fitted, strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_files(ending, tmp_path):
    x, _ = digits()
    model, path = network(), tmp_path / f"net{ending}"
    if ending == ".keras":
        model.save(path)
        again = keras.models.load_model(path)
    else:
        model.save_weights(path)
        again = network()
        again.set_weights([w * 0 for w in again.get_weights()])
        again.load_weights(path)
    np.testing.assert_array_equal(again(x[:4]), model(x[:4]))
    assert again.count_params() == 8 * 9 + 8 + 8 * 9 + 8 * 16 + 16 + 64 * 10 + 10


def test_shapes_with_unknown_image_size():
    images = keras.Input((None, None, 3))
    y = layers.MaxPooling2D()(layers.Conv2D(4, 3)(images))
    assert tuple(y.shape) == (None, None, None, 4)
    assert tuple(layers.Conv2D(4, 3, strides=2).compute_output_shape((None, 9, 8, 3))) == (
        None,
        4,
        3,
        4,
    )


@pytest.mark.parametrize(("cls", "options", "rank"), CHANNELS_FIRST, ids=lambda v: str(v)[:40])
def test_channels_first_is_the_transposed_layer(cls, options, rank):
    if options.get("groups") == 3:
        options = options | {"filters": 6}
    x = np.random.default_rng(0).normal(size=(2, *(7, 6)[:rank], 3)).astype(np.float32)
    last, first = cls(**options), cls(**options, data_format="channels_first")
    y = last(x)
    flipped = np.moveaxis(x, -1, 1)
    first.build(flipped.shape)
    first.set_weights(last.get_weights())
    got = first(flipped)
    wanted = np.moveaxis(y.numpy(), -1, 1) if y.ndim > 2 else y
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_causal_outputs_see_no_later_step():
    layer = layers.Conv1D(1, 3, padding="causal", dilation_rate=2)
    x = tf.constant(np.ones((1, 9, 1), np.float32))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)[0, 5, 0]
    assert np.flatnonzero(tape.gradient(y, x)[0, :, 0]).tolist() == [1, 3, 5]


def test_mean_over_a_mask():
    x = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    mask = np.array([[True, True, False], [False, True, False]])
    np.testing.assert_array_equal(
        layers.GlobalAveragePooling1D()(x, mask=mask), [[1.0, 2.0], [8.0, 9.0]]
    )


def test_a_nan_is_the_largest():
    x = np.zeros((1, 4, 4, 1), np.float32)
    x[0, 1, 2] = np.nan
    np.testing.assert_array_equal(layers.MaxPooling2D()(x)[0, :, :, 0], [[0.0, np.nan], [0.0, 0.0]])


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_refused_in_the_words_of_keras(number):
    kind, text = json.loads(GOLDEN.read_text())[f"refused/{number}"]
    got_kind, got = refusal(keras, number)
    assert got_kind == kind
    assert got.split("eceived")[0] == text.split("eceived")[0]


def test_wrong_rank_says_what_is_wanted():
    with pytest.raises(ValueError, match=r"\(2, 4, 4\), wanted \(batch, height, width, channels\)"):
        layers.Conv2D(2, 3)(np.ones((2, 4, 4), np.float32))
    with pytest.raises(ValueError, match="it has 4 axes, wanted 3"):
        layers.MaxPooling1D()(np.ones((2, 4, 4, 1), np.float32))


def test_what_is_not_there_says_so():
    with pytest.raises(NotImplementedError, match="interpolation is 'bilinear'"):
        layers.UpSampling2D(interpolation="bilinear")
    with pytest.raises(ValueError, match="Unrecognized keyword arguments .*data_format"):
        layers.Cropping1D(1, data_format="channels_first")
