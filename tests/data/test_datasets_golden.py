"""tf.data programs give what they give in TensorFlow: elements, specs, lengths, errors."""

import json
from pathlib import Path

import pytest

import framework as tf
from tests.golden.dataset_cases import PROGRAMS, outcome

GOLDEN = json.loads((Path(__file__).parent / "datasets.json").read_text())

# Both raise, in other words or types: what ours says instead.
OTHER_ERRORS = {
    "D.range(1, 4).map(lambda x: tf.range(x)).batch(2)": (
        "InvalidArgumentError",
        "Cannot batch tensors with different shapes in component 0. First element had shape [1] "
        "and element 1 had shape [2].",
    ),
    "D.range(3).map(lambda x: x + 0.5)": ("TypeError", "Cannot convert 0.5"),
    "D.range(3).map(lambda x: tf.zeros((2, 3)) + tf.zeros((2, 4)))": ("ValueError", "(2, 4)"),
    "D.range(6).with_options(3)": ("TypeError", "got 3, wanted a tf.data.Options"),
    "D.from_generator(words, output_signature=tf.int32)": ("TypeError", "which is not."),
    "D.range(3).reduce(0, lambda s, x: s + x)": ("InvalidArgumentError", "to be a int32 tensor"),
    "D.range(3) + D.range(3)": ("TypeError", "unsupported operand type(s) for +: 'Dataset'"),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(program):
    ours = json.loads(json.dumps(outcome(tf, program)))
    if program in OTHER_ERRORS:
        kind, words = OTHER_ERRORS[program]
        assert "error" in GOLDEN[program]
        assert ours["error"] == kind
        assert words in ours["words"]
    else:
        assert ours == GOLDEN[program]


def test_the_record_is_of_these_programs():
    assert list(GOLDEN) == PROGRAMS
    assert set(OTHER_ERRORS) <= set(PROGRAMS)
