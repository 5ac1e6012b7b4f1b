"""YAML read strictly: numbers as people write them, no duplicate keys, every key with its place.

PyYAML alone reads YAML 1.1: `1e-3` is text, `on` and `NO` are booleans, `12:30` is 750, `010` is 8
and the second of two equal keys wins in silence. Here a number is a number, only true and false are
booleans, and equal keys are an error.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from framework.experiment.errors import UserError
from framework.experiment.source import KeyPath, Mark, Source, dotted

_BOOL = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_INT = re.compile(r"^(?:[-+]?[0-9][0-9_]*|0x[0-9a-fA-F_]+)$")
_FLOAT = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_TAG = "tag:yaml.org,2002:"
_REPLACED = {"bool", "int", "float", "timestamp", "value"}
# Aliases can blow a short file up beyond all memory; an experiment has a few hundred values.
_MOST_VALUES = 100_000


def _resolvers(base: type) -> dict[str, list]:
    """The implicit resolvers of `base` with ours for bool, int and float; no timestamps."""
    table = {
        first: [(tag, rule) for tag, rule in rules if tag.removeprefix(_TAG) not in _REPLACED]
        for first, rules in base.yaml_implicit_resolvers.items()
    }
    ours = (
        ("bool", _BOOL, "tTfF"),
        ("int", _INT, "-+0123456789"),
        ("float", _FLOAT, "-+.0123456789"),
    )
    for tag, rule, firsts in ours:
        for first in firsts:
            table.setdefault(first, []).append((_TAG + tag, rule))
    return table


class StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader with our resolvers."""

    yaml_implicit_resolvers = _resolvers(yaml.SafeLoader)


class StrictDumper(yaml.SafeDumper):
    """Writes what StrictLoader reads back as equal values (text like a number is quoted)."""

    yaml_implicit_resolvers = _resolvers(yaml.SafeDumper)

    def ignore_aliases(self, data: Any) -> bool:
        """No anchors: equal parts are written out."""
        return True


def dump(data: Any) -> str:
    """`data` (mappings, lists, text, numbers, null) as YAML."""
    return yaml.dump(data, Dumper=StrictDumper, sort_keys=False, allow_unicode=True, width=100)


def read(text: str, name: str) -> Source:
    """Parse a YAML text; `name` stands for the file in messages.

    Raises UserError with all duplicate keys and unreadable values, or with the first place at which
    the text is no YAML at all.
    """
    try:
        loader = StrictLoader(text)
        try:
            node = loader.get_single_node()
            walk = _Walk(loader)
            data = walk.value(node, ()) if node is not None else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise UserError(_syntax_message(error, text, name)) from None
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{name}:1:1: not valid YAML: {reason}") from None
    except RecursionError:
        raise UserError(f"{name}:1:1: not usable: nested too deep") from None
    source = Source(name, data, walk.marks)
    if walk.problems:
        lines = [f"{name}:{mark.line}:{mark.column}: {text}" for mark, text in walk.problems]
        raise UserError("\n".join(lines))
    return source


def _syntax_message(error: yaml.MarkedYAMLError, text: str, name: str) -> str:
    """PyYAML's error as one line, with its poor words for a tab replaced."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.splitlines()
    for at in (line, line - 1):
        indent = re.match(r"[ ]*\t", lines[at]) if 0 <= at < len(lines) else None
        if indent:
            return f"{name}:{at + 1}:{indent.end()}: indented with a tab; YAML wants spaces"
    problem = error.problem or "unexpected text"
    context = f" ({error.context})" if error.context else ""
    return f"{name}:{line + 1}:{column + 1}: not valid YAML: {problem}{context}"


class _Walk:
    """Turns nodes into values and remembers where each key stands."""

    def __init__(self, loader: Any):
        self.loader = loader
        self.marks: dict[KeyPath, Mark | str] = {}
        self.problems: list[tuple[Mark, str]] = []
        self._open: set[int] = set()
        self._values = 0

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        """The value of `node`, which stands at `path`."""
        self.marks.setdefault(path, _mark(node))
        self._values += 1
        if self._values > _MOST_VALUES:
            raise yaml.MarkedYAMLError(None, None, "too many values", node.start_mark)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            self._problem(node, path, f"unknown tag {node.tag}")
        if id(node) in self._open:
            raise yaml.MarkedYAMLError(None, None, "a part contains itself", node.start_mark)
        self._open.add(id(node))
        if isinstance(node, yaml.MappingNode):
            result = self._mapping(node, path)
        else:
            result = [self.value(child, (*path, i)) for i, child in enumerate(node.value)]
        self._open.discard(id(node))
        return result

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        out: dict[str, Any] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                many = isinstance(value_node, yaml.SequenceNode)
                merged.extend(value_node.value if many else [value_node])
                continue
            key = self._key(key_node)
            if key is None:
                continue
            here = (*path, key)
            if key in out:
                first = self.marks[here]
                self._problem(key_node, here, f"duplicate key (first on line {first[0]})")
                continue
            self.marks[here] = _mark(key_node)
            out[key] = self.value(value_node, here)
        for other in merged:  # `<<: *defaults`: what stands here wins over what is merged in
            if not isinstance(other, yaml.MappingNode):
                self._problem(other, path, "expected a mapping after <<")
                continue
            marks = dict(self.marks)
            for key, value in self.value(other, path).items():
                out.setdefault(key, value)
            self.marks |= marks
        return out

    def _key(self, node: yaml.Node) -> str | None:
        """The text of a key; other keys (numbers, lists) are problems."""
        if isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}str":
            return node.value
        self._problem(node, (), "expected text as a key")
        return None

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        try:
            if node.tag == f"{_TAG}int":
                digits = node.value.replace("_", "")
                return int(digits, 16 if digits.lower().startswith("0x") else 10)
            if node.tag == f"{_TAG}float":
                return _float(node.value.replace("_", "").lower())
            return self.loader.construct_object(node, deep=True)
        except yaml.MarkedYAMLError as error:
            self._problem(node, path, error.problem or "unreadable value")
        except ValueError as error:
            self._problem(node, path, f"unreadable value: {error}")
        return None

    def _problem(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        self.problems.append((_mark(node), f"{dotted(path)}: {message}" if path else message))


def _float(text: str) -> float:
    """Python's float, also for YAML's `.inf` and `.nan`."""
    return float(text.replace(".", "") if text.endswith((".inf", ".nan")) else text)


def _mark(node: yaml.Node) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)
