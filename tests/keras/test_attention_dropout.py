"""Dropout of attention: the choices are those of Dropout on all scores, which are never stored."""

from __future__ import annotations

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.engine.compile.trace import trace
from framework.engine.op import OPS
from framework.engine.tensor import Spec, Tensor
from tests.keras.attention_cases import GROUPS, HEADS, draw

DROP, GRAD = OPS["attention_dropout"], OPS["attention_dropout_grad"]
OPEN = np.ones((1, 1, 1, 1), bool)
STATE = np.array([2**40 + 17, 3])
LAYERS = [
    ("MultiHeadAttention", HEADS),
    ("MultiHeadAttention", HEADS | {"sliding_window": 2}),
    ("GroupQueryAttention", GROUPS),
    ("Attention", {}),
    ("Attention", {"use_scale": True}),
]


def layer_of(name, options, **more):
    """(layer with dropout and set weights, its call)"""
    layer = getattr(keras.layers, name)(**options, dropout=0.4, seed=5, **more)

    def call(x, **kwargs):
        return layer([x, x] if name == "Attention" else x, *[x] * (name != "Attention"), **kwargs)

    call(draw(0, (3, 7, 6)))
    layer.set_weights([draw(20 + i, w.shape) * 0.5 for i, w in enumerate(layer.get_weights())])
    return layer, call


def both_orders(layer, call, x, **kwargs):
    """The result, its gradients and gradients of those."""
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = call(x, training=True, **kwargs)
            y = y[0] if isinstance(y, tuple) else y
            loss = tf.reduce_sum(y * y)
        sources = [x, *[v.value for v in layer.trainable_weights]]
        found = tape.gradient(loss, sources, unconnected_gradients="zero")
        size = tf.add_n([tf.reduce_sum(g * g) for g in found])
    return [y, *found, outer.gradient(size, x)]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("name", "options"), LAYERS)
def test_is_what_dropout_of_all_scores_gives(name, options, causal):
    """With return_attention_scores the scores are made, and Dropout is called on them."""
    x, found = tf.constant(draw(1, (3, 7, 6)).astype(np.float64)), []
    for kwargs in ({}, {"return_attention_scores": True}):
        layer, call = layer_of(name, options, dtype="float64")
        found.append(both_orders(layer, call, x, use_causal_mask=causal, **kwargs))
    size = max([float(np.abs(a).max()) for a in found[1]])  # a key's bias has 0 but rounding
    for fused, stored in zip(*found, strict=True):
        np.testing.assert_allclose(fused, stored, rtol=1e-9, atol=1e-12 * size)


def test_compiled_calls_draw_what_eager_ones_draw():
    """Two calls in a step: each has a state of its own, which its gradient reads again."""
    x, found = tf.constant(draw(1, (3, 40, 6))), []
    for wrap in (lambda f: f, tf.function):
        layer, call = layer_of("MultiHeadAttention", HEADS)

        def step(x, call=call, layer=layer):
            with tf.GradientTape() as tape:
                y = call(x, training=True) + 2.0 * call(x, training=True, use_causal_mask=True)
                loss = tf.reduce_sum(y * y)
            return [y, *tape.gradient(loss, layer.trainable_variables)]

        step = wrap(step)
        found.append([step(x) for _ in range(4)])
    assert not np.allclose(found[0][0][0], found[0][1][0])
    for eager, compiled in zip(*found, strict=True):
        size = max([float(np.abs(a).max()) for a in eager])
        for a, b in zip(eager, compiled, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=3e-6 * size)


def operands(rows, keys, dtype, batch=2):
    lengths = rows, keys, keys, rows
    q, k, v, g = [draw(i, (batch, n, 2, 5 + i // 2)).astype(dtype) for i, n in enumerate(lengths)]
    return q, k, v, g


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("is_masked", [False, True])
@pytest.mark.parametrize(("rows", "keys"), [(1, 1), (33, 129), (300, 203), (601, 601)])
def test_kernels_give_what_numpy_gives(rows, keys, is_masked, dtype):
    q, k, v, g = operands(rows, keys, dtype)
    mask, attrs = (
        OPEN,
        {
            "rate": 0.3,
            "reach": (1 << 40, 1 << 40 if is_masked else 0),
            "scale": 0.4,
            "first_row": 5,
        },
    )
    if is_masked:
        mask = np.random.default_rng(0).random((2, 1, rows, keys)) < 0.7
        mask[0, 0, 0] = False  # sees nothing
    wanted = DROP.unchecked(q, k, v, mask, STATE, **attrs)
    found = DROP._run_kernel(q, k, v, mask, STATE, **attrs)
    found += GRAD._run_kernel(g, q, k, v, mask, *wanted, STATE, **attrs)
    wanted += GRAD.unchecked(g, q, k, v, mask, *wanted, STATE, **attrs)
    tolerance = {"rtol": 1e-4, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-9}
    for ours, value in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, value, **({"atol": 1e-11} | tolerance))


def test_choices_belong_to_global_rows():
    q, k, v, g = operands(50, 61, np.float32, batch=5)
    attrs = {"rate": 0.5, "scale": 0.3}
    out, lse = DROP._run_kernel(q, k, v, OPEN, STATE, **attrs)
    whole = GRAD._run_kernel(g, q, k, v, OPEN, out, lse, STATE, **attrs)
    some = slice(3, 5)
    mine = DROP._run_kernel(q[some], k[some], v[some], OPEN, STATE, first_row=3, **attrs)
    np.testing.assert_array_equal(mine[0], out[some])
    parts = [a[some] for a in (g, q, k, v)]
    found = GRAD._run_kernel(*parts, OPEN, *mine, STATE, first_row=3, **attrs)
    for ours, value in zip(found, whole, strict=True):
        np.testing.assert_array_equal(ours, value[some])


def test_dropped_weights_are_0_and_the_mean_is_that_without_dropout():
    """Of values that are the unit vectors the result is the weights."""
    keys, rate = 40, 0.25
    q, k = draw(0, (3, 50, 2, 4)), draw(1, (3, keys, 2, 4))
    v = np.broadcast_to(np.eye(keys, dtype=np.float32)[:, None], (3, keys, 2, keys)).copy()
    plain, _ = OPS["scaled_dot_product_attention"]._run_kernel(q, k, v, OPEN, scale=0.5)
    total, dropped, draws = np.zeros_like(plain), 0, 200
    for counter in range(draws):
        state = np.array([11, counter])
        w, _ = DROP._run_kernel(q, k, v, OPEN, state, scale=0.5, rate=rate)
        kept = w != 0
        np.testing.assert_allclose(w[kept], (plain / (1 - rate))[kept], rtol=1e-5)
        total, dropped = total + w, dropped + np.mean(~kept)
    assert abs(dropped / draws - rate) < 2e-3
    spread = plain * np.sqrt(rate / (1 - rate) / draws)
    assert np.abs((total / draws - plain) / spread).max() < 6


@pytest.mark.parametrize(
    ("name", "options", "is_padded"),
    [
        ("MultiHeadAttention", HEADS, False),
        ("MultiHeadAttention", HEADS, True),
        ("GroupQueryAttention", GROUPS, True),
        ("Attention", {"use_scale": True}, False),
    ],
)
def test_no_matrix_of_all_scores_is_in_a_step(name, options, is_padded):
    """Nor a mask of all pairs, where the causal one meets a mask of the keys."""
    length = 700
    layer, call = layer_of(name, options)
    kwargs = {"value_mask": np.arange(length)[None] < 600} if is_padded else {}

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(call(x, training=True, use_causal_mask=True, **kwargs))
        return tape.gradient(loss, [x, *layer.trainable_variables], unconnected_gradients="zero")

    program = trace(step, Tensor(Spec((1, length, 6), np.dtype("float32"))))
    sizes = [program.specs[slot].size for line in program.lines for slot in line.outs]
    largest = max([*sizes, *[c.size for c in program.constants.values()]])
    assert largest < length * length // 4


def test_a_rate_that_is_none_is_refused():
    q, k, v, _ = [Tensor(a) for a in operands(3, 4, np.float32)]
    with pytest.raises(ValueError, match="attention_dropout: rate is 1"):
        DROP(q, k, v, Tensor(OPEN), Tensor(STATE), rate=1.0)
