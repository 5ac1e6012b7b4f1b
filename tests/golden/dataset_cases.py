"""Little programs on tf.data, and what is to be seen of each: run by the real library and ours."""

import itertools
from collections import namedtuple

import numpy as np

Pair = namedtuple("Pair", "left right")


def words(start, stop):
    """A generator for from_generator with arguments."""
    for i in range(int(start), int(stop)):
        yield np.full(2, i), i


X = np.arange(12, dtype="float32").reshape(6, 2)
Y = np.arange(6)
LIMIT = 12  # elements that are looked at

PROGRAMS = """
D.from_tensor_slices(X)
D.from_tensor_slices((X, Y))
D.from_tensor_slices({"a": X, "b": (Y, [1.0, 2, 3, 4, 5, 6])})
D.from_tensor_slices([1, 2, 3])
D.from_tensor_slices([[1.5, 2], [3, 4]])
D.from_tensor_slices(([1, 2], [True, False]))
D.from_tensor_slices(Pair([1, 2], [3.0, 4.0]))
D.from_tensor_slices(tf.constant([[1, 2], [3, 4]]))
D.from_tensor_slices((X, Y[:5]))
D.from_tensor_slices(1)
D.from_tensor_slices(X.astype("float64")).map(lambda x: x + 1)
D.from_tensors(X)
D.from_tensors((1, {"b": 2.0}))
D.from_tensors([1, 2]).repeat(2)
D.range(5)
D.range(2, 11, 3)
D.range(5, 0, -2)
D.range(3, output_type=tf.float32)
D.range(1, 2, 0)
D.range()
D.range(3).repeat(2)
D.range(3).repeat()
D.range(3).repeat(0)
D.range(0).repeat()
D.range(5).take(3)
D.range(5).take(-1)
D.range(5).take(9)
D.range(5).skip(3)
D.range(5).skip(9)
D.range(5).skip(-1)
D.range(5).repeat().take(7)
D.range(5).repeat().skip(2)
D.range(7).shard(3, 1)
D.range(7).shard(3, 3)
D.range(7).batch(3)
D.range(7).batch(3, drop_remainder=True)
D.range(6).batch(3)
D.range(7).batch(2).batch(2)
D.range(7).batch(3, num_parallel_calls=2)
D.range(3).batch(0)
D.range(3).batch(2.5)
D.from_tensor_slices((X, Y)).batch(4)
D.from_tensor_slices((X, Y)).batch(4, True)
D.from_tensor_slices({"a": X, "b": Y}).skip(1).batch(2)
D.from_tensor_slices((X, Y)).repeat(2).batch(5)
D.from_tensor_slices((X, Y)).take(5).repeat(2).skip(3).batch(4)
D.range(1, 4).map(lambda x: tf.range(x)).batch(2)
D.from_tensor_slices((X, Y)).batch(4).unbatch()
D.range(7).batch(3).unbatch().batch(2)
D.range(3).unbatch()
D.range(7).batch(3).rebatch(2)
D.range(7).batch(3).rebatch([1, 4], drop_remainder=True)
D.range(3).rebatch(2)
D.range(1, 5).map(lambda x: tf.fill([x], x)).padded_batch(2, padded_shapes=[None])
D.range(1, 5).map(lambda x: tf.fill([x], x)).padded_batch(2, [6], np.int64(-1))
D.range(1, 5).map(lambda x: tf.fill([x], x)).padded_batch(2, [1])
D.range(3).padded_batch(2)
D.range(5).padded_batch(2, drop_remainder=True)
D.from_tensor_slices((X, Y)).padded_batch(4, ([3], []), (9.0, np.int64(0)))
D.range(4).map(lambda x: x * 2)
D.range(4).map(lambda x: (x, tf.cast(x, tf.float32) / 2))
D.range(4).map(lambda x: {"a": x, "b": (x, x + 1)})
D.range(4).map(lambda x: [x, x])
D.range(4).map(lambda x: 1.5)
D.range(4).map(lambda x: x, num_parallel_calls=2)
D.range(9).map(lambda x: x * x, num_parallel_calls=tf.data.AUTOTUNE)
D.from_tensor_slices((X, Y)).map(lambda x, y: x * 2)
D.from_tensor_slices((X, Y)).map(lambda x: x)
D.from_tensor_slices((X, (Y, Y))).map(lambda x, y: (y[0] + y[1], x))
D.from_tensor_slices({"a": X, "b": Y}).map(lambda d: d["a"])
D.from_tensor_slices((X, Y)).batch(4).map(lambda x, y: (tf.reduce_sum(x, 1), y))
D.from_tensor_slices((X, Y)).batch(4).map(lambda x, y: tf.reshape(x, (-1, 1)))
D.from_tensor_slices((X, Y)).batch(4).map(lambda x, y: tf.one_hot(y, 3))
D.range(3).map(lambda x: x + 0.5)
D.range(3).map(lambda x: tf.zeros((2, 3)) + tf.zeros((2, 4)))
D.range(3).map(3)
D.range(6).filter(lambda x: x % 2 == 0)
D.from_tensor_slices((X, Y)).filter(lambda x, y: y > 3)
D.range(6).filter(lambda x: x)
D.range(6).filter(lambda x: x > 9).batch(2)
D.range(6).take_while(lambda x: x < 3)
D.range(6).scan(np.int64(0), lambda s, x: (s + x, s * x))
D.range(6).enumerate()
D.from_tensor_slices((X, Y)).enumerate(start=3)
D.range(3).concatenate(D.range(5, 7))
D.range(3).concatenate(D.from_tensors(1.0))
D.from_tensors([1, 2]).concatenate(D.from_tensors([1, 2, 3]))
D.range(3).concatenate(D.range(2).repeat())
D.zip(D.range(3), D.range(10, 15))
D.zip((D.range(3), D.range(10, 12)))
D.zip({"a": D.range(3), "b": (D.range(3), D.range(4))})
D.zip(D.range(3), D.range(2).repeat())
D.zip(datasets=(D.range(2), D.range(2)))
D.zip([D.range(3)])
D.zip(3)
D.zip()
D.range(3).flat_map(lambda x: D.from_tensors(x).repeat(2))
D.range(3).flat_map(lambda x: D.from_tensor_slices(tf.stack([x, x + 10])))
D.range(4).interleave(lambda x: D.from_tensors(x).repeat(3), cycle_length=2, block_length=2)
D.range(4).interleave(lambda x: D.from_tensors(x).repeat(3), cycle_length=3)
D.range(4).interleave(lambda x: D.range(x), cycle_length=2, block_length=1)
D.range(4).interleave(lambda x: D.range(2), cycle_length=2, num_parallel_calls=2)
D.range(4).interleave(lambda x: D.range(2), cycle_length=0)
D.range(7).window(3).flat_map(lambda w: w.batch(3))
D.range(7).window(3, drop_remainder=True).flat_map(lambda w: w.batch(3))
D.range(7).window(3, shift=1).flat_map(lambda w: w.batch(3))
D.range(9).window(2, shift=4).flat_map(lambda w: w.batch(2))
D.range(7).window(2, 1, 2, True).flat_map(lambda w: w.batch(2))
D.from_tensor_slices((X, Y)).window(2).flat_map(lambda a, b: D.zip((a, b)))
D.from_tensor_slices((X, Y)).window(2)
D.range(4).cache()
D.range(4).map(lambda x: x + 1).cache().repeat(2)
D.range(4).prefetch(2)
D.range(4).prefetch(tf.data.AUTOTUNE)
D.range(4).prefetch(-2)
D.range(4).prefetch(0)
D.range(1).shuffle(10)
D.range(3).shuffle(0)
D.range(4).shuffle(4).map(lambda x: x * 0)
D.range(6).apply(lambda d: d.batch(2))
D.range(6).apply(lambda d: 1)
D.range(6).with_options(tf.data.Options())
D.range(6).with_options(3)
D.counter(3, 2).take(3)
D.counter()
D.from_generator(lambda: iter([1, 2]), output_signature=tf.TensorSpec((), tf.int32))
D.from_generator(lambda: iter([1, 2]), output_types=tf.int64)
D.from_generator(lambda: iter([[1, 2], [3]]), output_types=tf.int64, output_shapes=[None])
D.from_generator(lambda: iter([(1, [2.0])]), output_types=(tf.int32, tf.float32))
D.from_generator(lambda: iter([(1, [2.0])]), (tf.int32, tf.float32), ((), (1,)))
D.from_generator(lambda: iter([{"a": 1, "b": 2}]), {"a": tf.int32, "b": tf.float32})
D.from_generator(words, (tf.int64, tf.int32), args=(2, 4))
D.from_generator(words, output_signature=(SPEC((2,), tf.int64), SPEC((), tf.int32)), args=(2, 4))
D.from_generator(lambda: iter([1.7]), output_signature=tf.TensorSpec((), tf.int32))
D.from_generator(lambda: iter([[1, 2, 3]]), output_signature=tf.TensorSpec((2,), tf.int32))
D.from_generator(lambda: iter([1]), output_signature=(SPEC((), tf.int32), SPEC((), tf.int32)))
D.from_generator(lambda: iter(["a"]), output_signature=tf.TensorSpec((), tf.int32))
D.from_generator([1], output_types=tf.int32)
D.from_generator(lambda: iter([1]))
D.from_generator(words, output_types=tf.int32, output_signature=SPEC((), tf.int32))
D.from_generator(words, output_signature=tf.int32)
D.range(3).reduce(np.int64(0), lambda s, x: s + x)
D.from_tensor_slices((X, Y)).reduce(0.0, lambda s, e: s + tf.reduce_sum(e[0]))
D.range(3).reduce((np.int64(0), 0.0), lambda s, x: (s[0] + x, s[1] + 1))
D.range(3).reduce(0, lambda s, x: s + x)
D.range(1).get_single_element()
D.range(2).get_single_element()
D.range(0).get_single_element()
len(D.range(4).batch(3))
len(D.range(4).filter(lambda x: True))
len(D.range(4).repeat())
bool(D.range(0))
next(iter(D.range(2, 3)))
next(iter(D.range(0)))
iter(D.range(1)).get_next()
iter(D.range(0)).get_next()
iter(D.range(1)).element_spec
next(D.from_tensor_slices((X, Y)).as_numpy_iterator())
D.range(3).cardinality()
D.range(3).repeat().cardinality() == tf.data.INFINITE_CARDINALITY
D.range(3).filter(lambda x: True).cardinality() == tf.data.UNKNOWN_CARDINALITY
setattr(tf.data.Options(), "nonsense", 1)
isinstance(D.range(2).batch(2), tf.data.Dataset)
D.range(3) + D.range(3)
tf.data.experimental.cardinality(D.range(3))
tf.data.experimental.AUTOTUNE
""".strip().splitlines()


def outcome(tf, program: str) -> dict:
    """What a program gives: a data set's elements, spec, length; another value; or its error."""
    names = {"tf": tf, "D": tf.data.Dataset, "SPEC": tf.TensorSpec, "X": X, "Y": Y}
    try:
        value = eval(program, names | {"np": np, "words": words, "Pair": Pair})
        if not isinstance(value, tf.data.Dataset):
            return {"value": shown(value)}
        found = {"repr": repr(value), "cardinality": int(value.cardinality())}
        found["elements"] = [shown(e) for e in itertools.islice(value, LIMIT)]
        return found
    except (Exception, StopIteration) as error:
        return {"error": type(error).__name__, "words": str(error)}


def shown(value) -> object:
    """A value as JSON: tensors with their dtype and shape."""
    if isinstance(value, dict):
        return {key: shown(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return [type(value).__name__, *map(shown, value)]
    if hasattr(value, "as_numpy_iterator"):
        return ["data set", *map(shown, value)]
    if isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "numpy"):
        array = np.asarray(value)
        return f"{array.dtype.name}{list(array.shape)} {array.tolist()}"
    return repr(value)
