"""Names that objects get when none is given: dense, dense_1, dense_2 ..."""

from __future__ import annotations

import re
from collections import Counter

COUNTS: Counter[str] = Counter()


def to_snake_case(name: str) -> str:
    """BatchNormalization -> batch_normalization, ReLU -> re_lu."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(prefix: str) -> str:
    """`prefix` the first time it is asked for, then prefix_1, prefix_2 ..."""
    COUNTS[prefix] += 1
    count = COUNTS[prefix] - 1
    return prefix if count == 0 else f"{prefix}_{count}"


def auto_name(class_name: str) -> str:
    """The name of an object of a class that was made without one."""
    return unique_name(to_snake_case(class_name))


def reset() -> None:
    """Start to count anew."""
    COUNTS.clear()
