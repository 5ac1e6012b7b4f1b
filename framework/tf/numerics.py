"""tf.debugging.enable_check_numerics."""

from __future__ import annotations

from framework.engine import numerics


def enable_check_numerics(stack_height_limit: int = 30, path_length_limit: int = 50) -> None:
    """From now on each op of this thread whose result has an infinity or NaN raises
    InvalidArgumentError that names the op and its inputs; compiled programs are not watched.

    The limits shorten what TensorFlow says of ops in graphs; of eager ops it says no such thing.
    """
    numerics.enable()


def disable_check_numerics() -> None:
    """Let infinities and NaN pass again."""
    numerics.disable()
