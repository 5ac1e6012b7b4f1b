"""tf.config.experimental: what scripts ask for, answered as TensorFlow does without a GPU."""

from __future__ import annotations

from typing import Any

from framework.engine import door
from framework.tf.config.devices import (
    PhysicalDevice,
    get_visible_devices,
    known,
    list_logical_devices,
    list_physical_devices,
    set_visible_devices,
)
from framework.tf.random import require_seeds


def enable_op_determinism() -> None:
    """Ops give the same numbers at each run here anyway; from now on a random op without a seed of
    its own raises RuntimeError unless tf.random.set_seed was called.
    """
    require_seeds()


def set_memory_growth(device: Any, enable: bool) -> None:
    """Raises ValueError, as TensorFlow's on a CPU: there is no GPU whose memory could grow."""
    known(device)
    raise ValueError("Cannot set memory growth on non-GPU and non-Pluggable devices")


def get_memory_growth(device: Any) -> bool:
    """Raises KeyError, as TensorFlow's on a CPU."""
    known(device)
    raise KeyError(device)


def get_memory_info(device: str) -> dict[str, int]:
    """{"current": 0, "peak": 0} of the CPU, whose memory TensorFlow does not count either."""
    if device.upper().split("/")[-1].removeprefix("DEVICE:") not in ("CPU:0", "CPU"):
        raise ValueError(f"No matching devices found for '{device}'")
    return {"current": 0, "peak": 0}


def get_device_details(device: Any) -> dict[str, Any]:
    """{}: of a CPU nothing is known."""
    known(device)
    return {}


def get_synchronous_execution() -> bool:
    """True: an op has its result when it returns."""
    return True


def tensor_float_32_execution_enabled() -> bool:
    """Whether products of float32 may be rounded to 10 bits, on GPUs that can."""
    return TF32["is_allowed"]


def enable_tensor_float_32_execution(enabled: bool) -> None:
    """Allow or forbid rounding in products of float32: no CPU rounds."""
    TF32["is_allowed"] = bool(enabled)


TF32 = {"is_allowed": True}
__getattr__ = door.lacking(__name__, globals())
