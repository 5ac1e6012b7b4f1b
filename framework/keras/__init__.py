"""Keras 3's names: from framework import keras."""

from framework.engine import door
from framework.keras import (
    activations,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    saving,
    utils,
)
from framework.keras.initializers import Initializer
from framework.keras.layers import Input, InputSpec, Layer
from framework.keras.losses import Loss
from framework.keras.metrics import Metric
from framework.keras.models import Model, Sequential
from framework.keras.optimizers import Optimizer
from framework.keras.policy import DTypePolicy
from framework.keras.regularizers import Regularizer
from framework.keras.symbolic import KerasTensor
from framework.keras.variable import Variable

# Through vars(): a type checker goes on to see exactly the names that there are.
vars()["__getattr__"] = door.lacking(__name__, vars(), with_modules=True)
for _module in (activations, callbacks, constraints, initializers, layers, losses, metrics, models,
                optimizers, optimizers.schedules, regularizers, saving, utils):  # fmt: skip
    vars(_module)["__getattr__"] = door.lacking(_module.__name__, vars(_module))
