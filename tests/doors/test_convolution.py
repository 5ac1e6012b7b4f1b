"""Convolutions, pooling, and blocks of space as channels: values, gradients of both orders and
errors, as TensorFlow's; eagerly and as a program.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import framework as tf
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.testing.gradcheck import check_gradients
from tests.doors import families
from tests.golden import record_convolution

RECORD = json.loads((Path(__file__).parent / "convolution.json").read_text())
ERRORS = {
    "InvalidArgumentError": tf.errors.InvalidArgumentError,
    "UnimplementedError": NotImplementedError,
    "ValueError": ValueError,
    "TypeError": TypeError,
}
REFUSED = sorted([text for text, answer in RECORD.items() if isinstance(answer, str)])
GIVEN = sorted(set(RECORD) - set(REFUSED))
X = record_convolution.INPUTS["X"]


def same(ours, theirs, what):
    """Equal within the rounding of the dtype."""
    for a, b in zip(ours, theirs, strict=True):
        bound = 1e-5 if a is not None and a[0] == "float32" else 1e-8
        families.same([a], [b], what, rtol=bound, atol=bound)


def test_all_is_recorded():
    assert set(RECORD) == set(record_convolution.EXPRESSIONS) and len(GIVEN) > 60


@pytest.mark.parametrize("text", GIVEN)
def test_gives_the_values_and_gradients(text):
    ours, theirs = record_convolution.run(tf, text), RECORD[text]
    for a, b, what in zip(ours, theirs, ("value", "gradient", "second gradient")):
        same(a, b, what)


@pytest.mark.parametrize("text", REFUSED)
def test_refuses(text):
    with pytest.raises(ERRORS[RECORD[text]]):
        record_convolution.run(tf, text)


@pytest.mark.slow
def test_a_program_gives_the_same():
    """All of them as one program, gradients included."""
    for text, found in families.run_as_program(GIVEN, record_convolution.parts_of).items():
        for part, wanted in zip(found, RECORD[text]):
            same(part, wanted, text)


MORE = {
    "groups": lambda x, f: tf.nn.conv2d(tf.concat([x, x * x], -1), tf.concat([f, f[::-1]], -1),
                                        2, "SAME"),
    "dilated transpose": lambda x, f: tf.nn.conv2d_transpose(
        x, tf.transpose(f, [0, 1, 3, 2]), [2, 6, 10, 3], 1, "VALID", dilations=[1, 2]),
    "window over both edges": lambda x, f: tf.nn.avg_pool2d(x, 7, 1, "SAME"),
    "strided and dilated": lambda x, f: tf.nn.conv2d(x, f, [2, 1], "SAME", dilations=[1, 2]),
    "padded maximum": lambda x, f: tf.nn.max_pool2d(
        x, 2, 2, [[0, 0], [1, 1], [0, 1], [0, 0]]),
}  # fmt: skip


@pytest.mark.parametrize("name", MORE)
def test_gradients_of_what_tensorflow_cannot_differentiate(name):
    filters = record_convolution.INPUTS["F"]
    check_gradients(MORE[name], X, filters, name=name)


def test_a_dilated_transpose_is_the_adjoint():
    """<conv(x), y> = <x, transpose(y)>"""
    filters = record_convolution.INPUTS["F"]
    place = {"strides": [2, 1], "padding": "SAME", "dilations": [1, 2]}
    out = tf.nn.conv2d(X, filters, **place)
    y = np.cos(np.arange(out.numpy().size)).reshape(out.shape)
    back = tf.nn.conv2d_transpose(y, filters, X.shape, **place)
    np.testing.assert_allclose((out.numpy() * y).sum(), (X * back.numpy()).sum(), rtol=1e-12)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_nan_is_the_largest_in_programs_too(place):
    x = np.array([1.0, 2.0, -np.inf, -np.inf]).reshape(1, 1, 4, 1)
    x[0, 0, place] = np.nan
    eager = tf.nn.max_pool2d(x, [1, 3], 1, "SAME").numpy()
    near = abs(np.arange(4) - place) < 2
    np.testing.assert_array_equal(np.isnan(eager.reshape(-1)), near)
    run = Executable(trace(lambda x: [tf.nn.max_pool2d(x, [1, 3], 1, "SAME")], x))
    np.testing.assert_array_equal(run(x)[0], eager)


def test_windows_of_minus_infinity_take_it_from_inside():
    x = tf.constant(np.full((1, 2, 2, 1), -np.inf))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.nn.max_pool2d(x, 3, 2, "SAME")
    assert y.numpy().item() == -np.inf
    assert tape.gradient(y, x).numpy().reshape(-1).tolist() == [1.0, 0.0, 0.0, 0.0]


def test_gradients_of_no_images_are_zeros_of_the_filters():
    filters = tf.constant(record_convolution.INPUTS["F"])
    with tf.GradientTape() as tape:
        tape.watch(filters)
        y = tf.nn.conv2d(X[:0], filters, 1, "VALID")
    assert not tape.gradient(y, filters).numpy().any()


def test_volumes_and_channels_first_are_refused():
    for function in (tf.nn.max_pool, tf.nn.avg_pool):
        with pytest.raises(NotImplementedError, match="volumes"):
            function(np.zeros((1, 2, 2, 2, 1)), 2, 2, "SAME")
    with pytest.raises(NotImplementedError, match="NCHW"):
        tf.nn.conv2d(X, record_convolution.INPUTS["F"], 1, "SAME", "NCHW")
    with pytest.raises(NotImplementedError, match="dilations"):
        tf.nn.depthwise_conv2d(
            X, record_convolution.INPUTS["F"], [1, 2, 2, 1], "SAME", dilations=[2, 2]
        )
