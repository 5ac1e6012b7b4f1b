"""Small expressions give what TensorFlow and PyTorch give: value, dtype, text, or kind of error."""

import importlib
import json

import pytest

from tests.doors import recorded
from tests.golden import record_exactness

LIBRARIES = {"tf": "framework", "torch": "framework.torch"}
CASES = [(door, *case) for door in LIBRARIES for case in record_exactness.expressions(door)]
RECORDS = {
    door: json.loads((recorded.HERE / f"exactness_{door}.json").read_text()) for door in LIBRARIES
}


def agree(ours, theirs, words):
    """True for the same answer, or an error that a script written for theirs would catch."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return theirs["error"] in ours["is"] and (words or "") in ours["says"]
    return ours == theirs


@pytest.mark.parametrize(("door", "code", "words", "reason"), CASES, ids=[c[1] for c in CASES])
def test_answers_as_the_real_library(door, code, words, reason):
    scope = record_exactness.scope_of(door, importlib.import_module(LIBRARIES[door]))
    ours, theirs = record_exactness.answer(code, scope), RECORDS[door][code]
    if reason is None:
        assert agree(ours, theirs, words), f"theirs: {theirs}, ours: {ours}"
    else:
        assert not agree(ours, theirs, words), f"no longer different: {reason}"


def test_the_lists_are_long():
    assert len(RECORDS["tf"]) >= 600 and len(RECORDS["torch"]) >= 250
