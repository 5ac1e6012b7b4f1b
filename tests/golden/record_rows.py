"""Record what TensorFlow's vectorized_map and jacobians give.

    python tests/golden/record_rows.py      (in an environment with tensorflow)

Writes tests/doors/rows.json: {name of a case: [dtype, shape, values] of each result, null for None,
or the name of the error}. The cases are the functions of this file that start with `map_`, `jac_`
or `batch_`: they take the library.
"""

import json
import os
from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parents[1] / "doors" / "rows.json"
X = (np.arange(6, dtype="f4").reshape(3, 2) - 2) / 3
W = np.array([[0.5, -1.0], [1.5, 0.25]], "f4")


def map_structures(tf):
    pair = (tf.constant(X), {"a": tf.constant(X[::-1])})
    return tf.vectorized_map(lambda p: {"sum": p[0] + p[1]["a"], "first": (p[0][0], p[0])}, pair)


def map_constants_are_repeated(tf):
    return tf.vectorized_map(lambda x: (tf.constant([1.0, 2.0]), 3, x), tf.constant(X))


def map_none_stays(tf):
    return tf.vectorized_map(lambda x: (x, None), tf.constant(X))


def map_one_part_for_all(tf):
    return tf.vectorized_map(lambda p: p[0] * p[1], (tf.constant(X), tf.constant(W[:1])))


def map_of_one(tf):
    return tf.vectorized_map(lambda p: p[0] * p[1], (tf.constant(X[:1]), tf.constant(W[:1])))


def map_lengths_differ(tf):
    return tf.vectorized_map(lambda p: p[0] * p[1], (tf.constant(X), tf.constant(W)))


def map_scalar(tf):
    return tf.vectorized_map(lambda x: x, tf.constant(1.0))


def map_of_nothing(tf):
    return tf.vectorized_map(lambda x: x, ())


def map_no_parts(tf):
    return tf.vectorized_map(lambda x: tf.linalg.matvec(tf.constant(W), x), tf.zeros((0, 2)))


def map_closure_and_gradient(tf):
    x, w = tf.constant(X), tf.Variable(W)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.vectorized_map(lambda row: tf.reduce_sum(tf.tanh(tf.linalg.matvec(w, row))), x)
    return y, *tape.gradient(y, [x, w])


def map_gradients_of_samples(tf):
    w = tf.Variable(W)

    def gradient(sample):
        x, label = sample
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((tf.linalg.matvec(w, x) - label) ** 2)
        return tape.gradient(loss, w)

    return tf.vectorized_map(gradient, (tf.constant(X), tf.constant(X[:, 0])))


def map_in_a_map(tf):
    def outer(row):
        return tf.vectorized_map(lambda x: x * x + row[0], row)

    return tf.vectorized_map(outer, tf.constant(X))


def map_jacobian_in_it(tf):
    def jacobian(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.sin(x) * x[0]
        return tape.jacobian(y, x)

    return tf.vectorized_map(jacobian, tf.constant(X))


def map_indices(tf):
    def pick(i):
        return tf.gather(tf.constant(W), i), tf.one_hot(i, 3), tf.gather(tf.constant(X), [i, i + 1])

    return tf.vectorized_map(pick, tf.constant([0, 1, 1]))


def map_in_a_function(tf):
    w = tf.Variable(W)

    @tf.function
    def f(x):
        scale = tf.reduce_sum(x)
        return tf.vectorized_map(lambda row: tf.linalg.matvec(w, row) * scale, x)

    return f(tf.constant(X))


def map_assigns_once(tf):
    v = tf.Variable(0.0)

    def count(x):
        v.assign_add(1.0)
        return x + v

    return tf.vectorized_map(count, tf.constant(X)), v.read_value()


def map_sorts(tf):
    x = tf.constant(X * [[1.0, -1.0]], tf.float32)
    return tf.vectorized_map(lambda row: (tf.sort(row), tf.argmax(row), tf.cumsum(row)), x)


def taped(tf, f, x, **options):
    """The tape and result of f(x)."""
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = f(x)
    return tape, y


def jac_of_a_chain(tf):
    x = tf.constant(X)
    tape, y = taped(tf, lambda x: tf.nn.softmax(tf.tanh(x @ tf.constant(W)) * x), x)
    one_by_one = tape.jacobian(y, x, experimental_use_pfor=False)
    return tape.jacobian(y, x), tape.jacobian(y, x, parallel_iterations=2), one_by_one


def jac_of_sources(tf):
    x, w, other = tf.constant(X), tf.Variable(W), tf.constant(W)
    tape, y = taped(tf, lambda x: tf.reduce_sum(x @ w, 0), x)
    return tape.jacobian(y, {"x": x, "w": [w, other]})


def jac_unconnected(tf):
    x, other = tf.constant(X), tf.constant(W)
    tape, y = taped(tf, tf.square, x)
    return tape.jacobian(y, other), tape.jacobian(y, other, unconnected_gradients="zero")


def jac_of_rows_of_a_table(tf):
    table = tf.Variable(X)
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(tf.gather(table, [0, 2, 2]) * tf.constant([[1.0], [2.0], [3.0]]), 0)
    return tape.jacobian(y, table)


def jac_of_integers(tf):
    x = tf.constant([1, 2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.cast(x, tf.float32) * 2.0
    return tape.jacobian(y, x)


def jac_of_a_target_of_integers(tf):
    x = tf.constant(X)
    tape, y = taped(tf, lambda x: tf.cast(x, tf.int32), x)
    return tape.jacobian(y, x)


def jac_no_elements(tf):
    x = tf.constant(X)
    tape, y = taped(tf, lambda x: x[:, :0], x)
    return tape.jacobian(y, x)


def jac_parallel_1(tf):
    x = tf.constant(X)
    tape, y = taped(tf, tf.square, x)
    return tape.jacobian(y, x, parallel_iterations=1)


def jac_loop_parallel_0(tf):
    x = tf.constant(X)
    tape, y = taped(tf, tf.square, x)
    return tape.jacobian(y, x, parallel_iterations=0, experimental_use_pfor=False)


def jac_of_a_gradient(tf):
    x = tf.constant(X[0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(tf.exp(tf.linalg.matvec(tf.constant(W), x)) * x)
        g = tape.gradient(y, x)
    return outer.jacobian(g, x)


def jac_then_gradient(tf):
    x, w = tf.constant(X[0]), tf.Variable(W)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.tanh(tf.linalg.matvec(w, x)) * x
        j = tape.jacobian(y, x)
        total = tf.reduce_sum(j**2)
    return outer.gradient(total, [x, w])


def jac_of_a_jacobian(tf):
    x = tf.constant(X[1])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.sin(x) * x[0]
        j = tape.jacobian(y, x)
    return outer.jacobian(j, x)


def jac_in_a_function(tf):
    w = tf.Variable(W)

    @tf.function
    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.tanh(tf.linalg.matvec(w, x))
        return tape.jacobian(y, [x, w])

    return f(tf.constant(X[2]))


def jac_gradient_through_a_function(tf):
    x = tf.constant(X[2])

    @tf.function
    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x**3 * x[0]
        return tape.jacobian(y, x)

    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(f(x) ** 2)
    return tape.gradient(y, x)


def jac_of_a_function(tf):
    x, w = tf.constant(X[2]), tf.Variable(W)
    f = tf.function(lambda x: tf.tanh(tf.linalg.matvec(w, x)))
    tape, y = taped(tf, lambda x: f(x) * x, x)
    return tape.jacobian(y, [x, w])


def jac_forward_over_it(tf):
    x, direction = tf.constant(X[2]), tf.constant([1.0, -2.0])
    with tf.autodiff.ForwardAccumulator(x, direction) as forward:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.sin(x) * x[0]
        j = tape.jacobian(y, x)
    return forward.jvp(j)


def jac_custom(tf):
    @tf.custom_gradient
    def f(x):
        return x * x, lambda g: g * 100.0 * x

    x = tf.constant(X)
    tape, y = taped(tf, f, x)
    return tape.jacobian(y, x)


def batch_of_a_chain(tf):
    x = tf.constant(X)
    tape, y = taped(tf, lambda x: tf.tanh(x @ tf.constant(W)) * x, x)
    one_by_one = tape.batch_jacobian(y, x, experimental_use_pfor=False)
    return tape.batch_jacobian(y, x), tape.batch_jacobian(y, x, parallel_iterations=2), one_by_one


def batch_unconnected(tf):
    x = tf.constant(X)
    tape, _ = taped(tf, tf.square, x)
    return tape.batch_jacobian(tf.ones((3, 2)), x)


def batch_no_elements(tf):
    x = tf.constant(X)
    tape, y = taped(tf, lambda x: x[:, :0], x)
    return tape.batch_jacobian(y, x)


def batch_in_a_function(tf):
    @tf.function
    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.nn.softmax(x)
        return tape.batch_jacobian(y, x)

    return f(tf.constant(X))


def batch_parallel_1(tf):
    x = tf.constant(X)
    tape, y = taped(tf, tf.square, x)
    return tape.batch_jacobian(y, x, parallel_iterations=1)


CASES = {n: f for n, f in dict(globals()).items() if n.split("_")[0] in ("map", "jac", "batch")}


def leaves(structure):
    """The leaves of dicts (by key), lists and tuples."""
    if isinstance(structure, dict):
        structure = [structure[key] for key in sorted(structure)]
    if isinstance(structure, (list, tuple)):
        return [leaf for part in structure for leaf in leaves(part)]
    return [structure]


def answer(tf, case):
    """What one case gives."""
    try:
        found = leaves(CASES[case](tf))
    except Exception as error:
        return type(error).__name__
    arrays = [None if y is None else np.asarray(y) for y in found]
    return [None if a is None else [a.dtype.name, list(a.shape), a.tolist()] for a in arrays]


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow

    record = {name: answer(tensorflow, name) for name in CASES}
    FILE.write_text(json.dumps(record, indent=0).replace("\n", "") + "\n")
