"""Small networks whose kernels many others share: kernels do not depend on sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework import keras
from framework.keras import layers

ROWS = 8


@dataclass
class Network:
    """A model, and what it is trained with."""

    inputs: Any
    targets: np.ndarray
    model: Any
    optimizer: Any
    loss: Any
    metrics: list | None = None
    rows: int = ROWS


def common() -> Iterator[Network]:
    """Dense, convolutional, recurrent and attention networks with the usual optimizers, losses and
    metrics."""
    yield from perceptrons()
    yield from images()
    yield from sequences()
    yield from embeddings()
    yield from losses()


NUMBERS = np.zeros((ROWS, 1), np.float32)
CLASSES = np.zeros(ROWS, np.int64)
ONE_HOT = np.eye(ROWS, 10, dtype=np.float32)


def of_rows(outputs: int, *inner: Any, activation: str | None = None) -> tuple[np.ndarray, Any]:
    """Rows of 16 numbers, and a model with these layers before the last one."""
    last = layers.Dense(outputs, activation=activation)
    return np.zeros((ROWS, 16), np.float32), keras.Sequential([keras.Input((16,)), *inner, last])


def logits() -> Any:
    """The usual loss of a classifier without a softmax."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def perceptrons() -> Iterator[Network]:
    """Perceptrons: each activation, normalisation and optimizer once."""
    optimizers = keras.optimizers

    def inner(activation: str) -> list[Any]:
        return [layers.Dense(32, activation=activation), layers.Dropout(0.1)]

    x, model = of_rows(1, layers.Dense(32, activation="relu"))
    yield Network(x, NUMBERS, model, "adam", "mse", ["mae"])
    classifiers = [
        (inner("relu"), "adam"),
        ([*inner("gelu"), layers.LayerNormalization()], "adamw"),
        ([layers.Dense(32, activation="tanh"), layers.BatchNormalization()], "rmsprop"),
        ([*inner("silu"), layers.RMSNormalization()], "adagrad"),
        (inner("relu"), optimizers.SGD(0.1, momentum=0.9)),
        (inner("sigmoid"), optimizers.SGD(0.1)),
        (inner("relu"), optimizers.Adam(optimizers.schedules.CosineDecay(1e-3, 100), clipnorm=1.0)),
    ]
    for parts, optimizer in classifiers:
        x, model = of_rows(10, *parts)
        yield Network(x, CLASSES, model, optimizer, logits(), ["accuracy"])


def images() -> Iterator[Network]:
    """Convolutional networks, with and without batch normalisation."""
    x = np.zeros((ROWS, 8, 8, 1), np.float32)
    plain = [
        layers.Conv2D(8, 3, padding="same", activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(8, 3, activation="relu"), layers.Flatten(), layers.Dropout(0.1),
    ]  # fmt: skip
    normal = [
        layers.Conv2D(8, 3, padding="same", use_bias=False), layers.BatchNormalization(),
        layers.ReLU(), layers.Conv2D(8, 3, strides=2, padding="same"), layers.AveragePooling2D(2),
        layers.GlobalAveragePooling2D(),
    ]  # fmt: skip
    for inner, optimizer in ((plain, "adam"), (normal, keras.optimizers.SGD(0.1, momentum=0.9))):
        last = layers.Dense(10, activation="softmax")
        model = keras.Sequential([keras.Input((8, 8, 1)), *inner, last])
        yield Network(x, CLASSES, model, optimizer, "sparse_categorical_crossentropy", ["accuracy"])


def sequences() -> Iterator[Network]:
    """Recurrent networks, and a block of a transformer for tokens."""
    x = np.zeros((ROWS, 6, 4), np.float32)
    for inner in ([layers.LSTM(8)], [layers.GRU(8)], [layers.LSTM(8, return_sequences=True),
                                                     layers.LSTM(8)]):  # fmt: skip
        model = keras.Sequential([keras.Input((6, 4)), *inner, layers.Dense(10)])
        yield Network(x, CLASSES, model, "adam", logits(), ["accuracy"])
    tokens = np.zeros((ROWS, 6), np.int64)
    inputs = keras.Input((6,), dtype="int64")
    h = layers.Embedding(16, 8)(inputs)
    a = layers.LayerNormalization()(h)
    h = h + layers.MultiHeadAttention(2, 4, dropout=0.1)(a, a, use_causal_mask=True)
    b = layers.LayerNormalization()(h)
    h = h + layers.Dense(8)(layers.Dropout(0.1)(layers.Dense(16, activation="gelu")(b)))
    outputs = layers.Dense(16)(layers.LayerNormalization()(h))
    yield Network(tokens, tokens, keras.Model(inputs, outputs), "adamw", logits(), ["accuracy"])


def embeddings() -> Iterator[Network]:
    """Rows of tables, whose gradients are sparse, with each rule of updates."""
    ids = np.zeros((ROWS, 2), np.int64)
    for optimizer in ("sgd", "adagrad", "adam"):
        model = keras.Sequential(
            [keras.Input((2,), dtype="int64"), layers.Embedding(16, 8), layers.Flatten(),
             layers.Dense(8, activation="relu"), layers.Dense(1, activation="sigmoid")]
        )  # fmt: skip
        yield Network(ids, NUMBERS, model, optimizer, "binary_crossentropy", ["accuracy"])


def losses() -> Iterator[Network]:
    """The other losses, and metrics beside them."""
    for loss, metrics in (
        ("mae", ["mse", keras.metrics.RootMeanSquaredError()]),
        ("huber", ["mse"]),
        (keras.losses.BinaryCrossentropy(from_logits=True), [keras.metrics.BinaryAccuracy()]),
    ):
        x, model = of_rows(1)
        yield Network(x, NUMBERS, model, "sgd", loss, metrics)
    for loss, activation in (
        ("categorical_crossentropy", "softmax"),
        (keras.losses.CategoricalCrossentropy(from_logits=True), None),
    ):
        x, model = of_rows(10, activation=activation)
        yield Network(x, ONE_HOT, model, "sgd", loss, ["accuracy"])
