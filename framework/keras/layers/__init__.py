"""Keras' layers."""

from framework.keras.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from framework.keras.layers.attention import AdditiveAttention, Attention
from framework.keras.layers.batch_normalization import BatchNormalization
from framework.keras.layers.bidirectional import Bidirectional
from framework.keras.layers.convolution import Conv1D, Conv2D
from framework.keras.layers.convolution_transpose import Conv1DTranspose, Conv2DTranspose
from framework.keras.layers.dense import Dense
from framework.keras.layers.depthwise_convolution import (
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
)
from framework.keras.layers.dropout import Dropout
from framework.keras.layers.einsum_dense import EinsumDense
from framework.keras.layers.embedding import Embedding
from framework.keras.layers.global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
)
from framework.keras.layers.gru import GRU, GRUCell
from framework.keras.layers.identity import ActivityRegularization, Identity
from framework.keras.layers.input_layer import Input, InputLayer
from framework.keras.layers.input_spec import InputSpec
from framework.keras.layers.layer import Layer
from framework.keras.layers.layer_normalization import LayerNormalization
from framework.keras.layers.lstm import LSTM, LSTMCell
from framework.keras.layers.merge import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from framework.keras.layers.multi_head_attention import GroupQueryAttention, MultiHeadAttention
from framework.keras.layers.operation import Operation
from framework.keras.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from framework.keras.layers.rescaling import Rescaling
from framework.keras.layers.reshape import Flatten, Permute, RepeatVector, Reshape
from framework.keras.layers.resize import (
    Cropping1D,
    Cropping2D,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)
from framework.keras.layers.rms_normalization import RMSNormalization
from framework.keras.layers.rnn import RNN
from framework.keras.layers.simple_rnn import SimpleRNN, SimpleRNNCell
from framework.keras.layers.stacked_rnn_cells import StackedRNNCells
from framework.keras.layers.time_distributed import TimeDistributed
from framework.keras.layers.wrapper import Wrapper

AvgPool1D, AvgPool2D = AveragePooling1D, AveragePooling2D
Convolution1D, Convolution1DTranspose = Conv1D, Conv1DTranspose
Convolution2D, Convolution2DTranspose = Conv2D, Conv2DTranspose
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
MaxPool1D, MaxPool2D = MaxPooling1D, MaxPooling2D
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
