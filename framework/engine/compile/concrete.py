"""ConcreteFunction: a Function for one signature, which may leave dimensions open."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine.compile.signature import difference, fit, split
from framework.engine.compile.vm import Executable
from framework.engine.errors import TraceError
from framework.engine.tensor import Tensor


class ConcreteFunction:
    """A Function for one signature. `program`: what it runs; None if that is plain Python, or if
    the signature leaves dimensions open: each shape then has a program of its own."""

    def __init__(self, function: Any, values: tuple, trace: Any):
        self._function, self._values, self._trace = function, values, trace
        compiled = None if trace is None else trace.compiled
        self.program = None if compiled is None else compiled.program

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The result; tensors must have the shapes and dtypes of the signature. Python values that
        it was made for need not be given again."""
        function = self._function
        names = list(function._binder.parameters)
        values = function._arguments(*self._completed(names, args, kwargs))
        if self._trace is None:
            pairs = zip(values, self._values, strict=True)
            fitted = tuple([fit(v, s, function.__name__) for v, s in pairs])
            return function._run(fitted, self._values)
        key = tuple([split(value, [], []) for value in values])
        if key != self._trace.key:
            what = difference(self._trace.key, key, names)
            raise TypeError(f"ConcreteFunction {function.__name__}: {what}")
        function._traces.keep(key, self._trace)  # which may have been let go meanwhile
        return function._run(values)

    def _completed(self, names: list[str], args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        """The arguments, with the signature's Python values where none are given."""
        kinds = self._function._binder.parameters.values()
        if any([kind.kind in (kind.VAR_POSITIONAL, kind.VAR_KEYWORD) for kind in kinds]):
            return args, kwargs
        known = dict(zip(names, self._values, strict=True))
        fixed = {n: v for n, v in known.items() if not has_tensors(v) and n not in kwargs}
        if len(args) + len(kwargs) + len(fixed) > len(names):  # they are given once more
            fixed = {n: v for n, v in fixed.items() if n not in names[: len(args)]}
            return args, fixed | kwargs
        places = [n for n in names if n not in fixed and n not in kwargs]
        if len(args) > len(places):
            raise TypeError(
                f"ConcreteFunction {self._function.__name__}: got {len(args)} positional "
                f"arguments, wanted {len(places)}"
            )
        return (), fixed | kwargs | dict(zip(places, args))

    def report(self, steps: int | bool = 0) -> Any:
        """The program's lines, their bytes and FLOPs, as a Report that prints itself; with the
        times of `steps` steps (True: 100) if that is not 0. Raises TraceError where plain Python
        runs, or sizes are open."""
        if self.program is None:
            raise TraceError(
                f"program of {self._function.__name__}: there is none, since it runs as plain "
                "Python or leaves sizes open"
            )
        from framework.engine.compile.report import report_of

        return report_of(Executable(self.program), steps)

    def __repr__(self) -> str:
        signature = self._values if self._trace is None else self._trace.key
        return f"ConcreteFunction {self._function.__name__}{signature}"


def example(structure: Any) -> Any:
    """The arguments with an abstract tensor in the place of each TensorSpec."""
    if isinstance(structure, (list, tuple)):
        return type(structure)([example(part) for part in structure])
    if isinstance(structure, dict):
        return {key: example(part) for key, part in structure.items()}
    return structure.example() if hasattr(structure, "example") else structure


def is_open(structure: Any) -> bool:
    """Whether a TensorSpec in the structure leaves a dimension, or the rank, open."""
    if isinstance(structure, (list, tuple)):
        return any([is_open(part) for part in structure])
    if isinstance(structure, dict):
        return is_open(list(structure.values()))
    if not hasattr(structure, "example"):
        return False
    return structure.shape is None or not structure.shape.is_fully_defined()


def has_unknown_rank(structure: Any) -> bool:
    """Whether a TensorSpec in the structure leaves the rank open."""
    if isinstance(structure, (list, tuple)):
        return any([has_unknown_rank(part) for part in structure])
    if isinstance(structure, dict):
        return has_unknown_rank(list(structure.values()))
    return hasattr(structure, "example") and structure.shape is None


def has_tensors(structure: Any) -> bool:
    """Whether a tensor, an array or a TensorSpec is in the structure."""
    if isinstance(structure, (list, tuple)):
        return any([has_tensors(part) for part in structure])
    if isinstance(structure, dict):
        return has_tensors(list(structure.values()))
    return isinstance(structure, (Tensor, np.ndarray, np.generic)) or hasattr(structure, "example")
