"""Attention layers give what Keras gives, whatever way they compute it, and nothing leaks."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.engine.op import OPS
from tests.keras.attention_cases import CASES, HEADS, REFUSED, draw, refusal, run

GOLDEN = Path(__file__).parents[1] / "golden" / "attention.json"
DOT = OPS["scaled_dot_product_attention"]
GRAD = OPS["scaled_dot_product_attention_grad"]
OPEN = np.ones((1, 1, 1, 1), bool)


@functools.cache
def golden():
    return json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("number", range(len(CASES)))
def test_value_and_gradients(number):
    wanted = golden()["cases"][number]
    found = run(keras, tf, CASES[number])
    assert sorted(found) == sorted(wanted)
    for key, (shape, values) in wanted.items():
        assert list(found[key].shape) == shape, key
        if key == "weights":
            assert found[key].tolist() == values
            continue
        # the gradient of a key's bias is 0 but for rounding
        np.testing.assert_allclose(found[key].ravel(), values, rtol=1e-4, atol=5e-6, err_msg=key)


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_refusal(number):
    assert refusal(keras, tf, REFUSED[number]) == golden()["refused"][number]


@pytest.mark.parametrize("name", ["MultiHeadAttention", "GroupQueryAttention"])
def test_config_makes_the_same_layer(name):
    case = next(case for case in CASES if case[0] == name)
    layer = getattr(keras.layers, name)(**case[1])
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_dropout_leaves_out_scores_while_training_only():
    x = draw(0, (2, 30, 6))
    layer = keras.layers.MultiHeadAttention(**HEADS, dropout=0.5, seed=1)
    still = layer(x, x)
    np.testing.assert_array_equal(layer(x, x), still)
    assert not np.allclose(layer(x, x, training=True), still)


CAUSAL, WINDOW = (1 << 40, 0), (40, 40)
REACHES = [(1 << 40, 1 << 40), CAUSAL, WINDOW, (150, 0), (0, 0)]


def attended(rows, keys, reach, dtype=np.float32, heads=2, depth=5, batch=1):
    """Random operands: long ones cross the borders of blocks."""
    q, g = draw(1, (batch, rows, heads, depth)), draw(4, (batch, rows, heads, depth + 1))
    k, v = draw(2, (batch, keys, heads, depth)), draw(3, (batch, keys, heads, depth + 1))
    return [a.astype(dtype) for a in (g, q, k, v)], {"reach": reach, "scale": depth**-0.5}


def both_ways(operands, mask, attrs):
    """(kernels, NumPy): out, lse, dq, dk, dv."""
    g, q, k, v = operands
    with np.errstate(all="ignore"):
        wanted = DOT.unchecked(q, k, v, mask, **attrs)
        found = DOT._run_kernel(q, k, v, mask, **attrs)
        wanted += GRAD.unchecked(g, q, k, v, mask, *wanted, **attrs)
        found += GRAD._run_kernel(g, q, k, v, mask, *found, **attrs)
    return found, wanted


@pytest.mark.parametrize("reach", REACHES)
@pytest.mark.parametrize(("rows", "keys"), [(1, 1), (33, 129), (200, 300), (300, 200), (600, 600)])
def test_blocks_fit_together(rows, keys, reach):
    operands, attrs = attended(rows, keys, reach)
    found, wanted = both_ways(operands, OPEN, attrs)
    for ours, value in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, value, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("depth", [255, 256, 300, 700])
@pytest.mark.parametrize(("reach", "dtype"), [(WINDOW, np.float32), (CAUSAL, np.float64)])
def test_heads_of_any_depth(depth, reach, dtype):
    """Deep keys and values are multiplied piece by piece."""
    operands, attrs = attended(70, 150, reach, dtype, depth=depth)
    found, wanted = both_ways(operands, OPEN, attrs)
    for ours, value in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, value, rtol=1e-4, atol=2e-5)
    operands[3][0, 10, 0, depth] = np.nan  # in the last piece of a value
    found, wanted = both_ways(operands, OPEN, attrs)
    for ours, reference in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(reference))


@pytest.mark.parametrize("reach", REACHES)
def test_a_query_that_sees_nothing_weighs_all_keys_alike(reach):
    operands, attrs = attended(70, 260, reach, np.float64)
    mask = np.random.default_rng(0).random((1, 1, 70, 260)) < 0.7
    mask[0, 0, [3, 40]] = False
    found, wanted = both_ways(operands, mask, attrs)
    for ours, value in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, value, rtol=1e-10, atol=1e-12)
    mean = operands[3].mean(axis=1)
    np.testing.assert_allclose(found[0][:, 3], mean, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("reach", [CAUSAL, WINDOW])
def test_what_is_not_finite_goes_where_numpy_has_it(which, value, reach):
    """A key that is hidden is multiplied by 0, which does not stop a NaN."""
    operands, attrs = attended(150, 150, reach)
    operands[which][0, 100, 0, 2] = value
    found, wanted = both_ways(operands, OPEN, attrs)
    for ours, reference in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(reference))


@pytest.mark.parametrize("reach", [CAUSAL, (1000, 1000)])
def test_no_matrix_of_all_scores_is_made(reach):
    """16384 keys: the scores of two heads would take 2 GB."""
    operands, attrs = attended(16384, 16384, reach, depth=4)
    _, q, k, v = [a[:, :64] if i < 2 else a for i, a in enumerate(operands)]
    out, _ = DOT._run_kernel(q, k, v, OPEN, **attrs)
    np.testing.assert_allclose(out, DOT.unchecked(q, k, v, OPEN, **attrs)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "shape", "axes", "masks"),
    [
        ({"sliding_window": 3}, (2, 40, 6), None, {}),
        ({"sliding_window": 3, "dropout": 0.4}, (2, 40, 6), None, {}),
        ({}, (2, 5, 8, 6), None, {}),
        ({"dropout": 0.4}, (2, 5, 8, 6), (2, 1), {}),
        ({"attention_axes": 2}, (2, 3, 40, 6), None, {}),
        ({"attention_axes": (1, 3), "dropout": 0.4}, (2, 4, 3, 10, 6), None, {}),
        ({"attention_axes": 2}, (2, 3, 40, 6), None, {"attention_mask": (2, 40, 40)}),
        ({"attention_axes": 2}, (2, 3, 40, 6), None, {"value_mask": (2, 40)}),
        ({"attention_axes": (1, 3), "dropout": 0.4}, (2, 4, 3, 10, 6), None,
         {"attention_mask": (2, 1, 1, 4, 10, 4, 10)}),
        ({"attention_axes": 1}, (2, 40, 3, 6), None, {"use_causal_mask": True}),
        ({"attention_axes": 1, "sliding_window": 5}, (2, 40, 3, 6), None, {}),
    ],
)  # fmt: skip
def test_windows_and_several_axes_keep_no_matrix_of_all_pairs(options, shape, axes, masks):
    """The same results and gradients as by the scores, and no floats for 40 x 40 in the program."""
    rng = np.random.default_rng(0)
    masks = {k: v if v is True else rng.random(v) < 0.8 for k, v in masks.items()}
    options = options if axes is None else options | {"attention_axes": axes}
    x, found = tf.constant(draw(0, shape).astype(np.float64)), []
    for wants_scores in (False, True):
        layer = keras.layers.MultiHeadAttention(**HEADS | options, seed=3, dtype="float64")
        layer(x, x)
        layer.set_weights([draw(9 + i, w.shape) * 0.5 for i, w in enumerate(layer.get_weights())])

        def step(x, layer=layer, wants_scores=wants_scores):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x, x, return_attention_scores=wants_scores, training=True, **masks)
                y = y[0] if wants_scores else y
                loss = tf.reduce_sum(y * y)
            return [y, *tape.gradient(loss, [x, *[w.value for w in layer.trainable_weights]])]

        if not wants_scores:
            program = tf.function(step).program(x).program
            made = [program.specs[slot] for line in program.lines for slot in line.outs]
            assert max([spec.size for spec in made if spec.dtype != np.bool_]) < 1600
        keras.utils.set_random_seed(0)
        found.append(step(x))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_half_floats_keep_no_matrix_of_all_pairs(rate):
    x, found = tf.constant(draw(0, (2, 40, 6)).astype(np.float16)), []
    for wants_scores in (False, True):
        options = HEADS | {"dropout": rate, "dtype": "float16"}
        layer = keras.layers.MultiHeadAttention(**options, seed=3)

        def call(x, layer=layer, wants_scores=wants_scores):
            y = layer(x, x, return_attention_scores=wants_scores, training=True)
            return y[0] if wants_scores else y

        layer.build(x.shape, x.shape)
        layer.set_weights([draw(9 + i, w.shape) * 0.5 for i, w in enumerate(layer.get_weights())])
        found.append(call(x))
        assert found[-1].dtype == np.float16
        program = tf.function(call).program(x).program
        made = [program.specs[slot] for line in program.lines for slot in line.outs]
        assert (max([spec.size for spec in made]) < 1600) is not wants_scores
    np.testing.assert_allclose(*found, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("reach", [(84, 84), (122, 122), (1 << 40, 112), (121, 186), (623, 623)])
@pytest.mark.parametrize(("rows", "keys"), [(65, 130), (31, 130), (95, 260), (600, 2000)])
def test_windows_that_end_within_a_block(rows, keys, reach):
    """Some rows of a block see none of its keys, among them the largest scores."""
    operands, attrs = attended(rows, keys, reach)
    operands[2][:, rows + 20 : rows + 60] *= 100
    found, wanted = both_ways(operands, OPEN, attrs)
    for ours, value in zip(found, wanted, strict=True):
        scale = max(1.0, float(np.abs(value).max()))
        np.testing.assert_allclose(ours, value, rtol=1e-4, atol=2e-5 * scale)


@pytest.mark.parametrize("reach", [CAUSAL, (5, 5), (5, 0)])
def test_scores_below_those_of_hidden_keys(reach):
    (g, _, _, v), attrs = attended(300, 300, reach, heads=1, depth=4)
    q = np.full((1, 300, 1, 4), 1e19, np.float32)
    found, wanted = both_ways((g, q, -0.8 * q, v), OPEN, attrs | {"scale": 1.0})
    for ours, value in zip(found[:2], wanted[:2], strict=True):  # slopes are 1e19 times 0
        np.testing.assert_allclose(ours, value, rtol=1e-4, atol=2e-5)


def test_axes_that_are_not_attended_over_must_agree():
    layer = keras.layers.MultiHeadAttention(2, 4, attention_axes=(2,))
    with pytest.raises(ValueError, match=r"\(2, 3, 5, 2, 4\).*\(3, 2, 5, 2, 4\)"):
        layer(np.ones((2, 3, 5, 8), np.float32), np.ones((3, 2, 5, 8), np.float32))


def test_half_a_window_that_no_query_sees_is_finite():
    layer = keras.layers.MultiHeadAttention(2, 4, sliding_window=2, dtype="float16")
    assert np.isfinite(layer(draw(0, (1, 9, 8)), draw(1, (1, 4, 8)))).all()
