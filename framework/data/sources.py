"""Where elements come from: arrays, numbers, Python generators."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from framework.data.element import as_structure, number, spec_of, without_axis
from framework.data.stage import INFINITE, Stage, picked
from framework.engine import nest
from framework.engine import random as engine_random
from framework.engine.dtypes import as_dtype
from framework.engine.errors import InvalidArgumentError
from framework.engine.tensor import Tensor
from framework.engine.tensor_spec import TensorSpec


class Single(Stage):
    """One element: from_tensors."""

    label = "_TensorDataset"

    def __init__(self, tensors: Any):
        self.element = as_structure(tensors)

    def elements(self) -> Iterator:
        """The element."""
        yield self.element

    def spec(self) -> Any:
        """Its own."""
        return nest.map_structure(spec_of, self.element)

    def cardinality(self) -> int:
        """One."""
        return 1


class Slices(Stage):
    """The slices of tensors along their first axis: from_tensor_slices."""

    label = "_TensorSliceDataset"

    def __init__(self, tensors: Any):
        self.tensors = as_structure(tensors)
        leaves = nest.flatten(self.tensors)
        if not leaves:
            raise ValueError("Invalid `tensors`. `tensors` must not be empty.")
        if any(leaf.ndim == 0 for leaf in leaves):
            raise ValueError("Unbatching a tensor is only supported for rank >= 1")
        self.count = leaves[0].array.shape[0]
        for leaf in leaves[1:]:
            if leaf.array.shape[0] != self.count:
                raise ValueError(
                    f"Dimensions {self.count} and {leaf.array.shape[0]} are not compatible"
                )

    def elements(self) -> Iterator:
        """Views of the rows."""
        return picked(self.rows(), self.positions())

    def spec(self) -> Any:
        """The tensors', without their first axis."""
        return without_axis(nest.map_structure(spec_of, self.tensors))

    def cardinality(self) -> int:
        """The length of the first axis."""
        return self.count

    def rows(self) -> Any:
        """The arrays."""
        return nest.map_structure(lambda leaf: leaf._value(), self.tensors)

    def positions(self) -> Iterator[int]:
        """All, in order."""
        return iter(range(self.count))


class Range(Stage):
    """Numbers from start in steps up to stop: range."""

    label = "_RangeDataset"

    def __init__(self, *args: Any, output_type: Any = "int64"):
        if not 1 <= len(args) <= 3:
            raise ValueError(
                "Invalid `args`. The length of `args` should be between 1 and 3 but was "
                f"{len(args)}."
            )
        bounds = [number(value, "args") for value in args]
        if len(bounds) == 3 and bounds[2] == 0:
            raise InvalidArgumentError("step must be a non-zero integer.")
        self.numbers, self.dtype = range(*bounds), as_dtype(output_type)

    def elements(self) -> Iterator:
        """Scalars."""
        dtype = self.dtype.dtype
        return (Tensor(np.array(i, dtype)) for i in self.numbers)

    def spec(self) -> Any:
        """A scalar."""
        return TensorSpec((), self.dtype)

    def cardinality(self) -> int:
        """How many numbers."""
        return len(self.numbers)


class Counter(Stage):
    """start, start + step ... without end: counter, enumerate."""

    label = "_ScanDataset"

    def __init__(self, start: Any, step: Any = 1, dtype: Any = "int64"):
        self.start, self.step, self.dtype = int(start), int(step), as_dtype(dtype)

    def elements(self) -> Iterator:
        """Scalars."""
        value, dtype = self.start, self.dtype.dtype
        while True:
            yield Tensor(np.array(value, dtype))
            value += self.step

    def spec(self) -> Any:
        """A scalar."""
        return TensorSpec((), self.dtype)

    def cardinality(self) -> int:
        """Without end."""
        return INFINITE


class Random(Stage):
    """Random int64 below 2^32 without end; the same in every iteration unless told otherwise."""

    label = "_RandomDataset"

    def __init__(self, seed: Any = None, rerandomize_each_iteration: bool | None = None):
        self.draws = Draws(seed, bool(rerandomize_each_iteration))

    def elements(self) -> Iterator:
        """Scalars."""
        numbers = self.draws.begin()
        while True:
            for value in numbers.integers(0, 2**32, 256):
                yield Tensor(np.array(value, np.int64))

    def spec(self) -> Any:
        """A scalar."""
        return TensorSpec((), "int64")

    def cardinality(self) -> int:
        """Without end."""
        return INFINITE


class Draws:
    """Random numbers of a stage: a function of (seed, iteration) alone.

    The seed is found when the first number is needed: without tf.random.set_seed it is drawn by
    the process, and ranks that train together agree on it before that.
    """

    def __init__(self, seed: Any, is_new_each_time: bool):
        self.seed = None if seed is None else number(seed, "seed")
        self.place = engine_random.next_place() if self.seed is None else self.seed + 1
        self.is_new_each_time, self.iterations = is_new_each_time, 0
        self._key: int | None = None

    def key(self) -> int:
        """The seed, mixed with the global one."""
        if self._key is None:
            base = engine_random.global_seed() if self.seed is None else engine_random.STATE["seed"]
            self._key = engine_random.mixed(base or 0, self.place)
        return self._key

    def begin(self) -> np.random.Generator:
        """The numbers of the next iteration."""
        iteration = self.iterations if self.is_new_each_time else 0
        self.iterations += 1
        key = [self.key() & engine_random.MASK, iteration]
        return np.random.Generator(np.random.Philox(key=key))


class Generated(Stage):
    """What a Python generator yields, checked against a signature: from_generator."""

    label = "_FlatMapDataset"

    def __init__(self, generator: Callable, signature: Any, args: tuple = ()):
        self.generator, self.signature = generator, signature
        self.args = [np.asarray(as_structure(arg)) for arg in args]
        self.leaves = nest.flatten(signature)

    def elements(self) -> Iterator:
        """Its values as Tensors of the signature."""
        values = self.generator(*self.args)
        if not hasattr(values, "__iter__"):
            raise InvalidArgumentError(
                f"TypeError: {type(values).__name__!r} object is not iterable"
            )
        for value in values:
            yield self.converted(value)

    def spec(self) -> Any:
        """The signature."""
        return self.signature

    def converted(self, value: Any) -> Any:
        """One value as an element."""
        if not nest.is_nested(self.signature):
            return converted_leaf(value, self.signature)
        parts: list = []
        if not collect(self.signature, value, parts):
            expected = nest.map_structure(lambda spec: spec.dtype, self.signature)
            raise InvalidArgumentError(
                "TypeError: `generator` yielded an element that did not match the expected "
                f"structure. The expected structure was {expected!r}, but the yielded element was "
                f"{value}."
            )
        made = [converted_leaf(part, spec) for part, spec in zip(parts, self.leaves, strict=True)]
        return nest.pack_sequence_as(self.signature, made)


def collect(signature: Any, value: Any, parts: list) -> bool:
    """Put the parts of `value` that belong to the leaves of `signature` behind `parts`; False if
    it has another form. A list may stand for a tuple."""
    if isinstance(signature, dict):
        if not isinstance(value, dict) or set(value) != set(signature):
            return False
        return all(collect(signature[key], value[key], parts) for key in sorted(signature))
    if isinstance(signature, tuple):
        if not isinstance(value, (tuple, list)) or len(value) != len(signature):
            return False
        return all(collect(s, v, parts) for s, v in zip(signature, value, strict=True))
    parts.append(value)
    return True


def converted_leaf(value: Any, spec: TensorSpec) -> Tensor:
    """A value as a Tensor of this dtype and shape."""
    try:
        array = np.array(value, spec.dtype.dtype)
    except (TypeError, ValueError):
        raise InvalidArgumentError(
            "TypeError: `generator` yielded an element that could not be converted to the expected "
            f"type. The expected type was {spec.dtype.name}, but the yielded element was {value}."
        ) from None
    if spec.shape is not None and not spec.shape.is_compatible_with(array.shape):
        raise InvalidArgumentError(
            f"TypeError: `generator` yielded an element of shape {array.shape} where an element of "
            f"shape {tuple(spec.shape)} was expected."
        )
    return Tensor(array)


def signature_of(output_types: Any, output_shapes: Any, output_signature: Any) -> Any:
    """The structure of TensorSpecs that from_generator's arguments mean."""
    if output_signature is not None:
        if output_types is not None or output_shapes is not None:
            which = "output_types" if output_types is not None else "output_shapes"
            raise TypeError(
                f"The `{which}` argument can not be used together with the `output_signature` "
                "argument."
            )
        for spec in nest.flatten(output_signature):
            if not isinstance(spec, TensorSpec):
                raise TypeError(
                    "`output_signature` must contain objects that are subclass of `tf.TypeSpec` "
                    f"but found {type(spec)} which is not."
                )
        return output_signature
    if output_types is None:
        raise TypeError(
            "To specify the output signature you need to provide either the `output_signature` "
            "argument or the `output_types` argument."
        )
    if output_shapes is None:
        return nest.map_structure(lambda dtype: TensorSpec(None, dtype), output_types)
    return specs(output_types, output_shapes)


def specs(types: Any, shapes: Any) -> Any:
    """TensorSpecs of a structure of dtypes and one of shapes (which are sequences themselves)."""
    if isinstance(types, dict):
        return {key: specs(types[key], shapes[key]) for key in types}
    if isinstance(types, (tuple, list)):
        return tuple([specs(t, s) for t, s in zip(types, shapes, strict=True)])
    return TensorSpec(shapes, types)
