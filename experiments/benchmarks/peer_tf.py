"""One workload with TensorFlow and Keras: see timing.py for the arguments.

Modes: graph (tf.function), xla (jit_compile=True), predict (Model.predict).
"""

import os

import timing

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
with timing.Importing() as spent:
    import keras
    import tensorflow as tf
    from keras import layers

import numpy as np
from workloads import PREDICTIONS, batches

asked = timing.case()
name = asked.workload
MASK = np.tril(np.ones((128, 128), bool))


def mlp(*sizes: int) -> keras.Model:
    """Dense layers with relu between them."""
    hidden = [layers.Dense(n, "relu") for n in sizes[1:-1]]
    return keras.Sequential([keras.Input((sizes[0],)), *hidden, layers.Dense(sizes[-1])])


def convolution(units: int, **options) -> layers.Layer:
    """A 3x3 convolution that keeps the size."""
    return layers.Conv2D(units, 3, padding="same", **options)


def conv_net() -> keras.Model:
    """W4."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *(convolution(32, activation="relu"), layers.MaxPooling2D()),
            *(convolution(64, activation="relu"), layers.MaxPooling2D()),
            *(layers.Flatten(), layers.Dense(128, "relu"), layers.Dense(10)),
        ]
    )


def residual_net() -> keras.Model:
    """W5."""
    image = keras.Input((32, 32, 3))
    x = convolution(32)(image)
    for _ in range(4):
        y = layers.BatchNormalization()(convolution(32, use_bias=False)(x))
        x = layers.Add()([x, layers.ReLU()(y)])
    return keras.Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


class Attention(layers.Layer):
    """Causal self-attention with 4 heads, (batch, 128, 128) -> the same."""

    def __init__(self):
        super().__init__()
        self.qkv, self.out = layers.Dense(384), layers.Dense(128)

    def call(self, x):
        q, k, v = tf.unstack(
            tf.transpose(tf.reshape(self.qkv(x), (-1, 128, 3, 4, 32)), (2, 0, 3, 1, 4))
        )
        scores = tf.where(MASK, tf.matmul(q, k, transpose_b=True) * 32**-0.5, -1e30)
        seen = tf.transpose(tf.matmul(tf.nn.softmax(scores), v), (0, 2, 1, 3))
        return self.out(tf.reshape(seen, (-1, 128, 128)))


class Position(layers.Layer):
    """x plus one weight per position."""

    def build(self, shape):
        self.weight = self.add_weight(shape=(128, 128), initializer="random_normal")

    def call(self, x):
        return x + self.weight


def gpt() -> keras.Model:
    """W7."""
    tokens = keras.Input((128,), dtype="int32")
    x = Position()(layers.Embedding(96, 128)(tokens))
    for _ in range(4):
        x = layers.Add()([x, Attention()(layers.LayerNormalization()(x))])
        wide = layers.Dense(512)(layers.LayerNormalization()(x))
        wide = layers.Activation(lambda z: tf.nn.gelu(z, approximate=True))(wide)
        x = layers.Add()([x, layers.Dense(128)(wide)])
    return keras.Model(tokens, layers.Dense(96)(layers.LayerNormalization()(x)))


def recommender() -> keras.Model:
    """W8."""
    ids = keras.Input((2,), dtype="int32")
    user = layers.Embedding(100_000, 32)(ids[:, 0])
    item = layers.Embedding(100_000, 32)(ids[:, 1])
    deep = layers.Dense(1)(layers.Dense(32, "relu")(layers.Concatenate()([user, item])))
    return keras.Model(ids, keras.ops.sum(user * item, 1, keepdims=True) + deep)


MODELS = {
    "W1": lambda: mlp(16, 64, 64, 1),
    "W2": lambda: mlp(784, 512, 512, 10),
    "W3": lambda: mlp(1024, 4096, 4096, 1000),
    "W4": conv_net,
    "W5": residual_net,
    "W6": lambda: keras.Sequential([keras.Input((64, 32)), layers.LSTM(128), layers.Dense(10)]),
    "W7": gpt,
    "W8": recommender,
    "W8b": recommender,
}
MODELS |= dict.fromkeys(PREDICTIONS, MODELS["W2"])


def optimizer_of() -> keras.optimizers.Optimizer:
    """The optimizer of the workload."""
    if name in ("W3", "W5"):
        return keras.optimizers.SGD(1e-2, momentum=0.9)
    if name.startswith("W8"):
        return (keras.optimizers.SGD if name == "W8" else keras.optimizers.Adagrad)(1e-2)
    return (keras.optimizers.AdamW if name == "W7" else keras.optimizers.Adam)(1e-3)


def loss_of() -> keras.losses.Loss:
    """The loss of the workload."""
    if name == "W1":
        return keras.losses.MeanSquaredError()
    if name.startswith("W8"):
        return keras.losses.BinaryCrossentropy(from_logits=True)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def as_constants(x, y) -> tuple:
    """A batch; integers as int32."""
    return tuple(tf.constant(a if a.dtype == np.float32 else a.astype(np.int32)) for a in (x, y))


def training(model: keras.Model, is_xla: bool):
    """step(x, y): one update; the loss."""
    optimizer, loss_of_batch = optimizer_of(), loss_of()
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=is_xla)
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_of_batch(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    return step


def predicting(model: keras.Model, is_xla: bool):
    """step(x, y): the outputs."""
    forward = tf.function(lambda x: model(x, training=False), jit_compile=is_xla)
    return lambda x, y: forward(x)


tf.config.threading.set_intra_op_parallelism_threads(asked.threads)
tf.config.threading.set_inter_op_parallelism_threads(asked.threads)
keras.utils.set_random_seed(0)
model = MODELS[name]()
count = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
if asked.mode == "predict":
    run = timing.looped(lambda x, y: model.predict(x, 1000, verbose=0), len, batches(name))
else:
    made = predicting if name in PREDICTIONS else training
    step = made(model, asked.mode == "xla")
    run = timing.looped(step, lambda out: out.numpy(), [as_constants(*b) for b in batches(name)])
timing.report(run, asked, import_s=spent.seconds, parameters=count, version=tf.__version__)
