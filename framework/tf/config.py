"""tf.config."""

from __future__ import annotations

from framework.engine import door
from framework.tf.control_flow import functions_run_eagerly, run_functions_eagerly

__all__ = ["functions_run_eagerly", "run_functions_eagerly"]

__getattr__ = door.lacking(__name__, globals())
