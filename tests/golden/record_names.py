"""Record what TensorFlow gives for the names around the tape, for tests/doors/test_around_tape.py.

    python tests/golden/record_names.py      (in an environment with tensorflow)

Writes tests/doors/names.json: for each expression its value or its error, for each tf.print the
bytes, and what a tour of tf.train.Checkpoint finds.
"""

import collections
import contextlib
import io
import json
import os
import re
import sys
import tempfile
from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parents[1] / "doors" / "names.json"

# Errors of these are of the same class, in other words.
OWN_WORDS = [
    "clip_by_value(tf.zeros((2,))",
    "clip_by_value(tf.constant([1,",
    "unravel_index(7",
    "bitwise_and",
    "check_numerics(tf.constant([1])",
]
VALUES = """tf.version.VERSION
tf.__version__
len(tf.config.list_physical_devices())
tf.config.list_physical_devices('GPU')
tf.config.list_physical_devices('CPU')[0].name
tf.config.list_physical_devices('CPU')[0].device_type
tf.config.list_logical_devices()[0].name
tf.config.set_visible_devices([], 'GPU')
tf.config.set_visible_devices(['a'])
tf.config.functions_run_eagerly()
tf.config.experimental.set_memory_growth('a', True)
tf.config.experimental.set_memory_growth(tf.config.list_physical_devices('CPU')[0], True)
tf.config.experimental.get_memory_info('CPU:0')
tf.config.experimental.get_memory_info('GPU:0')
tf.config.get_soft_device_placement()
tf.constant(1.0).device
tf.device('foo').__enter__()
tf.device('/foo:0').__enter__()
tf.device(3).__enter__()
tf.device(lambda op: 'x')
tf.device('CPU:x').__enter__()
on(tf, '/GPU:0')
on(tf, 'gpu:1')
on(tf, '/CPU:0')
on(tf, None)
on(tf, '')
on(tf, 'cpu')
on(tf, '/device:TPU:0')
on(tf, '/job:localhost/replica:0/task:0/device:CPU:0')
on(tf, tf.config.list_logical_devices('CPU')[0])
tf.debugging.assert_type(tf.constant(1.0), tf.int32)
tf.debugging.assert_type(1.0, tf.int32, message='hi')
tf.debugging.assert_integer(tf.constant(1.0))
tf.debugging.assert_integer(1.0, message='M')
tf.debugging.assert_integer(3)
tf.Assert(False, [tf.constant([1, 2, 3, 4, 5])])
tf.Assert(False, ['a', 1, tf.constant([1.5, 2, 3, 4, 5])], summarize=2)
tf.Assert(tf.constant(False), [])
tf.Assert(True, [1])
tf.Assert(tf.constant([True, True]), ['x'])
tf.Assert(False, 'x')
tf.debugging.check_numerics(tf.constant([1.0, np.nan]), 'msg')
tf.debugging.check_numerics(tf.constant([1.0, -np.inf]), 'msg')
tf.debugging.check_numerics(tf.constant([np.nan, -np.inf]), 'msg')
tf.debugging.check_numerics(tf.constant([1]), 'msg')
tf.debugging.check_numerics(tf.constant([1.0]), 'msg')
tf.debugging.assert_all_finite(tf.constant([1.0, np.nan]), 'msg')
tf.debugging.assert_near(tf.constant([1.0, 2.0]), [1.0, 2.1])
tf.debugging.assert_near(tf.constant([1.0, 2.0]), [1.0, 2.1], rtol=0.1)
tf.debugging.assert_near(tf.constant([1, 2]), [1, 2])
tf.debugging.assert_near(tf.constant([1.0, 2], tf.float64), [1.0, 3], message='m', summarize=1)
tf.debugging.assert_equal(tf.constant([1, 2, 3, 4, 5, 6]), 3)
tf.assert_equal(tf.constant([1, 2, 3, 4, 5, 6]), [1, 1, 1, 1, 1, 1])
tf.debugging.assert_equal(tf.constant([[1.0, 2], [3, 4]]), tf.ones((2, 2)), 'hey', summarize=2)
tf.debugging.assert_equal(1, 2)
tf.debugging.assert_equal([True], [False])
tf.debugging.assert_equal((1, 2), (1, 3), summarize=-1)
tf.debugging.assert_equal(tf.zeros((2, 3)).shape, (2, 4))
tf.debugging.assert_equal(tf.constant([]), tf.constant([]))
tf.debugging.assert_greater(tf.constant([1.0, 2.0]), 1.5)
tf.debugging.assert_greater_equal(tf.constant([1.0, 2.0]), 1.5, summarize=0)
tf.debugging.assert_less(1, 1)
tf.debugging.assert_less_equal(2, 1, 'm')
tf.debugging.assert_none_equal([1, 2], [1, 3])
tf.debugging.assert_positive([1.0, -1.0, 0.0])
tf.debugging.assert_positive([1.0, -1.0, 0.0, 4, 5, 6, 7], message='mm')
tf.debugging.assert_negative(3)
tf.debugging.assert_non_negative(tf.constant([-1, 2]), 'q', 1)
tf.debugging.assert_non_positive(tf.constant([-1, 2]))
tf.debugging.assert_rank(tf.zeros((2, 3)), 1, 'm')
tf.debugging.assert_rank(tf.zeros((2, 3)), 2)
tf.debugging.assert_rank(tf.zeros((2, 3)), [2])
tf.debugging.assert_rank(tf.zeros((2, 3)), 2.0)
tf.debugging.assert_rank_at_least(tf.zeros((2, 3)), 3)
tf.debugging.assert_rank_in(tf.zeros((2, 3)), [1, 3])
tf.debugging.assert_rank_in(tf.zeros((2, 3)), (2, 3))
tf.debugging.assert_scalar(tf.zeros((2,)), 'm')
tf.debugging.assert_scalar(1)
tf.debugging.assert_shapes([(tf.zeros((2, 3)), ('N', 'Q')), (tf.zeros((2, 4)), ('N', 'Q'))])
tf.debugging.assert_shapes([(tf.zeros((2, 3)), ('N', 4))])
tf.debugging.assert_shapes([(tf.zeros((2, 3)), ('N',))])
tf.debugging.assert_shapes([(tf.zeros((2, 3)), (2, 3)), (tf.zeros((2,)), 'N')])
tf.debugging.assert_shapes([(tf.zeros((2, 3)), ('N', 3)), (tf.zeros((3,)), ('N',))], message='mm')
tf.debugging.assert_shapes([(tf.zeros((2, 3)), (..., 'D')), (tf.zeros((5, 4)), (..., 'D'))])
tf.debugging.assert_shapes([(tf.zeros((2, 3)), ('*', 'D')), (tf.zeros((5, 4, 3)), (..., 4, 'D'))])
tf.debugging.assert_shapes([(tf.zeros((2, 3)), (..., 5, 4, 3))])
tf.debugging.assert_shapes([(tf.zeros((2, 3)), ('N', ..., 'D'))])
tf.debugging.assert_shapes([(tf.zeros((2, 3)), (None, '.')), (tf.zeros(()), ())])
tf.debugging.assert_shapes([(tf.zeros((2,)), ())])
tf.debugging.assert_shapes([(tf.zeros((2,)), 5)])
tf.debugging.assert_same_float_dtype([tf.constant(1.0), tf.constant(2.0, tf.float64)])
tf.debugging.assert_same_float_dtype([tf.constant(1.0), None]).name
tf.debugging.assert_same_float_dtype([tf.constant(1)])
tf.debugging.assert_same_float_dtype().name
tf.debugging.assert_same_float_dtype([tf.Variable(1.0, name='v')], tf.float64)
tf.debugging.is_numeric_tensor(tf.constant(True))
tf.debugging.is_numeric_tensor(tf.constant(1))
tf.debugging.is_numeric_tensor(1)
tf.debugging.assert_proper_iterable(5)
tf.errors.InvalidArgumentError(None, None, 'x').error_code
str(tf.errors.InvalidArgumentError(None, None, 'x'))
tf.errors.OpError(None, None, 'm', 3).message
[n for n in dir(tf.errors) if n.endswith('Error')]
[getattr(tf.errors, n) for n in dir(tf.errors) if n.isupper()]
[e for e in dir(tf.errors) if isinstance(getattr(tf.errors, e), int)]
[getattr(tf.errors, n)(None, None, 'm').error_code for n in ('DataLossError', 'NotFoundError')]
tf.clip_by_value(tf.constant([0.0, 5.0, 10.0]), tf.constant(7.0), tf.constant(3.0))
tf.clip_by_value(tf.constant([0.0, 5.0, 10.0]), 7.0, 3.0)
tf.clip_by_value(tf.constant([0.0, 5.0, np.nan]), tf.constant([1.0, 2.0, 3.0]), 3.0)
tf.clip_by_value([0, 5, 10], 3, 7)
tf.clip_by_value(tf.constant([0.0, 5.0]), np.nan, 3.0)
tf.clip_by_value(tf.zeros((2, 1)), tf.ones((1, 2)), 3.0)
tf.clip_by_value(tf.zeros((2,)), tf.ones((3,)), 3.0)
tf.clip_by_value(tf.constant([1, 2, 3]), 1.5, 2.5)
slopes(tf, lambda x, y: tf.clip_by_value(x, y, 3.0), [1.0, 2.0, 4.0], [2.0, 2.0, 5.0])
tf.nest.assert_same_structure([1, 2], [1, 2, 3])
tf.nest.assert_same_structure([1, 2], (1, 2))
tf.nest.assert_same_structure([1, 2], (1, 2), check_types=False)
tf.nest.assert_same_structure([1, {'a': 1}], [1, {'b': 1}])
tf.nest.assert_same_structure([1, 2], 3)
tf.nest.assert_same_structure([1, [2]], [1, 2])
tf.nest.map_structure(lambda x, y: x, [1, 2], (1, 2))
tf.nest.map_structure(lambda x, y: x, [1, 2], [1])
tf.nest.map_structure(1, [1])
tf.nest.map_structure(lambda x: x)
tf.nest.map_structure(lambda x: x, [1], foo=1)
[tf.nest.is_nested(x) for x in ([1], 'a', np.ones(2), {})]
tf.random.Generator.from_seed(1, alg='foo')
tf.random.Generator.from_seed(1).algorithm
tf.random.Generator.from_seed(1).uniform([2], maxval=10, dtype=tf.int32).dtype.name
tf.random.Generator.from_seed(1).uniform([2], dtype=tf.int32)
tf.random.Generator.from_key_counter(key=3, counter=[1, 2], alg='philox').state.numpy().tolist()
tf.random.Generator.from_state(state=[1, 2, 3], alg=1).state.numpy().tolist()
tf.random.stateless_uniform([2], seed=1)
tf.random.stateless_uniform([2], seed=(1, 2), minval=0, maxval=None, dtype=tf.int32)
tf.random.stateless_uniform([2], seed=(1, 2), minval=None, maxval=None, dtype=tf.int32).dtype.name
tf.random.split([1, 2], 3).shape.as_list()
tf.random.split(tf.constant([1, 2], tf.int64)).dtype.name
tf.random.categorical([1.0, 2.0], 3)
tf.random.categorical([[1.0, 2.0]], 3).shape.as_list()
tf.random.categorical([[-1e9, 2.0, -1e9]], 3, dtype=tf.int32)
tf.saturate_cast([300.0, -5.0, 2.7], tf.uint8)
tf.saturate_cast([3e9, -3e9, 1.0], tf.int32)
tf.saturate_cast([300, -5], tf.int8)
tf.saturate_cast([1e30, -1e30], tf.float16)
tf.math.zero_fraction([0.0, 1.0, 0.0])
tf.math.bincount([1, 1, 3])
tf.math.bincount([1, 1, 3], minlength=6, maxlength=3)
tf.math.bincount([1, 1, 3], weights=[1.0, 2.0, 3.0])
tf.math.bincount([[1, 1], [0, 3]], axis=-1)
tf.math.bincount([1, 1, 3], binary_output=True)
tf.math.confusion_matrix([1, 2], [1, 1])
tf.math.confusion_matrix([1, 2], [1, 1], num_classes=4, weights=[0.5, 2.0], dtype=tf.float32)
tf.math.confusion_matrix([1, 2], [1, 1], num_classes=2)
tf.math.in_top_k([1, 2], [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], 1)
tf.math.in_top_k([0, 1], [[0.3, 0.3, 0.1], [0.4, 0.5, np.inf]], 1)
tf.math.invert_permutation([2, 0, 1])
tf.math.lbeta([1.0, 2.0, 3.0])
tf.math.ndtri([0.1, 0.5, 0.9, 0.0, 1.0])
tf.math.erfcinv([0.1, 0.5, 1.9])
tf.math.nextafter([1.0, 2.0], [2.0, 1.0])
tf.math.reciprocal_no_nan([0.0, 2.0])
tf.math.accumulate_n([[1.0], [2.0]])
tf.math.scalar_mul(2.0, tf.constant([1.0, 2.0]))
tf.scalar_mul([2.0], tf.constant([1.0, 2.0]))
tf.math.conj([1.0])
tf.math.imag([1.0])
tf.math.angle([1.0, -1.0])
tf.math.is_non_decreasing([1, 1, 2])
tf.math.is_strictly_increasing([1, 1, 2])
tf.math.is_strictly_increasing([True])
tf.math.softmax([1.0, 2.0])
tf.math.log_softmax([1.0, 2.0])
tf.bitwise.left_shift([1, 2], [3, 4])
tf.bitwise.right_shift([-8, 2], [1, 1])
tf.bitwise.bitwise_and([1.0], [2.0])
tf.bitwise.bitwise_xor([5], [3])
tf.bitwise.invert([1])
tf.truncatediv([-7, 7, 6], [2, -2, -3])
tf.truncatediv([-7.5], [2.0])
tf.truncatemod([-7, 7, 6], [2, -2, -3])
tf.truncatemod([-7.5, 7.5], [2.0, -2.0])
tf.realdiv([1.0], [2.0])
tf.unravel_index([3, 5], [2, 3])
tf.unravel_index(7, [2, 3])
tf.histogram_fixed_width([0.0, 1.0, 2.0, 5.0], [0.0, 5.0], 5)
tf.histogram_fixed_width_bins([-1.0, 1.0, 2.0, 7.0], [0.0, 5.0], 5)
tf.dynamic_partition([1, 2, 3], [0, 1, 0], 2)
tf.dynamic_stitch([[0, 2], [1]], [[1, 3], [2]])
tf.broadcast_dynamic_shape([2, 1], [3])
tf.shape_n([tf.zeros(2), tf.zeros((1, 2))])
tf.identity_n([tf.zeros(2), 1])
tf.group(1)
tf.get_static_value(tf.constant([1])).tolist()
tf.bitcast(tf.constant([1.0]), tf.int32)
tf.bitcast(tf.constant([1.0]), tf.uint8)
tf.bitcast(tf.constant([[0, 0, 128, 63]], tf.uint8), tf.float32)
tf.reverse_sequence([[1, 2, 3], [4, 5, 6]], [2, 3], seq_axis=1, batch_axis=0)
tf.reverse_sequence([[1, 2, 3], [4, 5, 6]], [2, 1, 0], seq_axis=0, batch_axis=1)
tf.linalg.normalize([3.0, 4.0])
tf.linalg.normalize([[3.0, 4.0], [6.0, 8.0]], axis=-1)
tf.linalg.tensor_diag([[1.0, 2.0]])
tf.linalg.tensor_diag_part([[1.0, 2.0], [3.0, 4.0]])
tf.linalg.matrix_rank([[1.0, 2.0], [2.0, 4.0]])
tf.linalg.pinv(tf.constant([[1, 2], [3, -4], [5, 7.0]], tf.float64))
tf.nn.crelu([1.0, -1.0])
tf.nn.log_poisson_loss([1.0, 3.0], [2.0, 1.0], compute_full_loss=True)
tf.nn.weighted_moments([1.0, 2.0, 3.0], [0], [1.0, 1.0, 2.0])
tf.nn.normalize_moments(2.0, 3.0, 4.0, 1.0)
tf.nn.sufficient_statistics([1.0, 2.0], [0])[:3]
tf.nn.compute_average_loss([1.0, 2.0], global_batch_size=4)
tf.nn.compute_average_loss([1.0, 2.0], sample_weight=[1.0, 3.0])
tf.nn.lrn(tf.reshape(tf.range(6.0), (1, 1, 1, 6)), depth_radius=1, bias=2.0, alpha=0.5)
[tf.float32.limits, tf.uint8.limits, tf.uint8.is_unsigned, tf.float32.is_complex]
tf.ones_initializer()(shape=[2])
tf.gradients(1, 2)
slopes(tf, lambda x, y: tf.debugging.check_numerics(x, 'M') * y, [1.0], [np.inf])
tf.GradientTape().reset()
kept(tf)""".split("\n")

PRINTS = r"""tf.print(1)
tf.print("a", tf.constant(1.5), [1, tf.constant(2)], sep=",")
tf.print(tf.constant([1/3, 0.1, 1e10, 1e-5, 123456789., 16777217., 1e20, 1e5, 1e6]), summarize=-1)
tf.print(tf.constant([1/3, 1e300, np.inf, -np.inf, np.nan, -0.0, 1e16], tf.float64), summarize=-1)
tf.print(tf.constant([1/3, 0.1, 65504, 6e-8, np.inf], tf.float16), summarize=-1)
tf.print(tf.constant([1e-45, 3.4028235e38, 1.17549435e-38, 0.3, 1e7, 12345678.]), summarize=-1)
tf.print(tf.constant([0.1 + 0.2, 5e-324, 2.0**53, 1 / 7], tf.float64), summarize=-1)
tf.print(tf.constant([True, False]))
tf.print(tf.range(10))
tf.print(tf.range(10), summarize=2)
tf.print(tf.range(10), summarize=0)
tf.print(tf.range(10), summarize=-1)
tf.print(tf.range(6), tf.range(7))
tf.print(tf.reshape(tf.range(24), (2, 3, 4)))
tf.print(tf.reshape(tf.range(240), (8, 5, 6)), summarize=1)
tf.print(tf.reshape(tf.range(100), (10, 10)))
tf.print(tf.zeros((0,)), tf.zeros((2, 0)), tf.zeros((0, 2)), tf.zeros((2, 0, 3)))
tf.print(tf.constant(5), end="")
tf.print({"b": tf.constant([1, 2]), "a": 2})
tf.print((tf.constant(1), "s", None), ["x", tf.constant([1.0, 2.0])])
tf.print([])
tf.print("")
tf.print(None, 1.5, True, 1j, np.arange(3), [np.arange(3)])
tf.print(tf.Variable([1.0, 2.0]), tf.constant(3, tf.int8), tf.constant(200, tf.uint8))
tf.print("{}", tf.constant(1), "%s")
tf.print("a\nb", ["a\nb"], "it's", ["it's"])
tf.print(collections.OrderedDict([("b", tf.constant(1)), ("a", 2)]))
tf.print(collections.namedtuple("P", "x y")(tf.constant(1), 2))
tf.print(tf.float32, tf.constant([1]).shape)
tf.print([tf.constant(i) for i in range(40)])
tf.print(tf.constant(1), foo=1)
tf.print(tf.constant(1), output_stream=5)
tf.print("x", tf.constant(1), sep="\n", end="!")
tf.print(tf.constant(1), end=3)""".split("\n")


def on(tf, name):
    """The device of what is computed on `name`."""
    with tf.device(name):
        return (tf.ones(2) + 1).device


def slopes(tf, function, *arrays):
    """The gradients of function of the arrays."""
    xs = [tf.constant(a) for a in arrays]
    with tf.GradientTape() as tape:
        tape.watch(xs)
        y = function(*xs)
    return tape.gradient(y, xs)


def kept(tf):
    """What a tensor made of an array holds after the array was written to."""
    array = np.ones(3, np.float32)
    made = tf.convert_to_tensor(array)
    array[0] = 5.0
    return made


def plain(value):
    """A result as JSON has it; tensors as [dtype, shape, values]."""
    if hasattr(value, "dtype") and hasattr(value, "numpy"):
        array = np.asarray(value.numpy())
        return [array.dtype.name, list(array.shape), array.tolist()]
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def result(tf, text):
    """The value of an expression, or {"error": class, "words": text}."""
    scope = {"tf": tf, "np": np, "on": on, "slopes": slopes, "kept": kept}
    try:
        return plain(eval(text, scope))
    except Exception as error:
        words = re.sub(r"\{\{function_node[^}]*\}\} | ?\[Op:\w+\]( name: )?", "", str(error))
        return {"error": type(error).__name__, "words": words.replace("b'M'", "M")}


def printed(tf, text):
    """[what the call printed, class and words of its error]."""
    if "output_stream" not in text:
        text = f"{text[:-1]}, output_stream=sys.stdout)"
    scope = {"tf": tf, "np": np, "sys": sys, "collections": collections}
    error = None
    with captured() as out:
        try:
            eval(text, scope)
        except Exception as problem:
            error = [type(problem).__name__, str(problem)]
    return [out(), error]


@contextlib.contextmanager
def captured():
    """What is written to sys.stdout, by Python or by C++."""
    if isinstance(sys.stdout, io.StringIO):
        start = len(sys.stdout.getvalue())
        yield lambda: sys.stdout.getvalue()[start:]
        return
    with tempfile.TemporaryFile() as file:
        sys.stdout.flush()
        kept = os.dup(1)
        os.dup2(file.fileno(), 1)
        text = []
        try:
            yield lambda: text[0]
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            file.seek(0)
            text.append(file.read().decode())


def outcome(function):
    """The class of the error that function raises, "" if it raises none."""
    try:
        function()
    except Exception as error:
        return type(error).__name__
    return ""


def model_of(tf):
    """A model that is not built."""
    keras = tf.keras
    return keras.Sequential([keras.layers.Dense(2, activation="relu"), keras.layers.Dense(1)])


def objects(tf, folder, told):
    """Modules, lists, dicts: saved, restored, in part and before they exist."""

    class Net(tf.Module):
        def __init__(self, start):
            super().__init__()
            self.w = tf.Variable(start)
            self.parts = [tf.Variable(start + 1.0), {"k": tf.Variable(start + 2.0)}]

    checkpoint = tf.train.Checkpoint(net=Net(1.0), step=tf.Variable(7))
    first = checkpoint.save(f"{folder}/ck")
    told("names", os.path.basename(first), os.path.basename(checkpoint.save(f"{folder}/ck")))
    told("counter", int(checkpoint.save_counter), checkpoint.save_counter.dtype.name)
    told("latest", os.path.basename(tf.train.latest_checkpoint(folder)))
    told("keys", [k for k, _ in tf.train.list_variables(first) if not k.startswith("_")])
    told("value", float(tf.train.load_variable(first, "net/w/.ATTRIBUTES/VARIABLE_VALUE")))
    net = Net(50.0)
    other = tf.train.Checkpoint(net=net, extra=tf.Variable(1.0))
    status = other.restore(first)
    told("restored", float(net.w), float(net.parts[1]["k"]), int(other.save_counter))
    told("consumed", outcome(status.assert_consumed))
    told("matched", outcome(status.assert_existing_objects_matched))
    told("nontrivial", outcome(status.assert_nontrivial_match), outcome(status.expect_partial))
    late = tf.train.Checkpoint()
    status = late.restore(first)
    told("late", outcome(status.assert_consumed), outcome(status.assert_existing_objects_matched))
    late.step = tf.Variable(0)
    late.net = tf.Module()
    late.net.w = tf.Variable(50.0)
    late.net.parts = [tf.Variable(0.0), {"k": tf.Variable(0.0)}]
    told("then", int(late.step), [float(v) for v in tf.nest.flatten([late.net.w, late.net.parts])])
    told("all", outcome(status.assert_consumed))
    told("root", outcome(tf.train.Checkpoint(net=Net(1.0)).read(first).assert_consumed))
    inner = Net(9.0)
    tf.train.Checkpoint(inner).write(f"{folder}/root")
    net = Net(50.0)
    tf.train.Checkpoint(net).read(f"{folder}/root").assert_consumed()
    told("root of its own", float(net.w))
    told("none", outcome(lambda: other.restore(None)))
    told("nothing", outcome(lambda: other.restore(None).assert_consumed()))
    told("missing", outcome(lambda: other.restore(f"{folder}/no")))
    told("read", outcome(lambda: other.read(f"{folder}/no")))
    for wrong in (3, "abc", None, np.ones(3), tf.constant(1.0), lambda: 1):
        told("refused", outcome(lambda x=wrong: tf.train.Checkpoint(x=x)))
    dtype, shape = tf.Variable(1.0), tf.Variable([1, 2])
    told("dtype", outcome(lambda: tf.train.Checkpoint(step=dtype).restore(first)))
    told("shape", outcome(lambda: tf.train.Checkpoint(step=shape).restore(first)))


def models(tf, folder, told):
    """A model and its optimizer, restored before they are built."""
    x, y = np.ones((4, 3), np.float32), np.ones((4, 1), np.float32)
    model = model_of(tf)
    optimizer = tf.keras.optimizers.Adam(0.01)
    model.compile(optimizer, "mse")
    model.fit(x, y, verbose=0)
    path = tf.train.Checkpoint(model=model, optimizer=optimizer).save(f"{folder}/model")
    again, fresh = model_of(tf), tf.keras.optimizers.Adam(0.5)
    status = tf.train.Checkpoint(model=again, optimizer=fresh).restore(path)
    told("unbuilt", outcome(status.assert_consumed))
    told("existing", outcome(status.assert_existing_objects_matched))
    again(x)
    told(
        "built", all(np.array_equal(a, b) for a, b in zip(again.get_weights(), model.get_weights()))
    )
    fresh.build(again.trainable_variables)
    pairs = list(zip(fresh.variables, optimizer.variables))
    told("states", len(pairs), all(np.array_equal(a.numpy(), b.numpy()) for a, b in pairs))
    told("end", outcome(status.assert_consumed), round(float(fresh.learning_rate), 6))


def managers(tf, folder, told):
    """CheckpointManager: what is kept, when it saves, how it goes on."""
    checkpoint = tf.train.Checkpoint(step=tf.Variable(3))
    base = os.path.basename

    def manager(where, *args, **kwargs):
        return tf.train.CheckpointManager(checkpoint, f"{folder}/{where}", *args, **kwargs)

    told("zero", outcome(lambda: manager("m", 0)))
    one = manager("m", 2)
    told("empty", one.latest_checkpoint, one.restore_or_initialize())
    told("saved", [base(one.save()) for _ in range(3)], [base(p) for p in one.checkpoints])
    told("numbered", base(one.save(checkpoint_number=40)), int(checkpoint.save_counter))
    checkpoint.step.assign(0)
    told("restored", base(one.restore_or_initialize()), int(checkpoint.step))
    again = manager("m", 2)
    told("again", [base(p) for p in again.checkpoints], base(again.latest_checkpoint))
    told("files", len({p.split(".")[0] for p in os.listdir(f"{folder}/m")}))
    called = []
    told("init", manager("n", 2, init_fn=lambda: called.append(1)).restore_or_initialize(), called)
    told("counter", outcome(lambda: manager("o", 2, checkpoint_interval=2)))
    steps = tf.Variable(0)
    timed = manager("o", 2, checkpoint_interval=2, step_counter=steps)
    for step in (0, 0, 1, 2, 2, 3):
        steps.assign(step)
        told("timed", step, timed.save() is None)
    told("forced", timed.save(check_interval=False) is None)


def tour(tf):
    """[[name, what was found]] of the functions above."""
    found = []

    def told(name, *values):
        found.append([name, *values])

    for part in (objects, models, managers):
        with tempfile.TemporaryDirectory() as folder:
            part(tf, folder, told)
    return found


def main():
    """Write the record."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    record = {
        "version": tf.__version__,
        "values": [[text, result(tf, text)] for text in VALUES],
        "prints": [[text, printed(tf, text)] for text in PRINTS],
        "tour": tour(tf),
    }
    FILE.write_text(json.dumps(record, indent=0) + "\n")


if __name__ == "__main__":
    main()
