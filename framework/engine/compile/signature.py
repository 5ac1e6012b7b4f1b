"""The signature of a call: what of its arguments is data, and what decides which trace is run."""

from __future__ import annotations

import collections
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from framework.engine import nest, ops
from framework.engine.compile.recent import Recent
from framework.engine.dimension import at
from framework.engine.slices import IndexedSlices
from framework.engine.tensor import Spec, Tensor, as_array, as_tensor


class Slices:
    """Stands for IndexedSlices in a result: the places of values and indices, and the whole."""

    def __init__(self, values: Any, indices: Any, whole: tuple | None):
        self.values, self.indices, self.whole = values, indices, whole


def split(value: Any, tensors: list, variables: list) -> Any:
    """The hashable part of an argument; its tensors and arrays are appended to `tensors`, its
    Variables to `variables`.

    Tensors and NumPy's arrays and numbers count by shape and dtype, as Variables do, of which it
    also counts which are the same; Python's values by value, other objects by identity.
    """
    if isinstance(value, Tensor):
        if value.is_variable:
            return variable_key(value, variables)
        tensors.append(value)
        return Like(value.array.shape, value.array.dtype)
    if isinstance(value, (np.ndarray, np.generic)):
        array = as_array(value)
        tensors.append(Tensor(np.array(array)))
        return Like(array.shape, array.dtype)
    if isinstance(value, IndexedSlices):
        parts = [split(part, tensors, variables) for part in (value.values, value.indices)]
        return (IndexedSlices, *parts, value.whole)
    if isinstance(value, (list, tuple)):
        return (type(value), *[split(part, tensors, variables) for part in value])
    if isinstance(value, dict):
        parts = [(key, split(value[key], tensors, variables)) for key in keys_of(value)]
        return (type(value), *parts)
    if isinstance(value, (bool, int, float, complex, str, bytes, type(None))):
        return value if value == value else Object(math.nan)  # which is not equal to itself
    return Object(value)


def variable_key(variable: Any, variables: list) -> tuple:
    """What of a Variable decides which trace is run: not which one it is, but whether it is one of
    those before it."""
    place = next((i for i, v in enumerate(variables) if v is variable), len(variables))
    variables.append(variable)
    like = VariableLike(variable.array.shape, variable.array.dtype)
    return type(variable), like, variable.trainable, place


def filled(value: Any, tensors: Any) -> Any:
    """The argument with the next of `tensors` (an iterator) in the place of each tensor."""
    if (isinstance(value, Tensor) and not value.is_variable) or isinstance(
        value, (np.ndarray, np.generic)
    ):
        return next(tensors)
    if isinstance(value, IndexedSlices):
        return IndexedSlices(next(tensors), next(tensors), value.whole)
    if isinstance(value, (list, tuple)):
        return rebuilt(value, [filled(part, tensors) for part in value])
    if isinstance(value, dict):
        parts = {key: filled(value[key], tensors) for key in keys_of(value)}
        return rebuilt_dict(value, {key: parts[key] for key in value})
    return value


def keys_of(value: dict) -> list:
    """The keys, sorted where they can be: the order in which a dict was filled says nothing."""
    try:
        return sorted(value)
    except TypeError:
        return list(value)


def rebuilt_dict(like: dict, parts: dict) -> Any:
    """A dict of the type of `like`."""
    if isinstance(like, collections.defaultdict):
        return collections.defaultdict(like.default_factory, parts)
    return parts if type(like) is dict else type(like)(parts)


def rebuilt(like: list | tuple, parts: list) -> Any:
    """A list or tuple of the type of `like`."""
    if hasattr(like, "_fields"):
        return type(like)(*parts)
    return type(like)(parts)


def template(result: Any, tensors: list, place: Callable) -> Any:
    """The structure of a function's result: numbers of tensors, which are appended to `tensors`."""
    if result is None:
        return None
    if isinstance(result, IndexedSlices):
        values = template(result.values, tensors, place)
        return Slices(values, template(result.indices, tensors, place), result.whole)
    if isinstance(result, (list, tuple)):
        return rebuilt(result, [template(part, tensors, place) for part in result])
    if isinstance(result, dict):
        parts = {key: template(part, tensors, place) for key, part in result.items()}
        return parts if isinstance(result, collections.defaultdict) else rebuilt_dict(result, parts)
    try:
        tensors.append(place(as_tensor(result)))
    except (TypeError, ValueError) as error:
        raise TypeError(
            "To be compatible with tf.function, Python functions must return zero or more Tensors "
            f"or None values; found return value of type {type(result).__name__}, which is not a "
            f"Tensor: {error}"
        ) from None
    return len(tensors) - 1


def packed(form: Any, tensors: list) -> Any:
    """A result of the structure `form`."""
    if form is None:
        return None
    if isinstance(form, int):
        return tensors[form]
    if isinstance(form, Slices):
        return IndexedSlices(tensors[form.values], tensors[form.indices], form.whole)
    if isinstance(form, dict):
        return rebuilt_dict(form, {key: packed(part, tensors) for key, part in form.items()})
    return rebuilt(form, [packed(part, tensors) for part in form])


def as_results(result: Any) -> Any:
    """What a function gave that ran as plain Python: with tensors, as if it had been traced, in the
    place of numbers, arrays and Variables."""

    def as_result(x: Any) -> Any:
        if isinstance(x, (bool, int, float, np.ndarray, np.generic)):
            return as_tensor(x)
        return ops.identity(x) if isinstance(x, Tensor) and x.is_variable else x

    return nest.map_structure(as_result, result)


def form_at(form: Any, numbers: Sequence) -> Any:
    """The form of a trace that leaves sizes open, for these sizes."""
    if isinstance(form, Slices):
        return Slices(form.values, form.indices, at(form.whole, numbers))
    if isinstance(form, (list, tuple)):
        return rebuilt(form, [form_at(part, numbers) for part in form])
    if isinstance(form, dict):
        return rebuilt_dict(form, {key: form_at(part, numbers) for key, part in form.items()})
    return form


class Like:
    """Any tensor of one shape and dtype."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple, dtype: np.dtype):
        self.shape, self.dtype = shape, dtype

    def __eq__(self, other: object) -> bool:
        return type(other) is Like and self.shape == other.shape and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"{self.dtype.name}{list(self.shape)}"


class VariableLike(Like):
    """Any Variable of one shape and dtype."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return (
            type(other) is VariableLike and self.shape == other.shape and self.dtype == other.dtype
        )

    __hash__ = Like.__hash__


class Object:
    """One certain object, kept alive as long as traces are."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return type(other) is Object and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)

    def __repr__(self) -> str:
        name = getattr(self.value, "name", None)
        return f"{type(self.value).__name__} {name!r}" if name else f"{self.value!r:.60}"


def opened_key(key: Any, shapes: Iterator) -> Any:
    """A split of arguments with the next of `shapes` in the place of each tensor's shape."""
    if type(key) is Like:
        return Like(next(shapes), key.dtype)
    return tuple([opened_key(part, shapes) for part in key]) if type(key) is tuple else key


def likes_of(key: Any) -> list[Like]:
    """The tensors of a split, in order."""
    if type(key) is Like:
        return [key]
    return [like for part in key for like in likes_of(part)] if type(key) is tuple else []


def shape_covers(opened: tuple, shape: tuple) -> bool:
    """Whether a shape fits one with None in it."""
    return len(opened) == len(shape) and all([n in (None, m) for n, m in zip(opened, shape)])


def covers(opened: Any, key: Any) -> bool:
    """Whether the split `key` fits one that leaves sizes open."""
    if type(opened) is Like and type(key) is Like:
        return opened.dtype == key.dtype and shape_covers(opened.shape, key.shape)
    if type(opened) is tuple and type(key) is tuple:
        return len(opened) == len(key) and all(map(covers, opened, key))
    return opened == key


def same_but_shapes(one: Any, other: Any) -> bool:
    """Whether two splits differ in the shapes of tensors at most."""
    if type(one) is Like and type(other) is Like:
        return one.dtype == other.dtype
    if type(one) is tuple and type(other) is tuple:
        return len(one) == len(other) and all(map(same_but_shapes, one, other))
    return one == other


class Seen:
    """The sizes of the calls of a function that is to be traced seldom; for the last `most` of what
    else there is of their keys."""

    def __init__(self, most: int):
        self._shapes = Recent(most)

    def joined(self, key: Any) -> list[tuple]:
        """The shapes of a call, with None for sizes that differ from those of another call; all of
        them after a call with other ranks."""
        shapes = [like.shape for like in likes_of(key)]
        unknown = [(None,) * len(shape) for shape in shapes]
        ranks = opened_key(key, iter(unknown))
        is_first = not any([same_but_shapes(ranks, other) for other in self._shapes])
        before = self._shapes.find(ranks)
        if before is None:
            before = shapes if is_first else unknown
        joined = [
            tuple([n if n == m else None for n, m in zip(a, b)]) for a, b in zip(before, shapes)
        ]
        return self._shapes.keep(ranks, joined)


def open_numbers(opened: Any, key: Any) -> list:
    """The sizes in `key` that `opened` leaves open."""
    pairs = zip(likes_of(opened), likes_of(key), strict=True)
    return [m for a, b in pairs for n, m in zip(a.shape, b.shape, strict=True) if n is None]


def signature_shapes(value: Any, spec: Any, key: Any) -> list[tuple]:
    """The shapes of the tensors in an argument, None where its part of the signature leaves a size
    open. key: the split of the argument."""
    if hasattr(spec, "example"):
        (like,) = likes_of(key)
        return [(None,) * len(like.shape) if spec.shape is None else tuple(spec.shape)]
    if isinstance(spec, (list, tuple)) and type(key) is tuple and len(key) == len(spec) + 1:
        parts = zip(value, spec, key[1:])
        return [shape for part in parts for shape in signature_shapes(*part)]
    if isinstance(spec, dict) and type(key) is tuple:
        parts = [(value[name], spec[name], part) for name, part in key[1:]]
        return [shape for part in parts for shape in signature_shapes(*part)]
    return [like.shape for like in likes_of(key)]


def difference(old: tuple, new: tuple, names: list[str]) -> str:
    """Which argument changed, from what to what: `old` and `new` are splits of all arguments."""
    for name, before, after in zip(names, old, new, strict=False):
        if before != after:
            return f"argument {name!r} changed from {text(before)} to {text(after)}"
    return f"the arguments changed from {text(old)} to {text(new)}"


def text(part: Any) -> str:
    """A split argument as a reader would write it."""
    if isinstance(part, tuple) and part and isinstance(part[0], type):
        return f"{part[0].__name__}({', '.join([text(p) for p in part[1:]])})"
    return repr(part)


def specs_of(signature: Any) -> tuple:
    """An input signature as a tuple; TypeError unless it is made of TensorSpecs."""
    if not isinstance(signature, (list, tuple)) or not all(map(is_spec, signature)):
        raise TypeError(
            "input_signature must be either a tuple or a list of (structures of) TensorSpecs, got "
            f"{signature!r}"
        )
    return tuple(signature)


def is_spec(part: Any) -> bool:
    """Whether this is a TensorSpec or a structure of them."""
    if isinstance(part, (list, tuple)):
        return all(map(is_spec, part))
    return all(map(is_spec, part.values())) if isinstance(part, dict) else hasattr(part, "fit")


def fitted(values: tuple, signature: tuple, binder: Any, name: str) -> list:
    """The positional arguments as tensors of an input signature; those behind it must be the
    defaults, which a trace holds."""
    if len(values) < len(signature):
        raise TypeError(f"tf.function {name!r}: input_signature has {len(signature)} parts, the "
                        f"function {len(values)} parameters")  # fmt: skip
    count = len(signature)
    defaults = [p.default for p in binder.parameters.values()][count:]
    for i, value in enumerate(values[count:]):
        if i >= len(defaults) or value is not defaults[i]:
            raise TypeError(
                f"Binding inputs to tf.function {name!r} failed due to `got {value!r} beyond the "
                f"{count} parts of the input_signature`"
            )
    return [*[fit(value, spec, name) for value, spec in zip(values, signature)], *values[count:]]


def fit(value: Any, spec: Any, name: str) -> Any:
    """One argument as the tensors that its part of the signature asks for; TypeError if it has
    another structure."""
    if isinstance(spec, (list, tuple)):
        kind = list if isinstance(spec, list) else tuple
        if not isinstance(value, kind) or len(value) != len(spec):
            raise TypeError(f"tf.function {name!r}: got {value!r} for the signature {spec}")
        return rebuilt(value, [fit(v, s, name) for v, s in zip(value, spec)])
    if isinstance(spec, dict):
        if not isinstance(value, dict) or value.keys() != spec.keys():
            raise TypeError(f"tf.function {name!r}: got {value!r} for the signature {spec}")
        return {key: fit(value[key], part, name) for key, part in spec.items()}
    if not hasattr(spec, "example"):
        return value
    found = spec.fit(value, f"Binding inputs to tf.function {name!r} failed due to")
    return ops.read(found) if found.is_variable else found  # its value, as for any tensor


def specs_of_tensors(tensors: list[Tensor]) -> list[Spec]:
    """The shapes and dtypes."""
    return [Spec(tuple(x.array.shape), x.array.dtype) for x in tensors]
