"""What tensors look like, how values become tensors, and what is refused: as in TensorFlow."""

import pytest

import framework as tf
from tests.doors import recorded
from tests.doors.expressions import EXPRESSIONS
from tests.golden.record_doors import texts

WANTED = dict(zip(EXPRESSIONS, recorded.record("tf")["texts"], strict=True))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_reads_as_in_tensorflow(expression):
    (ours,), theirs = texts(tf, [expression]), WANTED[expression]
    if isinstance(theirs, str):
        assert isinstance(ours, str), f"TensorFlow raises {theirs}, we give {ours}"
    else:
        assert ours == theirs


@pytest.mark.parametrize("value", ["300, tf.int8", "-1, tf.uint8", "2**40, tf.int32"])
def test_an_integer_that_does_not_fit_is_refused(value):
    """TensorFlow lets it wrap around."""
    with pytest.raises(ValueError, match="does not fit"):
        eval(f"tf.constant({value})", {"tf": tf})
