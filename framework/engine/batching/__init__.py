"""Batching: a Program run for many rows at once, every op once for all of them."""

from framework.engine.batching import rules_index, rules_math, rules_shape, rules_windows
from framework.engine.batching.batch import batched
from framework.engine.batching.mapping import Elements, map_rows
from framework.engine.batching.rows import RULES, batching

__all__ = [
    "RULES", "Elements", "batched", "batching", "map_rows", "rules_index", "rules_math",
    "rules_shape", "rules_windows",
]  # fmt: skip
