"""The outputs of a model, by name: which target, weight, loss and metric belongs to which."""

from __future__ import annotations

from typing import Any

from framework.engine import nest
from framework.engine.spelling import suggest


class Outputs:
    """The places of a model's outputs, in Keras' order, with their names.

    y_pred: the structure that the model returned. names: those of a functional model's outputs
    (None for a subclass). Outputs in a dict are called by their keys.
    """

    def __init__(self, y_pred: Any, names: list[str] | None):
        self.count = len(nest.flatten(y_pred))
        self.keys = keys_of(y_pred, names or [])
        names = self.keys or names or []
        self.names: list[str | None] = [*names] if len(names) == self.count else [None] * self.count

    def tensors(self, y_pred: Any) -> list:
        """The outputs as a list."""
        return [y_pred[k] for k in self.keys] if self.keys else nest.flatten(y_pred)

    def share_out(self, given: Any, what: str) -> list:
        """A part of `given` for each output: dicts by name (None where a name is left out), lists
        by place; a single value for a single output.
        """
        if isinstance(given, dict):
            return self._by_name(given, what)
        parts = list(given) if isinstance(given, (list, tuple)) else [given]
        if len(parts) != self.count:
            parts = nest.flatten(given)
        if len(parts) != self.count:
            raise ValueError(
                f"{what}: got {len(parts)} for a model with {self.count} "
                f"output{'s' * (self.count > 1)}{self._called()}"
            )
        return parts

    def _by_name(self, given: dict, what: str) -> list:
        if self.names[0] is None:
            parts = nest.flatten(given)
            if len(parts) == self.count:
                return parts
            raise ValueError(
                f"{what}: got {sorted(given)}, but the outputs of this model have no names: "
                f"give a list of {self.count}"
            )
        unknown = [name for name in given if name not in self.names]
        if unknown:
            raise ValueError(
                f"{what}: the model has no output {unknown[0]!r}{suggest(unknown[0], self.names)}"
            )
        return [given.get(name) for name in self.names]

    def _called(self) -> str:
        return "" if self.names[0] is None else f" ({', '.join(map(str, self.names))})"

    def weights(self, given: Any) -> list:
        """A sample weight for each output; a single one is for all."""
        if isinstance(given, (list, tuple)) and len(given) == 1:
            given = given[0]
        if not nest.is_nested(given):
            return [given] * self.count
        return self.share_out(given, "sample_weight")


def keys_of(y_pred: Any, names: list[str]) -> list[str] | None:
    """The keys of a flat dict of outputs, in the order of `names` if these are the same."""
    if not isinstance(y_pred, dict) or any(map(nest.is_nested, y_pred.values())):
        return None
    return list(names) if set(names) == set(y_pred) else sorted(y_pred)
