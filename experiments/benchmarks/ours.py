"""One workload with this framework, compiled: see timing.py for the arguments.

Modes: compiled (steps as `fit` runs them; predictions by tf.function), predict (Model.predict),
profile (the lines of the program with their times, as text).
"""

import functools
import sys

import timing

with timing.Importing() as spent:
    import framework as tf
    from framework import keras
    from framework.keras import layers

from workloads import PREDICTIONS, WORKLOADS, batches


class RowSum(layers.Layer):
    """(batch, n) -> (batch, 1)."""

    def call(self, x):
        return tf.reduce_sum(x, axis=1, keepdims=True)


def mlp(*sizes: int) -> keras.Model:
    """Dense layers with relu between them."""
    hidden = [layers.Dense(n, activation="relu") for n in sizes[1:-1]]
    return keras.Sequential([keras.Input((sizes[0],)), *hidden, layers.Dense(sizes[-1])])


def convolution(units: int, **options) -> layers.Layer:
    """A 3x3 convolution that keeps the size."""
    return layers.Conv2D(units, 3, padding="same", **options)


def conv_net() -> keras.Model:
    """W4."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            convolution(32, activation="relu"),
            layers.MaxPooling2D(),
            convolution(64, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10),
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


def recommender() -> keras.Model:
    """W8: the product of two embeddings and a network on both."""
    ids = keras.Input((2,), dtype="int32")
    user = layers.Embedding(100_000, 32)(ids[:, 0])
    item = layers.Embedding(100_000, 32)(ids[:, 1])
    deep = layers.Dense(32, activation="relu")(layers.Concatenate()([user, item]))
    return keras.Model(ids, RowSum()(user * item) + layers.Dense(1)(deep))


class Position(layers.Layer):
    """x (batch, length, width) plus one vector for each place."""

    def build(self, input_shape):
        self.table = self.add_weight(input_shape[1:], "random_normal", name="table")

    def call(self, x):
        return x + self.table


def gpt(width: int = 128, heads: int = 4, depth: int = 4, tokens: int = 96) -> keras.Model:
    """W7."""
    ids = keras.Input((128,), dtype="int64")
    x = Position()(layers.Embedding(tokens, width)(ids))
    for _ in range(depth):
        y = layers.LayerNormalization(epsilon=1e-5)(x)
        y = layers.MultiHeadAttention(heads, width // heads)(y, y, use_causal_mask=True)
        x = layers.Add()([x, y])
        y = layers.Dense(4 * width)(layers.LayerNormalization(epsilon=1e-5)(x))
        y = layers.Dense(width)(layers.Activation(gelu)(y))
        x = layers.Add()([x, y])
    return keras.Model(ids, layers.Dense(tokens)(layers.LayerNormalization(epsilon=1e-5)(x)))


def gelu(x):
    """x (1 + tanh(...)) / 2, as the peers compute it."""
    return keras.activations.gelu(x, approximate=True)


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
SGD = ("W3", "W5")


def compiled(name: str) -> keras.Model:
    """The model of a workload with its optimizer and its loss."""
    model = MODELS[name]()
    optimizer = keras.optimizers.Adam(1e-3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if name in SGD:
        optimizer = keras.optimizers.SGD(1e-2, momentum=0.9)
    elif name.startswith("W8"):
        kind = keras.optimizers.SGD if name == "W8" else keras.optimizers.Adagrad
        optimizer, loss = kind(1e-2), keras.losses.BinaryCrossentropy(from_logits=True)
    elif name == "W7":
        optimizer = keras.optimizers.AdamW(1e-3, weight_decay=0.01)
    elif name == "W1":
        loss = keras.losses.MeanSquaredError()
    model.compile(optimizer, loss)
    return model


def training(name: str, model: keras.Model):
    """run(count): steps as fit runs them, whole epochs without Python."""
    import numpy as np

    from framework.keras.training.arrays import as_rows

    x, y = (np.concatenate(part) for part in zip(*batches(name)))
    runner = model.runner("train", as_rows(x, y), WORKLOADS[name].batch)

    def run(count: int) -> None:
        while count > 0:
            if runner.cursor == runner.steps:
                runner.cursor = 0
            chunk = min(count, runner.steps - runner.cursor)
            runner.run(chunk)
            count -= chunk
        if not runner.is_compiled:
            missing("its step cannot be compiled")

    return run


def predicting(name: str, model: keras.Model, mode: str):
    """run(count): outputs for the same rows again and again."""
    ((x, _),) = batches(name)
    if mode == "predict":
        return timing.looped(lambda x: model.predict(x, 1000, verbose=0), len, [(x,)])
    forward = tf.function(lambda x: model(x, training=False))
    return timing.looped(forward, lambda out: out.numpy(), [(tf.constant(x),)])


def report_of(name: str, model: keras.Model, profile: int = 0):
    """The Report of the program of a step, or of the outputs; profile: times of so many steps."""
    x, y = batches(name)[0]
    if name in PREDICTIONS:
        forward = tf.function(lambda x: model(x, training=False))
        return forward.program(tf.constant(x), profile=profile)
    return model.program(x, y, batch_size=len(x), profile=profile)


def arena(name: str, model: keras.Model) -> dict[str, int]:
    """Bytes of the memory that a program plans for its values, and without reuse of any."""
    plan = report_of(name, model).executable.plan
    return {"arena": plan.size, "arena_naive": plan.naive}


def missing(reason: str) -> None:
    """Say that there is nothing to measure, and end."""
    timing.tell({"missing": reason})
    sys.exit()


def main() -> None:
    """Measure what the arguments say."""
    asked = timing.case()
    if asked.workload not in MODELS:
        missing("layers that it needs are not there yet")
    # The driver sets the thread variables, which BLAS has read by now.
    keras.utils.set_random_seed(0)
    model = compiled(asked.workload)
    if asked.mode == "profile":
        timing.tell({"profile": str(report_of(asked.workload, model, profile=20))})
        return
    if asked.workload in PREDICTIONS:
        run = predicting(asked.workload, model, asked.mode)
    else:
        run = training(asked.workload, model)
    count = sum(v.shape.num_elements() for v in model.trainable_variables)
    timing.report(
        run,
        asked,
        functools.partial(arena, asked.workload, model),
        import_s=spent.seconds,
        parameters=count,
        version=tf.RELEASE,
    )


if __name__ == "__main__":
    main()
