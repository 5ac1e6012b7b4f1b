"""Losses, steps and metrics of the user's own, on batches that ranks cannot share evenly; rank 0
writes histories and weights of every case to argv[1] (.npz)."""

import sys

import numpy as np

import framework as tf
from framework import distributed, keras
from framework.keras import layers

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(13, 3)).astype("float32"), rng.normal(size=(13, 1)).astype("float32")
CASES = {}


def case(make):
    CASES[make.__name__] = make
    return make


def squares(a, b):
    return tf.square(a - b)


def dense(**options):
    return layers.Dense(1, kernel_initializer="ones", **options)


def stack(*between, loss="mse", **options):
    model = keras.Sequential([keras.Input((3,)), dense(), *between])
    model.compile(keras.optimizers.SGD(0.05), loss, **options)
    return model


class Own(keras.Model):
    """Base of models with steps of their own."""

    def __init__(self):
        super().__init__()
        self.dense = dense()

    def call(self, x):
        return self.dense(x)


def compiled(cls, loss="mse", **options):
    model = cls()
    model.compile(keras.optimizers.SGD(0.05), loss, **options)
    return model


@case
def scalar_loss():
    return stack(loss=lambda a, b: tf.reduce_mean(squares(a, b)))


@case
def flat_loss():
    return stack(loss=lambda a, b: tf.reshape(squares(a, b), (-1,)))


@case
def sum_loss():
    return stack(loss=keras.losses.MeanSquaredError(reduction="sum"))


@case
def own_loss_object():
    class Mine(keras.losses.Loss):
        def call(self, a, b):
            return tf.reduce_mean(squares(a, b), axis=-1)

    return stack(loss=Mine())


class Adds(layers.Layer):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, x):
        self.add_loss(self.function(tf.square(x)))
        return x


@case
def added_mean():
    return stack(Adds(tf.reduce_mean))


@case
def regularized():
    return stack(dense(kernel_regularizer="l2", activity_regularizer="l1"))


@case
def own_compute_loss():
    class Model(Own):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            return tf.reduce_mean(squares(y, y_pred)) * 3.0

    return compiled(Model, loss=None)


def step(model, data, loss_of):
    x, y = data[:2]
    with tf.GradientTape() as tape:
        loss = loss_of(model, x, y, model(x, training=True))
    variables = model.trainable_variables
    model.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    return loss


@case
def own_step():
    class Model(Own):
        def train_step(self, data):
            loss = step(self, data, lambda m, x, y, p: m.compute_loss(x=x, y=y, y_pred=p))
            return {"loss": loss, "twice": loss * 2.0}

        def test_step(self, data):
            return {"worst": tf.reduce_mean(tf.abs(self(data[0]) - data[1]))}

    return compiled(Model)


@case
def own_step_with_a_mean():
    class Model(Own):
        def train_step(self, data):
            return {"loss": step(self, data, lambda m, x, y, p: tf.reduce_mean(squares(y, p)))}

    return compiled(Model)


@case
def own_metric_attribute():
    class Model(Own):
        def __init__(self):
            super().__init__()
            self.tracker = keras.metrics.Mean(name="mine")

        def train_step(self, data):
            loss = step(self, data, lambda m, x, y, p: tf.reduce_mean(squares(y, p)))
            self.tracker.update_state(loss, sample_weight=None)
            return {"mine": self.tracker.result()}

    return compiled(Model, loss=None)


@case
def step_around_ours():
    class Model(Own):
        def train_step(self, data):
            return {**super().train_step(data), "one": 1.0}

    return compiled(Model)


class Total(keras.metrics.Metric):
    """Its result is its state."""

    def __init__(self, name="total"):
        super().__init__(name=name)
        self.sum = self.add_variable((), name="sum")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.sum.assign_add(tf.reduce_sum(tf.abs(y_true)))

    def result(self):
        return self.sum


@case
def metrics():
    def batch_mean(a, b):
        return tf.reduce_mean(squares(a, b))

    return stack(metrics=[Total(), batch_mean, "mae"], weighted_metrics=["mse"])


@case
def dropout_of_shared_and_folded_rows():
    drop = [layers.Dropout(0.5, noise_shape=(1, 20), seed=1), layers.Reshape((4, 5))]
    model = keras.Sequential([keras.Input((3,)), layers.Dense(20, kernel_initializer="ones")])
    for layer in (*drop, Folds(), layers.Flatten(), dense()):
        model.add(layer)
    model.compile(keras.optimizers.SGD(0.001), "mse")
    return model


@case
def dropout_of_states():
    layer = layers.GRU(4, recurrent_dropout=0.5, dropout=0.3, seed=3, reset_after=False)
    steps = [keras.Input((3,)), layers.Dense(16, kernel_initializer="ones"), layers.Reshape((8, 2))]
    model = keras.Sequential([*steps, layer, dense()])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


@case
def dropout_of_attention():
    return compiled(Attends)


class Attends(Own):
    """Attention that drops probabilities: of one head, and of two."""

    def __init__(self):
        super().__init__()
        self.heads = layers.MultiHeadAttention(2, 3, dropout=0.5, seed=3, use_bias=False)
        self.one = layers.Attention(dropout=0.5, seed=4)

    def call(self, x):
        rows = tf.stack([x, 2.0 * x, x * x, x - 1.0, tf.sin(x)], axis=1)
        y = self.one([rows, rows]) + self.heads(rows, rows, use_causal_mask=True)
        return self.dense(tf.reduce_mean(y, axis=1))


class Folds(layers.Layer):
    """Dropout on rows that are pieces of samples."""

    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5, seed=2)

    def call(self, x):
        return tf.reshape(self.drop(tf.reshape(x, (-1, 5))), (-1, 4, 5))


results = {}
for name, make in CASES.items():
    for eager in (False, True):
        keras.utils.set_random_seed(5)
        model = make()
        model.run_eagerly = eager
        options = {"batch_size": 4, "epochs": 2, "verbose": 0, "validation_data": (X[:5], Y[:5])}
        history = model.fit(X, Y, **options).history
        one = np.ravel(model.train_on_batch(X[:1], Y[:1]))
        two = np.ravel(model.test_on_batch(X[:7], Y[:7]))
        weights = [np.ravel(w) for w in model.get_weights()]
        logs = [np.ravel(history[key]) for key in sorted(history)]
        results[f"{name}{'/eager' * eager}"] = np.concatenate([*logs, one, two, *weights])
distributed.check_same("weights and logs", results)
if distributed.is_root():
    np.savez(sys.argv[1], **{key.replace("/", "-"): value for key, value in results.items()})
