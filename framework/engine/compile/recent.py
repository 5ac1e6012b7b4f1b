"""Recent: a mapping of bounded size, without what was used least recently."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any


class Recent:
    """Values by keys, `most` of them: beyond that the one that was used least recently is let go,
    with its memory."""

    def __init__(self, most: int):
        self.most = most
        self._values: OrderedDict[Any, Any] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def find(self, key: Any) -> Any:
        """The value, from now on the one used most recently; None if there is none."""
        try:
            self._values.move_to_end(key)
            return self._values[key]
        except KeyError:  # also where another thread has just let it go
            return None

    def keep(self, key: Any, value: Any) -> Any:
        """Keep a value, and return it."""
        self._values[key] = value
        self._values.move_to_end(key)
        while len(self._values) > self.most:
            self.forget(self._values.popitem(last=False)[0])
        return value

    def forget(self, key: Any) -> None:
        """Called with what was let go; for those that know more of it."""
