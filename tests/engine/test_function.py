"""tf.function: the same as eager for every op and order; traces, side effects, fallbacks."""

import copy
import gc
import logging
import pickle
import weakref

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.engine.compile import call as calls
from framework.engine.compile import function, vm
from framework.engine.compile.function import Function
from framework.engine.op import OPS
from framework.engine.tensor import Tensor
from tests.engine.test_every_op import PURE, SMOOTH, each

X = tf.constant(1.5)


def outputs(result):
    return [y for y in (result if isinstance(result, tuple) else (result,)) if y is not None]


def two_orders(call, arrays):
    """The outputs, first and second derivatives of a function of tensors, flat."""
    inputs = [Tensor(a) for a in arrays]
    floats = [x for x in inputs if x.dtype.is_floating]
    with tf.GradientTape() as outer:
        outer.watch(floats)
        with tf.GradientTape() as tape:
            tape.watch(floats)
            outs = outputs(call(*inputs))
            target = [tf.square(y) for y in outs if y.dtype.is_floating]
        first = tape.gradient(target, floats, unconnected_gradients="zero")
        first = [tf.convert_to_tensor(g) for g in first]
        squares = [tf.reduce_sum(tf.square(g)) for g in first]
    second = outer.gradient(squares, floats, unconnected_gradients="zero")
    return [np.asarray(x) for x in (*outs, *first, *second)]


@each([case for case in SMOOTH if not OPS[case[0]].is_random])
def test_every_op_to_second_order(name, i):
    op, sample = OPS[name], OPS[name].samples[i]
    arrays = sample.arrays(5, np.float64)
    compiled = Function(lambda *xs: op(*xs, **sample.attrs))
    for ours, eager in zip(
        two_orders(compiled, arrays),
        two_orders(lambda *xs: op(*xs, **sample.attrs), arrays),
        strict=True,
    ):
        np.testing.assert_allclose(ours, eager, rtol=1e-10, atol=1e-12)


@each([case for case in PURE if OPS[case[0]].rule is None and not OPS[case[0]].is_random])
def test_every_op_without_gradient(name, i):
    op, sample = OPS[name], OPS[name].samples[i]
    inputs = [Tensor(a) for a in sample.arrays(5, np.float32)]
    call = lambda *xs: op(*xs, **sample.attrs)
    for ours, eager in zip(outputs(Function(call)(*inputs)), outputs(call(*inputs)), strict=True):
        np.testing.assert_array_equal(ours, eager)


def train_step(decorate):
    """The losses and weights of a small network trained by hand, and how often Python ran."""
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])
    optimizer, runs = keras.optimizers.Adam(0.1), []
    model.build((None, 3))
    optimizer.build(model.trainable_variables)

    @decorate
    def step(x, y):
        runs.append(1)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
        return loss

    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((8, 3)).astype("f"), rng.standard_normal((8, 1)).astype("f")
    losses = [float(step(tf.constant(x), tf.constant(y))) for _ in range(6)]
    return losses, [w.numpy() for w in model.trainable_variables], len(runs)


def test_a_training_step_is_the_eager_one():
    losses, weights, runs = train_step(lambda f: f)
    compiled, ours, traces = train_step(tf.function)
    assert runs == 6 and traces == 1 and losses[-1] < losses[0]
    np.testing.assert_allclose(compiled, losses, rtol=1e-5)
    for a, b in zip(ours, weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_gradients_through_a_model_in_a_function():
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.layers.Dense(4, "relu"), keras.layers.Dense(1)])
    model.build((None, 3))
    x = tf.constant(np.random.default_rng(0).standard_normal((8, 3)).astype("f"))
    forward = tf.function(lambda x: model(x))
    found = []
    for call in (model, forward, forward, forward, forward):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(call(x)))
        found.append(tape.gradient(loss, model.trainable_variables))
    for grads in found[1:]:
        for g, eager in zip(grads, found[0], strict=True):
            np.testing.assert_allclose(g, eager, rtol=1e-5, atol=1e-6)


def test_third_order_from_the_kernels():
    cube = tf.function(lambda x: x**3, jit_compile=True)
    with tf.GradientTape() as c:
        c.watch(X)
        with tf.GradientTape() as b:
            b.watch(X)
            with tf.GradientTape() as a:
                a.watch(X)
                y = cube(X)
            first = a.gradient(y, X)
        second = b.gradient(first, X)
    assert [float(g) for g in (first, second, c.gradient(second, X))] == [6.75, 9, 6]


def test_one_trace_for_each_signature():
    seen = []

    @tf.function
    def f(x, y=1):
        seen.append(1)
        return x * y

    def traces(*args, **kwargs):
        before = len(seen)
        f(*args, **kwargs)
        return len(seen) - before

    assert [traces(X), traces(X + 1), traces(X, 1), traces(x=X), traces(X, y=1)] == [1, 0, 0, 0, 0]
    assert [traces(X, 2), traces(X, 2), traces(np.float32(2))] == [1, 0, 0]
    assert [traces(tf.ones(3)), traces(np.ones(3, "f")), traces(tf.ones(4))] == [1, 0, 1]
    assert [traces(tf.ones(3, tf.float64)), traces(3.0), traces(3.0), traces(4.0)] == [1, 1, 0, 1]
    assert f.experimental_get_tracing_count() == len(seen) == 7


def test_a_number_that_is_none_is_like_itself():
    f = tf.function(lambda x, fill: x + fill)
    for _ in range(3):
        assert np.isnan(f(X, float("nan")))
    assert f.experimental_get_tracing_count() == 1


def test_variables_of_old_calls_are_let_go(monkeypatch):
    monkeypatch.setattr(calls, "MANY", 2)
    f, gone = tf.function(lambda v: v * 2.0), []
    for i in range(6):
        v = tf.Variable(float(i))
        gone.append(weakref.ref(v))
        assert float(f(v)) == 2.0 * i
    del v
    gc.collect()
    assert [r() is None for r in gone] == [False, True, True, True, False, False]
    assert f.experimental_get_tracing_count() == 1


def test_a_retrace_says_what_changed(caplog):
    f = tf.function(lambda x, scale: x * scale)
    with caplog.at_level(logging.INFO, "framework"):
        f(X, 1.0)
        f(X, 2.0)
        assert "argument 'scale' changed from 1.0 to 2.0" in caplog.text
        f(tf.ones(3), 2.0)
        assert "argument 'x' changed from float32[] to float32[3]" in caplog.text
    caplog.clear()
    for scale in (3.0, 4.0, 5.0, 6.0):
        f(X, scale)
    assert caplog.text.count("triggered tf.function retracing") == 1


def test_traces_used_long_ago_are_let_go_with_their_memory(monkeypatch):
    monkeypatch.setattr(function, "TRACES", 3)
    f, arenas = tf.function(lambda x: tf.reduce_sum(tf.tanh(x)), jit_compile=True), []
    make = vm.allocate

    def allocate(*args):
        arena = make(*args)
        arenas.append(weakref.ref(arena.base))
        return arena

    monkeypatch.setattr(vm, "allocate", allocate)
    for n in (1, 2, 3, 1, 4, 1, 5):  # 1 is used all the time
        assert float(f(tf.zeros(n))) == 0
    assert len(f._traces) == 3 and f.experimental_get_tracing_count() == 5
    gc.collect()
    assert [arena() is None for arena in arenas] == [False, True, True, False, False]
    f(tf.zeros(1))
    assert f.experimental_get_tracing_count() == 5, "within the bound: one trace per signature"
    f(tf.zeros(2))
    assert f.experimental_get_tracing_count() == 6


def test_a_function_of_ever_new_numbers_keeps_a_bounded_number_of_traces(caplog):
    f = tf.function(lambda x, scale: x * scale)
    first = f.get_concrete_function(X, 0.0)
    for i in range(300):
        assert float(f(X, float(i))) == 1.5 * i
    assert len(f._traces) == function.TRACES and f.experimental_get_tracing_count() == 300
    warned = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert [r.name for r in warned] == ["framework"]
    said = "5 calls of tf.function <lambda> triggered tf.function retracing: argument 'scale' ch"
    assert said in warned[0].getMessage()
    assert float(first(X, 0.0)) == 0 and f.experimental_get_tracing_count() == 300


def test_open_traces_are_bounded_too(monkeypatch):
    monkeypatch.setattr(function, "TRACES", 4)
    f = tf.function(lambda x, scale: tf.reduce_sum(x) * scale, reduce_retracing=True)
    for scale in range(9):
        for n in (1, 2, 3):
            assert float(f(tf.ones(n), float(scale))) == n * scale
    assert max(len(f._traces), len(f._templates), len(f._seen._shapes)) == 4


def test_side_effects_once_assignments_every_time():
    v, log = tf.Variable(0.0), []

    @tf.function
    def count(x):
        log.append(1)
        v.assign_add(x)
        return v.read_value(), v * 10.0

    assert [[float(y) for y in count(X)] for _ in range(4)] == [
        [1.5, 15], [3, 30], [4.5, 45], [6, 60],
    ]  # fmt: skip
    assert len(log) == 1 and v.numpy() == 6


def test_variables_are_made_once():
    class Scale:
        def __init__(self):
            self.v, self.traces = None, 0

        @tf.function
        def __call__(self, x):
            self.traces += 1
            if self.v is None:
                self.v = tf.Variable(3.0)
            return self.v * x

    a, b = Scale(), Scale()
    assert [float(s(X)) for s in (a, a, b, a)] == [4.5] * 4 and a.v is not b.v
    assert a.traces == b.traces == 2  # the second shows that no more are made

    with pytest.raises(ValueError, match="only supports singleton tf.Variables"):
        tf.function(lambda x: tf.Variable(1.0) * x)(X)


def test_structures_in_and_out():
    f = tf.function(lambda d: {"a": d["x"] + 1.0, "b": [d["y"][0], None, 3]})
    found = f({"x": X, "y": (X * 2.0,)})
    assert float(found["a"]) == 2.5 and found["b"][1] is None
    assert float(found["b"][0]) == 3 and found["b"][2].dtype == tf.int32
    assert tf.function(lambda: None)() is None
    with pytest.raises(TypeError, match="must return zero or more Tensors"):
        tf.function(lambda: object())()


def test_slices_leave_a_function_as_slices():
    w = tf.Variable([[1.0, 2], [3, 4]])

    @tf.function
    def gradient(ids):
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(tf.gather(w, ids) ** 2)
        return tape.gradient(y, [w])

    for _ in range(4):
        (g,) = gradient(tf.constant([1, 1]))
        assert isinstance(g, tf.IndexedSlices) and g.shape == (2, 2)
        np.testing.assert_array_equal(np.asarray(g), [[0, 0], [12, 16]])


def test_input_signature():
    f = tf.function(lambda x: tf.reduce_sum(x), input_signature=[tf.TensorSpec([None])])
    assert [float(f(x)) for x in (tf.ones(3), np.ones(4), [1, 2])] == [3, 4, 3]
    for wrong in (tf.ones(3, tf.float64), tf.ones((2, 2))):
        with pytest.raises(TypeError, match="Can not cast TensorSpec"):
            f(wrong)
    with pytest.raises(TypeError, match="too many positional"):
        f(tf.ones(3), 1)
    with pytest.raises(TypeError, match="missing a required argument: 'x'"):
        f()


def test_unconnected_is_zeros_through_a_function():
    y = tf.constant(2.0)
    f = tf.function(lambda a, b: (a * 2.0, b * 3.0, tf.stop_gradient(a)))
    for place, wanted in ((0, [2, 0]), (1, [0, 3]), (2, [0, 0])):
        with tf.GradientTape() as tape:
            tape.watch([X, y])
            outs = f(X, y)
        assert [float(g) for g in tape.gradient(outs[place], [X, y])] == wanted


def test_a_value_that_is_asked_for_makes_it_plain_python(caplog):
    v = tf.Variable(0.0)

    @tf.function
    def f(x):
        v.assign_add(1.0)
        noise = tf.random.normal([])
        if x > 0:
            return x * 2.0, noise
        return x * 3.0, noise

    tf.random.set_seed(3)
    eager = [float(tf.random.normal([])) for _ in range(3)]
    tf.random.set_seed(3)
    found = [f(x) for x in (X, -X, X)]
    assert [float(y) for y, _ in found] == [3, -4.5, 3]
    assert [float(n) for _, n in found] == eager  # the abandoned trace drew no number,
    assert v.numpy() == 3  # and wrote nothing
    assert caplog.text.count("runs as plain Python") == 1 and "test_function.py:" in caplog.text
    with tf.GradientTape() as tape:
        tape.watch(X)
        y, _ = f(X)
    assert float(tape.gradient(y, X)) == 2
    with pytest.raises(TypeError, match="no value"):
        tf.function(lambda x: 1.0 if x > 0 else 2.0, autograph=False)(X)


def test_loops_over_tensors():
    @tf.function
    def powers(x):
        total = tf.constant(0.0)
        for i in tf.range(4):
            total += x * tf.cast(i, tf.float32)
        return total

    @tf.function
    def double(x):
        while x < 100:
            x = x * 2.0
        return x

    with tf.GradientTape() as tape:
        tape.watch(X)
        y = powers(X) + double(X)
    assert float(y) == 9 + 192 and float(tape.gradient(y, X)) == 6 + 128


def test_functions_in_functions():
    log = []

    @tf.function
    def inner(x):
        log.append("inner")
        return x * x

    @tf.function
    def outer(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = inner(x) + inner(x + 1.0)
        return tape.gradient(y, x)

    assert [float(outer(X)) for _ in range(4)] == [8.0] * 4
    assert len(log) == 1


def test_custom_gradients_keep_their_rule():
    @tf.custom_gradient
    def square(x):
        e = tf.exp(x)
        return x * x, lambda g: g * (e - e + 7.0)

    inner = tf.function(lambda x: square(x) + 0.0)
    for f in (inner, tf.function(lambda x: inner(x) * 1.0)):
        for _ in range(4):
            with tf.GradientTape() as tape:
                tape.watch(X)
                y = f(X)
            assert float(y) == 2.25 and float(tape.gradient(y, X)) == 7


def test_random_numbers_are_drawn_at_each_call():
    f = tf.function(lambda: tf.random.uniform([2]))
    draws = {tuple(f().numpy().tolist()) for _ in range(5)}
    assert len(draws) == 5


def test_errors_and_switches():
    with pytest.raises(ZeroDivisionError):
        tf.function(lambda x: 1 / 0)(X)
    f = tf.function(lambda x, i: tf.gather(x, i))
    for _ in range(4):
        with pytest.raises(tf.errors.InvalidArgumentError, match="index 7"):
            f(tf.ones(3), tf.constant(7))
    log = []
    g = tf.function(lambda x: log.append(1))
    tf.config.run_functions_eagerly(True)
    try:
        assert tf.config.functions_run_eagerly()
        g(X), g(X)
    finally:
        tf.config.run_functions_eagerly(False)
    assert len(log) == 2


def test_concrete_functions():
    f = tf.function(lambda x, n=2: x * n)
    concrete = f.get_concrete_function(tf.TensorSpec([2], tf.float32))
    assert concrete(tf.ones(2)).numpy().tolist() == [2, 2]
    assert "multiply" in str(concrete.program)
    with pytest.raises(TypeError, match="argument 'x' changed"):
        concrete(tf.ones(3))
    assert f.experimental_get_tracing_count() == 1
    assert not bool(tf.function(lambda: tf.executing_eagerly())())


def test_the_method_does_not_keep_its_object():
    import gc
    import weakref

    class Thing:
        @tf.function
        def call(self, x):
            return x + 1.0

    thing = Thing()
    thing.call(X)
    reference = weakref.ref(thing)
    del thing
    gc.collect()
    assert reference() is None


def test_a_function_says_why_it_cannot_be_pickled():
    double = tf.function(lambda x: x * 2.0)
    for attempt in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot pickle or deep-copy tf.function '<lambda>'"):
            attempt(double)


def test_the_program_of_a_function_can_be_read():
    w = tf.Variable(tf.ones((3, 4)), name="w")

    @tf.function
    def f(x):
        return tf.reduce_sum(tf.nn.relu(tf.matmul(x, w) + 1.0))

    x = tf.ones((5, 3))
    text = str(f.program(x))
    assert "program(in0: float32[5, 3])" in text
    assert "add+relu" in text and "in0, w" in text
    assert f.program(x).flops == 2 * 5 * 3 * 4 + 2 * 20 + 20
    assert "GFLOP/s" in str(f.program(x, profile=3))
    np.testing.assert_array_equal(w, np.ones((3, 4)))

    @tf.function
    def g(x):
        return x if float(x) > 0 else -x

    with pytest.raises(Exception, match="runs as plain Python"):
        g.program(tf.constant(1.0))


def test_print_in_a_function_prints_at_each_call(capfd):
    """TensorFlow's: Python's print once per trace, tf.print at each call and in its place."""
    v = tf.Variable(1.0)

    @tf.function
    def f(x):
        print("traced")
        tf.print("before", v, x)
        v.assign_add(x)
        tf.print("after", {"v": v}, summarize=1)
        return v * 2.0

    for _ in range(4):  # on NumPy, then on the VM
        f(tf.constant(1.0))
    said = capfd.readouterr()
    assert said.out == "traced\n"
    lines = [f"before {n} 1\nafter {{'v': {n + 1}}}\n" for n in range(1, 5)]
    assert said.err == "".join(lines)
    assert f.experimental_get_tracing_count() == 1
    with tf.GradientTape() as tape:
        y = f(tf.constant(1.0))
    np.testing.assert_array_equal(tape.gradient(y, v), 2.0)
    assert capfd.readouterr().err == "before 5 1\nafter {'v': 6}\n"
