"""More cases for record_open.py: Variables as arguments, custom gradients, further ops."""

import numpy as np

from tests.golden.open_cases import SIZES, calls, case, data, plain


@case
def variables_share_a_trace(tf):
    v, w = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])
    frozen, long = tf.Variable([5.0, 6.0], trainable=False), tf.Variable([1.0, 2.0, 3.0])
    f = tf.function(lambda a, b: a * 2.0 + b)
    found = []
    for pair in ((v, w), (w, v), (v, v), (w, w), (frozen, w), (long, long), (v, tf.ones(2))):
        found.append([plain(f(*pair)), f.experimental_get_tracing_count()])
    return found


@case
def variables_are_assigned(tf):
    v, w = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])

    @tf.function
    def grow(a, x):
        a.assign_add(x)
        return a * 2.0

    found = [plain(grow(a, tf.constant([1.0, 1.0]))) for a in (v, w, v, w, w)]
    return [found, plain(v), plain(w), grow.experimental_get_tracing_count()]


@case
def variables_are_differentiated(tf):
    v, w, u = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0]), tf.Variable([5.0], trainable=False)
    inside = tf.function(lambda a: gradient_of_square(tf, a))
    square = tf.function(lambda a: tf.reduce_sum(a * a))
    found = [plain(inside(a)) for a in (v, w, u)]
    for a in (v, w):
        with tf.GradientTape() as tape:
            y = square(a)
        found.append(plain(tape.gradient(y, [v, w])))
    return [found, inside.experimental_get_tracing_count(), square.experimental_get_tracing_count()]


def gradient_of_square(tf, a):
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(a * a)
    return tape.gradient(y, a)


@case
def variables_in_structures(tf):
    v, w = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])
    f = tf.function(lambda d: d[0] + 10.0 * d[1]["a"])
    found = [plain(f([a, {"a": b}])) for a, b in ((v, w), (w, v), (w, w), (v, v))]
    return [found, f.experimental_get_tracing_count()]


@case
def variables_and_sizes(tf):
    ran = []
    v, w = tf.Variable([[1.0], [2.0]]), tf.Variable([[3.0], [4.0]])
    f = tf.function(lambda a, x: (ran.append(1), x @ a)[1], reduce_retracing=True)
    found = [plain(f(a, tf.constant(data(n, 2)))) for n in (2, 3, 4, 5) for a in (v, w)]
    return [found, len(ran)]


@case
def variables_as_tensors(tf):
    f = tf.function(lambda x: x * 2.0, input_signature=[tf.TensorSpec([None])])
    found = [plain(f(tf.Variable(tf.ones([n])))) for n in (2, 3)]
    return [found, f.experimental_get_tracing_count()]


def scaled_square(tf, ran):
    @tf.custom_gradient
    def square(x):
        middle = tf.reduce_mean(x, axis=0)
        ran.append("forward")

        def grad(g):
            ran.append("gradient")
            return 10.0 * g * x + middle / tf.cast(tf.shape(x)[0], tf.float32)

        return x * x, grad

    return square


@case
def custom_gradient_inside(tf):
    ran = []
    square = scaled_square(tf, ran)

    def body(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(square(x))
        return tape.gradient(y, x)

    return [calls(tf, body, sizes=(3, 1, 5)), ran]


@case
def custom_gradient_outside(tf):
    ran, found = [], []
    square = scaled_square(tf, ran)
    f = tf.function(
        lambda x: tf.reduce_sum(square(x) * x), input_signature=[tf.TensorSpec([None, 3])]
    )
    for n in (3, 1, 5, 3, 2):
        x = tf.constant(data(n, 3))
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        found.append([plain(y), plain(tape.gradient(y, x))])
    return [found, ran, f.experimental_get_tracing_count()]


@case
def custom_gradient_of_variables(tf):
    v, w = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])

    @tf.function
    def f(a):
        @tf.custom_gradient
        def product(x):
            def grad(g, variables=None):
                return g * a * 5.0, [g * x]

            return x * a, grad

        return product(tf.constant([1.0, 1.0])) + a

    found = []
    for a in (v, w, v):
        with tf.GradientTape() as tape:
            y = f(a)
        found.append([plain(y), plain(tape.gradient(y, a))])
    return found


@case
def closures_and_orders(tf):
    c, w = tf.constant([1.0, 2.0, 3.0]), tf.Variable([1.0, 2.0, 3.0])
    f = tf.function(
        lambda x: tf.reduce_mean((x * c * w) ** 3), input_signature=[tf.TensorSpec([None, 3])]
    )
    found = []
    for n in (2, 3, 1):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as tape:
                tape.watch(c)
                y = f(tf.ones([n, 3]))
            first = tape.gradient(y, [w, c])
            total = tf.reduce_sum(first[0])
        found.append([plain(first), plain(outer.gradient(total, w))])
    return [found, f.experimental_get_tracing_count()]


@case
def more_ops(tf):
    def body(x):
        n = tf.shape(x)[0]
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.sin(x)
        return [
            *[tf.eye(n), tf.roll(x, 1, 0), tf.fill([n, 2], 1.5), x[: n // 2], x[n - 1 :]],
            *[tf.slice(x, [0, 1], [n, 2]), tf.ones(tf.shape(x)), tape.batch_jacobian(y, x)],
            *[
                tf.math.top_k(x, 2).values,
                tf.math.unsorted_segment_sum(x, tf.zeros([n], tf.int32), 2),
            ],
            *[tf.meshgrid(x[:, 0], x[:, 1]), tf.linalg.norm(x), tf.nn.moments(x, [1])],
        ]

    return calls(tf, body, sizes=(4, 2, 3, 1))


@case
def open_images(tf):
    kernel = tf.ones([3, 3, 1, 2])

    def body(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.nn.max_pool2d(tf.nn.conv2d(x, kernel, 2, "SAME"), 2, 1, "SAME")
            loss = tf.reduce_sum(y**2)
        return [y, tape.gradient(loss, x)]

    f = tf.function(body, input_signature=[tf.TensorSpec([None, None, None, 1])])
    shapes = ((2, 6, 5, 1), (1, 7, 9, 1), (1, 4, 4, 1))
    return [[plain(f(tf.ones(shape))) for shape in shapes], f.experimental_get_tracing_count()]


@case
def errors_of_the_function(tf):
    ran = []

    def wrong(x):
        ran.append(1)
        raise KeyError("said once")

    f = tf.function(wrong, input_signature=[tf.TensorSpec([None])], autograph=False)
    try:
        f(tf.ones([2]))
    except KeyError as error:
        return [str(error), len(ran)]


@case
def unbuilt_layers(tf):
    ran, layer = [], tf.keras.layers.Dense(2, kernel_initializer="ones")
    f = tf.function(
        lambda x: (ran.append(1), layer(x))[1], input_signature=[tf.TensorSpec([None, 3])]
    )
    return [[plain(f(tf.constant(data(n, 3)))) for n in SIZES], len(ran)]


@case
def random_numbers(tf):
    f = tf.function(
        lambda x: x + tf.random.uniform(tf.shape(x)), input_signature=[tf.TensorSpec([None, 2])]
    )
    drawn = [f(tf.ones([n, 2])) for n in (3, 1, 4, 4)]
    differ = bool(np.any(np.asarray(drawn[2]) != np.asarray(drawn[3])))
    return [[list(x.shape) for x in drawn], differ, f.experimental_get_tracing_count()]
