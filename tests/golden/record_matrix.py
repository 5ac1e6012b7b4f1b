"""Record the gradient matrix of TensorFlow: what is None, zeros or a value, to third order.

    python -m tests.golden.record_matrix [--new]      (in an environment with tensorflow)

--new: only what is not in the file yet.

Writes tests/doors/matrix.json: per expression of gradient_cases.py [outputs, first, second, third].
The first target is a weighted sum of the outputs; gradients are taken with respect to each input.
The target of the next order is the weighted sum of one gradient, again with respect to each input;
what is None ends there. A gradient is null, "0" (zeros), or its values; [dtype, shape, values]
where dtype or shape are not the input's; a text for an error. Indexed slices are written as
[..., indices], with the dense values.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

from tests.golden.gradient_cases import POOL, expressions

KINDS = ("float32: ", "zero: ", "function: ", "within: ")
FILE = Path(__file__).resolve().parents[1] / "doors" / "matrix.json"


def parts_of(tf, text):
    """(function of tensors, the pool inputs it names, dtype, what unconnected inputs get)."""
    kind, _, rest = text.partition(": ") if text.startswith(KINDS) else ("", "", text)
    code = compile(rest, text, "eval")
    used = names_in(code)
    names = [name for name in POOL if name in used]
    dtype = np.float32 if kind == "float32" else np.float64

    def function(*tensors):
        scope = {"tf": tf, "np": np, "C": tf.constant, **dict(zip(names, tensors, strict=True))}
        return eval(code, scope)

    return function, names, dtype, "zero" if kind == "zero" else "none"


def names_in(code):
    """The global names in a piece of code and in the functions that it makes."""
    inner = [names_in(c) for c in code.co_consts if hasattr(c, "co_names")]
    return set(code.co_names).union(*inner)


def run(tf, text):
    """[outputs, first, second, third]"""
    tf.random.set_seed(1)
    function, names, dtype, unconnected = parts_of(tf, text)
    xs = [tf.constant(POOL[name].astype(dtype)) for name in names]
    if text.startswith("function: "):
        function = tf.function(function)
    if text.startswith("within: "):
        found = inside(tf, function, xs)
    else:
        found = orders(tf, function, xs, unconnected)
    if isinstance(found, str):
        return [found]
    return [[described(y, None) for y in found[0]], *[written(part, xs) for part in found[1:]]]


def inside(tf, function, xs):
    """What `orders` finds when all of it is one tf.function; its tensors get their values."""
    found = []

    def whole(*xs):
        found[:] = [orders(tf, function, list(xs), "none")]
        return [x for x in tf.nest.flatten(found) if hasattr(x, "dtype")]

    try:
        values = iter(tf.function(whole, autograph=False)(*xs))
    except Exception as error:
        return said(error)
    if isinstance(found[0], str):
        return found[0]
    return tf.nest.map_structure(lambda x: next(values) if hasattr(x, "dtype") else x, found[0])


def orders(tf, function, xs, unconnected):
    """[outputs, first, second, third], of tensors; or the error."""
    tapes = [tf.GradientTape(persistent=True) for _ in range(3)]
    with tapes[2]:
        tapes[2].watch(xs)
        with tapes[1]:
            tapes[1].watch(xs)
            with tapes[0]:
                tapes[0].watch(xs)
                try:
                    outs = [tf.convert_to_tensor(y) for y in tf.nest.flatten(function(*xs))]
                except Exception as error:
                    return said(error)
                targets = [weighted(tf, y) for y in outs if y.dtype.is_floating]
            first = gradients(tf, tapes[0], targets, xs, unconnected)
        second = following(tf, tapes[1], first, xs, unconnected)
    third = following(tf, tapes[2], second, xs, unconnected)
    return [outs, first, second, third]


def gradients(tf, tape, target, xs, unconnected):
    """[gradient of each x], or the error."""
    try:
        return tape.gradient(target, xs, unconnected_gradients=unconnected)
    except Exception as error:
        return said(error)


def following(tf, tape, found, xs, unconnected):
    """The gradients of the sum of each gradient in the nested list `found`."""
    if isinstance(found, list):
        return [following(tf, tape, g, xs, unconnected) for g in found]
    if found is None or isinstance(found, str):
        return None
    with tape:
        total = weighted(tf, dense(tf, found))
    return gradients(tf, tape, total, xs, unconnected)


def weighted(tf, y):
    """The sum of y with weights 1, 1.5, 2 ..."""
    weights = (1 + 0.5 * np.arange(np.prod(y.shape, dtype=int))).reshape(y.shape)
    return tf.reduce_sum(y * tf.constant(weights, y.dtype))


def dense(tf, g):
    """Indexed slices as a tensor."""
    return tf.convert_to_tensor(g)


def said(error):
    """Type and beginning of an error."""
    return f"{type(error).__name__}: {str(error).splitlines()[0][:90] if str(error) else ''}"


def written(found, xs):
    """`found`, nested lists of gradients, for the record."""
    if isinstance(found, list):
        return [
            described(g, x) if not isinstance(g, (list, str)) and g is not None
            else written(g, xs) for g, x in zip(found, xs, strict=True)
        ]  # fmt: skip
    return found


def described(g, x):
    """A tensor as the record has it; x: the input it belongs to."""
    is_slices = hasattr(g, "indices")
    array = densified(g) if is_slices else g.numpy()
    kind = array.dtype.kind
    is_zero = x is not None and not array.any()
    values = "0" if is_zero else [short(v) if kind == "f" else v for v in array.ravel().tolist()]
    like = x is not None and x.dtype.name == array.dtype.name and tuple(x.shape) == array.shape
    if like and not is_slices:
        return values
    whole = [array.dtype.name, list(array.shape), values]
    return [*whole, np.asarray(g.indices).tolist()] if is_slices else whole


def densified(slices):
    """The array that indexed slices stand for."""
    values, shape = np.asarray(slices.values), np.asarray(slices.dense_shape)
    array = np.zeros(tuple(shape), values.dtype)
    np.add.at(array, np.asarray(slices.indices), values)
    return array


def short(v):
    """Ten digits."""
    return float(f"{v:.10g}")


def main():
    """Write the file."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    tf.autograph.set_verbosity(0)
    known = json.loads(FILE.read_text()) if "--new" in sys.argv else {}
    record = {text: known.get(text) or run(tf, text) for text in expressions()}
    lines = [f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in record.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
