"""Small scripts of tapes, functions and variables do what they do in TensorFlow."""

import json

import pytest

import framework as tf
from framework.engine.active import ACTIVE
from tests.doors import recorded
from tests.golden import record_behaviours

SCRIPTS = record_behaviours.scripts()
RECORDS = json.loads((recorded.HERE / "behaviours.json").read_text())


def agree(ours, theirs):
    """The same notes; an error that a script written for TensorFlow would catch; equal numbers."""
    if isinstance(ours, dict) and isinstance(theirs, dict) and "error" in theirs:
        return theirs["error"][0] in ours.get("error", ())
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(agree, ours, theirs))
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(agree(ours[k], theirs[k]) for k in ours)
    return ours == theirs or numbers_agree(ours, theirs)


def numbers_agree(ours, theirs):
    try:
        a, b = [[float(word) for word in str(text).split()] for text in (ours, theirs)]
    except ValueError:
        return False
    return len(a) == len(b) and a == pytest.approx(b, rel=2e-3, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("name", SCRIPTS)
def test_does_what_tensorflow_does(name, tmp_path):
    code, reason = SCRIPTS[name]
    ours, theirs = record_behaviours.answer(code, tf, tmp_path), RECORDS[name]
    assert ACTIVE.tapes == () and ACTIVE.trace is None
    if reason is None:
        assert agree(ours, theirs), f"\ntheirs: {theirs}\n  ours: {ours}"
    else:
        assert not agree(ours, theirs), f"no longer different: {reason}"
