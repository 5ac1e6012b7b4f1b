"""Tensors and NumPy, DLPack, copies and pickles: what the recorded expressions cannot show."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import framework as tf
import framework.torch as torch
from framework import keras


def test_numpy_functions_under_a_tape_are_ours_and_carry_the_gradient():
    x = tf.constant([0.5, 1.5])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = np.exp(x) + np.array([2.0, 3.0]) * x + np.multiply(x, np.float32(2)) - np.tanh(x)
    assert type(y) is tf.Tensor
    wanted = np.exp([0.5, 1.5]) + [4.0, 5.0] - (1 - np.tanh([0.5, 1.5]) ** 2)
    np.testing.assert_allclose(tape.gradient(y, x), wanted, rtol=1e-6)


def test_numpy_functions_of_variables_are_seen_too():
    v = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        y = np.square(v)
    assert tape.gradient(y, v).numpy().tolist() == [2.0, 4.0]


def test_numpy_functions_of_what_no_tape_watches_are_arrays():
    x = tf.constant([1.0, 4.0])
    with tf.GradientTape():
        assert type(np.sqrt(x)) is np.ndarray
    assert type(np.sqrt(x)) is np.ndarray and type(np.add(x, 1)) is np.ndarray


@pytest.mark.parametrize(
    ("compute", "wanted"),
    [
        (lambda a, t: a + t, [9.0, 10.0]),
        (lambda a, t: a - t, [5.0, 2.0]),
        (lambda a, t: a / t, [3.5, 1.5]),
        (lambda a, t: a // t, [3.0, 1.0]),
        (lambda a, t: a % t, [1.0, 2.0]),
        (lambda a, t: a**t, [49.0, 1296.0]),
        (lambda a, t: a < t, [False, False]),
        (lambda a, t: a >= t, [True, True]),
        (lambda a, t: a == t, [False, False]),
        (lambda a, t: a != t, [True, True]),
    ],
)
@pytest.mark.parametrize("make", [tf.constant, torch.tensor])
def test_an_array_on_the_left_gives_a_tensor(make, compute, wanted):
    t = make([2.0, 4.0])
    found = compute(np.array([7.0, 6.0], np.float32), t)
    assert type(found) is type(t)
    assert np.asarray(found).tolist() == wanted


def test_numpy_cannot_write_into_a_tensor():
    x = tf.constant([1.0, 2.0])
    with pytest.raises(TypeError, match="cannot be written"):
        np.exp(x, out=x)
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(x)[0] = 5.0


def test_numpy_functions_of_torch_tensors_are_tensors_and_never_lose_a_gradient():
    x = torch.tensor([0.0, 1.0])
    assert type(np.exp(x)) is torch.Tensor and type(np.add(x, 1)) is torch.Tensor
    with pytest.raises(RuntimeError, match="requires grad"):
        np.exp(torch.tensor([1.0], requires_grad=True))
    x.requires_grad_()
    (np.array([2.0, 3.0], np.float32) * x).sum().backward()
    assert x.grad.tolist() == [2.0, 3.0]


@pytest.mark.parametrize("export", [np.from_dlpack, torch.from_dlpack])
def test_what_takes_a_tensor_by_dlpack_cannot_change_it(export):
    x = tf.constant([1.0, 2.0])
    taken = export(x)
    if type(taken) is torch.Tensor or taken.flags.writeable:
        taken[0] = 9.0
    assert x.numpy().tolist() == [1.0, 2.0]


def test_without_a_copy_the_memory_is_shared_and_read_only():
    x = tf.constant([1.0, 2.0])
    seen = np.from_dlpack(x, copy=False)
    assert np.shares_memory(seen, np.asarray(x)) and not seen.flags.writeable
    with pytest.raises(BufferError, match=r"needs DLPack 1\.0"):
        x.__dlpack__(copy=False)
    with pytest.raises(BufferError, match="on the CPU"):
        x.__dlpack__(dl_device=(2, 0))


def test_an_assignment_leaves_alone_what_was_exported():
    v = tf.Variable([1.0, 2.0])
    seen = np.from_dlpack(v, copy=False)
    v.assign([3.0, 4.0])
    assert seen.tolist() == [1.0, 2.0] and v.numpy().tolist() == [3.0, 4.0]


def test_the_owner_of_an_imported_array_may_go_on_writing():
    array = np.arange(3.0)
    x = tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    array[0] = 7.0
    assert x.numpy().tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float16", "float64"])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_dlpack_there_and_back(dtype, shape):
    x = tf.cast(tf.reshape(tf.range(int(np.prod(shape))), shape), dtype)
    y = tf.experimental.dlpack.from_dlpack(tf.experimental.dlpack.to_dlpack(x))
    assert y.dtype == x.dtype and y.shape == x.shape
    assert y.numpy().tolist() == x.numpy().tolist()


def test_a_torch_view_is_exported_as_it_lies_in_memory():
    x = torch.arange(6).reshape(2, 3)
    seen = np.from_dlpack(x.T)
    x[0, 1] = 9
    assert seen.tolist() == [[0, 3], [9, 4], [2, 5]]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_a_keras_variable_is_copied_with_its_name_and_flags(copied):
    v = keras.Variable([1.0, 2.0], name="w", trainable=False, dtype="float64")
    w = copied(v)
    w.assign([5.0, 6.0])
    assert (w.name, w.trainable, w.dtype.name, type(w)) == ("w", False, "float64", keras.Variable)
    assert v.numpy().tolist() == [1.0, 2.0]


def test_a_keras_variable_may_stand_left_of_plus_equals():
    v = keras.Variable(1.0)
    v += 1
    assert type(v) is tf.Tensor and float(v) == 2.0


def test_a_torch_tensor_is_pickled_with_its_attributes():
    x = torch.tensor([1.0], requires_grad=True)
    x.label = "first"
    y = pickle.loads(pickle.dumps(x))
    assert y.requires_grad and y.label == "first" and y.is_leaf


def test_nothing_keeps_a_tensor_alive():
    x, t = tf.constant([1.0]), torch.tensor([1.0])
    kept = [weakref.ref(x), weakref.ref(t)]
    np.exp(x), np.from_dlpack(x), np.array([1.0]) + t
    del x, t
    gc.collect()
    assert [ref() for ref in kept] == [None, None]


def test_a_constraint_of_a_variable_holds_after_an_update():
    v = tf.Variable([1.0, -1.0], constraint=lambda x: tf.maximum(x, 0.0))
    keras.optimizers.SGD(1.0).apply_gradients([(tf.constant([3.0, -2.0]), v)])
    assert v.numpy().tolist() == [0.0, 1.0]


def test_integers_are_not_divided_by_zero_in_torch_either():
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        torch.tensor([5]) // 0
