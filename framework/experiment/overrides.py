"""`--set optimizer.learning_rate=0.01`: values from the command line put over the file's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from framework.experiment.errors import UserError
from framework.experiment.source import KeyPath, Source, dotted, shown
from framework.experiment.yaml_reader import read

_KEY = re.compile(r"[^.\[\]=\s]+(?:\[\d+\])*(?:\.[^.\[\]=\s]+(?:\[\d+\])*)*")


def apply(source: Source, settings: Iterable[str]) -> None:
    """Put each `key.path=value` (value in YAML) over `source`; the later one wins.

    Raises one UserError that lists every setting that cannot be applied.
    """
    wrong = []
    for setting in settings:
        try:
            path, value = parse(setting)
            put(source, path, value, f"--set {setting}")
        except UserError as error:
            wrong.append(f"--set {setting}: {error}")
    if wrong:
        raise UserError("\n".join(wrong))


def parse(setting: str) -> tuple[KeyPath, Any]:
    """`model[0].Dense.units=64` -> (("model", 0, "Dense", "units"), 64)."""
    key, equals, text = setting.partition("=")
    if not equals or not _KEY.fullmatch(key.strip()):
        raise UserError("expected key.path=value, like optimizer.learning_rate=0.01")
    parts = re.findall(r"\[(\d+)\]|([^.\[\]]+)", key.strip())
    try:
        value = read(text, "value").data
    except UserError as error:
        raise UserError(str(error).splitlines()[0]) from None
    return tuple(int(index) if index else name for index, name in parts), value


def put(source: Source, path: KeyPath, value: Any, origin: str) -> None:
    """Set one value and remember `origin` as the place it came from.

    Sections on the way are made as needed, list entries must exist. `optimizer: Adam` becomes
    `optimizer: {name: Adam}` when one of its arguments is set.
    """
    if source.data is None:
        source.data = {}
    current, here = source.data, ()
    for part in path[:-1]:
        part = _place(current, part, here)
        child = current.get(part) if isinstance(current, dict) else current[part]
        here = (*here, part)
        if child is None or (here == ("optimizer",) and isinstance(child, str)):
            child = {} if child is None else {"name": child}
            current[part] = child
            source.marks.setdefault(here, origin)
        current = child
    part = _place(current, path[-1], here)
    here = (*here, part)
    current[part] = value
    for mark in [mark for mark in source.marks if mark[: len(here)] == here]:
        del source.marks[mark]
    source.marks[here] = origin


def _place(current: Any, part: str | int, here: KeyPath) -> Any:
    """`part` as a key of the mapping or an index of the list `current`, which stands at `here`."""
    if isinstance(current, list):
        index = int(part) if str(part).isdecimal() else None
        if index is None:
            raise UserError(f"{dotted(here)} is a list: expected {dotted(here)}[0] or the like")
        if index >= len(current):
            raise UserError(f"{dotted(here)} has {len(current)} entries, there is no [{index}]")
        return index
    if isinstance(current, dict):
        return str(part)
    raise UserError(f"{dotted(here)} is {shown(current)} and has no '{part}' inside")
