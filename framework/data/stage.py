"""Stage: one step of an input pipeline. A Dataset is a chain of them; nothing runs until its
elements are asked for.

Note [Positions]  Where the elements are rows of arrays in memory (from_tensor_slices), a stage that
only selects among its input's elements (shuffle, take, repeat ...) passes on their positions, and
`batch` gathers all rows of a batch at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from framework.engine import nest
from framework.engine.tensor import Tensor

AUTOTUNE = -1
INFINITE = -1  # cardinalities: so many elements, or
UNKNOWN = -2


class Stage:
    """elements() goes through all elements anew; spec() is the structure of their TensorSpecs."""

    label = "_VariantDataset"  # what TensorFlow calls a data set whose last stage this is

    def elements(self) -> Iterator:
        """The elements, from the first."""
        raise NotImplementedError

    def spec(self) -> Any:
        """The TensorSpecs of an element."""
        raise NotImplementedError

    def cardinality(self) -> int:
        """How many elements there are: INFINITE, UNKNOWN or their number."""
        return UNKNOWN

    def rows(self) -> Any:
        """The structure of arrays whose rows the elements are; None if they are not. See Note
        [Positions]."""
        return None

    def positions(self) -> Iterator[int]:
        """The positions of the elements in rows(), from the first element."""
        raise NotImplementedError


class Follower(Stage):
    """A stage with one input; its elements are like the input's unless it says otherwise."""

    def __init__(self, source: Stage):
        self.source = source

    def spec(self) -> Any:
        """The input's."""
        return self.source.spec()

    def cardinality(self) -> int:
        """The input's."""
        return self.source.cardinality()


class Selector(Follower):
    """A stage whose elements are some of its input's, in some order."""

    def select(self, restart: Callable[[], Iterator]) -> Iterator:
        """The chosen ones of restart(), which goes through elements or positions anew."""
        raise NotImplementedError

    def elements(self) -> Iterator:
        """The chosen elements."""
        rows = self.rows()
        if rows is None:
            return self.select(self.source.elements)
        return picked(rows, self.positions())

    def rows(self) -> Any:
        """The input's."""
        return self.source.rows()

    def positions(self) -> Iterator[int]:
        """The chosen positions."""
        return self.select(self.source.positions)


def picked(rows: Any, positions: Iterator[int]) -> Iterator:
    """The rows at `positions` as elements; they are views."""
    if not nest.is_nested(rows):
        return (Tensor(rows[i, ...]) for i in positions)
    leaves = nest.flatten(rows)
    if type(rows) is tuple and len(rows) == 2 and not any(map(nest.is_nested, rows)):
        x, y = leaves
        return ((Tensor(x[i, ...]), Tensor(y[i, ...])) for i in positions)
    return (nest.pack_sequence_as(rows, [Tensor(x[i, ...]) for x in leaves]) for i in positions)
