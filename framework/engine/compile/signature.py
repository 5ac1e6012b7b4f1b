"""The signature of a call: what of its arguments is data, and what decides which trace is run."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine.slices import IndexedSlices
from framework.engine.tensor import Tensor, as_array, as_tensor


class Slices:
    """Stands for IndexedSlices in a result: the places of values and indices, and the whole."""

    def __init__(self, values: Any, indices: Any, whole: tuple | None):
        self.values, self.indices, self.whole = values, indices, whole


def split(value: Any, tensors: list) -> Any:
    """The hashable part of an argument; its tensors and arrays are appended to `tensors`.

    Tensors and NumPy's arrays and numbers count by shape and dtype, Python's values by value,
    Variables and other objects by identity.
    """
    if isinstance(value, Tensor) and not value.is_variable:
        tensors.append(value)
        return Like(value.array.shape, value.array.dtype)
    if isinstance(value, (np.ndarray, np.generic)):
        array = as_array(value)
        tensors.append(Tensor(np.array(array)))
        return Like(array.shape, array.dtype)
    if isinstance(value, IndexedSlices):
        parts = [split(part, tensors) for part in (value.values, value.indices)]
        return (IndexedSlices, *parts, value.whole)
    if isinstance(value, (list, tuple)):
        return (type(value), *[split(part, tensors) for part in value])
    if isinstance(value, dict):
        return (type(value), *[(key, split(value[key], tensors)) for key in keys_of(value)])
    if isinstance(value, (bool, int, float, complex, str, bytes, type(None))):
        return value
    return Object(value)


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
        if not isinstance(value, (list, tuple)) or len(value) != len(spec):
            raise TypeError(f"tf.function {name!r}: got {value!r} for the signature {spec}")
        return rebuilt(value, [fit(v, s, name) for v, s in zip(value, spec)])
    if isinstance(spec, dict):
        if not isinstance(value, dict) or value.keys() != spec.keys():
            raise TypeError(f"tf.function {name!r}: got {value!r} for the signature {spec}")
        return {key: fit(value[key], part, name) for key, part in spec.items()}
    if not hasattr(spec, "fit"):
        return value
    return spec.fit(value, f"Binding inputs to tf.function {name!r} failed due to")
