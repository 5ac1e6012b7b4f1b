"""torch.autograd: backward, grad, and whether operations are remembered."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from framework.engine import tensor as engine
from framework.engine.accumulate import MODE, History, accumulate, gradients, source_of
from framework.torch.call import to
from framework.torch.hooks import wrapped
from framework.torch.memory import check_repeated
from framework.torch.products import stack
from framework.torch.tensor import Tensor

NO_HISTORY = "element {} of tensors does not require grad and does not have a grad_fn"
UNUSED = (
    "The differentiated Tensor at index {} appears to not have been used in the graph. Set "
    "allow_unused=True if this is the desired behavior."
)


CYCLE = (
    "Using backward() with create_graph=True will create a reference cycle between the parameter "
    "and its gradient which can cause a memory leak. We recommend using autograd.grad when "
    "creating the graph to avoid this. If you have to use this function, make sure to reset the "
    ".grad fields of your parameters to None after use to break the cycle and avoid the leak."
)


class set_grad_enabled:
    """Remember operations or not: as a call, in a `with` block, or as a decorator."""

    def __init__(self, mode: bool):
        self._before, self._mode = MODE.is_enabled, bool(mode)
        MODE.is_enabled = self._mode

    def __enter__(self) -> None:
        MODE.is_enabled = self._mode

    def __exit__(self, *_) -> None:
        MODE.is_enabled = self._before

    def __call__(self, function: Callable) -> Callable:
        MODE.is_enabled = self._before
        return within(self._mode, function)


class enable_grad:
    """Within this block, or in the decorated function, operations are remembered."""

    mode = True

    def __enter__(self) -> None:
        self._before, MODE.is_enabled = MODE.is_enabled, self.mode

    def __exit__(self, *_) -> None:
        MODE.is_enabled = self._before

    def __call__(self, function: Callable) -> Callable:
        return within(self.mode, function)

    def __new__(cls, function: Callable | None = None):
        made = super().__new__(cls)
        return made if function is None else made(function)


class no_grad(enable_grad):
    """Within this block, or in the decorated function, operations are not remembered."""

    mode = False


def within(mode: bool, function: Callable) -> Callable:
    """The function, run with this mode."""

    if inspect.isgeneratorfunction(function):
        return stepped(mode, function)

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        before, MODE.is_enabled = MODE.is_enabled, mode
        try:
            return function(*args, **kwargs)
        finally:
            MODE.is_enabled = before

    return run


def stepped(mode: bool, function: Callable) -> Callable:
    """The generator function, each step of whose generators is run with this mode."""
    inside = within(mode, lambda step, *given: step(*given))

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        generator = function(*args, **kwargs)
        step, given = generator.send, (None,)
        while True:
            try:
                response = inside(step, *given)
            except StopIteration as end:
                return end.value
            try:
                step, given = generator.send, ((yield response),)
            except GeneratorExit:
                inside(generator.close)
                raise
            except BaseException as error:
                step, given = generator.throw, (error,)

    return run


def is_grad_enabled() -> bool:
    """True where operations are remembered."""
    return MODE.is_enabled


def as_list(value: Any) -> list:
    """One tensor, or an iterable of them, as a list."""
    return [value] if value is None or isinstance(value, engine.Tensor) else list(value)


def given_for(roots: list[Tensor], gradients: Any) -> list:
    """The cotangents that the caller gives, one for each root; None: none."""
    if gradients is None:
        return [None] * len(roots)
    given = as_list(gradients)
    for g in given:
        if g is not None and not isinstance(g, engine.Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
    if len(given) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(given)} gradients")
    return given


def start(roots: list[Tensor], gradients: Any) -> list[engine.Tensor]:
    """The cotangents to begin with: ones for scalars, else what is given, in the root's dtype."""
    cotangents, given = [], given_for(roots, gradients)
    for i, root in enumerate(roots):
        if not root.requires_grad:
            raise RuntimeError(NO_HISTORY.format(i))
        g = given[i]
        if g is None:
            if root.array.size != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            g = Tensor(np.ones_like(root.array))
        elif g.array.shape != root.array.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] "
                f"has a shape of {root.shape}."
            )
        cotangents.append(to(g, root.array.dtype))
    return cotangents


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add d tensors / d x to x.grad of every leaf x (or of `inputs` only).

    grad_variables is an old name of grad_tensors.
    """
    grad_tensors = grad_variables if grad_tensors is None else grad_tensors
    roots = as_list(tensors)
    if create_graph:
        warnings.warn(CYCLE, UserWarning, stacklevel=3)
    cotangents = start(roots, grad_tensors)
    named = {} if inputs is None else slots_of(as_list(inputs))
    wanted = None if inputs is None else set(named)
    retain = create_graph if retain_graph is None else retain_graph
    found, known = gradients(roots, cotangents, wanted, retain, create_graph)
    for slot, g in found.items():
        leaf = named[slot] if slot in named else leaf_of(known[slot], slot)
        if leaf is None:  # it retained its gradient, and nobody holds it any more
            continue
        if leaf._requires_grad or leaf._history is not None:  # else a view made under no_grad
            add_to(leaf, wrapped(g, known, create_graph), in_place=not create_graph)


def add_to(leaf: Tensor, gradient: Tensor, in_place: bool) -> None:
    """leaf.grad += gradient"""
    if leaf._grad is not None and in_place:
        check_repeated(leaf._grad.array)
    accumulate(leaf, gradient, in_place)


def slots_of(inputs: list[Tensor]) -> dict[int, Tensor]:
    """{slot: tensor} of the tensors that alone are to get their gradient."""
    if not inputs:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    for x in inputs:
        if not x.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    return {x.id: x for x in inputs if source_of(x) is not None}


def leaf_of(source: Any, slot: int) -> Tensor | None:
    """The leaf that a slot is, or the computed tensor that retains its gradient."""
    return source.retained[slot]() if isinstance(source, History) else source


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple:
    """d outputs / d inputs, summed over the outputs; fills no .grad.

    materialize_grads: zeros instead of None for an input that was not used. is_grads_batched: the
    first axis of grad_outputs counts cotangents, as that of the result does; they are taken one by
    one.
    """
    if is_grads_batched:
        rest = (only_inputs, allow_unused, False, materialize_grads)
        return grad_of_each(outputs, inputs, grad_outputs, retain_graph, create_graph, *rest)
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    roots, sources = as_list(outputs), as_list(inputs)
    cotangents = start(roots, grad_outputs)
    check_sources(sources)
    retain = create_graph if retain_graph is None else retain_graph
    found, known = gradients(roots, cotangents, {x.id for x in sources}, retain, create_graph)
    unused = [i for i, x in enumerate(sources) if x.id not in found]
    if unused and not (allow_unused or materialize_grads):
        raise RuntimeError(UNUSED.format(unused[0]))
    zero = zero_like if materialize_grads else lambda x: None
    picked = [(x, found.get(x.id)) for x in sources]
    return tuple([zero(x) if g is None else wrapped(g, known, create_graph) for x, g in picked])


def grad_of_each(
    outputs: Any, inputs: Any, grad_outputs: Any, retain: bool | None, create: bool, *rest: Any
) -> tuple:
    """grad for each row of the cotangents, stacked."""
    rows = list(zip(*[list(g) for g in as_list(grad_outputs)], strict=True))
    last = len(rows) - 1
    found = [
        grad(outputs, inputs, row, True if i < last else retain, create, *rest)
        for i, row in enumerate(rows)
    ]
    return tuple([None if gs[0] is None else stack(gs) for gs in zip(*found)])


def check_sources(sources: list[Tensor]) -> None:
    """Raise unless there are tensors to differentiate by, and all take part."""
    if not sources:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    for x in sources:
        if source_of(x) is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad")


def zero_like(x: Tensor) -> Tensor:
    """The gradient of what was not used."""
    return Tensor(np.zeros_like(x.array))
