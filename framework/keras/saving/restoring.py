"""From a checkpoint's values to the Variables of objects, also to those that are made later."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from framework.engine import awaiting
from framework.engine.errors import InvalidArgumentError
from framework.engine.variable import Variable
from framework.keras.saving import graph


class Restoration:
    """The values of one file on their way: Restoration(path, nodes, keys, arrays).

    nodes: {name: number} for each object; keys: number -> name of the array. An object that lacks
    some of its parts is remembered (weakly) and looked at again when an attribute with parts is
    set, or a layer or an optimizer is built.
    """

    def __init__(self, path: str, nodes: list, keys: dict[int, str], arrays: dict):
        self.path, self.nodes, self.keys, self.arrays = path, nodes, keys, arrays
        self.given: dict[int, Any] = {}  # number -> its Variable (weakly)
        self.owners: list[tuple[Any, int]] = []  # objects that lack parts (weakly), their numbers
        self.names = {0: "(root)"}
        for number, parts in enumerate(nodes):
            for name, part in parts.items():
                self.names.setdefault(part, f"{self.names.get(number, '(root)')}.{name}")

    def begin(self, root: Any) -> None:
        """Give the values to the Variables at and below root; none, unless all fit."""
        self._offer([(root, 0)])
        if self.owners:
            awaiting.WAITING.append(self.resume)

    def resume(self) -> bool:
        """Give what fits to the Variables made since; False if nothing waits any more."""
        owners, self.owners = self.owners, []
        alive = [(owner(), number) for owner, number in owners]
        self._offer([(owner, number) for owner, number in alive if owner is not None])
        return bool(self.owners)

    def _offer(self, todo: list[tuple[Any, int]]) -> None:
        pairs: list[tuple[Variable, int]] = []
        seen: set[int] = set()
        for x, number in todo:
            self._match(x, number, pairs, seen)
        for v, number in pairs:
            check_fits(v, self.arrays[self.keys[number]], self.keys[number])
        for v, number in pairs:
            # Not by an op: a layer may be built while a function is traced.
            v.writable()[...] = self.arrays[self.keys[number]]
            self.given[number] = weakref.ref(v)

    def _match(self, x: Any, number: int, pairs: list, seen: set) -> bool:
        """Collect the pairs (Variable, number) at and below x; whether all its parts are there."""
        if number in seen:
            return True
        seen.add(number)
        if number in self.keys:
            if isinstance(x, Variable) and number not in self.given:
                pairs.append((x, number))
            return True
        is_whole, parts = True, graph.children(x)
        for name, part in self.nodes[number].items():
            is_there = name in parts and self._match(parts[name], part, pairs, seen)
            is_whole = is_whole and is_there
        if isinstance(x, graph.CONTAINERS):
            return is_whole  # a list cannot be remembered: whose list it is can
        if not is_whole:
            self.owners.append((weakref.ref(x), number))
        return True

    def unused(self) -> list[int]:
        """The numbers of values that no Variable has taken."""
        return [number for number in self.keys if number not in self.given]

    def taken_by(self) -> set[int]:
        """The ids of the Variables that have taken a value."""
        return {id(v) for v in [ref() for ref in self.given.values()] if v is not None}


def check_fits(v: Variable, value: np.ndarray, key: str) -> None:
    """The value must have the Variable's dtype and shape."""
    if value.dtype != v.array.dtype:
        raise InvalidArgumentError(
            f"tensor_name = {key}; expected dtype {v.array.dtype} does not equal original dtype "
            f"{value.dtype}"
        )
    if value.shape != v.array.shape:
        raise ValueError(
            f"Received incompatible tensor with shape {value.shape} when attempting to restore "
            f"variable with shape {v.array.shape} and name {v.name}."
        )


class CheckpointLoadStatus:
    """What became of a restore: which values and which Variables found each other."""

    def __init__(self, restoration: Restoration, root: Any):
        self._restoration, self._root = restoration, root

    def assert_consumed(self) -> CheckpointLoadStatus:
        """AssertionError unless every value has its Variable and every Variable its value."""
        awaiting.settle()
        unused = self._restoration.unused()
        if unused:
            key = self._restoration.keys[unused[0]]
            name = self._restoration.names[unused[0]]
            raise AssertionError(
                f"Unresolved object in checkpoint {name}: attributes {{\n"
                f'  name: "VARIABLE_VALUE"\n  checkpoint_key: "{key}"\n}}'
            )
        return self.assert_existing_objects_matched()

    def assert_existing_objects_matched(self) -> CheckpointLoadStatus:
        """AssertionError unless every Variable that is there has its value."""
        awaiting.settle()
        taken = self._restoration.taken_by()
        lacking = [v for v in graph.variables_below(self._root) if id(v) not in taken]
        if lacking:
            raise AssertionError(
                f"Found {len(lacking)} Python objects that were not bound to checkpointed values, "
                "likely due to changes in the Python program. Showing "
                f"{min(10, len(lacking))} of {len(lacking)} unmatched objects: {lacking[:10]}"
            )
        return self

    def assert_nontrivial_match(self) -> CheckpointLoadStatus:
        """AssertionError unless some value found its Variable."""
        awaiting.settle()
        if not self._restoration.given:
            raise AssertionError(
                "Nothing except the root object matched a checkpointed value. Typically this "
                "means that the checkpoint does not match the Python program. The values of "
                f"{self._restoration.path} are: {sorted(self._restoration.keys.values())[:10]}"
            )
        return self

    def expect_partial(self) -> CheckpointLoadStatus:
        """Values may stay unused: of these nothing is said here anyway, unless an assert_ asks."""
        return self


class InitializationOnlyStatus:
    """The status of restore(None): nothing was restored."""

    def _refuse(self) -> None:
        raise AssertionError("No checkpoint specified (save_path=None); nothing is being restored.")

    assert_consumed = assert_existing_objects_matched = assert_nontrivial_match = _refuse

    def expect_partial(self) -> InitializationOnlyStatus:
        """Itself."""
        return self
