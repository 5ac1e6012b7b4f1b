"""YAML read strictly: numbers, duplicate keys, places, and files that are no YAML."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.experiment.errors import UserError
from framework.experiment.source import Mark
from framework.experiment.yaml_reader import dump, read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("-1E+3", -1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("1.5e2", 150.0),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("12", 12),
        ("010", 10),
        ("08", 8),
        ("1_000", 1000),
        ("0x1F", 31),
        ("12:30", "12:30"),
        ("2001-01-01", "2001-01-01"),
        ("on", "on"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("'1e-3'", "1e-3"),
        ("1e", "1e"),
        ("e3", "e3"),
        ("nan", "nan"),
        ("=", "="),
    ],
)
def test_scalars(text, value):
    found = read(f"key: {text}", "f").data["key"]
    assert found == value and type(found) is type(value)


def test_nan():
    assert math.isnan(read("a: .NaN", "f").data["a"])


def test_every_key_has_its_place():
    source = read("a:\n  - b: 1\n    cc: [x, {d: 2}]\n", "f")
    assert source.data == {"a": [{"b": 1, "cc": ["x", {"d": 2}]}]}
    assert source.marks[("a",)] == Mark(1, 1)
    assert source.marks[("a", 0, "cc")] == Mark(3, 5)
    assert source.marks[("a", 0, "cc", 1, "d")] == Mark(3, 14)
    assert source.origin(("a", 0, "cc", 7, "no")) == Mark(3, 5)


def test_merge_keys():
    source = read("x: &d {a: 1, b: 2}\ny: {<<: *d, b: 3}\nz: {<<: [*d, {c: 4}]}", "f")
    assert source.data["y"] == {"a": 1, "b": 3} and source.data["z"] == {"a": 1, "b": 2, "c": 4}
    assert source.marks[("y", "b")].line == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "f:3:1: a: duplicate key (first on line 1)"),
        ("a: {b: 1, b: 2}", "f:1:11: a.b: duplicate key (first on line 1)"),
        ("a:\n\t- b", "f:2:1: indented with a tab; YAML wants spaces"),
        ("a:\n  b: 1\n \tc: 2", "f:3:2: indented with a tab; YAML wants spaces"),
        ("a: 'x", "f:1:6: not valid YAML: found unexpected end of stream"),
        ("a: b: c", "f:1:5: not valid YAML: mapping values are not allowed here"),
        ("- a\nb: 1", "f:2:1: not valid YAML: "),
        ("a: \x00", "f:1:1: not valid YAML: unacceptable character"),
        ("--- a\n--- b", "f:2:1: not valid YAML: "),
        ("a: *x", "f:1:4: not valid YAML: found undefined alias"),
        ("a: &x [*x]", "f:1:4: not valid YAML: a part contains itself"),
        ("1: a", "f:1:1: expected text as a key"),
        ("[a, b]: c", "f:1:1: expected text as a key"),
        ("a: !!python/object/apply:os.getcwd []", "f:1:4: a: unknown tag"),
        ("a: !!python/name:os.getcwd x", "could not determine a constructor"),
        ("a: !mine {b: 1}", "f:1:4: a: unknown tag"),
        ("a: !!int x", "f:1:4: a: unreadable value"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_not_accepted(text, message):
    with pytest.raises(UserError) as raised:
        read(text, "f")
    assert message in str(raised.value) and raised.value.code == 2


def test_all_duplicates_at_once():
    with pytest.raises(UserError) as raised:
        read("a: 1\na: 2\nb: {c: 1, c: 1}\n", "f")
    assert len(str(raised.value).splitlines()) == 2


def test_aliases_cannot_fill_the_memory():
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    with pytest.raises(UserError, match="too many values"):
        read("\n".join(lines), "f")


ATOMS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20)
    | st.sampled_from(["on", "1e-3", "010", "12:30", "null", "", "- a", "a: b", "#", "<<", "="])
)
TREES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcdefno_1e:.- ", min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(TREES)
def test_what_is_written_is_read_back(tree):
    back = read(dump({"tree": tree}), "f").data["tree"]
    assert back == tree and repr(back) == repr(tree)


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("ab: -[]{},'\"\n\t#&*!|>%@`?1.e~<\\"), max_size=40))
def test_any_text_gives_data_or_a_message_with_a_place(text):
    try:
        read(text, "f")
    except UserError as error:
        for line in str(error).splitlines():
            name, row, column, message = line.split(":", 3)
            assert name == "f" and int(row) > 0 and int(column) > 0 and message.strip()
