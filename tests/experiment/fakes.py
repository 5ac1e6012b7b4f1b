"""Small stand-ins for what Keras registers, so that reading experiments is tested on its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from framework.experiment.catalog import Catalog
from framework.experiment.check import check
from framework.experiment.yaml_reader import read


class Thing:
    """Remembers its arguments."""

    def __init__(self, name: str | None = None, **kwargs):
        self.given = {"name": name, **kwargs}


class Layer(Thing):
    def __init__(self, name: str | None = None, trainable: bool = True):
        super().__init__(name=name, trainable=trainable)


class Flatten(Layer):
    pass


class Dense(Layer):
    def __init__(
        self,
        units: int,
        activation: str | Callable | None = None,
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if units <= 0:
            raise ValueError(f"Dense: units is {units}, wanted 1 or more")
        self.units, self.activation = units, activation
        self.kernel_initializer, self.kernel_regularizer = kernel_initializer, kernel_regularizer


class Dropout(Layer):
    def __init__(self, rate: float, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate


class Reshape(Layer):
    def __init__(self, target_shape: tuple[int, ...], **kwargs):
        super().__init__(**kwargs)


class Padding(Layer):
    def __init__(self, padding: Literal["valid", "same"] = "valid", **kwargs):
        super().__init__(**kwargs)


class HeNormal(Thing):
    def __init__(self, seed: int | None = None):
        self.seed = seed


class L2:
    def __init__(self, l2=0.01):
        self.l2 = l2


class SparseCategoricalCrossentropy(Thing):
    def __init__(self, from_logits: bool = False):
        self.from_logits = from_logits


class Adam(Thing):
    def __init__(self, learning_rate=1e-3, beta_1: float = 0.9, **kwargs):
        super().__init__(**kwargs)
        self.learning_rate = learning_rate


class CosineDecay(Thing):
    def __init__(self, initial_learning_rate: float, decay_steps: int, alpha: float = 0.0):
        self.decay_steps = decay_steps


class EarlyStopping(Thing):
    def __init__(self, monitor: str = "val_loss", min_delta=0, patience=0, mode="auto"):
        self.monitor, self.patience = monitor, patience


class CSVLogger(Thing):
    def __init__(self, filename: str):
        self.filename = filename


class LambdaCallback(Thing):
    def __init__(self, on_epoch_end: Callable | None = None):
        pass


class SparseCategoricalAccuracy(Thing):
    pass


def relu(x):
    return x


REGISTRIES = {
    "layer": {c.__name__: c for c in (Flatten, Dense, Dropout, Reshape, Padding)},
    "initializer": {"HeNormal": HeNormal, "he_normal": HeNormal, "glorot_uniform": HeNormal},
    "regularizer": {"L2": L2, "l2": L2},
    "activation": {"relu": relu, "softmax": relu},
    "loss": {
        "SparseCategoricalCrossentropy": SparseCategoricalCrossentropy,
        "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    },
    "metric": {"SparseCategoricalAccuracy": SparseCategoricalAccuracy, "mae": Thing},
    "optimizer": {"Adam": Adam, "adam": Adam},
    "schedule": {"CosineDecay": CosineDecay},
    "callback": {c.__name__: c for c in (EarlyStopping, CSVLogger, LambdaCallback)},
}

GOOD = """\
name: mine
seed: 3
data:
  name: digits
  validation: 0.1
  test: 10
model:
  - Flatten
  - Dense: {units: 16, activation: relu}
  - Dropout:
      rate: 0.5
  - Dense: {units: 10}
loss: sparse_categorical_crossentropy
metrics: [accuracy]
optimizer: {name: Adam, learning_rate: 1e-3}
callbacks:
  - EarlyStopping: {patience: 3}
epochs: 2
"""


def catalog() -> Catalog:
    """A Catalog over the stand-ins."""
    return Catalog(REGISTRIES.__getitem__)


def checked(text: str, settings=()):
    """The Plan of an experiment's text."""
    from framework.experiment.overrides import apply

    source = read(text, "mine.yaml")
    apply(source, settings)
    return check(source, catalog())
