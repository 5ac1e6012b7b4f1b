"""Open sizes in tf.function: traced once, as in TensorFlow, and right for every size."""

import json
from pathlib import Path

import numpy as np
import pytest

import framework as tf
from tests.golden import open_more_cases  # noqa: F401  (its cases, too)
from tests.golden.open_cases import CASES

RECORDED = json.loads(Path(__file__).with_name("open.json").read_text())


@pytest.mark.parametrize("name", CASES)
def test_as_tensorflow(name):
    found = json.loads(json.dumps(CASES[name](tf)))
    same(found, RECORDED[name], name)


def same(found, recorded, where):
    """Equal structures, numbers up to rounding."""
    if isinstance(recorded, list):
        assert isinstance(found, list) and len(found) == len(recorded), (where, found, recorded)
        for i, (a, b) in enumerate(zip(found, recorded)):
            same(a, b, f"{where}/{i}")
    elif isinstance(recorded, dict):
        assert found.keys() == recorded.keys(), where
        for key in recorded:
            same(found[key], recorded[key], f"{where}/{key}")
    elif isinstance(recorded, float):
        assert found == pytest.approx(recorded, abs=3e-4, rel=1e-4), where
    else:
        assert found == recorded, where


STEPS = [
    lambda x, y, w: (x + y, y),
    lambda x, y, w: (x * tf.nn.sigmoid(y), x),
    lambda x, y, w: (tf.nn.softmax(x @ w), y),
    lambda x, y, w: (x - tf.reduce_mean(x, axis=1, keepdims=True), y),
    lambda x, y, w: (x / (1.0 + tf.reduce_sum(tf.square(y), axis=0)), y),
    lambda x, y, w: (tf.concat([x, y], axis=0), tf.concat([y, x], axis=0)),
    lambda x, y, w: (tf.reshape(tf.transpose(x), [-1, 3]), y),
    lambda x, y, w: (tf.reshape(x, [tf.shape(x)[0], 3]), tf.tanh(y)),
    lambda x, y, w: (tf.concat([x[:, 1:], y[:, :1]], axis=1), y),
    lambda x, y, w: (x[::-1], tf.reverse(y, [0])),
    lambda x, y, w: (tf.repeat(x, 2, axis=0), tf.tile(y, [2, 1])),
    lambda x, y, w: (x, tf.matmul(x, x, transpose_b=True) @ y),
    lambda x, y, w: (tf.einsum("ij,kj->ik", y, w), y),
    lambda x, y, w: (tf.where(x > y, x, 0.5 * y), tf.maximum(x, y)),
    lambda x, y, w: (tf.gather(x, [2, 0, 1], axis=1), tf.cumsum(y)),
    lambda x, y, w: (x * tf.cast(tf.shape(y)[0] + 1, tf.float32), y),
    lambda x, y, w: (x + tf.zeros([tf.shape(x)[0], 1]), tf.ones_like(y) * y),
    lambda x, y, w: (tf.reduce_sum(tf.stack([x, y], axis=1), axis=1), x),
    lambda x, y, w: (tf.pad(x, [[1, 0], [0, 0]]), tf.pad(y, [[0, 1], [0, 0]])),
    lambda x, y, w: (tf.sort(x, axis=0), y),
    lambda x, y, w: (x, tf.squeeze(tf.expand_dims(y, 1), axis=1)),
    lambda x, y, w: (tf.reduce_max(x, axis=1, keepdims=True) * y, x),
]


def composition(seed):
    """A function of three tensors, made of five steps, with its gradients."""
    rng = np.random.default_rng(seed)
    steps = [STEPS[i] for i in rng.integers(0, len(STEPS), 5)]

    def function(x, y, w):
        with tf.GradientTape() as tape:
            tape.watch([x, y, w])
            a, b = x, y
            for step in steps:
                a, b = step(a, b, w)
            loss = tf.reduce_sum(tf.tanh(a)) + tf.reduce_mean(tf.square(b), axis=0)[0]
        return [a, b, loss, *tape.gradient(loss, [x, y, w], unconnected_gradients="zero")]

    return function


@pytest.mark.parametrize("seed", range(40))
def test_any_composition_at_any_size(seed):
    function, rng = composition(seed), np.random.default_rng(seed)
    spec = tf.TensorSpec([None, 3])
    f = tf.function(function, input_signature=[spec, spec, tf.TensorSpec([3, 3])])
    for n in (4, 1, 0, 7):
        parts = [rng.normal(size=(k, 3)).astype(np.float32) for k in (n, n, 3)]
        inputs = [tf.constant(part) for part in parts]
        with np.errstate(all="ignore"):
            wanted, found = function(*inputs), f(*inputs)
        for a, b in zip(found, wanted, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-4, atol=1e-5)
    assert f.experimental_get_tracing_count() == 1
