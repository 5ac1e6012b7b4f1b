"""tf.autodiff: forward mode."""

from __future__ import annotations

from framework.engine import door
from framework.engine.forward import ForwardAccumulator
from framework.engine.tape import GradientTape

__all__ = ["ForwardAccumulator", "GradientTape"]

__getattr__ = door.lacking(__name__, globals())
