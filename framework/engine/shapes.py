"""TensorShape: a shape, known in full, in part or not at all, with TensorFlow's words."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine.dimension import Dim


def dimension(value: Any) -> int | None:
    """One dimension: an int of at least 0, or None where it is unknown."""
    if value is None or type(value) in (bool, Dim):
        return value
    try:
        n = value.__index__()
    except (AttributeError, TypeError):
        raise TypeError(
            "Dimension value must be integer or None or have an __index__ method, got value "
            f"'{value!r}' with type '{type(value)!r}'"
        ) from None
    if n < 0:
        raise ValueError(f"Dimension {n} must be >= 0")
    return n


def dimensions_of(value: Any) -> list | None:
    """The dimensions that a list, tuple, tensor or single int gives; None: of unknown rank."""
    if value is None or isinstance(value, UnknownShape):
        return None
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        try:
            return [dimension(value)]
        except TypeError:
            raise TypeError(f"Failed to convert {value!r} to a shape: wanted ints") from None
    if isinstance(value, np.ndarray) or hasattr(value, "array"):
        value = np.asarray(value)
        value = value.reshape(-1) if not value.ndim else value
    return [n if type(n) is int and n >= 0 else dimension(n) for n in value]


class TensorShape(tuple):
    """TensorShape(dims): dims is a list of ints (None: an unknown dimension), one int, or None for
    a shape of unknown rank.

    A tuple of its dimensions for those who want one; `==`, `+` and slices are TensorFlow's: a list
    may stand on the other side. TypeError for dimensions that are no ints, ValueError below 0.
    """

    __slots__ = ()

    def __new__(cls, dims: Any = None):
        if type(dims) is tuple and cls is TensorShape:  # of an array: known to be right
            for n in dims:
                if type(n) is not int or n < 0:
                    break
            else:
                return tuple.__new__(cls, dims)
        found = dimensions_of(dims)
        if found is None:
            return tuple.__new__(UnknownShape)
        return tuple.__new__(TensorShape, found)

    @property
    def rank(self) -> int | None:
        """The number of axes; None if unknown."""
        return tuple.__len__(self)

    @property
    def ndims(self) -> int | None:
        """The number of axes; None if unknown."""
        return self.rank

    def as_list(self) -> list:
        """The dimensions as a list; ValueError if the rank is unknown."""
        return [*self]

    def num_elements(self) -> int | None:
        """The number of elements, None if a dimension is unknown."""
        return None if None in self else int(np.prod(self, dtype=np.int64))

    def is_fully_defined(self) -> bool:
        """True if no dimension is unknown."""
        return None not in self

    def is_compatible_with(self, other: Any) -> bool:
        """True if one shape could stand for the other: equal rank, equal or unknown dimensions."""
        other = TensorShape(other)
        if self.rank is None or other.rank is None:
            return True
        return self.rank == other.rank and all(
            [a == b or None in (a, b) for a, b in zip(self, other)]
        )

    def is_subtype_of(self, other: Any) -> bool:
        """True if every shape that fits this one fits `other`, too."""
        if other.rank is None:
            return True
        return self.rank == other.rank and all([b in (None, a) for a, b in zip(self, other)])

    def most_specific_compatible_shape(self, other: Any) -> TensorShape:
        """The narrowest shape that both fit."""
        other = TensorShape(other)
        if self.rank is None or self.rank != other.rank:
            return TensorShape(None)
        return TensorShape([a if a == b else None for a, b in zip(self, other)])

    def merge_with(self, other: Any) -> TensorShape:
        """What both say together; ValueError where they say different things."""
        other = TensorShape(other)
        if None in (self.rank, other.rank):
            return self if other.rank is None else other
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {other} are not compatible")
        return TensorShape([b if a is None else a for a, b in zip(self, other)])

    def concatenate(self, other: Any) -> TensorShape:
        """The dimensions of this shape, then those of `other`."""
        other = TensorShape(other)
        if self.rank is None or other.rank is None:
            return TensorShape(None)
        return TensorShape([*self, *other])

    def with_rank(self, rank: int) -> TensorShape:
        """This shape, which must have so many axes; ValueError if it has not."""
        if self.rank not in (None, rank):
            raise ValueError(f"Shape {self} must have rank {rank}")
        return self.merge_with([None] * rank)

    def with_rank_at_least(self, rank: int) -> TensorShape:
        """This shape, which must have at least so many axes; ValueError if it has not."""
        if self.rank is not None and self.rank < rank:
            raise ValueError(f"Shape {self} must have rank at least {rank}")
        return self

    def with_rank_at_most(self, rank: int) -> TensorShape:
        """This shape, which must have at most so many axes; ValueError if it has more."""
        if self.rank is not None and self.rank > rank:
            raise ValueError(f"Shape {self} must have rank at most {rank}")
        return self

    def assert_has_rank(self, rank: int) -> None:
        """ValueError unless the shape has, or could have, so many axes."""
        self.with_rank(rank)

    def assert_same_rank(self, other: Any) -> None:
        """ValueError unless both have equally many axes, as far as is known."""
        other = TensorShape(other)
        if None not in (self.rank, other.rank) and self.rank != other.rank:
            raise ValueError(f"Shapes {self} and {other} must have the same rank")

    def assert_is_compatible_with(self, other: Any) -> None:
        """ValueError unless is_compatible_with(other)."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {other} are incompatible")

    def assert_is_fully_defined(self) -> None:
        """ValueError if a dimension is unknown."""
        if not self.is_fully_defined():
            raise ValueError(f"Shape {self} is not fully defined")

    def __getitem__(self, key: Any) -> Any:
        part = tuple.__getitem__(self, key)
        return tuple.__new__(TensorShape, part) if isinstance(key, slice) else part

    def __add__(self, other: Any) -> TensorShape:
        return self.concatenate(other)

    def __radd__(self, other: Any) -> TensorShape:
        return TensorShape(other).concatenate(self)

    def __eq__(self, other: object) -> bool:
        if type(other) in (TensorShape, tuple):
            return tuple.__eq__(self, other)
        try:
            other = TensorShape(other)
        except (TypeError, ValueError):
            return False
        return self.rank == other.rank and tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def _is_no_number(self, _other: object) -> Any:
        """Shapes have no order, and no products."""
        return NotImplemented

    __lt__ = __le__ = __gt__ = __ge__ = __mul__ = __rmul__ = _is_no_number

    __hash__ = tuple.__hash__

    def __bool__(self) -> bool:
        return True  # known, if only as the shape () of a scalar

    def __reduce__(self):
        return TensorShape, (list(self),)

    def __repr__(self) -> str:
        return f"TensorShape({list(self)})"

    def __str__(self) -> str:
        return tuple.__repr__(self)


class UnknownShape(TensorShape):
    """The shape of which not even the rank is known: what TensorShape(None) is."""

    __slots__ = ()

    @property
    def rank(self) -> Any:
        """None: it is not known."""
        return None

    def as_list(self) -> list:
        """ValueError: there are no dimensions to list."""
        raise ValueError("as_list() is not defined on an unknown TensorShape.")

    def num_elements(self) -> None:
        """Not known."""

    def is_fully_defined(self) -> bool:
        """False."""
        return False

    def is_subtype_of(self, other: Any) -> bool:
        """True if `other` is as unknown as this."""
        return other.rank is None

    def __len__(self) -> int:
        raise ValueError("Cannot take the length of shape with unknown rank.")

    def __iter__(self):
        raise ValueError("Cannot iterate over a shape with unknown rank.")

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, slice):
            return None
        if key.stop is None or key.stop < 0 or (key.start or 0) < 0:
            return self
        return TensorShape([None] * len(range(key.start or 0, key.stop, key.step or 1)))

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, UnknownShape)

    def __hash__(self) -> int:
        return hash(UnknownShape)

    def __bool__(self) -> bool:
        return False

    def __reduce__(self):
        return TensorShape, (None,)

    def __repr__(self) -> str:
        return "TensorShape(None)"

    def __str__(self) -> str:
        return "<unknown>"
