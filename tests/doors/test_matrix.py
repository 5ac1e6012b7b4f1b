"""The gradient matrix: of each name and input, at ordinary and at special points, what is None,
zeros or a value in the first three orders, as TensorFlow has it.

The record is made by tests/golden/record_matrix.py.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import framework as tf
from framework.testing.gradcheck import check_gradients
from tests.golden import record_matrix
from tests.golden.gradient_cases import RANDOM, expressions

RECORD = json.loads((Path(__file__).parent / "matrix.json").read_text())
ORDERS = ("values", "first", "second", "third")
BOUNDS = {"float64": (1e-6, 1e-8), "float32": (2e-4, 1e-6), "float16": (2e-3, 2e-3)}  # rtol, atol
# Where ours is not TensorFlow's, with the reason.
REASONS = {
    "SoftsignGrad": "TensorFlow has no second derivative of softsign",
    "unique": "TensorFlow raises LookupError; here the gradient is None, and explain says why",
    "unsorted_segment_prod": "TensorFlow's second derivative at 0 divides by it: NaN",
    "softmax_cross_entropy_with_logits": "TensorFlow takes d logits for a constant of the labels",
    "empty": "TensorFlow's gradient fails on an empty tensor",
    "explicit": "TensorFlow has no second derivative of max pooling with explicit paddings",
    "dilations": "TensorFlow has no dilated gradient on a CPU",
    "gelu": "TensorFlow's constants are of float32: third order to 1e-7",
}
EXCEPTIONS: dict[str, str] = {
    **{f"tf.nn.softsign({x})": "SoftsignGrad" for x in ("V", "Z", "S", "E", "X", "NA")},
    "tf.nn.gelu(Z)": "gelu",
    "tf.unique(V)": "unique",
    "tf.sort(E, axis=0)": "empty",
    "tf.nn.max_pool2d(IM, 2, 1, [[0, 0], [1, 0], [0, 1], [0, 0]])": "explicit",
    "tf.math.unsorted_segment_prod(Z, [0, 0, 1, 1], 2)": "unsorted_segment_prod",
    "tf.math.unsorted_segment_prod(Z1, [0, 0, 0], 2)": "unsorted_segment_prod",
    "tf.nn.conv2d(IM, F, 1, 'SAME', dilations=2)": "dilations",
    "tf.nn.conv1d(L1, F1, 1, 'SAME', dilations=2)": "dilations",
    **{
        text: "softmax_cross_entropy_with_logits"
        for text in RECORD
        if "nn.softmax_cross_entropy_with_logits" in text
        and not any(part in text for part in ("stop_gradient", "[[0.0, 1.0"))
    },
}

# Of the same kind, "key | expression" in each line: control flow.
CONTROL_REASONS = {
    "zeros": "None where TensorFlow has zeros: a map or scan in a function is unrolled here, not a "
    "loop; taped inside of a function a branch is differentiated as if it were called alone",
    "none": "zeros where TensorFlow has None",
    "slices": "the gradient of a branch or of rows is dense here, IndexedSlices in TensorFlow",
    "errors": "an error of another type: TensorFlow's comes from the depths of its tracing",
    "refused": "TensorFlow cannot do it",
    "python": "cannot be traced here: runs as plain Python unless autograph=False",
}
CONTROL_EXCEPTIONS = dict(
    reversed(line.split(" | ", 1))
    for line in (Path(__file__).parent / "matrix_exceptions.txt").read_text().splitlines()
)


def differences(ours, theirs, like, where, text):
    """[what differs]; `like` is a description of the input."""
    if isinstance(theirs, str) and ": " in theirs:
        return [] if said_alike(ours, theirs) else [f"{where}: {ours} for {theirs}"]
    if ours is None or theirs is None or (isinstance(ours, str) and ": " in ours):
        return [] if ours is theirs else [f"{where}: {brief(ours)} for {brief(theirs)}"]
    a, b = unfolded(ours, like), unfolded(theirs, like)
    if [*a[:2], a[3:]] != [*b[:2], b[3:]]:
        return [f"{where}: {[*a[:2], a[3:]]} for {[*b[:2], b[3:]]}"]
    x, y = np.asarray(a[2], float), np.asarray(b[2], float)
    if any(name in text for name in RANDOM):
        return [] if x.any() == y.any() else [f"{where}: {brief(ours)} for {brief(theirs)}"]
    rtol, atol = BOUNDS.get(b[0], (0, 0))
    scale = np.max(np.abs(y), initial=1.0, where=np.isfinite(y))
    if np.allclose(x, y, rtol=rtol, atol=atol * scale, equal_nan=True):
        return []
    return [f"{where}: {brief(ours)} for {brief(theirs)}"]


def said_alike(ours, theirs):
    """True for errors of one type."""
    return isinstance(ours, str) and ours.partition(":")[0] == theirs.partition(":")[0]


def brief(description):
    """Its beginning."""
    return str(description)[:120]


def unfolded(description, like):
    """[dtype, shape, values], and the indices of indexed slices"""
    is_whole = isinstance(description, list) and description[:1] and isinstance(description[0], str)
    dtype, shape, values, *indices = description if is_whole else (*like, description)
    count = int(np.prod(shape))
    # The order of slices is that in which cotangents meet: not of interest.
    indices = [sorted(i) for i in indices]
    return dtype, list(shape), [0.0] * count if values == "0" else values, *indices


def compared(text, ignores_zeros=False):
    """[what differs from the record]; ignores_zeros: None and zeros are the same."""
    ours, theirs = json.loads(json.dumps(record_matrix.run(tf, text))), RECORD[text]
    if ignores_zeros:
        ours, theirs = [[part[0], *map(without_zeros, part[1:])] for part in (ours, theirs)]
    if len(theirs) == 1:
        return (
            []
            if len(ours) == 1 and said_alike(ours[0], theirs[0])
            else [f"{brief(ours)} for {theirs}"]
        )
    if len(ours) == 1:
        return ours
    _, names, dtype, _ = record_matrix.parts_of(tf, text)
    likes = [[np.dtype(dtype).name, record_matrix.POOL[name].shape] for name in names]
    if len(ours[0]) != len(theirs[0]):
        return [f"{len(ours[0])} outputs for {len(theirs[0])}"]
    found = [d for i, (a, b) in enumerate(zip(ours[0], theirs[0]))
             for d in differences(a, b, None, f"output {i}", text)]  # fmt: skip
    for order in (1, 2, 3):
        found += nested(ours[order], theirs[order], order, likes, ORDERS[order], text)
    return found


def without_zeros(found):
    """None in the place of zeros and of lists of them."""
    if isinstance(found, list):
        parts = [without_zeros(part) for part in found]
        return parts if any(part is not None for part in parts) or not parts else None
    return None if found == "0" else found


def nested(ours, theirs, depth, likes, where, text):
    """`differences` of lists of gradients, nested `depth` deep."""
    if not isinstance(theirs, list) or not isinstance(ours, list):
        is_same = ours == theirs or (isinstance(theirs, str) and said_alike(ours, theirs))
        return [] if is_same else [f"{where}: {brief(ours)} for {brief(theirs)}"]
    found = []
    for i, (a, b, like) in enumerate(zip(ours, theirs, likes, strict=True)):
        place = f"{where} {i}"
        found += (
            nested(a, b, depth - 1, likes, place, text)
            if depth > 1 else differences(a, b, like, place, text)
        )  # fmt: skip
    return found


def test_all_is_recorded():
    assert set(RECORD) == set(expressions()) and len(RECORD) > 900


@pytest.mark.parametrize(
    "text", [text for text in RECORD if text not in {**EXCEPTIONS, **CONTROL_EXCEPTIONS}]
)
def test_is_as_in_tensorflow(text):
    assert not compared(text)


@pytest.mark.parametrize("text", EXCEPTIONS)
def test_exceptions_are_few_and_right(text):
    """They differ, each has a reason, and ours is what central differences give."""
    assert compared(text) and EXCEPTIONS[text] in REASONS
    function, names, dtype, _ = record_matrix.parts_of(tf, text)
    arrays = [record_matrix.POOL[name] for name in names]
    is_smooth = dtype == np.float64 and all(np.isfinite(a).all() for a in arrays)
    has_sums = "softmax_cross" in text and "labels=PR" not in text  # labels that do not sum to 1
    if is_smooth and not has_sums and "unique" not in text:
        order = 1 if "softmax_cross" in text else 2
        check_gradients(lambda *xs: function(*xs), *arrays, order=order, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("text", CONTROL_EXCEPTIONS)
def test_exceptions_in_control_flow(text):
    """They differ, each has a reason, and where it is about None and zeros, only there."""
    reason = CONTROL_EXCEPTIONS[text]
    assert compared(text) and reason in CONTROL_REASONS and text in expressions()
    if reason in ("zeros", "none"):
        assert not compared(text, ignores_zeros=True)
