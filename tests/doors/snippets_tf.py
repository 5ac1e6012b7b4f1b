"""Snippets of GradientTape tutorials. Each takes (tf, np, layers) of either library and prints.

The output of the real library is recorded in tf.json (tests/golden/record_doors.py).
"""


def gradient_inside_the_block(tf, np, layers):
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x * x * x
        print(tape.gradient(y, x))


def persistent(tf, np, layers):
    x = tf.constant(3.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    print(tape.gradient(z, x))
    print(tape.gradient(y, x))
    del tape


def second_gradient_of_a_tape(tf, np, layers):
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    print(tape.gradient(y, x))
    try:
        tape.gradient(y, x)
    except RuntimeError as error:
        print(error)


def dense_layer_on_doubles(tf, np, layers):
    a = layers.Dense(2)
    inputs = np.random.random(size=(2, 4))
    with tf.GradientTape() as tape:
        y = a(inputs)
    gradients = tape.gradient(y, a.trainable_variables)
    print([g.shape for g in gradients], [g.dtype for g in gradients], y.dtype)


def watched_before_built(tf, np, layers):
    a = layers.Dense(2)
    b = layers.Dense(2)
    inputs = tf.ones((3, 2))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(a.variables)
        result = b(a(inputs))
    print(tape.gradient(result, a.variables))


def watched_when_read(tf, np, layers):
    a = layers.Dense(2, kernel_initializer="ones")
    b = layers.Dense(2, kernel_initializer="ones")
    inputs = tf.constant([[1.0, 2.0]])
    with tf.GradientTape(watch_accessed_variables=True) as tape:
        result = b(a(inputs))
    print(tape.gradient(result, a.variables))


def line_of_variables(tf, np, layers):
    w = tf.Variable(2.0)
    b = tf.Variable(4.0)
    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = w * x + b
    print(y, tape.gradient(y, [w, x, b]))


def integers(tf, np, layers):
    x = tf.constant(3)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    print(tape.gradient(y, x))


def nested_structures(tf, np, layers):
    w = tf.Variable(2.0, name="w")
    b = tf.Variable([1.0, 2.0], name="b")
    with tf.GradientTape() as tape:
        loss = {"one": w * w, "two": (tf.reduce_sum(b * w),)}
    found = tape.gradient(loss, {"w": w, "rest": [b, (w, b)]})
    print(sorted(found), found["w"], found["rest"][0], type(found["rest"][1]).__name__)
    print(found["rest"][1])


def output_gradients(tf, np, layers):
    x = tf.constant([1.0, 2.0, 3.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = tf.exp(x)
    print(tape.gradient(y, x, output_gradients=tf.constant([1.0, 0.0, -1.0])))
    print(tape.gradient([y, z], x, output_gradients=[tf.ones(3), tf.zeros(3)]))


def several_targets(tf, np, layers):
    x = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y0 = x**2
        y1 = 1 / x
    print(tape.gradient({"y0": y0, "y1": y1}, x).numpy())
    with tf.GradientTape() as tape:
        y = x * [3.0, 4.0]
    print(tape.gradient(y, x).numpy())


def unconnected(tf, np, layers):
    x = tf.Variable([1.0, 2.0])
    z = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        y = x * x
    print(tape.gradient(y, z))
    print(tape.gradient(y, z, unconnected_gradients="zero"))
    print(tape.gradient(y, [x, z], unconnected_gradients=tf.UnconnectedGradients.ZERO))
    try:
        tape.gradient(y, z, unconnected_gradients="nothing")
    except ValueError as error:
        print(error)


def second_order(tf, np, layers):
    x = tf.Variable(1.0)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = x * x * x
        dy = inner.gradient(y, x)
    print(dy, outer.gradient(dy, x))


def stopped(tf, np, layers):
    x = tf.Variable(2.0)
    y = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        x_squared = x * x
        with tape.stop_recording():
            y_squared = y * y
        z = x_squared + y_squared
    print(tape.gradient(z, {"x": x, "y": y}))
    with tf.GradientTape() as tape:
        z = x * x + tf.stop_gradient(y * y)
    print(tape.gradient(z, [x, y]))


def reset(tf, np, layers):
    x = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = x * x
        tape.reset()
        z = x * 3.0
    print(tape.gradient([y, z], x))


def watched_variables(tf, np, layers):
    a, b = tf.Variable(1.0, name="a"), tf.Variable(2.0, name="b")
    c = tf.Variable(3.0, name="c", trainable=False)
    with tf.GradientTape() as tape:
        tape.watch(c)
        _ = b * a
    print([v.name for v in tape.watched_variables()])


def reads_around_an_assign(tf, np, layers):
    v = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = v * v
        v.assign(5.0)
        z = v * v * v
    print(tape.gradient([y, z], v))


def branches(tf, np, layers):
    x = tf.constant(1.0)
    v0, v1 = tf.Variable(2.0), tf.Variable(2.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        result = v0 if x > 0.0 else v1**2
    print(tape.gradient(result, [v0, v1]), tape.gradient(result, x))


def through_numpy(tf, np, layers):
    x = tf.Variable([[1.0, 2.0], [3.0, 4.0]], dtype=tf.float32)
    with tf.GradientTape() as tape:
        x2 = x**2
        y = tf.reduce_mean(np.mean(x2, axis=0), axis=0)
    print(y, tape.gradient(y, x))


def replaced_variable(tf, np, layers):
    x = tf.Variable(2.0)
    for _ in range(2):
        with tf.GradientTape() as tape:
            y = x + 1
        print(isinstance(x, tf.Variable), tape.gradient(y, x))
        x = x + 1  # a tensor from now on


def strings_of_reductions(tf, np, layers):
    x = tf.ones((2, 2))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(x)
        z = tf.multiply(y, y)
    print(tape.gradient(z, x))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(x)
        z = tf.multiply(y, y)
    print(tape.gradient(z, y).numpy() == 8.0)


def control_flow(tf, np, layers):
    def f(x, y):
        output = 1.0
        for i in range(y):
            if i > 1 and i < 5:
                output = tf.multiply(output, x)
        return output

    x = tf.convert_to_tensor(2.0)
    for n in (6, 5, 4):
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = f(x, n)
        print(tape.gradient(out, x).numpy())


def linear_regression(tf, np, layers):
    xs = np.linspace(-1, 1, 20).astype("float32")
    ys = 3.0 * xs + 2.0
    w, b = tf.Variable(0.0), tf.Variable(0.0)
    for epoch in range(30):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(ys - (w * xs + b)))
        dw, db = tape.gradient(loss, [w, b])
        w.assign_sub(0.3 * dw)
        b.assign_sub(0.3 * db)
        if epoch % 10 == 0:
            print(f"{epoch} {loss:.4f}")
    print(f"{w.numpy():.3f} {b.numpy():.3f}")


def entered_twice(tf, np, layers):
    tape = tf.GradientTape()
    x = tf.Variable(3.0)
    with tape:
        y = x * x
    print(tape.gradient(y, x))
    with tape:
        y = x * x * x
    print(tape.gradient(y, x))
    try:
        with tape:
            with tape:
                pass
    except ValueError as error:
        print(error)


def never_entered(tf, np, layers):
    x = tf.Variable(2.0)
    try:
        print(tf.GradientTape().gradient(x, x))
    except Exception as error:
        print(type(error).__name__)


def gradient_of_itself(tf, np, layers):
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.identity(x)
    print(tape.gradient(x, x), tape.gradient(y, y), tape.gradient(x, y))


def casts(tf, np, layers):
    x = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        y = tf.cast(x, tf.float64) * 2.0
        i = tf.cast(tf.cast(x, tf.int32), tf.float32) * x
    print(tape.gradient(y, x), tape.gradient(i, x))


def indexing(tf, np, layers):
    x = tf.Variable([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    with tf.GradientTape(persistent=True) as tape:
        y = x[0, ::2] * x[1, 1]
        z = x[tf.newaxis, ::-1, ..., 1:]
    print(y, tape.gradient(y, x))
    print(z, tape.gradient(z, x))
