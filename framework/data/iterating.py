"""What iter() of a data set gives."""

from __future__ import annotations

from typing import Any

from framework.data.stage import Stage
from framework.engine import nest
from framework.engine.errors import OutOfRangeError


class DatasetIterator:
    """Goes through a data set once."""

    def __init__(self, stage: Stage):
        self._stage, self._elements = stage, stage.elements()

    @property
    def element_spec(self) -> Any:
        """The structure of TensorSpecs of an element."""
        return self._stage.spec()

    def get_next(self) -> Any:
        """The next element; OutOfRangeError if there is none."""
        for element in self._elements:
            return element
        raise OutOfRangeError("End of sequence")

    def __iter__(self) -> DatasetIterator:
        return self

    def __next__(self) -> Any:
        return next(self._elements)


class NumpyIterator:
    """Goes through a data set once; leaves are arrays, or NumPy scalars for shape ()."""

    def __init__(self, dataset: Any):
        self._elements = iter(dataset)

    def __iter__(self) -> NumpyIterator:
        return self

    def __next__(self) -> Any:
        return nest.map_structure(as_numpy, next(self._elements))


def as_numpy(leaf: Any) -> Any:
    """A Tensor's value; the values of a data set, one by one."""
    return leaf.numpy() if hasattr(leaf, "numpy") else leaf.as_numpy_iterator()
