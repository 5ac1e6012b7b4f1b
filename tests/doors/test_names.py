"""Names, docstrings and signatures of the doors against the real ones; the nearest name."""

import inspect
import subprocess
import sys

import pytest

import framework as tf
import framework.torch as torch
from framework import keras
from tests.doors import recorded
from tests.golden import door_cases

LIBRARIES = {"tf": tf, "torch": torch}
NAMES = [
    (d, n, f) for d, library in LIBRARIES.items() for n, f in door_cases.table(library).items()
]
IDS = [f"{d}.{n}" for d, n, _ in NAMES]
# PyTorch's documentation has other words, or several forms, here.
OTHER_WORDS = """max min sum mean prod std var all any argmax argmin where add sub subtract tensor
arange linspace full dot mv mm bmm zeros ones empty rand randn matmul squeeze clamp clip equal
flatten is_tensor divide true_divide broadcast_to remainder logsumexp asin acos atan""".split()


def normal(default):
    """A default as text, the same for tf.float32 and "float32"."""
    return None if default is None else default.removeprefix("tf.").strip("'\"")


@pytest.mark.parametrize(("door", "name", "function"), NAMES, ids=IDS)
def test_is_documented(door, name, function):
    assert function.__doc__ and len(function.__doc__.strip()) > 1
    assert function.__name__ != "<lambda>"


@pytest.mark.parametrize(("door", "name", "function"), NAMES, ids=IDS)
def test_exists_in_the_real_library_with_these_parameters(door, name, function):
    theirs = recorded.record(door)["signatures"].get(name)
    assert theirs is not None, f"{door} has no {name}"
    if door == "torch" and name.split(".")[-1] in OTHER_WORDS:
        return
    ours = inspect.signature(function).parameters.values()
    named = [(p.name, None if p.default is p.empty else normal(repr(p.default))) for p in ours]
    if door == "torch":
        assert [n for n, _ in named][: len(theirs)] == [n for n, _ in theirs]
        return
    theirs = [(n, normal(default)) for n, default in theirs]
    assert named == theirs[: len(named)]
    rest = [n for n, _ in theirs[len(named) :]]
    assert "name" not in rest, f"{name}: name= is missing"


@pytest.mark.parametrize(
    ("library", "wrong", "near"),
    [(tf, "reduce_summ", "reduce_sum"), (tf, "Variabel", "Variable"), (torch, "tensr", "tensor"),
     (tf, "constnt", "constant"), (tf.nn, "rellu", "relu"), (tf.math, "reduce_sun", "reduce_sum"),
     (tf.errors, "InvalidArgumentsError", "InvalidArgumentError"),
     (keras, "Sequentail", "Sequential"), (keras, "layrs", "layers"),
     (keras.layers, "Dens", "Dense"), (keras.optimizers, "Adm", "Adam"),
     (keras.optimizers.schedules, "CosineDeacy", "CosineDecay"), (keras.losses, "mes", "mse"),
     (keras.metrics, "Acuracy", "Accuracy"), (keras.callbacks, "EarlyStop", "EarlyStopping"),
     (keras.activations, "rellu", "relu"), (keras.utils, "to_categoricl", "to_categorical"),
     (keras.initializers, "he_normel", "he_normal")],
)  # fmt: skip
def test_a_missing_name_says_the_nearest(library, wrong, near):
    with pytest.raises(
        AttributeError, match=f"has no '{wrong}'; the nearest name it has is '{near}'"
    ):
        getattr(library, wrong)


@pytest.mark.parametrize(("library", "name"), [(tf, "compile"), (torch, "nn"), (keras, "qqq")])
def test_no_name_is_suggested_that_is_not_near(library, name):
    with pytest.raises(AttributeError, match=f"has no '{name}'$"):
        getattr(library, name)


def test_hasattr_and_getattr_with_a_default():
    assert not hasattr(tf, "no_such_name") and getattr(tf, "no_such_name", 1) == 1


@pytest.mark.parametrize(
    "name",
    """constant Variable GradientTape float32 newaxis nest.flatten math.log nn.relu random.normal
    errors.InvalidArgumentError UnconnectedGradients.NONE TensorSpec TensorShape __version__
    keras.layers.Dense keras.Sequential losses.MeanSquaredError optimizers.Adam
    metrics.Mean""".split(),
)
def test_resolves(name):
    value = tf
    for part in name.split("."):
        value = getattr(value, part)
    assert value is not None or name == "newaxis"


def test_imports_are_light():
    heavy = ("numba", "mpi4py", "pydantic", "matplotlib", "llvmlite", "rich")
    program = f"import framework as tf, framework.torch, sys; tf.constant(1.0) + 1.0\n" \
              f"print([m for m in {heavy!r} if m in sys.modules])"  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_bits_in_a_function():
    f = tf.function(lambda x, y: (tf.bitwise.bitwise_and(x, y), tf.bitwise.invert(x)))
    for _ in range(4):
        both, inverted = f(tf.constant([6, 5]), tf.constant([3, 4]))
        assert both.numpy().tolist() == [2, 4] and inverted.numpy().tolist() == [-7, -6]
    assert f.experimental_get_tracing_count() == 1
