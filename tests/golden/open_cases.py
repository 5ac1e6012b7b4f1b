"""What functions with open sizes do: run by record_open.py on TensorFlow, by
tests/engine/test_open.py here. Each case takes the module and returns plain values.
"""

import numpy as np

SIZES = (5, 2, 17, 1, 0)
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def plain(x):
    """A result as lists and numbers."""
    if isinstance(x, (list, tuple)):
        return [plain(part) for part in x]
    if isinstance(x, dict):
        return {key: plain(part) for key, part in x.items()}
    if hasattr(x, "indices"):
        return [plain(x.indices), plain(x.values)]
    if x is None or isinstance(x, (int, float, str)):
        return x
    array = np.asarray(x)
    if array.dtype.kind == "f":
        array = np.round(array.astype(np.float64), 4) + 0.0
    return [str(array.dtype), list(array.shape), np.nan_to_num(array, nan=-999.0).tolist()]


def data(n, *rest):
    rng = np.random.default_rng(n)
    return rng.uniform(0.5, 1.5, (n, *rest)).astype(np.float32)


def calls(tf, body, shape=(None, 3), sizes=SIZES, **options):
    """The results of body for each size; how often Python ran it, and the tracing count."""
    ran = []

    def function(x):
        ran.append(len(ran))
        return body(x)

    f = tf.function(function, input_signature=[tf.TensorSpec(shape, tf.float32)], **options)
    found = [plain(f(tf.constant(data(n, *shape[1:])))) for n in sizes]
    return [found, len(ran), f.experimental_get_tracing_count()]


def simple(name, body, **options):
    """A case that is calls of one body(tf, x)."""
    CASES[name] = lambda tf: calls(tf, lambda x: body(tf, x), **options)


simple("reduce_sum", lambda tf, x: tf.reduce_sum(x, axis=0))
simple("matmul", lambda tf, x: tf.matmul(x, x, transpose_b=True))
simple("minus_mean", lambda tf, x: x - tf.reduce_mean(x, axis=1, keepdims=True))
simple("softmax", lambda tf, x: tf.nn.softmax(x))
simple("flat", lambda tf, x: tf.reshape(x, [-1]))
simple("reshape", lambda tf, x: tf.reshape(x, [tf.shape(x)[0], -1]), shape=(None, 3, 2))
simple("with_none", lambda tf, x: tf.reshape(x, [-1 if n is None else n for n in x.shape]))
simple("concat", lambda tf, x: tf.concat([x, tf.zeros([tf.shape(x)[0], 2])], axis=1))
simple("behind", lambda tf, x: tf.concat([x, x[:1], x], axis=0))
simple("slices", lambda tf, x: [x[1:], x[:-1], x[::2], x[::-1], x[:, 1], x[..., None], x[1:4]])
simple("shape", lambda tf, x: [tf.shape(x), tf.size(x), tf.rank(x), tf.shape(x)[0] * 2 + 1])
simple("count", lambda tf, x: tf.reduce_sum(x) / tf.cast(tf.maximum(tf.shape(x)[0], 1), tf.float32))
simple("range", lambda tf, x: [tf.range(tf.shape(x)[0]), tf.range(1, tf.shape(x)[0] + 1, 2)])
simple("stack", lambda tf, x: [tf.stack([x, x], axis=1), tf.unstack(x, axis=1)])
simple("tile", lambda tf, x: tf.tile(x, [2, 1]))
simple("repeat", lambda tf, x: tf.repeat(x, 2, axis=0))
simple("flip", lambda tf, x: tf.reverse(x, [0]))
simple("pad", lambda tf, x: tf.pad(x, [[1, 2], [0, 0]]))
simple("einsum", lambda tf, x: tf.einsum("ij,kj->ik", x, x))
simple("argmax", lambda tf, x: tf.one_hot(tf.argmax(x, axis=1), 3))
simple("where", lambda tf, x: tf.where(x > 1.0, x, tf.zeros_like(x)))
simple("cumsum", lambda tf, x: tf.cumsum(x))
simple("sort", lambda tf, x: tf.sort(x, axis=0))
simple("gather", lambda tf, x: tf.gather(x, [2, 0], axis=1))
simple("squeeze", lambda tf, x: tf.squeeze(x, axis=1), shape=(None, 1, 3))
simple("last", lambda tf, x: x[-1], sizes=(5, 2, 1))
simple("expand", lambda tf, x: tf.broadcast_to(x, [2, tf.shape(x)[0], 3]))
simple("cond", lambda tf, x: tf.cond(tf.reduce_sum(x) > 5.0, lambda: x * 2.0, lambda: x - 1.0))
simple("cond_of_size", lambda tf, x: tf.cond(tf.shape(x)[0] > 3, lambda: x * 2.0, lambda: x - 1.0))
simple(
    "while_loop",
    lambda tf, x: tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2.0 + x), (0, x)),
)
simple("vectorized", lambda tf, x: tf.vectorized_map(lambda row: row * 2.0, x), sizes=(5, 2, 17))
simple("losses", lambda tf, x: tf.keras.losses.MeanSquaredError()(x, x * 2.0), sizes=(5, 2, 1))


@case
def shapes_are_none(tf):
    seen = []

    def look(x):
        shape = x.shape
        seen.append([str(shape), repr(shape), shape == (None, 3), shape.rank, str(shape[0])])
        seen.append([shape.num_elements(), shape.is_fully_defined(), shape[1:] == (3,)])
        return x

    found = calls(tf, look)
    return [found[1:], seen]


@case
def gradient_inside(tf):
    def body(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_mean(tf.square(x) * tf.constant([1.0, 2.0, 3.0]))
        return [tape.gradient(y, x), y]

    return calls(tf, body)


@case
def second_order_inside(tf):
    def body(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_mean(x**3)
            g = inner.gradient(y, x)
        return outer.gradient(g, x)

    return calls(tf, body)


@case
def gradient_of_rows(tf):
    def body(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(tf.gather(x, [0, 0]) ** 2)
        return tf.convert_to_tensor(tape.gradient(y, x))

    return calls(tf, body, sizes=(5, 2, 1))


@case
def gradient_of_variables(tf):
    w = tf.Variable(data(3, 2))

    def body(x):
        with tf.GradientTape() as tape:
            y = tf.reduce_mean(tf.nn.relu(x @ w - 1.5))
        g = tape.gradient(y, w)
        w.assign_sub(0.1 * g)
        return g

    return [calls(tf, body, sizes=(5, 2, 17, 1)), plain(w)]


@case
def gradient_outside(tf):
    ran = []
    f = tf.function(
        lambda x: (ran.append(1), tf.reduce_mean(tf.nn.softmax(x) ** 2))[1],
        input_signature=[tf.TensorSpec([None, 3])],
    )
    found = []
    for n in (5, 2, 1, 17):
        x = tf.constant(data(n, 3))
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        found.append(plain(tape.gradient(y, x)))
    return [found, len(ran)]


@case
def layers(tf):
    model = tf.keras.Sequential(
        [
            tf.keras.Input((3,)),
            tf.keras.layers.Dense(4, "tanh", kernel_initializer="ones"),
            tf.keras.layers.LayerNormalization(),
            tf.keras.layers.Dense(2, "softmax", kernel_initializer="ones"),
        ]
    )

    def body(x):
        with tf.GradientTape() as tape:
            labels = tf.zeros([tf.shape(x)[0]], tf.int32)
            loss = tf.reduce_sum(
                tf.keras.losses.sparse_categorical_crossentropy(labels, model(x, training=True))
            )
        return [loss, *tape.gradient(loss, model.trainable_variables)]

    return calls(tf, body, sizes=(5, 2, 1))


@case
def convolution(tf):
    model = tf.keras.Sequential(
        [
            tf.keras.Input((6, 6, 1)),
            tf.keras.layers.Conv2D(2, 3, padding="same", kernel_initializer="ones"),
            tf.keras.layers.MaxPooling2D(),
            tf.keras.layers.BatchNormalization(),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(2, kernel_initializer="ones"),
        ]
    )
    return calls(tf, lambda x: model(x, training=False), (None, 6, 6, 1), sizes=(5, 2, 1))


@case
def two_sizes(tf):
    ran = []
    spec = tf.TensorSpec([None, None])
    f = tf.function(
        lambda x, y: (ran.append(1), [x + y, tf.reduce_sum(x * y, axis=0)])[1],
        input_signature=[spec, spec],
    )
    pairs = [
        ((5, 3), (5, 3)),
        ((5, 3), (1, 3)),
        ((2, 1), (1, 4)),
        ((1, 1), (1, 1)),
        ((0, 2), (1, 2)),
    ]
    found = [plain(f(tf.ones(a), tf.ones(b) * 2.0)) for a, b in pairs]
    return [found, len(ran)]


@case
def broadcast_column_and_row(tf):
    f = tf.function(
        lambda x, y: tf.reduce_sum(x + y, axis=0) * tf.cast(tf.shape(x + y)[0], tf.float32),
        input_signature=[tf.TensorSpec([None, 1]), tf.TensorSpec([None])],
    )
    found = [plain(f(tf.ones([n, 1]), tf.ones([m]))) for n, m in ((3, 4), (4, 4), (1, 5), (5, 1))]
    return [found, f.experimental_get_tracing_count()]


@case
def sizes_that_do_not_fit(tf):
    f = tf.function(lambda x: x + tf.ones(3), input_signature=[tf.TensorSpec([None])])
    found = [plain(f(tf.ones(1)))]
    try:
        f(tf.ones(5))
    except tf.errors.InvalidArgumentError as error:
        found.append("Incompatible shapes" in str(error))
    return [found, plain(f(tf.ones(3))), f.experimental_get_tracing_count()]


@case
def methods(tf):
    class Counter:
        def __init__(self):
            self.ran = 0

        @tf.function(input_signature=[tf.TensorSpec([None])])
        def total(self, x):
            self.ran += 1
            return tf.reduce_sum(x)

    one, two = Counter(), Counter()
    found = [plain(c.total(tf.ones(n))) for c in (one, two) for n in (3, 4, 5)]
    return [found, one.ran, two.ran]


@case
def functions_in_functions(tf):
    ran = []

    @tf.function
    def inner(x):
        ran.append("inner")
        return tf.reduce_sum(x * x, axis=0) + tf.cast(tf.shape(x)[0], tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def outer(x):
        ran.append("outer")
        return inner(x) + inner(x + 1.0)

    found = [plain(outer(tf.constant(data(n, 3)))) for n in SIZES]
    return [found, ran, inner.experimental_get_tracing_count()]


@case
def reduce_retracing(tf):
    f = tf.function(lambda x: tf.reduce_sum(x, axis=-1) * 2.0, reduce_retracing=True)
    counts = []
    for shape in ((1,), (2,), (3,), (4,), (2, 2), (2, 3), (4, 5), (7,)):
        plain(f(tf.ones(shape)))
        counts.append(f.experimental_get_tracing_count())
    return counts


@case
def reduce_retracing_of_two(tf):
    f = tf.function(lambda x, y: x[0] + tf.reduce_sum(y), reduce_retracing=True)
    counts = []
    for a, b in ((2, 2), (2, 3), (2, 4), (3, 4), (4, 4), (5, 6)):
        plain(f(tf.ones([a]), tf.ones([b])))
        counts.append(f.experimental_get_tracing_count())
    return counts


@case
def concrete_functions(tf):
    ran = []
    f = tf.function(lambda x: (ran.append(1), tf.reduce_sum(x, axis=0) * 2.0)[1])
    concrete = f.get_concrete_function(tf.TensorSpec([None, 2]))
    before = len(ran)
    found = [plain(concrete(tf.ones([n, 2]))) for n in SIZES]
    found += [plain(f(tf.ones([n, 2]))) for n in (3, 8)]
    counts = [before, len(ran)]
    plain(f(tf.ones([3, 4])))
    return [found, counts, len(ran)]


@case
def structures(tf):
    ran = []
    f = tf.function(
        lambda d: (ran.append(1), {"sum": d["a"] + d["b"][0], "n": tf.shape(d["a"])[0]})[1],
        input_signature=[{"a": tf.TensorSpec([None]), "b": [tf.TensorSpec([None])]}],
    )
    found = [plain(f({"a": tf.ones([n]), "b": [tf.ones([n])]})) for n in (3, 1, 4)]
    return [found, len(ran)]


@case
def unknown_rank(tf):
    ran = []
    f = tf.function(
        lambda x: (ran.append(1), tf.reduce_sum(x) * 2.0)[1],
        input_signature=[tf.TensorSpec(None)],
    )
    return [[plain(f(tf.ones([n, 2]))) for n in (3, 1, 4)], len(ran)]
