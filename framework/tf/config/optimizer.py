"""tf.config.optimizer: XLA, which is not here."""

from __future__ import annotations

from framework.engine import door


def get_jit() -> str:
    """ "": XLA compiles nothing."""
    return ""


def set_jit(enabled: bool | str) -> None:
    """XLA compiles nothing: False or "" is all that can be had; programs are compiled by other
    means, see tf.function.
    """
    if enabled not in (False, ""):
        raise NotImplementedError(f"set_jit: enabled={enabled!r} is not supported, wanted False")


__getattr__ = door.lacking(__name__, globals())
