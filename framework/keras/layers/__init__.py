"""Keras' layers."""

from framework.keras.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from framework.keras.layers.batch_normalization import BatchNormalization
from framework.keras.layers.dense import Dense
from framework.keras.layers.dropout import Dropout
from framework.keras.layers.identity import ActivityRegularization, Identity
from framework.keras.layers.input_layer import Input, InputLayer
from framework.keras.layers.input_spec import InputSpec
from framework.keras.layers.layer import Layer
from framework.keras.layers.layer_normalization import LayerNormalization
from framework.keras.layers.merge import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from framework.keras.layers.operation import Operation
from framework.keras.layers.rescaling import Rescaling
from framework.keras.layers.reshape import Flatten, Permute, RepeatVector, Reshape
