"""Stages that put elements together or take them apart: batch, padded_batch, unbatch, rebatch,
window."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from framework.data.element import (
    DatasetSpec,
    number,
    stacked,
    with_axis,
    without_axis,
)
from framework.data.stage import INFINITE, UNKNOWN, Follower, Stage
from framework.engine import nest
from framework.engine.dtypes import as_dtype
from framework.engine.errors import DataLossError, InvalidArgumentError
from framework.engine.shapes import TensorShape
from framework.engine.tensor import Tensor, as_array
from framework.engine.tensor_spec import TensorSpec


class Batch(Follower):
    """`size` elements at a time behind each other along a new first axis."""

    def __init__(self, source: Stage, size: Any, drops_rest: Any, is_parallel: bool = False):
        super().__init__(source)
        self.size, self.drops_rest = number(size, "batch_size"), bool(drops_rest)
        self.label = "_ParallelBatchDataset" if is_parallel else "_BatchDataset"
        if self.size < 1:
            raise InvalidArgumentError("Batch size must be greater than zero.")

    def elements(self) -> Iterator:
        """Batches; of rows in memory without making their elements."""
        rows = self.source.rows()
        if rows is None:
            for group in self.groups(self.source.elements()):
                yield self.joined(group)
            return
        for group in self.groups(self.source.positions()):
            yield gathered(rows, np.array(group, np.int64))

    def groups(self, items: Iterator) -> Iterator[list]:
        """Lists of `size` items."""
        while group := list(itertools.islice(items, self.size)):
            if len(group) == self.size or not self.drops_rest:
                yield group

    def joined(self, elements: list) -> Any:
        """A batch of these."""
        return stacked(elements)

    def spec(self) -> Any:
        """The input's with a first axis, whose length is known if the rest is dropped."""
        return with_axis(self.source.spec(), self.size if self.drops_rest else None)

    def cardinality(self) -> int:
        """The number of batches."""
        return batches(self.source.cardinality(), self.size, self.drops_rest)


def batches(count: int, size: int, drops_rest: bool) -> int:
    """How many groups of `size` there are among `count`."""
    if count < 0:
        return count
    return count // size if drops_rest else -(-count // size)


def gathered(rows: Any, positions: np.ndarray) -> Any:
    """These rows of the arrays as a batch; neighbours are a view."""
    first, last = positions[0], positions[-1]
    if last - first == len(positions) - 1 and (np.diff(positions) == 1).all():
        return nest.map_structure(lambda array: Tensor(array[first : last + 1]), rows)
    return nest.map_structure(lambda array: Tensor(array.take(positions, 0)), rows)


class PaddedBatch(Batch):
    """Like Batch, elements of different shapes: padded at their ends to the longest of the batch,
    or to given shapes."""

    label = "_PaddedBatchDataset"

    def __init__(self, source: Stage, size: Any, shapes: Any, values: Any, drops_rest: Any):
        super().__init__(source, size, drops_rest)
        self.label = type(self).label
        spec = source.spec()
        if shapes is None:
            if any(leaf.shape is None for leaf in nest.flatten(spec)):
                raise ValueError(
                    "You must provide `padded_shapes` argument because one or more components of "
                    "the input have unknown rank."
                )
            self.shapes = [Shape(leaf.shape) for leaf in nest.flatten(spec)]
        else:
            self.shapes = [Shape(shape) for shape in shapes_like(spec, shapes)]
        self.values = values_like(spec, values)

    def elements(self) -> Iterator:
        """Padded batches."""
        for group in self.groups(self.source.elements()):
            yield self.joined(group)

    def joined(self, elements: list) -> Any:
        """A batch of these."""
        columns = zip(*[nest.flatten(element) for element in elements], strict=True)
        parts = zip(columns, self.shapes, self.values, strict=True)
        return nest.pack_sequence_as(elements[0], [Tensor(padded(*part)) for part in parts])

    def spec(self) -> Any:
        """The padded shapes with a first axis."""
        count = self.size if self.drops_rest else None
        leaves = nest.flatten(self.source.spec())
        made = [
            TensorSpec((count, *shape.sizes), leaf.dtype)
            for leaf, shape in zip(leaves, self.shapes, strict=True)
        ]
        return nest.pack_sequence_as(self.source.spec(), made)


class Shape:
    """A padded shape, None where the batch decides."""

    def __init__(self, sizes: Any):
        listed = np.asarray(sizes).tolist() if isinstance(sizes, Tensor) else list(sizes)
        self.sizes = TensorShape([None if n in (None, -1) else int(n) for n in listed])


def shapes_like(spec: Any, shapes: Any) -> list:
    """The shapes for the leaves of `spec`, in its order."""
    if isinstance(spec, dict):
        return [s for key in sorted(spec) for s in shapes_like(spec[key], shapes[key])]
    if isinstance(spec, tuple):
        return [s for a, b in zip(spec, shapes, strict=True) for s in shapes_like(a, b)]
    return [shapes]


def values_like(spec: Any, values: Any) -> list:
    """A padding value per leaf; a single one is for all, None is zero."""
    leaves = nest.flatten(spec)
    if values is None or not nest.is_nested(values):
        values = [values] * len(leaves)
    else:
        values = nest.flatten(values)
    return [padding(leaf, value) for leaf, value in zip(leaves, values, strict=True)]


def padding(leaf: TensorSpec, value: Any) -> Any:
    """One padding value; TypeError unless it has the dtype of what it pads."""
    array = np.zeros((), leaf.dtype.dtype) if value is None else as_array(value)
    if array.dtype != leaf.dtype.dtype:
        raise TypeError(
            f"Invalid `padding_values`. `padding_values` values type {as_dtype(array.dtype)!r} "
            f"does not match type {leaf.dtype!r} of the corresponding input component."
        )
    return array[()]


def padded(leaves: tuple, shape: Shape, value: Any) -> np.ndarray:
    """The leaves behind each other, each in the corner of `shape` (None: the longest)."""
    arrays = [leaf.array for leaf in leaves]
    longest = [max(sizes) for sizes in zip(*[a.shape for a in arrays], strict=True)]
    sizes = [m if n is None else n for m, n in zip(longest, shape.sizes, strict=True)]
    if any(m > n for m, n in zip(longest, sizes, strict=True)):
        raise DataLossError("Attempted to pad to a smaller size than the input element.")
    batch = np.full((len(arrays), *sizes), value, arrays[0].dtype)
    for i, array in enumerate(arrays):
        batch[(i, *[slice(n) for n in array.shape])] = array
    return batch


class Unbatch(Follower):
    """The rows of every element."""

    label = "_UnbatchDataset"

    def __init__(self, source: Stage):
        super().__init__(source)
        if any(leaf.shape == () for leaf in nest.flatten(source.spec())):
            raise ValueError("Cannot unbatch an input with scalar components.")

    def elements(self) -> Iterator:
        """Views of the rows."""
        for element in self.source.elements():
            for i in range(rows_of(element)):
                yield part(element, (i, ...))

    def spec(self) -> Any:
        """The input's without the first axis."""
        return without_axis(self.source.spec())

    def cardinality(self) -> int:
        """Infinite if the input is, else only a count would tell."""
        return INFINITE if self.source.cardinality() == INFINITE else UNKNOWN


def rows_of(element: Any) -> int:
    """The number of rows of a batch."""
    counts = {leaf.array.shape[0] for leaf in nest.flatten(element)}
    if len(counts) > 1:
        raise InvalidArgumentError(
            f"Input components must have the same size in the 0th dimension, got {sorted(counts)}"
        )
    return counts.pop()


def part(element: Any, key: Any) -> Any:
    """array[key] of all leaves."""
    return nest.map_structure(lambda leaf: Tensor(leaf.array[key]), element)


class Rebatch(Follower):
    """Batches of another size (or of several sizes in turn)."""

    label = "_RebatchDataset"

    def __init__(self, source: Stage, sizes: Any, drops_rest: Any):
        super().__init__(source)
        sizes = np.atleast_1d(np.asarray(sizes)).tolist()
        self.sizes, self.drops_rest = [number(n, "batch_size") for n in sizes], bool(drops_rest)
        if any(leaf.shape == () for leaf in nest.flatten(source.spec())):
            raise ValueError(
                "Invalid `batch_sizes`. Expected dataset with rank of >= 1 but found a dataset "
                "with scalar elements. Fix the issue by adding the `batch` transformation to the "
                "dataset."
            )

    def elements(self) -> Iterator:
        """Rows in groups of the sizes in turn."""
        rows = Unbatch(self.source).elements()
        for size in itertools.cycle(self.sizes):
            group = list(itertools.islice(rows, size))
            if not group or (len(group) < size and self.drops_rest):
                return
            yield stacked(group)

    def spec(self) -> Any:
        """The input's, of the new size if that is the same for all."""
        same = self.sizes[0] if self.drops_rest and len(set(self.sizes)) == 1 else None
        return with_axis(without_axis(self.source.spec()), same)

    def cardinality(self) -> int:
        """Only a count would tell."""
        return UNKNOWN


class Window(Follower):
    """Data sets of `size` neighbours, `shift` apart, every `stride`-th element of them."""

    label = "_WindowDataset"

    def __init__(self, source: Stage, sizes: tuple, drops_rest: Any, wrap: Callable):
        super().__init__(source)
        size, shift, stride = sizes
        self.size, self.stride = number(size, "size"), number(stride, "stride")
        self.shift = self.size if shift is None else number(shift, "shift")
        for name, value in (("size", self.size), ("shift", self.shift), ("stride", self.stride)):
            if value < 1:
                raise InvalidArgumentError(f"Window {name} must be greater than zero.")
        self.drops_rest, self.wrap = bool(drops_rest), wrap

    def elements(self) -> Iterator:
        """A data set for each leaf of the elements."""
        source, held, width = self.source.elements(), [], (self.size - 1) * self.stride + 1
        while True:
            held += itertools.islice(source, max(0, width - len(held)))
            window = held[: width : self.stride]
            if not window or (self.drops_rest and len(window) < self.size):
                return
            yield self.windowed(window)
            if self.shift > len(held):  # a gap between windows
                deque(itertools.islice(source, self.shift - len(held)), maxlen=0)
            held = held[self.shift :]

    def windowed(self, elements: list) -> Any:
        """One data set per leaf, in the elements' structure."""
        columns = list(zip(*[nest.flatten(element) for element in elements], strict=True))
        specs = nest.flatten(self.source.spec())
        sets = [self.wrap(Held(list(c), s)) for c, s in zip(columns, specs, strict=True)]
        return nest.pack_sequence_as(elements[0], sets)

    def spec(self) -> Any:
        """DatasetSpecs."""
        return nest.map_structure(DatasetSpec, self.source.spec())

    def cardinality(self) -> int:
        """The number of windows."""
        count = self.source.cardinality()
        if count < 0:
            return count
        if self.drops_rest:
            width = (self.size - 1) * self.stride + 1
            return max(0, (count - width) // self.shift + 1)
        return -(-count // self.shift)


class Held(Stage):
    """Elements that are there already."""

    def __init__(self, held: list, spec: Any):
        self.held, self._spec = held, spec

    def elements(self) -> Iterator:
        """They."""
        return iter(self.held)

    def spec(self) -> Any:
        """As given."""
        return self._spec

    def cardinality(self) -> int:
        """How many are held."""
        return len(self.held)
