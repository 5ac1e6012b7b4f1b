"""Small eager calls by compiled functions: the forward's results and errors, nothing leaked."""

import gc
import os
import pickle
import signal
import sys
import threading
import weakref

import numpy as np
import pytest

from framework.engine import ops
from framework.engine.compile import cache, fastcall, quick
from framework.engine.errors import InvalidArgumentError
from framework.engine.op import OPS
from framework.engine.tape import GradientTape
from framework.engine.tensor import Tensor
from framework.engine.variable import Variable

EXACT = sorted([name for name, op in OPS.items() if op.is_exact])
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """The first call of a signature gets its row."""
    monkeypatch.setattr(quick, "STORED", 1)
    monkeypatch.setattr(cache, "is_at_hand", lambda entry: True)


class OnArrays:
    """A Quick, called with arrays and giving arrays."""

    def __init__(self, op, attrs):
        self.quick = quick.Quick(op, attrs)

    def __call__(self, *arrays):
        out = self.quick.function(*[Tensor(a) for a in arrays])
        if out is None or isinstance(out, tuple):
            return out
        assert type(out) is Tensor and type(out.id) is int
        return out.array

    @property
    def rows(self):
        return self.quick.rows


def learnt(op, attrs, *arrays):
    """A function that has a row for such operands."""
    made = OnArrays(op, attrs)
    made(*arrays)
    assert len(made.rows) == 1
    return made


def same_bits(x, y):
    return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()


def test_this_python_is_known():
    assert quick.method() is not None


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gives_the_bits_of_the_forward(name, dtype):
    op = OPS[name]
    for sample in op.samples:
        arrays = sample.arrays(1, np.dtype(dtype))
        found = learnt(op, sample.attrs, *arrays)(*arrays)
        assert same_bits(found, np.ascontiguousarray(op.forward(*arrays, **sample.attrs)))


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "relu", "relu_grad"])
def test_special_numbers(name):
    few = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e-45, 3e38], "f")
    grid = [a.ravel().copy() for a in np.meshgrid(few, few)][: 1 if name == "relu" else 2]
    with np.errstate(all="ignore"):
        wanted = OPS[name].forward(*grid)
    found = learnt(OPS[name], {}, *grid)(*grid)
    np.testing.assert_array_equal(found, wanted)
    zero = wanted == 0
    np.testing.assert_array_equal(np.signbit(found[zero]), np.signbit(wanted[zero]))


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "relu"])
def test_integers_wrap_around(name):
    x = np.array([2**31 - 1, -(2**31), -1, 0, 7], np.int32)
    arrays = [x] if name == "relu" else [x, x[::-1].copy()]
    assert same_bits(learnt(OPS[name], {}, *arrays)(*arrays), OPS[name].forward(*arrays))


def test_views_and_other_shapes_and_dtypes_are_left_to_the_forward():
    x = RNG.random((6, 4)).astype("f")
    add = learnt(ops.add, {}, x, x)
    assert add(x.T, x.T) is None and add(x[::2], x[::2]) is None
    other = OnArrays(ops.add, {})
    for dtype in (np.float16, np.int8):
        assert other(x.astype(dtype), x.astype(dtype)) is None
    assert [(row[0][1], row[0][3]) for row in other.rows] == [(0, 0)] * 2  # the forward runs
    assert other(x, x.astype(float)) is None
    assert len(other.rows) == 2  # what the op refuses has no row


def test_a_dtype_that_does_not_last_has_no_row():
    """The next dtype may stand at its address, as here those of unpickled arrays do."""
    erf = OnArrays(ops.erf, {})
    for i in range(40):
        given = np.full(64, 0.5, ("f4", "f8")[i % 2])
        x = pickle.loads(pickle.dumps(given))
        assert x.dtype is not given.dtype
        found = erf(x)
        wanted = ops.erf.forward(given)
        assert found.dtype == wanted.dtype and np.allclose(found, wanted, rtol=1e-5)
    assert not erf.rows
    given = np.full(64, 0.5, "f4")
    assert [erf(given) is not None, len(erf.rows)] == [True, 1]
    assert erf(given).dtype is given.dtype


def test_rows_are_told_apart():
    many = OnArrays(ops.multiply, {})
    shapes = [((n, 3), tail) for n in range(1, 2 * quick.ROWS) for tail in ((3,), (n, 3))]
    for _ in range(2):
        for shape, tail in shapes:
            x, y = RNG.random(shape), RNG.random(tail)
            for _ in range(2):
                found = many(x, y)
            assert same_bits(found, x * y)
    assert len(many.rows) <= quick.ROWS


def test_an_error_is_the_forwards():
    x, ids = RNG.random((4, 3)).astype("f"), np.array([1, 3], np.int32)
    gather = learnt(ops.gather, {"axis": 0}, x, ids)
    assert same_bits(gather(x, ids), x[ids])
    assert gather(x, ids + 1) is None
    logits, labels = Tensor(RNG.random((40, 8)).astype("f")), Tensor(np.arange(40) % 8)
    for _ in range(3):
        ops.sparse_softmax_cross_entropy(labels, logits)
        with pytest.raises(InvalidArgumentError, match="label value of 8"):
            ops.sparse_softmax_cross_entropy(Tensor(labels.array + 1), logits)


def test_a_view_shows_the_memory():
    x = Tensor(RNG.random((4, 3)).astype("f"))
    seen = [ops.reshape(x, shape=(2, -1)) for _ in range(3)]
    assert all([np.shares_memory(y.array, x.array) and y.array.shape == (2, 6) for y in seen])
    assert len({x.id, *[y.id for y in seen]}) == 4
    v = Variable(x)
    before = [ops.reshape(v, shape=(2, -1)) for _ in range(3)]
    v.assign(v + 1.0)
    assert all([same_bits(y.array, seen[0].array) and not y.array.flags.writeable for y in before])


def test_what_is_no_tensor_is_left_to_the_op():
    x = RNG.random((4, 3)).astype("f")
    double = learnt(ops.multiply, {}, x, x).quick.function
    for strange in (x, 2.0, None, [1.0]):
        with pytest.raises(AttributeError):
            double(Tensor(x), strange)
    assert same_bits(ops.multiply(Tensor(x), x).array, x * x)
    assert same_bits(ops.multiply(x, Tensor(x)).array, x * x)


def test_subclasses_of_tensors_are_operands():
    class Own(Tensor):
        __slots__ = ()

    class Other(Tensor):
        array = property(lambda self: Tensor.array.__get__(self) + 1.0, Tensor.array.__set__)

    x = RNG.random((4, 3)).astype("f")
    negative = learnt(ops.negative, {}, x).quick.function
    for kind, wanted in ((Own, -x), (Variable, -x), (Other, None)):
        negative(kind(x))
        for _ in range(3):
            found = negative(kind(x))
            assert found is None if wanted is None else same_bits(found.array, wanted)
        assert same_bits(ops.negative(kind(x)).array, -(x + 1.0) if wanted is None else wanted)


def test_a_collector_may_forget_the_rows():
    """What Python runs between finding a row and using it."""
    x = RNG.random((4, 3)).astype("f")
    square = learnt(ops.square, {}, x)
    threshold = gc.get_threshold()

    def forget(phase, info):
        for n in range(1, quick.ROWS + 2):
            learn(Tensor(np.zeros((n, 2), "f")))

    learn = square.quick.learn
    gc.callbacks.append(forget)
    try:
        gc.set_threshold(1)
        for _ in range(200):
            found = square(x)
            assert found is None or same_bits(found, x * x)
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(forget)


def test_a_collector_may_look_at_everything():
    """A tuple that it keeps cannot be filled any more; a Tensor without an array is no Tensor."""
    logits, labels = RNG.random((40, 8)).astype("f"), np.arange(40) % 8
    entropy = learnt(ops.sparse_softmax_cross_entropy, {}, labels, logits)
    square, threshold, seen, kept = learnt(ops.square, {}, logits), gc.get_threshold(), [], []

    def look(phase, info):
        kept[:] = gc.get_objects()
        seen.extend([x.array.size for x in kept if type(x) is Tensor and x.id])

    gc.callbacks.append(look)
    try:
        gc.set_threshold(1)
        for _ in range(20):
            assert len(entropy(labels, logits)) == 2 and square(logits) is not None
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(look)
    assert seen


def test_an_operand_may_change_while_a_result_is_made():
    """A collector runs finalizers; what is computed is what the operand was."""
    x, threshold = Tensor(np.ones(4096, "f")), gc.get_threshold()
    square = learnt(ops.square, {}, x.array).quick.function
    big, small = x.array, np.full(8, 3.0, "f")

    def change(phase, info):
        x.array = small

    gc.callbacks.append(change)
    try:
        gc.set_threshold(1)
        for _ in range(200):
            x.array = big
            found = square(x)
            assert found is None or found.array.shape in ((4096,), (8,))
            assert found is None or found.array.max() == (1.0 if found.array.size > 8 else 9.0)
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(change)


def test_many_shapes_are_not_remembered():
    add = OnArrays(ops.add, {})
    quick.STORED = 100
    for n in range(3 * quick.MANY):
        x = np.zeros(n + 1, "f")
        add(x, x)
    assert len(add.quick.counts) <= quick.MANY


def test_types_that_are_not_known_get_no_rows():
    class Other(Tensor):
        array = property(lambda self: Tensor.array.__get__(self), Tensor.array.__set__)

    add, x = quick.Quick(ops.add, {}), Other(RNG.random(4).astype("f"))
    for _ in range(5):
        assert add.function(x, x) is None
    assert not add.rows


def test_what_the_op_refuses_stays_refused():
    x = np.array([True, False])
    for _ in range(3):
        with pytest.raises(TypeError):
            ops.subtract(Tensor(x), Tensor(x))


def test_large_results_are_left_to_what_lets_other_threads_run():
    column, row = RNG.random((400, 1)).astype("f"), RNG.random((1, 400)).astype("f")
    add = OnArrays(ops.add, {})
    assert add(column, row) is None and add(column, row) is None
    assert [row[0][3] for row in add.rows] == [0]


def test_an_interrupted_learner_learns_again(monkeypatch):
    add, x = OnArrays(ops.add, {}), RNG.random(4).astype("f")

    class Rows(list):
        def append(self, row):
            raise KeyboardInterrupt

    add.quick.rows = Rows()
    with pytest.raises(KeyboardInterrupt):
        add(x, x)
    add.quick.rows = []
    add.quick.counts.clear()
    add(x, x)
    assert same_bits(add(x, x), x + x)


def test_tapes_see_the_calls():
    x = Tensor(RNG.standard_normal((40, 40)).astype("f"))
    found = []
    for _ in range(3):
        with GradientTape() as tape:
            tape.watch(x)
            loss = ops.sum(ops.max(x, axis=1))
        found.append(tape.gradient(loss, x).array)
    wanted = (x.array == x.array.max(1, keepdims=True)).astype("f")
    assert all([same_bits(g, wanted) for g in found])


def test_nothing_is_leaked():
    x, ids = RNG.random((4, 3)).astype("f"), np.array([1, 3])
    gather = learnt(ops.gather, {"axis": 0}, x, ids)
    logits, labels = RNG.random((40, 8)).astype("f"), np.arange(40) % 8
    entropy = learnt(ops.sparse_softmax_cross_entropy, {}, labels, logits)

    shown = learnt(ops.reshape, {"shape": (2, -1)}, x)

    def counts():
        return [sys.getrefcount(o) for o in (None, x.dtype, x, ids, logits)]

    def work():
        for _ in range(1000):
            assert gather(x, ids) is not None and gather(x, ids + 9) is None
            assert len(entropy(labels, logits)) == 2 and shown(x).base is x

    work()
    before = counts()
    work()
    assert max(np.abs(np.subtract(counts(), before))) < 100
    made = quick.Quick(ops.add, {})
    gone = weakref.ref(made)
    del made
    gc.collect()
    assert gone() is None


def test_threads_share_a_function():
    inputs = [RNG.standard_normal((30, 40)) for _ in range(4)]
    square, wrong = learnt(ops.square, {}, inputs[0]), []

    def work(x):
        wanted = x * x
        for _ in range(3000):
            if not np.array_equal(square(x), wanted):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(x,)) for x in inputs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_threads_that_start_at_once_keep_what_functions_name(monkeypatch):
    """functools.cache keeps the result of the last thread only; all are in use."""
    begun, addresses = threading.Barrier(2, timeout=60), quick.cache.addresses
    made = []

    def together(entries):
        begun.wait()
        return addresses(entries)

    monkeypatch.setattr(quick.cache, "addresses", together)
    quick.method.cache_clear()
    threads = [threading.Thread(target=lambda: made.append(weakref.ref(quick.method())))
               for _ in range(2)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert len(made) == 2 and all([found() is not None for found in made])


def test_without_the_layout_all_calls_are_learnt(monkeypatch):
    monkeypatch.setattr(quick, "method", lambda: None)
    x = RNG.random((40, 40)).astype("f")
    function = OnArrays(ops.softmax, {})
    for _ in range(2):
        np.testing.assert_allclose(function(x), ops.softmax.forward(x), rtol=1e-5)
    assert function(x[:2]) is None


def test_many_calls_get_kernels(monkeypatch):
    monkeypatch.setattr("framework.engine.quick_calls.PATIENCE", 3)
    op = ops.negative
    op.quick.clear()
    x = Tensor(RNG.random(5).astype("f"))
    for _ in range(6):
        assert same_bits(ops.negative(x).array, -x.array)
    assert type(op.quick[()]) is type(len)


def test_the_words_of_the_tables():
    names = fastcall.__doc__.replace("\n", " ")
    assert "13, 14 the words of a Tensor" in names and len(quick.functions()) == 13
    assert f"{quick.CALLABLE} the callable" in names
    assert f"{quick.OUTS} the number of outputs" in names
    assert f"{quick.FIRST} the address of the first row" in names


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_learns_while_another_thread_added():
    x, entered, left = RNG.random(4).astype("f"), threading.Event(), threading.Event()

    def hold():
        with quick.ADDING:
            entered.set()
            left.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(60)
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # ends it if it waits for the lock
        add = OnArrays(ops.add, {})
        add(x, x)
        os._exit(0 if same_bits(add(x, x), x + x) else 1)
    left.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
