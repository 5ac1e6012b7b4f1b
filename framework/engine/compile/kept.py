"""Kept: what was made for the signatures of calls, as many as memory should hold."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

from framework.engine.compile.recent import Recent
from framework.engine.compile.signature import difference

LOG = logging.getLogger("framework")
MANY_TRACES = 5  # of one thing: then a warning says why


class Kept(Recent):
    """What was made for signatures, tuples of parts; the last `most` of them.

    event: what it means that one more is made ("calls of f triggered retracing"); advice: what
    to do about it. Both are told in a warning, once, when that happens time and again.
    """

    def __init__(self, most: int, event: str, advice: str):
        super().__init__(most)
        self.event, self.advice = event, advice
        self.count = 0  # how often something was made
        self.made: deque = deque(maxlen=most)  # for which signatures: the last of them
        self._has_warned = False

    def forget(self, key: Any) -> None:
        """It would be made again."""
        if key in self.made:
            self.made.remove(key)

    def note(self, key: Any) -> None:
        """Something was made for this signature."""
        self.made.append(key)
        self.count += 1

    def tell(self, key: Any, names: list[str]) -> None:
        """Say, before something is made for one more signature, what it has that none had; names:
        of its parts."""
        if not self.made:
            return
        if key in self.made:
            what = "it asks for sizes that its signature leaves open"
        else:
            near = min(self.made, key=lambda k: sum(a != b for a, b in zip(k, key, strict=False)))
            what = difference(near, key, names)
        LOG.info("%d %s: %s", self.count + 1, self.event, what)
        if self.count + 1 >= MANY_TRACES and not self._has_warned:
            self._has_warned = True
            LOG.warning("%d %s: %s. %s", self.count + 1, self.event, what, self.advice)
