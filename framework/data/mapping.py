"""Stages that call a function of the user's: map, filter, take_while, scan, flat_map, interleave.

Functions run eagerly, element by element. When the stage is made they are called once on shapes
alone, which tells what they give and raises what is wrong with them; a function that looks at
values cannot be traced so, and its specs then come from a first element.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from framework.data.element import (
    SIZES,
    as_result,
    called,
    common_leaf,
    is_like,
    number,
    spec_of,
    stand_ins,
)
from framework.data.stage import AUTOTUNE, UNKNOWN, Follower, Stage
from framework.engine import nest
from framework.engine import random as engine_random
from framework.engine.compile.trace import trace_structure
from framework.engine.errors import InvalidArgumentError, TraceError
from framework.engine.tensor_spec import TensorSpec


class Traced:
    """What function(*structures) gives, as specs: found by tracing, None if that is not possible.

    result: what the function returned for abstract tensors of the smaller stand-in sizes.
    """

    def __init__(self, function: Callable, *specs: Any):
        self.result: Any = None
        self.spec: Any = None
        sizes = SIZES if has_unknown(specs) else SIZES[:1]
        found = [self.try_size(function, specs, size) for size in sizes]
        if None in found:
            return
        self.spec = nest.map_structure(common_leaf, *found) if len(found) > 1 else found[0]

    def try_size(self, function: Callable, specs: tuple, size: int) -> Any:
        """The specs of the results for unknown dimensions of this size."""
        likes = stand_ins(specs, size)
        if likes is None:
            return None

        def call(*leaves: Any) -> list:
            self.result = as_result(function(*nest.pack_sequence_as(specs, list(leaves))))
            return [x for x in nest.flatten(self.result) if not hasattr(x, "element_spec")]

        try:
            trace_structure(call, *likes)
        except TraceError:
            return None
        except (ValueError, IndexError):
            if has_unknown(specs):
                return None  # perhaps the fault of the size that stood for an unknown one
            raise
        return nest.map_structure(spec_of, self.result)


def has_unknown(specs: tuple) -> bool:
    """Whether a dimension in a structure of specs is unknown."""
    leaves = [leaf for leaf in nest.flatten(specs) if isinstance(leaf, TensorSpec)]
    return any(leaf.shape is None or None in leaf.shape for leaf in leaves)


class Calls(Follower):
    """A stage that calls `function` on its input's elements.

    Random numbers that the function draws from no generator of its own are the same in every
    iteration if the global seed is set, others in each if it is not, as TensorFlow's are.
    """

    def __init__(self, source: Stage, function: Callable):
        super().__init__(source)
        if not callable(function):
            raise ValueError(
                f"Argument `func` must be a callable. Received func={function!r} (of type "
                f"{type(function)})"
            )
        self.function = function
        self.traced = Traced(self.on_element, source.spec())
        self._place = engine_random.next_place()
        self._example: Any = None

    def on_element(self, element: Any) -> Any:
        """The function's result."""
        return called(self.function, element)

    def caller(self) -> Callable:
        """on_element with random numbers of a new iteration."""
        place = self._place if engine_random.is_seeded() else engine_random.next_place()
        seed = engine_random.mixed(engine_random.global_seed(), place)
        generator = engine_random.SeedGenerator(seed)

        def call(element: Any) -> Any:
            with engine_random.drawing_from(generator):
                return self.on_element(element)

        return call

    def result_spec(self) -> Any:
        """The specs of what the function returns."""
        if self.traced.spec is not None:
            return self.traced.spec
        if self._example is None:
            for element in self.source.elements():
                self._example = nest.map_structure(vague, as_result(self.caller()(element)))
                break
            else:
                raise ValueError(
                    "element_spec: the function looks at values, so what it gives is known from "
                    "an element only, and there is none"
                )
        return self._example


def vague(leaf: Any) -> Any:
    """The spec of an example: the next one may have another shape."""
    spec = spec_of(leaf)
    return TensorSpec(None, spec.dtype) if isinstance(spec, TensorSpec) else spec


class Map(Calls):
    """function of every element.

    workers: calls that run at the same time, each on a thread; 1: in the thread that asks.
    is_ordered: results keep the order of the elements, else they come as they are ready.
    """

    def __init__(
        self, source: Stage, function: Callable, workers: int, is_ordered: bool, is_parallel: bool
    ):
        super().__init__(source, function)
        self.workers, self.is_ordered = workers, is_ordered
        self.label = "_ParallelMapDataset" if is_parallel else "_MapDataset"

    def elements(self) -> Iterator:
        """The results."""
        call = self.caller()
        if self.workers > 1:
            return parallel(call, self.source.elements(), self.workers, self.is_ordered)
        return (as_result(call(element)) for element in self.source.elements())

    def spec(self) -> Any:
        """Of the results."""
        return self.result_spec()


def parallel_calls(given: Any) -> int:
    """The number of threads that num_parallel_calls means.

    AUTOTUNE is ours to choose, and is one: eager ops of several threads would wait for each other.
    """
    if given is None:
        return 1
    count = number(given, "num_parallel_calls")
    if count < 1 and count != AUTOTUNE:
        raise InvalidArgumentError("num_parallel_calls must be greater than zero.")
    return max(count, 1)


def parallel(call: Callable, source: Iterator, workers: int, is_ordered: bool) -> Iterator:
    """call(element) for all of `source` by a pool of threads, which ends with the iteration."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="framework-map")
    running: deque[Future] = deque()
    try:
        for element in source:
            running.append(pool.submit(call, element))
            if len(running) >= 2 * workers:
                yield as_result(finished(running, is_ordered).result())
        while running:
            yield as_result(finished(running, is_ordered).result())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def finished(running: deque, is_ordered: bool) -> Future:
    """Take the first of the running calls, or one that is ready."""
    if is_ordered:
        return running.popleft()
    done = next(iter(wait(running, return_when=FIRST_COMPLETED).done))
    running.remove(done)
    return done


class Filter(Calls):
    """The elements for which the function is true."""

    label = "_FilterDataset"

    def __init__(self, source: Stage, function: Callable):
        super().__init__(source, function)
        spec = self.traced.spec
        if spec is not None and not is_truth(spec):
            raise ValueError(
                "Invalid `predicate`. `predicate` must return a `tf.bool` scalar tensor, but its "
                f"return type is {spec!r}."
            )

    def elements(self) -> Iterator:
        """Those."""
        call = self.caller()
        return (element for element in self.source.elements() if bool(call(element)))

    def cardinality(self) -> int:
        """Only a count would tell."""
        return UNKNOWN


def is_truth(spec: Any) -> bool:
    """Whether a spec is that of a single bool."""
    return isinstance(spec, TensorSpec) and spec.shape == () and spec.dtype.is_bool


class TakeWhile(Filter):
    """The elements before the first for which the function is false."""

    label = "_TakeWhileDataset"

    def elements(self) -> Iterator:
        """Those."""
        call = self.caller()
        for element in self.source.elements():
            if not bool(call(element)):
                return
            yield element


class Scan(Follower):
    """state, output = function(state, element) from element to element; gives the outputs."""

    label = "_ScanDataset"

    def __init__(self, source: Stage, initial_state: Any, function: Callable):
        super().__init__(source)
        self.state, self.function = as_result(initial_state), function
        self.traced = Traced(function, nest.map_structure(spec_of, self.state), source.spec())

    def elements(self) -> Iterator:
        """The outputs."""
        state = self.state
        for element in self.source.elements():
            new, output = as_result(self.function(state, element))
            check_state(state, new)
            state = new
            yield output

    def spec(self) -> Any:
        """Of the outputs."""
        if self.traced.spec is not None:
            return self.traced.spec[1]
        return nest.map_structure(vague, next(self.elements()))


def check_state(old: Any, new: Any) -> None:
    """TypeError if a state changes its form or dtypes."""
    pairs = zip(nest.flatten(old), nest.flatten(new), strict=False)
    if not is_like(old, new) or any(a.dtype != b.dtype for a, b in pairs):
        before, after = [nest.map_structure(spec_of, state) for state in (old, new)]
        raise TypeError(
            "The element types for the new state must match the initial state. Expected "
            f"{before}; got {after}."
        )


class Interleave(Calls):
    """The elements of the data sets that the function gives: of `cycle` data sets at a time,
    `block` elements of each in turn."""

    def __init__(self, source: Stage, function: Callable, cycle: int, block: int, label: str):
        super().__init__(source, function)
        self.cycle, self.block, self.label = cycle, block, label
        if self.traced.spec is not None and not hasattr(self.traced.result, "element_spec"):
            raise wrong_result(self.traced.result)

    def elements(self) -> Iterator:
        """From one data set after the other."""
        call, source = self.caller(), self.source.elements()
        places: list[Iterator | None] = [None] * self.cycle
        is_over, at = False, 0
        while True:
            if places[at] is None and not is_over:
                element = next(source, None)
                is_over = element is None
                if not is_over:
                    places[at] = inner_elements(call(element))
            if is_over and not any(places):
                return
            inner = places[at]
            if inner is not None:
                is_inner_over = yield from block_of(inner, self.block)
                if is_inner_over:
                    places[at] = None
            at = (at + 1) % self.cycle

    def spec(self) -> Any:
        """Of the inner elements."""
        if self.traced.result is not None:
            return self.traced.result.element_spec
        for element in self.source.elements():
            return self.caller()(element).element_spec
        raise ValueError("element_spec: the function looks at values, and there is no element")

    def cardinality(self) -> int:
        """Only a count would tell."""
        return UNKNOWN


def block_of(elements: Iterator, count: int) -> Iterator:
    """Up to `count` of `elements`; returns whether these ended before."""
    for _ in range(count):
        try:
            element = next(elements)
        except StopIteration:
            return True
        yield element
    return False


def inner_elements(dataset: Any) -> Iterator:
    """The elements of a data set that a function gave."""
    if not hasattr(dataset, "element_spec"):
        raise wrong_result(dataset)
    return iter(dataset)


def wrong_result(got: Any) -> TypeError:
    """The error for a function that gave no data set."""
    return TypeError(f"`map_func` must return a `tf.data.Dataset` object. Got {type(got)}.")
