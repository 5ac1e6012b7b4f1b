"""Dim: the size of an axis that a trace leaves open, and what is computed from such sizes.

Note [Open dimensions]  A function with an open signature is traced once, with Dims in the place of
the sizes that the signature leaves open. A Dim is a polynomial of those sizes; what is no
polynomial (a quotient, a remainder, a minimum) is an unknown of it. What Python asks of a Dim is
answered for the sizes of the call that made the trace (the hints), and kept as a Guard: the trace
is valid for all sizes that give the same answers. A Dim that must become a number, for NumPy say,
makes it valid for that number alone. Nothing is asked of the sizes by an op's `infer`: when a
Program is made of the trace for some sizes (compile/template.py), every op infers again, and every
shape is compared with what its Dims say.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from framework.engine.errors import MixedDtypesError
from framework.engine.open_sizes import Sizes


class Node:
    """An unknown of a polynomial that is itself computed: how(a, b) of Dims or numbers."""

    __slots__ = ("key", "parts", "what")

    def __init__(self, what: str, *parts: Any):
        self.what, self.parts = what, parts
        self.key = (what, *[p.key if type(p) is Dim else p for p in parts])

    def __eq__(self, other: object) -> bool:
        return type(other) is Node and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def value(self, sizes: Sequence) -> Any:
        """What it is for these sizes (numbers, or the Dims of another trace)."""
        return HOW[self.what](*[at(p, sizes) for p in self.parts])


def meet(a: Any, b: Any) -> Any:
    """The size of an axis along which sizes a and b meet by broadcasting."""
    if type(a) is int and type(b) is int:
        if a == b or b == 1:
            return a
        if a == 1:
            return b
        raise ValueError(f"Dimensions must be equal, but are {a} and {b}")
    for x, y in ((a, b), (b, a)):
        if type(x) is not Dim:
            if x == 1:
                return y
            return x  # an open size that meets another number than 1 must be that, or 1
    one: Any = a
    return one if one.key == b.key else one.node("meet", a, b)


HOW: dict[str, Callable] = {
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "truediv": operator.truediv,
    "meet": meet,
    "min": lambda a, b: smallest(a, b),
    "max": lambda a, b: largest(a, b),
}


def at(value: Any, sizes: Sequence) -> Any:
    """A Dim, or a structure with Dims in it, for these sizes."""
    kind = type(value)
    if kind is Dim:
        return value.value(sizes)
    if kind is dict:
        return {key: at(part, sizes) for key, part in value.items()}
    if kind is list or isinstance(value, tuple):  # also a TensorShape
        parts = [at(part, sizes) for part in value]
        return parts if kind is list else tuple(parts)
    return value


def has_dims(value: Any) -> bool:
    """Whether a Dim is in a structure."""
    if isinstance(value, (tuple, list)):
        return any([has_dims(part) for part in value])
    if type(value) is dict:
        return any([has_dims(part) for part in value.values()])
    return type(value) is Dim


def dims_of(sizes: Sizes) -> list[Dim]:
    """The open sizes as Dims."""
    return [Dim(sizes, {(i,): 1}) for i in range(len(sizes.hints))]


Terms = dict[tuple, Any]  # product of unknowns (sorted) -> factor; () is the constant


def rank_of(unknown: Any) -> tuple:
    """The place of an unknown in a product."""
    return (0, unknown, "") if type(unknown) is int else (1, 0, repr(unknown.key))


class Dim:
    """A size that is open while a function is traced; see Note [Open dimensions]."""

    __slots__ = ("key", "owner", "terms")
    __array_ufunc__ = None  # so that NumPy's numbers leave arithmetic to this class

    def __init__(self, owner: Sizes, terms: Terms):
        self.owner, self.terms = owner, terms
        pairs = [(tuple([u if type(u) is int else u.key for u in t]), c) for t, c in terms.items()]
        self.key = ("dim", *sorted(pairs, key=repr))

    @property
    def hint(self) -> Any:
        """Its value in the call that made the trace."""
        return self.value(self.owner.hints)

    def value(self, sizes: Sequence) -> Any:
        """What it is for these sizes (numbers, or the Dims of another trace)."""
        total: Any = 0
        for term, factor in self.terms.items():
            product: Any = factor
            for unknown in term:
                product = product * (
                    sizes[unknown] if type(unknown) is int else unknown.value(sizes)
                )
            total = total + product
        return total

    # ------------------------------------------------------------------ arithmetic

    def _made(self, terms: Terms) -> Any:
        terms = {t: c for t, c in terms.items() if c}
        if not terms:
            return 0
        return terms[()] if len(terms) == 1 and () in terms else Dim(self.owner, terms)

    def node(self, what: str, *parts: Any) -> Any:
        """What `what` computes of the parts, as an unknown."""
        return Dim(self.owner, {(Node(what, *parts),): 1})

    def __add__(self, other: Any) -> Any:
        terms = terms_of(other)
        if terms is None:
            return NotImplemented
        return self._made(
            {t: self.terms.get(t, 0) + terms.get(t, 0) for t in {**self.terms, **terms}}
        )

    def __mul__(self, other: Any) -> Any:
        terms = terms_of(other)
        if terms is None:
            return NotImplemented
        made: Terms = {}
        for (s, a), (t, b) in itertools.product(self.terms.items(), terms.items()):
            product = tuple(sorted(s + t, key=rank_of))
            made[product] = made.get(product, 0) + a * b
        return self._made(made)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Any:
        return self * -1

    def __pos__(self) -> Any:
        return self

    def __sub__(self, other: Any) -> Any:
        return NotImplemented if terms_of(other) is None else self + -1 * other

    def __rsub__(self, other: Any) -> Any:
        return NotImplemented if terms_of(other) is None else -self + other

    def __floordiv__(self, other: Any) -> Any:
        exact = quotient(self, other)
        return self.node("floordiv", self, other) if exact is None else exact

    def __rfloordiv__(self, other: Any) -> Any:
        return self.node("floordiv", other, self)

    def __mod__(self, other: Any) -> Any:
        return self.node("mod", self, other) if quotient(self, other) is None else 0

    def __rmod__(self, other: Any) -> Any:
        return self.node("mod", other, self)

    def __divmod__(self, other: Any) -> tuple:
        return self // other, self % other

    def __truediv__(self, other: Any) -> Any:
        return self.node("truediv", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.node("truediv", other, self)

    def __pow__(self, exponent: Any) -> Any:
        if type(exponent) is not int or exponent < 0:
            return self.__index__() ** exponent
        made: Any = 1
        for _ in range(exponent):
            made = self * made
        return made

    def __abs__(self) -> Any:
        return -self if self < 0 else self

    # ------------------------------------------------------------------ questions

    def __eq__(self, other: object) -> Any:
        if other is None:  # as in TensorFlow, where an open size is None
            return True
        if terms_of(other) is None:
            return NotImplemented
        away = self - other
        if type(away) is not Dim:
            return away == 0
        return False if sign_of(away) else self.owner.note(away, operator.eq)

    def __ne__(self, other: object) -> Any:
        found = self.__eq__(other)
        return found if found is NotImplemented else not found

    def _is_below(self, other: Any, or_equal: bool) -> Any:
        """self < other, or <=."""
        if terms_of(other) is None:
            return NotImplemented
        away = self - other
        if type(away) is not Dim:
            return away <= 0 if or_equal else away < 0
        if sign_of(away):
            return sign_of(away) < 0
        if not or_equal and is_never_negative(away):
            return False
        return self.owner.note(away, operator.le if or_equal else operator.lt)

    def __lt__(self, other: Any) -> Any:
        return self._is_below(other, False)

    def __le__(self, other: Any) -> Any:
        return self._is_below(other, True)

    def __gt__(self, other: Any) -> Any:
        found = self._is_below(other, True)
        return found if found is NotImplemented else not found

    def __ge__(self, other: Any) -> Any:
        found = self._is_below(other, False)
        return found if found is NotImplemented else not found

    def __bool__(self) -> bool:
        return self != 0

    def __index__(self) -> int:
        return self.owner.number(self).__index__()

    def __int__(self) -> int:
        return int(self.owner.number(self))

    def __float__(self) -> float:
        return float(self.owner.number(self))

    def __hash__(self) -> int:
        return hash(self.owner.number(self))

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Any:
        """The size as a tensor of shape ()."""
        return SIZED[0](self, "int32" if dtype is None else dtype)

    def __repr__(self) -> str:
        return "None"

    def __format__(self, spec: str) -> str:
        return format("None", spec)


# (value with Dims, dtype) -> Tensor: set by ops/sized.py, which knows ops
SIZED: list = [None]


def terms_of(value: Any) -> Terms | None:
    """A Dim or a number as a polynomial; None for anything else."""
    if type(value) is Dim:
        return value.terms
    if isinstance(value, (int, np.integer)):
        return {(): int(value)}
    return {(): float(value)} if isinstance(value, (float, np.floating)) else None


def is_never_negative(dim: Dim) -> bool:
    """Whether this can be seen: sizes are at least 0."""
    return all(
        [c > 0 and all([is_size(u) for u in term]) for term, c in dim.terms.items() if term]
    ) and (dim.terms.get((), 0) >= 0)


def is_size(unknown: Any) -> bool:
    """Whether an unknown is never negative."""
    if type(unknown) is int or unknown.what == "meet":
        return True
    known = [is_never_negative(p) if type(p) is Dim else p >= 0 for p in unknown.parts]
    if unknown.what == "mod":  # of the divisor's sign
        return known[1]
    return any(known) if unknown.what == "max" else all(known)


def sign_of(dim: Dim) -> int:
    """1 or -1 for what is so for all sizes, 0 for what is not known."""
    if is_never_negative(dim) and dim.terms.get((), 0) > 0:
        return 1
    opposite = Dim(dim.owner, {t: -c for t, c in dim.terms.items()})
    return -1 if is_never_negative(opposite) and opposite.terms.get((), 0) > 0 else 0


def quotient(x: Dim, by: Any) -> Any:
    """x / by where that is a polynomial and has no rest, else None."""
    divisor = terms_of(by)
    if divisor is None or len(divisor) != 1:
        return 1 if type(by) is Dim and by.key == x.key and by != 0 else None
    ((below, factor),) = divisor.items()
    if not factor or type(factor) is not int:
        return None
    made: Terms = {}
    for term, c in x.terms.items():
        rest = list(term)
        for unknown in below:
            if unknown not in rest:
                return None
            rest.remove(unknown)
        if type(c) is not int or c % factor:
            return None
        made[tuple(rest)] = c // factor
    if below and by == 0:  # a guard: by nothing nothing is divided
        return None
    return x._made(made)


def smallest(a: Any, b: Any) -> Any:
    """min(a, b) of sizes, undecided where it is open."""
    return limit("min", a, b)


def largest(a: Any, b: Any) -> Any:
    """max(a, b) of sizes, undecided where it is open."""
    return limit("max", a, b)


def limit(what: str, a: Any, b: Any) -> Any:
    """min or max."""
    if type(a) is not Dim and type(b) is not Dim:
        return min(a, b) if what == "min" else max(a, b)
    away = a - b
    sign = sign_of(away) if type(away) is Dim else away
    if type(away) is Dim and not sign:
        if is_never_negative(away):
            sign = 1
        elif is_never_negative(-away):
            sign = -1
        else:
            return (a if type(a) is Dim else b).node(what, a, b)
    return b if (sign > 0) == (what == "min") else a


def number_of(n: Any) -> Any:
    """A size as an int; a Dim stays."""
    if type(n) is int or type(n) is Dim:
        return n
    try:
        return operator.index(n)
    except TypeError:
        raise MixedDtypesError(f"a size is {n!r}, wanted an integer") from None


def broadcast_shapes(*shapes: tuple) -> tuple:
    """The shape in which these meet by broadcasting; ValueError if they do not."""
    whole = shapes[0]
    for shape in shapes[1:]:
        if len(shape) > len(whole):
            shape, whole = whole, shape
        lead = len(whole) - len(shape)
        try:
            met = [meet(n, m) for n, m in zip(whole[lead:], shape, strict=True)]
        except ValueError as error:
            raise ValueError(f"{error}, in shapes {tuple(whole)} and {tuple(shape)}") from None
        whole = (*whole[:lead], *met)
    return whole
