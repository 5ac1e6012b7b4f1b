"""Record what TensorFlow says of convolutions, pooling, and blocks of space as channels.

    python tests/golden/record_convolution.py      (in an environment with tensorflow)

Writes tests/doors/convolution.json: per expression the values, first and second gradients with
respect to the inputs it names, as record_index.py does it, or the name of the error it raises.
Constants stand where TensorFlow's gradients are wrong: those of empty convolutions are memory that
nothing has written, and avg_pool's divides by too much where a window reaches over both edges.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.golden import record_index

FILE = Path(__file__).resolve().parents[1] / "doors" / "convolution.json"
RNG = np.random.default_rng(7)


def numbers(*shape):
    """Numbers between -1 and 1, no two equal."""
    count = int(np.prod(shape))
    return RNG.permutation(np.linspace(-1.0, 1.0, count)).reshape(shape).round(4)


INPUTS = {
    "X": numbers(2, 5, 6, 2),  # images
    "Y": numbers(1, 4, 4, 8),
    "W": numbers(2, 6, 2),  # rows
    "P": RNG.integers(0, 3, (1, 5, 5, 2)).astype(float),  # ties
    "F": numbers(2, 3, 2, 3),  # filters
    "E": numbers(3, 3, 2, 2),
    "Q": numbers(1, 1, 2, 3),
    "G": numbers(2, 2, 4, 6),  # of two groups
    "L": numbers(3, 2, 4),  # of rows
    "D": numbers(1, 1, 6, 2),  # pointwise
    "T": numbers(2, 3, 4, 2),  # transposed
}
EXPRESSIONS = r"""
tf.nn.conv2d(X, F, 1, "SAME")
tf.nn.conv2d(X, F, [1], "VALID")
tf.nn.conv2d(X, F, 2, "SAME")
tf.nn.conv2d(X, F, (2, 3), "VALID")
tf.nn.conv2d(X, F, [1, 3, 2, 1], "SAME")
tf.nn.conv2d(X, E, 2, "SAME")
tf.nn.conv2d(X, E, 1, "SAME", dilations=2)
tf.nn.conv2d(X, E, 1, "VALID", "NHWC", [1, 2, 1, 1])
tf.nn.conv2d(X, F, 2, "SAME", dilations=[1, 2])
tf.nn.conv2d(X, F, 1, [[0, 0], [1, 2], [0, 3], [0, 0]])
tf.nn.conv2d(X, F, 2, [[0, 0], [3, 0], [2, 1], [0, 0]], None)
tf.nn.conv2d(X, Q, 1, "SAME")
tf.nn.conv2d(X, Q, 2, "VALID")
tf.nn.conv2d(X, Q, 4, "SAME")
tf.nn.conv2d(Y[..., :8], G, 1, "VALID")
tf.nn.conv2d(X[None], F, 1, "VALID")
tf.nn.conv2d(Z(0, 5, 6, 2), Z(2, 3, 2, 3), 1, "VALID")
tf.nn.conv2d(Z(2, 1, 6, 2), Z(2, 3, 2, 3), 1, "VALID")
tf.nn.conv2d(Z(2, 0, 6, 2), Z(2, 3, 2, 3), 1, "SAME")
tf.nn.conv2d(Z(2, 5, 6, 2), Z(2, 3, 2, 0), 1, "SAME")
tf.nn.conv2d(X, F, None, "VALID"), tf.nn.conv2d(X, F, 1.5, "VALID")
tf.nn.conv2d(tf.cast(X * 9, tf.int32), tf.cast(F * 9, tf.int32), 1, "SAME")
tf.nn.conv2d(tf.cast(X, tf.float32), [[[[1.0], [2.0]]]], 1, "SAME")
tf.nn.conv2d(X, np.ones((2, 2, 2, 1), np.float32), 1, "SAME")
tf.nn.conv2d(X, F, [2, 1], "same")
tf.nn.conv2d(X, F, 1, "FULL")
tf.nn.conv2d(X, F, 1, 3)
tf.nn.conv2d(X, F, [1, 2, 1], "VALID")
tf.nn.conv2d(X, F, [2, 1, 1, 1], "VALID")
tf.nn.conv2d(X, F, [1, 1, 1, 2], "VALID")
tf.nn.conv2d(X, F, 0, "VALID")
tf.nn.conv2d(X, F, -1, "VALID")
tf.nn.conv2d(X, F, 1, [[0, 0], [1, 2], [0, -3], [0, 0]])
tf.nn.conv2d(X, F, 1, [[0, 0], [1, 2], [0, 3], [0, 1]])
tf.nn.conv2d(X, F, 1, [[1, 2], [0, 3]])
tf.nn.conv2d(X, F, 1, "SAME", "NHW")
tf.nn.conv2d(X, F, 1, "SAME", dilations=[1, 2, 2, 2])
tf.nn.conv2d(X, F, 1, "SAME", dilations=0)
tf.nn.conv2d(X, F, 1, "VALID", dilations=6)
tf.nn.conv2d(X[:, :0], F, 1, "VALID")
tf.nn.conv2d(X, F[:0], 1, "VALID")
tf.nn.conv2d(X[0], F, 1, "VALID")
tf.nn.conv2d(X, F[0], 1, "VALID")
tf.nn.conv2d(X, F[:, :, :1], 1, "VALID")
tf.nn.conv2d(Y[..., :3], F, 1, "VALID")
tf.nn.conv2d(tf.cast(X, tf.int64), tf.cast(F, tf.int64), 1, "VALID")
tf.nn.conv2d(tf.cast(X, tf.float32), F, 1, "VALID")
tf.nn.conv1d(W, L, 1, "SAME")
tf.nn.conv1d(W, L, 2, "VALID")
tf.nn.conv1d(W, L, [1, 2, 1], "SAME", dilations=2)
tf.nn.conv1d(W, L, [2], "SAME", dilations=[1, 2, 1])
tf.nn.conv1d(X, L, 3, "SAME")
tf.nn.conv1d(W, L, [2, 1], "SAME")
tf.nn.conv1d(W, L, 1, "SAME", "XX")
tf.nn.conv1d(W, F, 1, "SAME")
tf.nn.conv1d(W, L, 1, [[0, 0], [1, 2], [0, 0]])
tf.nn.conv1d(W, L, 0, "SAME")
tf.nn.depthwise_conv2d(X, F, [1, 1, 1, 1], "SAME")
tf.nn.depthwise_conv2d(X, E, [1, 2, 2, 1], "SAME")
tf.nn.depthwise_conv2d(X, E, [1, 2, 2, 1], "VALID")
tf.nn.depthwise_conv2d(X, E, [1, 1, 1, 1], "SAME", dilations=[2, 2])
tf.nn.depthwise_conv2d(X, F, [1, 1, 1, 1], "VALID", dilations=[2, 1])
tf.nn.depthwise_conv2d(X, F, [1, 1, 1, 1], [[0, 0], [1, 2], [0, 3], [0, 0]])
tf.nn.depthwise_conv2d(Z(0, 5, 6, 2), Z(2, 3, 2, 3), [1, 1, 1, 1], "SAME")
tf.nn.depthwise_conv2d(X, F, 1, "SAME")
tf.nn.depthwise_conv2d(X, F, [1, 1], "SAME")
tf.nn.depthwise_conv2d(X, F, [1, 2, 1, 1], "VALID")
tf.nn.depthwise_conv2d(X, F, [2, 1, 1, 1], "VALID")
tf.nn.depthwise_conv2d(X, F, [1, 0, 0, 1], "VALID")
tf.nn.depthwise_conv2d(X, F, [1, 1, 1, 1], "XX")
tf.nn.depthwise_conv2d(X, F, [1, 1, 1, 1], "SAME", "XX")
tf.nn.depthwise_conv2d(X, F, [1, 1, 1, 1], "VALID", dilations=2)
tf.nn.depthwise_conv2d(X, F[:, :, :1], [1, 1, 1, 1], "VALID")
tf.nn.depthwise_conv2d(X[0], F, [1, 1, 1, 1], "VALID")
tf.nn.depthwise_conv2d(X, F[0], [1, 1, 1, 1], "VALID")
tf.nn.separable_conv2d(X, F, D, [1, 1, 1, 1], "SAME")
tf.nn.separable_conv2d(X, F, D, [1, 2, 2, 1], "VALID")
tf.nn.separable_conv2d(X, F, D, [1, 1, 1, 1], "SAME", dilations=[2, 1])
tf.nn.separable_conv2d(X, F, D[:, :, :5], [1, 1, 1, 1], "SAME")
tf.nn.separable_conv2d(X, F, F, [1, 1, 1, 1], "SAME")
tf.nn.separable_conv2d(X, F, D, 1, "SAME")
tf.nn.separable_conv2d(X, F, D, [1, 1, 1, 1], "XX")
tf.nn.conv2d_transpose(X, T, [2, 10, 12, 4], 2, "SAME")
tf.nn.conv2d_transpose(X, T, [2, 9, 11, 4], [1, 2, 2, 1])
tf.nn.conv2d_transpose(X, T, C([2, 10, 13, 4]), 2, "VALID")
tf.nn.conv2d_transpose(X, T, [2, 11, 14, 4], 2, "VALID")
tf.nn.conv2d_transpose(X, T, [10, 18], [2, 3], "SAME")
tf.nn.conv2d_transpose(X, T, [2, 5, 6, 4], 1)
tf.nn.conv2d_transpose(X, T, [2, 3, 4, 4], 1, [[0, 0], [1, 2], [2, 2], [0, 0]])
tf.nn.conv2d_transpose(X, T, [2, 8, 12, 4], 2, "SAME")
tf.nn.conv2d_transpose(X, T, [3, 10, 12, 4], 2, "SAME")
tf.nn.conv2d_transpose(X, T, [2, 10, 12, 3], 2, "SAME")
tf.nn.conv2d_transpose(X, T[..., :1], [2, 10, 12, 4], 2, "SAME")
tf.nn.conv2d_transpose(X, T, [2, 10, 12, 4], 2, "XX")
tf.nn.conv2d_transpose(X, T, [2, 10, 12, 4], 2, "SAME", "XX")
tf.nn.conv2d_transpose(X, T, [2, 10, 12, 4], [1, 2, 3], "SAME")
tf.nn.conv2d_transpose(X[0], T, [2, 10, 12, 4], 2, "SAME")
tf.nn.max_pool2d(X, 2, 2, "SAME")
tf.nn.max_pool2d(X, [2, 3], [2], "VALID")
tf.nn.max_pool2d(X, [1, 3, 2, 1], [1, 1, 2, 1], "SAME")
tf.nn.max_pool2d(X, 7, 1, "SAME")
tf.nn.max_pool2d(X, 2, 3, "SAME")
tf.nn.max_pool2d(X, 2, 2, [[0, 0], [1, 1], [0, 1], [0, 0]])
tf.nn.max_pool2d(P, 3, 1, "SAME")
tf.nn.max_pool2d(P, 2, 1, "VALID")
tf.nn.max_pool2d(P, 3, 2, "SAME")
tf.nn.max_pool2d(X[:0], 2, 2, "SAME"), tf.nn.max_pool2d(X[..., :0], 2, 2, "SAME")
tf.nn.max_pool2d(tf.cast(X * 9, tf.int32), 2, 1, "SAME")
tf.nn.max_pool2d(tf.cast(X * 9, tf.int64), 3, 1, "SAME")
tf.nn.max_pool2d(X, 2, 2, "same")
tf.nn.max_pool2d(X, 7, 1, "VALID")
tf.nn.max_pool2d(X, 0, 1, "SAME")
tf.nn.max_pool2d(X, 2, 0, "SAME")
tf.nn.max_pool2d(X, [1, 2, 2, 2], [1, 1, 1, 2], "SAME")
tf.nn.max_pool2d(X, [2, 2, 2, 1], 1, "SAME")
tf.nn.max_pool2d(X, [1, 2, 2], 1, "SAME")
tf.nn.max_pool2d(X, 2, 2, [[0, 0], [2, 1], [0, 1], [0, 0]])
tf.nn.max_pool2d(X[0], 2, 2, "SAME")
tf.nn.max_pool2d(X, 2, 2, "SAME", "XX")
tf.nn.max_pool2d(X > 0, 2, 2, "SAME")
tf.nn.max_pool1d(W, 2, 2, "SAME")
tf.nn.max_pool1d(W, [3], [1, 2, 1], "VALID")
tf.nn.max_pool1d(W, 2, 2, [[0, 0], [1, 1], [0, 0]])
tf.nn.max_pool1d(W, 2, 2, "XX")
tf.nn.max_pool1d(X, 2, 2, "SAME")
tf.nn.max_pool(X, 2, 2, "SAME")
tf.nn.max_pool(W, 2, 2, "SAME")
tf.nn.max_pool(W[0], 2, 2, "SAME")
tf.nn.avg_pool2d(X, 2, 2, "SAME")
tf.nn.avg_pool2d(X, [2, 3], [1, 2], "VALID")
tf.nn.avg_pool2d(X, [1, 3, 2, 1], [1, 2], "SAME")
tf.nn.avg_pool2d(np.arange(60.0).reshape(1, 5, 6, 2), 7, 1, "SAME")
tf.nn.avg_pool2d(X, 2, 3, "SAME")
tf.nn.avg_pool2d(X[:0], 2, 2, "SAME")
tf.nn.avg_pool2d(X, 2, 2, "same")
tf.nn.avg_pool2d(X, 2, 1, [[0, 0], [1, 1], [0, 1], [0, 0]])
tf.nn.avg_pool2d(X, 7, 1, "VALID")
tf.nn.avg_pool2d(X, 0, 1, "VALID")
tf.nn.avg_pool2d(X, 2, 0, "VALID")
tf.nn.avg_pool2d(X, [1, 2, 3, 2], 1, "SAME")
tf.nn.avg_pool2d(X[0], 2, 2, "SAME")
tf.nn.avg_pool2d(tf.cast(X, tf.int32), 2, 2, "SAME")
tf.nn.avg_pool1d(W, 2, 2, "SAME")
tf.nn.avg_pool1d(W, 3, 1, "VALID")
tf.nn.avg_pool1d(W, 3, [1, 2, 1], "SAME")
tf.nn.avg_pool1d(X, 2, 2, "SAME")
tf.nn.avg_pool1d(W, 2, 2, [[0, 0], [1, 1], [0, 0]])
tf.nn.avg_pool(X, 2, 2, "SAME")
tf.nn.avg_pool(W, 2, 2, "SAME")
tf.nn.avg_pool(W[0], 2, 2, "SAME")
tf.nn.space_to_depth(Y, 2)
tf.nn.space_to_depth(Y, 4, "NHWC")
tf.nn.space_to_depth(tf.cast(Y * 9, tf.int32), 2), tf.nn.space_to_depth(Y[:0], 2)
tf.nn.space_to_depth(X, 2)
tf.nn.space_to_depth(Y, 1)
tf.nn.space_to_depth(Y[0], 2)
tf.nn.space_to_depth(Y, 2, "XX")
tf.nn.depth_to_space(Y, 2)
tf.nn.depth_to_space(Y > 0, 2), tf.nn.depth_to_space(Y, 2.5), tf.nn.depth_to_space(Y[..., :0], 2)
tf.nn.depth_to_space(X, 2)
tf.nn.depth_to_space(Y, 1)
tf.nn.depth_to_space(Y[0], 2)
""".strip().splitlines()


def parts_of(tf, text):
    """(the expression as a function of its inputs, the inputs)"""
    code = compile(text, "<expression>", "eval")
    names = [name for name in INPUTS if name in code.co_names]

    def function(*inputs):
        scope = {"tf": tf, "np": np, "C": tf.constant, "Z": lambda *shape: np.zeros(shape)}
        return tf.nest.flatten(eval(code, scope | dict(zip(names, inputs, strict=True))))

    return function, [INPUTS[name] for name in names]


def run(tf, text):
    """The answers to one expression, as lists; the values alone where gradients fail."""
    function, arrays = parts_of(tf, text)
    inputs = [tf.constant(a) for a in arrays]
    found = [function(*inputs)]
    try:
        found = record_index.answers(tf, function, inputs)
    except Exception as error:
        print(f"no gradients: {text}: {error}")
    return [[record_index.described(y) for y in part] for part in found]


def main():
    """Record them all."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    record = {}
    for text in EXPRESSIONS:
        try:
            record[text] = run(tf, text)
        except Exception as error:  # what TensorFlow refuses: the name of its error is the answer
            record[text] = type(error).__name__
    short = json.loads(json.dumps(record), parse_float=lambda text: float(f"{float(text):.9g}"))
    FILE.write_text(json.dumps(short, indent=0).replace("\n", "") + "\n")


if __name__ == "__main__":
    main()
