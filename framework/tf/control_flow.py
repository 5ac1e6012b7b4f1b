"""Control flow that may depend on tensors.

Run eagerly, branches and loops are Python's: each taken step is recorded by tapes like any other.
While a function is traced, what depends on a traced value becomes an op (compile/control.py).
"""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import eagerly, nest, ops
from framework.engine.active import ACTIVE
from framework.engine.batching import Elements, map_rows
from framework.engine.compile.control import choose_branch, run_loop
from framework.engine.compile.function import Function
from framework.engine.dimension import largest
from framework.engine.errors import InvalidArgumentError
from framework.engine.tensor import Tensor
from framework.tf.call import tensor
from framework.tf.debugging import Assert
from framework.tf.types import TensorSpec, as_dtype


def cond(
    pred: Any,
    true_fn: Callable | None = None,
    false_fn: Callable | None = None,
    name: str | None = None,
) -> Any:
    """true_fn() if pred else false_fn(); both without arguments."""
    for word, branch in (("true_fn", true_fn), ("false_fn", false_fn)):
        if not callable(branch):
            raise TypeError(f"'{word}' must be callable.")
    if ACTIVE.trace is not None and isinstance(pred, bool):
        raise TypeError("pred must not be a Python bool")
    if ACTIVE.trace is not None and isinstance(pred, (Tensor, int, float)):
        pred = tensor(pred)
        index = ops.cast(ops.logical_not(truth_of(pred)), dtype="int32")
        return choose_branch(index, [true_fn, false_fn], BRANCHES)  # type: ignore[list-item]
    return true_fn() if is_true(pred) else false_fn()  # type: ignore[misc]


BRANCHES = "true_fn and false_fn arguments to tf.cond"


def case(
    pred_fn_pairs: Any,
    default: Callable | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """The function behind the first predicate that holds, called; `default()` if none holds.

    pred_fn_pairs: (scalar bool tensor, function without arguments), ... exclusive: at most one may
    hold, else InvalidArgumentError; so too if none holds and there is no default. strict is about
    lists of one tensor in graphs: here results keep their structure.
    """
    pairs = pairs_of(pred_fn_pairs, exclusive)
    if default is None:
        held_last, last = pairs.pop()

        def default() -> Any:
            Assert(held_last, ["Input error: None of conditions evaluated as True:"])
            return last()

    if exclusive and pairs:  # without a default the last one is not counted, as in TensorFlow
        held = functools.reduce(ops.add, [ops.cast(p, dtype="int32") for p, _ in pairs])
        Assert(held <= 1, ["Input error: exclusive=True: more than 1 conditions hold:", held])
    chosen: Callable = default
    for pred, fn in reversed(pairs):
        chosen = functools.partial(cond, pred, fn, chosen)
    return chosen()


def pairs_of(pred_fn_pairs: Any, exclusive: bool) -> list[tuple]:
    """The pairs of tf.case, checked."""
    if not isinstance(pred_fn_pairs, (list, tuple, dict)):
        raise TypeError(
            f"'pred_fn_pairs' must be a list, tuple, or dict. Received: {type(pred_fn_pairs)}"
        )
    if isinstance(pred_fn_pairs, dict):
        if not exclusive and not isinstance(pred_fn_pairs, collections.OrderedDict):
            raise ValueError("Unordered dictionaries are not supported for the 'pred_fn_pairs' "
                             "argument when `exclusive=False`")  # fmt: skip
        pred_fn_pairs = list(pred_fn_pairs.items())
    if not pred_fn_pairs:
        raise ValueError("case: pred_fn_pairs must not be empty")
    for pair in pred_fn_pairs:
        check_pair(pair)
    return list(pred_fn_pairs)


def check_pair(pair: Any) -> None:
    """TypeError unless it is (scalar bool tensor, function)."""
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise TypeError(f"Each entry in 'pred_fn_pairs' must be a 2-tuple. Received {pair}.")
    if not isinstance(pair[0], Tensor) or not pair[0].dtype.is_bool:
        raise TypeError(f"pred must be Tensor of type bool: {pair[0]}")
    if not callable(pair[1]):
        raise TypeError(f"fn for pred {pair[0]} must be callable.")


def truth_of(x: Tensor) -> Tensor:
    """One bool; InvalidArgumentError for other values, which only eager calls take."""
    if x.array.size != 1:
        raise InvalidArgumentError(
            f"tf.cond: the predicate must be a scalar, got shape {tuple(x.shape)}"
        )
    if not x.dtype.is_bool:
        raise InvalidArgumentError(f"the predicate must be bool, got {x.dtype.name}")
    return ops.reshape(x, shape=())


def is_true(pred: Any) -> bool:
    """The truth of one value."""
    if isinstance(pred, Tensor) and pred.array.size != 1:
        raise ValueError(
            "The truth value of an array with more than one element is ambiguous: the predicate "
            f"has shape {tuple(pred.shape)}"
        )
    return bool(pred)


def switch_case(
    branch_index: Any, branch_fns: Any, default: Callable | None = None, name: str = "switch_case"
) -> Any:
    """branch_fns[branch_index](); `default`, or the last branch, for an index that is none.

    branch_fns: functions without arguments, a dict {index: function} or a list of such pairs.
    """
    if not isinstance(branch_index, Tensor) or branch_index.is_variable:
        raise TypeError(f"'branch_index' must be a Tensor, got {type(branch_index)}")
    if branch_index.array.dtype.kind not in "iu":
        raise TypeError(f"'branch_index' must be integers, got {branch_index.dtype.name}")
    if branch_index.ndim:
        raise InvalidArgumentError(
            f"switch_case: the index must be a scalar, got shape {tuple(branch_index.shape)}"
        )
    branches = branches_of(branch_fns)
    if ACTIVE.trace is not None:
        if branch_index.dtype.name != "int32":
            raise TypeError(f"'branch_index' must be int32, got {branch_index.dtype.name}")
        last = [default] if default is not None else []
        return choose_branch(branch_index, [*branches, *last], "the branches of switch_case")
    index = int(branch_index)
    if 0 <= index < len(branches):
        return branches[index]()
    return (default or branches[-1])()


def branches_of(branch_fns: Any) -> list[Callable]:
    """The branches in the order of their indices."""
    pairs = list(branch_fns.items()) if isinstance(branch_fns, dict) else list(branch_fns)
    if not pairs:
        raise ValueError("switch_case: branch_fns must not be empty")
    if not all(isinstance(pair, tuple) for pair in pairs):
        pairs = list(enumerate(pairs))
    indices = sorted(i for i, _ in pairs)
    if indices != list(range(len(pairs))):
        raise ValueError(
            f"branch indices (keys) must form contiguous range of [0 to {len(pairs)}) but found "
            f"{{{','.join(str(i) for i in indices)}}}"
        )
    for _, branch in pairs:
        if not callable(branch):
            raise TypeError(f"switch_case: branch {branch!r} must be callable")
    return [branch for _, branch in sorted(pairs, key=lambda pair: pair[0])]


def while_loop(
    cond: Callable,
    body: Callable,
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    maximum_iterations: Any = None,
    name: str | None = None,
) -> Any:
    """loop_vars = body(*loop_vars) as long as cond(*loop_vars) holds; the last loop_vars.

    maximum_iterations: a limit on the number of rounds. parallel_iterations and
    swap_memory are TensorFlow's advice to a graph that is built before it runs: nothing to do.
    back_prop=False: in a tf.function no gradient flows back through the loop; eagerly it does.
    shape_invariants: in a tf.function, where a loop variable may change its shape (the function
    then runs as plain Python).
    """
    for word, given in (("cond", cond), ("body", body)):
        if not callable(given):
            raise TypeError(f"'{word}' must be callable.")
    if not isinstance(loop_vars, (list, tuple)) or not len(loop_vars):
        raise ValueError("'loop_vars' must be a list or tuple with at least one element")
    if isinstance(maximum_iterations, float):
        raise TypeError(f"maximum_iterations must be an integer, got {maximum_iterations}")
    limit = None if maximum_iterations is None else int(maximum_iterations)
    if ACTIVE.trace is not None:
        loop_vars = traced_loop(cond, body, loop_vars, limit, shape_invariants is not None)
        return loop_vars if back_prop else nest.map_structure(ops.stop_gradient, loop_vars)
    wanted, done = nest.form_of(loop_vars), 0
    while (limit is None or done < limit) and is_true(cond(*loop_vars)):
        loop_vars, done = next_vars(body, loop_vars, wanted), done + 1
    return nest.map_structure(tensor, loop_vars)


def next_vars(body: Callable, loop_vars: Any, wanted: Any) -> Any:
    """body(*loop_vars), which must have the structure of the loop_vars."""
    found = body(*loop_vars)
    if len(loop_vars) == 1 and not isinstance(found, (list, tuple)):
        found = type(loop_vars)([found])
    if not isinstance(found, (list, tuple)):
        raise TypeError(
            f"while_loop: the body gave {found!r}, not one value for each loop variable"
        )
    if nest.form_of(found) != wanted:
        raise ValueError(
            "while_loop: The two structures don't have the same nested structure: loop_vars "
            f"are {loop_vars}, the body gave {found}"
        )
    return found


def traced_loop(
    cond: Callable, body: Callable, loop_vars: Any, limit: int | None, may_grow: bool
) -> Any:
    """while_loop while a function is traced."""
    wanted = nest.form_of(loop_vars)

    def ask(*flat: Tensor) -> Tensor:
        return truth_of(tensor(cond(*nest.pack_sequence_as(loop_vars, list(flat)))))

    def work(*flat: Tensor) -> list:
        found = next_vars(body, nest.pack_sequence_as(loop_vars, list(flat)), wanted)
        return [tensor(x) for x in nest.flatten(found)]

    flat = [tensor(x) for x in nest.flatten(loop_vars)]
    return nest.pack_sequence_as(loop_vars, run_loop(ask, work, flat, limit, may_grow))


def map_fn(
    fn: Callable,
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
    fn_output_signature: Any = None,
) -> Any:
    """fn applied to the parts elems[i] along the first axis, its results behind each other.

    elems: a tensor or a structure of them. fn_output_signature (or dtype): dtypes or TensorSpecs in
    the structure of the result, where that is not elems'. parallel_iterations, swap_memory and
    infer_shape are advice to a graph; back_prop=False stops gradients in a tf.function.
    """
    flat = [tensor(x) for x in nest.flatten(elems)]
    if not flat:
        raise ValueError(
            "elems must be a Tensor or (possibly nested) sequence of Tensors. "
            f"Got {elems!r}, which does not contain any Tensors."
        )
    count = common_length(flat, "map_fn")
    wanted = fn_output_signature if fn_output_signature is not None else dtype
    like = elems if wanted is None else wanted
    dtypes = nest.flatten(nest.map_structure(dtype_of, flat if wanted is None else wanted))
    if not count:
        return nest.pack_sequence_as(like, no_rows(fn, elems, flat, dtypes))
    rows = [fn(nest.pack_sequence_as(elems, [x[i] for x in flat])) for i in range(count)]
    check_form(rows[0], like)
    stacked = [ops.stack(column) for column in zip(*[as_written(r, dtypes) for r in rows])]
    result = nest.pack_sequence_as(rows[0], stacked)
    is_stopped = not back_prop and ACTIVE.trace is not None
    return nest.map_structure(ops.stop_gradient, result) if is_stopped else result


def no_rows(fn: Callable, elems: Any, flat: list[Tensor], dtypes: list) -> list[Tensor]:
    """map_fn of nothing: eagerly fn is not called, and nobody knows the shape of a row."""
    if ACTIVE.trace is None:
        return [zeros_of((0,), dtype) for dtype in dtypes]
    # zeros, made of elems: as in TensorFlow a gradient finds its way
    parts = [
        zeros_of(x.shape[1:], x.dtype) if x.dtype.is_bool else ops.sum(x, axis=0) for x in flat
    ]
    one = fn(nest.pack_sequence_as(elems, parts))
    return [ops.stack([y])[:0] for y in as_written(one, dtypes)]


def check_form(found: Any, like: Any) -> None:
    """Raise unless fn gave the structure of its signature."""
    if nest.form_of(found) != nest.form_of(like):
        raise ValueError(
            "map_fn: The two structures don't have the same nested structure: fn gave "
            f"{found}, its signature is {like}; give fn_output_signature"
        )


def zeros_of(shape: Any, dtype: Any) -> Tensor:
    """Zeros."""
    return Tensor(np.zeros(tuple(shape), dtype.as_numpy_dtype))


def as_written(row: Any, dtypes: list) -> list[Tensor]:
    """The tensors of one result of fn, in the dtypes of the signature."""
    found = [tensor(y) for y in nest.flatten(row)]
    for y, wanted in zip(found, dtypes, strict=True):
        if y.dtype != wanted:
            raise InvalidArgumentError(
                f"map_fn: fn gave {y.dtype.name}, its signature says {wanted.name}: give "
                "fn_output_signature"
            )
    return found


def dtype_of(x: Any) -> Any:
    """The dtype of a tensor, of a TensorSpec, or what is one."""
    return x.dtype if isinstance(x, (Tensor, TensorSpec)) else as_dtype(x)


def common_length(flat: list[Tensor], name: str) -> int:
    """The length of the first axis that all have."""
    if any([not x.ndim for x in flat]):
        raise ValueError("Elements in elems must be 1+ dimensional Tensors, not scalars")
    lengths = {int(x.shape[0]) for x in flat}
    if len(lengths) > 1:
        raise ValueError(f"{name}: the elements have lengths {sorted(lengths)}, wanted one")
    return lengths.pop()


def vectorized_map(
    fn: Callable, elems: Any, fallback_to_while_loop: bool = True, warn: bool = True
) -> Any:
    """fn applied to the parts elems[i] along the first axis, for all i at once: its ops run once,
    on all parts together. Results stand behind each other, in the structure that fn returns.

    elems: a tensor or a structure of them; those whose first axis has length 1 are the same in
    every call. fn must do the same for each part: where it asks for a value (Python's `if`) it is
    called for each part instead, as is an op that cannot run for all parts together; with a warning
    if `warn`, with fallback_to_while_loop=False ValueError. Random numbers differ from part to
    part; a Variable can be assigned only what is the same for all parts, and once for all.
    """
    if ACTIVE.trace is None and ACTIVE.tapes:  # a tape sees one call, as of any tf.function
        return Function(vectorized_map)(fn, elems, fallback_to_while_loop, warn)
    flat = [tensor(x) for x in nest.flatten(elems)]
    flat = [ops.identity(x) if x.is_variable else x for x in flat]
    if not flat:
        raise ValueError(f"vectorized_map: elems {elems!r} contain no tensor")
    if any([not x.ndim for x in flat]):
        raise IndexError("vectorized_map: elems must have at least one axis, got a scalar")
    size = functools.reduce(largest, [x.array.shape[0] for x in flat])
    for x in flat:
        if x.array.shape[0] not in (size, 1):
            raise InvalidArgumentError(
                f"vectorized_map: the first axes of elems have lengths "
                f"{[y.array.shape[0] for y in flat]}, wanted {size} or 1"
            )
    return map_rows(fn, Elements(elems, flat, size), fallback_to_while_loop, warn)
