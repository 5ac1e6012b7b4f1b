"""A fixed stratified shuffle, and the parts for training, validation and test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from framework.data.errors import DataError
from framework.data.sets import DataSet

# A constant of the project and no option: every run of a data set, whatever its seed, sees the same
# split, so that figures of different runs may be compared.
SPLIT_KEY = 20240


@dataclass(frozen=True)
class Parts:
    """The three parts of a data set; each is a pair (x, y), possibly of length 0."""

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def stratified_order(y: np.ndarray, classes: int | None) -> np.ndarray:
    """A permutation of the samples in which every stretch holds the classes in their proportions.

    Each sample of a class gets the place (its rank in the class's shuffle + a draw in [0, 1)) /
    (size of the class); the order is that of the places. Regression targets are only shuffled.
    The draws are raw Philox words, whose stream NumPy keeps stable between versions.
    """
    words = np.random.Philox(key=SPLIT_KEY).random_raw(2 * len(y)).reshape(2, len(y))
    if classes is None:
        return np.argsort(words[0], kind="stable")
    place = np.empty(len(y))
    for label in range(classes):
        members = np.flatnonzero(y == label)
        rank = np.argsort(np.argsort(words[0, members], kind="stable"), kind="stable")
        draw = (words[1, members] >> np.uint64(11)) * 2.0**-53
        place[members] = (rank + draw) / max(len(members), 1)
    return np.argsort(place, kind="stable")


def samples(amount: int | float, n: int) -> int:
    """A number of samples: an int is a count, a float in [0, 1) a share of `n`, rounded."""
    return amount if isinstance(amount, int) else round(amount * n)


def split(data: DataSet, validation: int | float, test: int | float) -> Parts:
    """Shuffle and cut: the first samples are the test part, the next validation, the rest training.

    Raises DataError if nothing is left to train on.
    """
    n = len(data.x)
    n_test, n_validation = samples(test, n), samples(validation, n)
    left = n - n_test - n_validation
    if left <= 0:
        raise DataError(
            f"{data.name} has {n} samples: validation {n_validation} + test {n_test} "
            "leave none for training"
        )
    order = stratified_order(data.y, data.classes)
    cuts = np.split(order, [n_test, n_test + n_validation])
    test_part, validation_part, train_part = ((data.x[cut], data.y[cut]) for cut in cuts)
    return Parts(train_part, validation_part, test_part)
