"""Single ops and training steps run eagerly, in TensorFlow's names: python eager_tf.py ours|tf

One text for both: only the import differs.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
from eager_workloads import SHAPES, arrays, report

if sys.argv[1] == "ours":
    import framework as tf
    from framework.engine.compile import blas

    blas.set_threads(1)
else:
    import tensorflow as tf  # type: ignore[no-redef]

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)

values = {name: tf.constant(a) for name, a in arrays().items()}
a, b, row, big = values["a"], values["b"], values["row"], values["big"]
ids, labels, mask, image = values["ids"], values["labels"], values["mask"], values["image"]
kernel = values["kernel"]

OPS = {
    "add": lambda: a + b,
    "multiply by a row": lambda: a * row,
    "exp": lambda: tf.exp(a),
    "tanh": lambda: tf.tanh(a),
    "relu": lambda: tf.nn.relu(a),
    "softmax": lambda: tf.nn.softmax(a),
    "matmul 32": lambda: a @ b,
    "matmul 256": lambda: big @ big,
    "sum": lambda: tf.reduce_sum(a),
    "mean of rows": lambda: tf.reduce_mean(a, axis=1),
    "max of columns": lambda: tf.reduce_max(a, axis=0),
    "transpose": lambda: tf.transpose(a),
    "reshape": lambda: tf.reshape(a, (16, 64)),
    "concat": lambda: tf.concat([a, b], 1),
    "slice": lambda: a[1:, ::2],
    "gather": lambda: tf.gather(a, ids),
    "where": lambda: tf.where(mask, a, b),
    "cast": lambda: tf.cast(a, tf.float64),
    "cross-entropy": lambda: tf.nn.sparse_softmax_cross_entropy_with_logits(labels, a),
    "conv2d": lambda: tf.nn.conv2d(image, kernel, 1, "SAME"),
}


def weights(names: str) -> list:
    """Variables of the shapes of a workload."""
    return [tf.Variable(values[name]) for name in names.split()]


def descend(tape, loss, variables: list) -> None:
    """One step of gradient descent."""
    for v, g in zip(variables, tape.gradient(loss, variables)):
        v.assign_sub(1e-3 * g)


mlp_weights = weights("mlp_w1 mlp_b1 mlp_w2 mlp_b2 mlp_w3 mlp_b3")


def mlp() -> None:
    """64-128-128-10, batch 64."""
    w1, b1, w2, b2, w3, b3 = mlp_weights
    with tf.GradientTape() as tape:
        h = tf.nn.relu(values["mlp_x"] @ w1 + b1)
        h = tf.nn.relu(h @ w2 + b2)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(values["mlp_y"], h @ w3 + b3)
        loss = tf.reduce_mean(losses)
    descend(tape, loss, mlp_weights)


conv_weights = weights("conv_k1 conv_b1 conv_k2 conv_b2 conv_w conv_b")


def conv() -> None:
    """Two convolutions with pooling on 28x28, batch 16."""
    k1, b1, k2, b2, w, bias = conv_weights
    with tf.GradientTape() as tape:
        h = tf.nn.relu(tf.nn.conv2d(values["conv_x"], k1, 1, "SAME") + b1)
        h = tf.nn.max_pool2d(h, 2, 2, "VALID")
        h = tf.nn.relu(tf.nn.conv2d(h, k2, 1, "SAME") + b2)
        h = tf.nn.max_pool2d(h, 2, 2, "VALID")
        logits = tf.reshape(h, (16, -1)) @ w + bias
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(values["conv_y"], logits)
        loss = tf.reduce_mean(losses)
    descend(tape, loss, conv_weights)


attention_weights = weights("att_q att_k att_v att_o att_w1 att_w2")


def normalized(x):
    """Layer normalisation without scale and shift."""
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + 1e-5)


def split_heads(x):
    """(batch, time, 64) -> (batch, 4 heads, time, 16)"""
    return tf.transpose(tf.reshape(x, (8, 32, 4, 16)), (0, 2, 1, 3))


def attention() -> None:
    """A transformer block: 4 heads of 16, 32 steps, batch 8."""
    q, k, v, o, w1, w2 = attention_weights
    x = values["att_x"]
    with tf.GradientTape() as tape:
        h = normalized(x)
        scores = tf.matmul(split_heads(h @ q), split_heads(h @ k), transpose_b=True) * 0.25
        mixed = tf.nn.softmax(scores) @ split_heads(h @ v)
        h = x + tf.reshape(tf.transpose(mixed, (0, 2, 1, 3)), (8, 32, 64)) @ o
        h = h + tf.nn.gelu(normalized(h) @ w1) @ w2
        loss = tf.reduce_mean(tf.square(h))
    descend(tape, loss, attention_weights)


assert set(SHAPES) >= set(values)
report({**OPS, "MLP step": mlp, "conv net step": conv, "attention step": attention})
