"""The names nearest to a misspelled one: what error messages suggest, in every part."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

CUTOFF = 0.6  # difflib's ratio, 1 for equal words: below it a suggestion only confuses


def suggest(word: object, names: Iterable[object]) -> str:
    """The end of an error: ` (did you mean 'units'?)`, or all known names if none is near."""
    known = sorted({str(name) for name in names})
    near = nearest(word, known)
    if near:
        return f" (did you mean {' or '.join(map(repr, near))}?)"
    return f" (known: {', '.join(known)})" if known else ""


def nearest(word: object, names: Iterable[object], count: int = 1) -> list[str]:
    """Up to `count` of `names` that `word` was probably meant to be, the best first.

    Case, underscores and hyphens do not count; of the spellings of one name (mse, MSE) the nearest
    to `word` is given.
    """
    spellings: dict[str, list[str]] = {}
    for name in names:
        spellings.setdefault(plain(str(name)), []).append(str(name))
    found = difflib.get_close_matches(plain(str(word)), spellings, n=count, cutoff=CUTOFF)
    return [max(spellings[key], key=lambda name: likeness(str(word), name)) for key in found]


def plain(name: str) -> str:
    """`Learning-Rate` and `learning_rate` alike."""
    return name.lower().replace("_", "").replace("-", "")


def likeness(a: str, b: str) -> float:
    """difflib's ratio: 1 for equal words, 0 for words without a letter in common."""
    return difflib.SequenceMatcher(None, a, b).ratio()
