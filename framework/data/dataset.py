"""tf.data.Dataset: a chain of stages that gives elements; nothing runs until they are asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from framework.data.batching import Batch, PaddedBatch, Rebatch, Unbatch, Window
from framework.data.element import as_result, number
from framework.data.iterating import DatasetIterator, NumpyIterator
from framework.data.joining import Concatenate, Prefetch, Zip, stages
from framework.data.mapping import (
    Filter,
    Interleave,
    Map,
    Scan,
    TakeWhile,
    check_state,
    parallel_calls,
)
from framework.data.options import Options
from framework.data.selecting import Cache, Optioned, Repeat, Shard, Shuffle, Skip, Take
from framework.data.sources import (
    Counter,
    Generated,
    Random,
    Range,
    Single,
    Slices,
    signature_of,
)
from framework.data.stage import AUTOTUNE, INFINITE, UNKNOWN, Stage
from framework.engine import door
from framework.engine.errors import InvalidArgumentError
from framework.engine.tensor import Tensor, as_tensor


class DatasetType(type):
    """The type of Dataset: says what it lacks."""

    def __getattr__(cls, name: str) -> Any:
        raise door.missing("tf.data.Dataset", name, [n for n in dir(cls) if n[0] != "_"])


class Dataset(metaclass=DatasetType):
    """A sequence of elements, which are structures (tuples, dicts) of Tensors.

    Every iteration starts anew. Methods return a new Dataset. Elements are made in the thread that
    asks for them, but for `prefetch` and a parallel `map`.
    """

    def __init__(self, stage: Stage, options: Options | None = None):
        if not isinstance(stage, Stage):
            raise TypeError(
                f"Dataset: got {type(stage).__name__}; make one with Dataset.from_tensor_slices, "
                "from_tensors, from_generator, range or zip"
            )
        self._stage, self._options = stage, options or Options()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise door.missing("tf.data.Dataset", name, [n for n in dir(type(self)) if n[0] != "_"])

    def _then(self, stage: Stage) -> Dataset:
        return Dataset(stage, self._options)

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """One element: `tensors`."""
        return Dataset(Single(tensors))

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """The slices of `tensors` (a structure of arrays of one length) along their first axis."""
        return Dataset(Slices(tensors))

    @staticmethod
    def from_generator(
        generator: Callable,
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """What generator(*args) yields, called anew for every iteration.

        output_signature: a structure of TensorSpecs, or output_types with output_shapes: what is
        yielded is converted to these dtypes; another structure or shape is an
        InvalidArgumentError. args: tensors, which the generator gets as arrays.
        """
        if not callable(generator):
            raise TypeError("`generator` must be a Python callable.")
        signature = signature_of(output_types, output_shapes, output_signature)
        return Dataset(Generated(generator, signature, tuple(args or ())))

    @staticmethod
    def range(*args: Any, output_type: Any = "int64", name: str | None = None) -> Dataset:
        """range(stop), range(start, stop) or range(start, stop, step) as scalars."""
        return Dataset(Range(*args, output_type=output_type))

    @staticmethod
    def counter(
        start: Any = 0, step: Any = 1, dtype: Any = "int64", name: str | None = None
    ) -> Dataset:
        """start, start + step ... without end."""
        return Dataset(Counter(start, step, dtype))

    @staticmethod
    def random(
        seed: Any = None, rerandomize_each_iteration: bool | None = None, name: str | None = None
    ) -> Dataset:
        """Random int64 numbers from 0 to 2^32 - 1, without end."""
        return Dataset(Random(seed, rerandomize_each_iteration))

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: str | None = None) -> Dataset:
        """Elements of several data sets side by side: zip(a, b) or zip((a, {"b": b})); ends with
        the shortest."""
        if not args and datasets is None:
            raise TypeError("Must pass at least one dataset to `zip`.")
        if args and datasets is not None:
            raise TypeError("Both `*args` and `datasets` cannot be set.")
        given = datasets if not args else args[0] if len(args) == 1 else args
        return Dataset(Zip(stages(given)))

    def map(
        self,
        map_func: Callable,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        synchronous: bool | None = None,
        use_unbounded_threadpool: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """map_func of every element; the parts of a tuple are its arguments, a dict is one.

        num_parallel_calls: so many calls at a time, each on a thread (worth it where the function
        waits for files); AUTOTUNE and None: one at a time. deterministic=False: results may come
        as they are ready.
        """
        if synchronous and num_parallel_calls is not None:
            raise ValueError(
                "`synchronous` must be `False` or unset if `num_parallel_calls` is set"
            )
        if use_unbounded_threadpool:
            raise NotImplementedError(
                "map: use_unbounded_threadpool=True is not supported: give num_parallel_calls"
            )
        if deterministic is None:
            deterministic = self._options.deterministic
        workers = parallel_calls(num_parallel_calls)
        is_parallel = num_parallel_calls is not None
        stage = Map(self._stage, map_func, workers, deterministic is not False, is_parallel)
        return self._then(stage)

    def filter(self, predicate: Callable, name: str | None = None) -> Dataset:
        """The elements for which predicate(element) is true."""
        return self._then(Filter(self._stage, predicate))

    def take_while(self, predicate: Callable, name: str | None = None) -> Dataset:
        """The elements before the first for which predicate(element) is false."""
        return self._then(TakeWhile(self._stage, predicate))

    def scan(self, initial_state: Any, scan_func: Callable, name: str | None = None) -> Dataset:
        """The outputs of state, output = scan_func(state, element) from element to element."""
        return self._then(Scan(self._stage, initial_state, scan_func))

    def flat_map(self, map_func: Callable, name: str | None = None) -> Dataset:
        """The elements of map_func(element), a Dataset, for one element after the other."""
        return self._then(Interleave(self._stage, map_func, 1, 1, "_FlatMapDataset"))

    def interleave(
        self,
        map_func: Callable,
        cycle_length: Any = None,
        block_length: Any = None,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """The elements of map_func(element), a Dataset, of `cycle_length` elements at a time:
        `block_length` of each in turn.

        num_parallel_calls: the order does not depend on it; data sets are read in turn.
        """
        cycle = AUTOTUNE if cycle_length is None else number(cycle_length, "cycle_length")
        if cycle == AUTOTUNE:
            cycle = os.cpu_count() or 1
        block = 1 if block_length is None else number(block_length, "block_length")
        for length, what in ((cycle, "cycle_length"), (block, "block_length")):
            if length < 1:
                raise InvalidArgumentError(f"{what} must be greater than zero.")
        parallel_calls(num_parallel_calls)
        label = "_InterleaveDataset" if num_parallel_calls is None else "_ParallelInterleaveDataset"
        return self._then(Interleave(self._stage, map_func, cycle, block, label))

    def shuffle(
        self,
        buffer_size: Any,
        seed: Any = None,
        reshuffle_each_iteration: bool | None = True,
        name: str | None = None,
    ) -> Dataset:
        """Each element drawn at random from a buffer of the next `buffer_size` ones.

        The order is a function of (tf.random.set_seed, seed, iteration): another one in every
        iteration unless reshuffle_each_iteration=False.
        """
        return self._then(Shuffle(self._stage, buffer_size, seed, reshuffle_each_iteration))

    def repeat(self, count: Any = None, name: str | None = None) -> Dataset:
        """The elements `count` times; None or -1: without end."""
        return self._then(Repeat(self._stage, count))

    def take(self, count: Any, name: str | None = None) -> Dataset:
        """The first `count` elements (-1: all)."""
        return self._then(Take(self._stage, count))

    def skip(self, count: Any, name: str | None = None) -> Dataset:
        """All but the first `count` elements (-1: none)."""
        return self._then(Skip(self._stage, count))

    def shard(self, num_shards: Any, index: Any, name: str | None = None) -> Dataset:
        """Every num_shards-th element from number `index` on."""
        return self._then(Shard(self._stage, num_shards, index))

    def cache(self, filename: Any = "", name: str | None = None) -> Dataset:
        """Keep the elements of the first complete iteration in memory for the later ones."""
        if filename:
            raise NotImplementedError(
                f"cache: filename={filename!r}: elements are kept in memory only (filename='')"
            )
        return self._then(Cache(self._stage))

    def prefetch(self, buffer_size: Any, name: str | None = None) -> Dataset:
        """Make up to `buffer_size` elements ahead on a thread (AUTOTUNE: 2)."""
        return self._then(Prefetch(self._stage, buffer_size))

    def batch(
        self,
        batch_size: Any,
        drop_remainder: bool = False,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """`batch_size` elements at a time along a new first axis; the last batch may be smaller,
        or is dropped.

        num_parallel_calls: batches are put together one at a time, whatever it says.
        """
        parallel_calls(num_parallel_calls)
        is_parallel = num_parallel_calls is not None
        return self._then(Batch(self._stage, batch_size, drop_remainder, is_parallel))

    def padded_batch(
        self,
        batch_size: Any,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Batches of elements of different shapes, padded at their ends with padding_values (0)
        to padded_shapes (None, -1: the longest of the batch)."""
        stage = PaddedBatch(self._stage, batch_size, padded_shapes, padding_values, drop_remainder)
        return self._then(stage)

    def unbatch(self, name: str | None = None) -> Dataset:
        """The rows of every element."""
        return self._then(Unbatch(self._stage))

    def rebatch(
        self, batch_size: Any, drop_remainder: bool = False, name: str | None = None
    ) -> Dataset:
        """Batches of another size, or of the sizes of a list in turn."""
        return self._then(Rebatch(self._stage, batch_size, drop_remainder))

    def window(
        self,
        size: Any,
        shift: Any = None,
        stride: Any = 1,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Data sets of `size` neighbours, `shift` (size) apart, every stride-th element of them;
        elements that are structures give structures of data sets."""
        return self._then(Window(self._stage, (size, shift, stride), drop_remainder, Dataset))

    def enumerate(self, start: Any = 0, name: str | None = None) -> Dataset:
        """(number, element), counted from `start`."""
        return self._then(Zip((Counter(start), self._stage)))

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """The elements of this data set, then those of `dataset`."""
        return self._then(Concatenate(self._stage, stages(dataset)))

    def reduce(self, initial_state: Any, reduce_func: Callable, name: str | None = None) -> Any:
        """The last state of state = reduce_func(state, element) over all elements."""
        state = as_result(initial_state)
        for element in self:
            new = as_result(reduce_func(state, element))
            check_state(state, new)
            state = new
        return state

    def apply(self, transformation_func: Callable) -> Dataset:
        """transformation_func(self), which must return a Dataset."""
        dataset = transformation_func(self)
        if not isinstance(dataset, Dataset):
            raise TypeError(
                "`transformation_func` must return a `tf.data.Dataset` object. Got "
                f"{type(dataset)}."
            )
        return dataset

    def get_single_element(self, name: str | None = None) -> Any:
        """The only element; InvalidArgumentError if there is none or another one."""
        found = list(self.take(2))
        if len(found) != 1:
            raise InvalidArgumentError(
                "Dataset had more than one element." if found else "Dataset was empty."
            )
        return found[0]

    def with_options(self, options: Options, name: str | None = None) -> Dataset:
        """The same elements under `options` for the stages that follow."""
        if not isinstance(options, Options):
            raise TypeError(f"with_options: got {options!r}, wanted a tf.data.Options")
        return Dataset(Optioned(self._stage), self._options.merge(options))

    def options(self) -> Options:
        """The options that hold."""
        return self._options

    @property
    def element_spec(self) -> Any:
        """The structure of TensorSpecs of an element."""
        return self._stage.spec()

    def cardinality(self) -> Tensor:
        """The number of elements as an int64 tensor; INFINITE_CARDINALITY, UNKNOWN_CARDINALITY."""
        return as_tensor(self._stage.cardinality(), "int64")

    def as_numpy_iterator(self) -> Iterator:
        """The elements with arrays instead of Tensors."""
        return NumpyIterator(self)

    def __iter__(self) -> Iterator:
        return DatasetIterator(self._stage)

    def __len__(self) -> int:
        count = self._stage.cardinality()
        if count == INFINITE:
            raise TypeError("The dataset is infinite.")
        if count == UNKNOWN:
            raise TypeError("The dataset length is unknown.")
        return count

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{self._stage.label} element_spec={self.element_spec!r}>"
