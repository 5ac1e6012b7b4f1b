"""tf.device: the text is checked, everything runs on the CPU."""

from __future__ import annotations

from typing import Any

from framework.engine.errors import InvalidArgumentError
from framework.tf.config.devices import PLACEMENT

TYPES = {"CPU", "GPU", "TPU", "TPU_SYSTEM", "XLA_CPU", "XLA_GPU", "CUSTOM"}
HERE = "/job:localhost/replica:0/task:0/device"


class device:
    """Context: run the ops inside on a device; `with tf.device("/GPU:0"):`.

    device_name: "/CPU:0", "cpu", "/device:GPU:1", "/job:localhost/task:0/device:CPU:0", a
    LogicalDevice or None. Without soft placement (tf.config.set_soft_device_placement(False)) a
    device that is not there raises InvalidArgumentError, else the CPU is taken.
    """

    def __init__(self, device_name: Any):
        if callable(device_name):
            raise RuntimeError("tf.device does not support functions.")
        self.device_name = getattr(device_name, "name", device_name)

    def __enter__(self) -> None:
        name = self.device_name
        if name is None:
            return
        if not isinstance(name, str):
            raise ValueError(f"Expecting a string device name. Got {type(name)}({name})")
        kind, index, place = parsed(name)
        if place not in (None, "localhost"):
            raise InvalidArgumentError(f"{name} unknown device.")
        if not PLACEMENT["is_soft"] and (kind, index) != ("CPU", 0):
            raise InvalidArgumentError(
                f"Could not satisfy device specification '{HERE}:{kind}:{index}'. "
                "enable_soft_placement=0. Supported device types [CPU]. All available devices "
                f"[{HERE}:CPU:0]."
            )

    def __exit__(self, *_: Any) -> None:
        """Nothing to be undone."""


def parsed(name: str) -> tuple[str, int, str | None]:
    """(type, number, job) of a device's name; ValueError for a part that means nothing."""
    kind, index, job = "CPU", 0, None
    for part in name.split("/"):
        key, *rest = part.split(":")
        if key == "job" and len(rest) == 1:
            job = rest[0]
        elif key in ("replica", "task") and len(rest) == 1:
            int(rest[0])
        elif key.upper() in TYPES and len(rest) < 2:
            kind, index = key.upper(), number(rest)
        elif key == "device" and len(rest) == 2:
            kind, index = rest[0].upper(), number(rest[1:])
        elif key:
            raise ValueError(
                f"Unknown attribute '{key}' is encountered while parsing the device spec: '{name}'."
            )
    return kind, index, job


def number(rest: list[str]) -> int:
    """The number of a device; 0 if none is given, or any."""
    return int(rest[0]) if rest and rest[0] != "*" else 0
