"""tf.data.Options: how a pipeline may be run."""

from __future__ import annotations

from typing import Any


class Options:
    """deterministic: False lets a parallel map give its results as they are ready; None is True.

    The other options of TensorFlow steer its graph rewriting and its own thread pools, which a
    pipeline does not have here: to set one is an AttributeError.
    """

    __slots__ = ("deterministic",)

    def __init__(self) -> None:
        self.deterministic: bool | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "deterministic":
            raise AttributeError(f"Cannot set the property {name} on Options.")
        if value not in (None, True, False):
            raise TypeError(f"Property deterministic must be of type bool, got {value!r}.")
        object.__setattr__(self, name, value)

    def merge(self, options: Options) -> Options:
        """These options, and what `options` sets."""
        merged = Options()
        given = options.deterministic
        merged.deterministic = self.deterministic if given is None else given
        return merged

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Options) and self.deterministic == other.deterministic

    def __hash__(self) -> int:
        return hash(self.deterministic)

    def __repr__(self) -> str:
        return f"Options(deterministic={self.deterministic})"
