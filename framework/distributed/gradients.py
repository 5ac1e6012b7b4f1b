"""Gradients and variables across ranks, for training loops written by hand (`fit` needs none)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from framework.distributed.agreement import check_same
from framework.distributed.comm import comm
from framework.engine import nest
from framework.engine.tensor import Tensor


def all_reduce(value: Any, op: str = "sum") -> Any:
    """`value` combined over all ranks elementwise (op: sum, max, min); a new array or Tensor.

    An array gives an array, a Tensor a Tensor, a number a NumPy scalar. Every rank must call it,
    with the same shape and dtype (RankMismatchError else).
    """
    array = value.numpy() if isinstance(value, Tensor) else np.asarray(value)
    check_same("all_reduce", (array.shape, str(array.dtype), op))
    result = np.array(array, order="C")
    comm().all_reduce(result, op)
    return Tensor(result) if isinstance(value, Tensor) else result[()]


def broadcast_variables(variables: Iterable[Any], root: int = 0) -> None:
    """Give every rank the values that rank `root` holds, in one message."""
    variables = list(variables)
    if comm().size == 1 or not variables:
        return
    arrays = [np.asarray(v.numpy(), order="C") for v in variables]
    check_same("broadcast_variables", [(a.shape, str(a.dtype)) for a in arrays])
    parts = [a.reshape(-1).view(np.uint8) for a in arrays]
    buffer = np.concatenate(parts)
    comm().broadcast(buffer, root)
    stops = np.cumsum([p.size for p in parts])
    for variable, array, stop, part in zip(variables, arrays, stops, parts):
        values = buffer[stop - part.size : stop].copy()
        variable.assign(values.view(array.dtype).reshape(array.shape))


class DistributedGradientTape:
    """A GradientTape whose `gradient` is reduced over all ranks in one flat all-reduce.

    DistributedGradientTape(tape, average=True): with average the result is the mean over ranks
    (Horovod's meaning): right for a loss that is the mean over equally large parts. For exact
    results with uneven parts, divide the loss by the *global* count and pass average=False.
    A gradient is None only if it is None on every rank; None on some counts as zeros.
    Everything else (watch, stop_recording ...) is the wrapped tape's.
    """

    def __init__(self, tape: Any, average: bool = True):
        self._tape = tape
        self._average = average

    def __enter__(self) -> DistributedGradientTape:
        self._tape.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        self._tape.__exit__(*details)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tape, name)

    def gradient(self, target: Any, sources: Any, *args: Any, **kwargs: Any) -> Any:
        """d target / d sources as the tape gives it, summed or averaged over the ranks."""
        local = self._tape.gradient(target, sources, *args, **kwargs)
        if comm().size == 1:
            return local
        flat_sources = nest.flatten(sources)
        check_same("gradient", [(tuple(s.shape), str(s.dtype)) for s in flat_sources])
        scale = 1 / comm().size if self._average else 1.0
        return nest.pack_sequence_as(
            sources, reduce_gradients(nest.flatten(local), flat_sources, scale)
        )


def reduce_gradients(
    gradients: Sequence[Any], sources: Sequence[Any], scale: float = 1.0
) -> list[Any]:
    """scale * sum over ranks of each gradient; None where it is None on all ranks.

    One all-reduce per dtype of the sources (so, as a rule, one): the gradients lie one behind the
    other, at the end stands for each on how many ranks it is not None.
    """
    result: list[Any] = [None] * len(sources)
    dtypes = [np.dtype(s.numpy().dtype) for s in sources]
    for dtype in dict.fromkeys(d for d in dtypes if d.kind == "f"):
        chosen = [i for i, d in enumerate(dtypes) if d == dtype]
        shapes = [tuple(sources[i].shape) for i in chosen]
        stops = np.cumsum([int(np.prod(shape)) for shape in shapes])
        buffer = np.zeros(stops[-1] + len(chosen), dtype)
        for i, shape, stop in zip(chosen, shapes, stops):
            if gradients[i] is not None:
                buffer[stop - int(np.prod(shape)) : stop] = gradients[i].numpy().reshape(-1)
        buffer[stops[-1] :] = [gradients[i] is not None for i in chosen]
        comm().all_reduce(buffer)
        for i, shape, stop, holders in zip(chosen, shapes, stops, buffer[stops[-1] :]):
            if holders:
                values = buffer[stop - int(np.prod(shape)) : stop].reshape(shape) * dtype.type(
                    scale
                )
                result[i] = Tensor(values)
    return result
