"""Devices: there is one CPU. What TensorFlow says on such a machine is said here."""

from __future__ import annotations

import collections
from typing import Any

PhysicalDevice = collections.namedtuple("PhysicalDevice", ["name", "device_type"])
PhysicalDevice.__doc__ = "A device of the machine: PhysicalDevice(name, device_type)."
LogicalDevice = collections.namedtuple("LogicalDevice", ["name", "device_type"])
LogicalDevice.__doc__ = "A device that computes: LogicalDevice(name, device_type)."
LogicalDeviceConfiguration = collections.namedtuple(
    "LogicalDeviceConfiguration",
    ["memory_limit", "experimental_priority", "experimental_device_ordinal"],
    defaults=[None, None, None],
)
LogicalDeviceConfiguration.__doc__ = "What a device may be split into; a CPU is not split here."

CPU = PhysicalDevice("/physical_device:CPU:0", "CPU")
LOGICAL_CPU = LogicalDevice("/device:CPU:0", "CPU")
PLACEMENT = {"is_soft": True}


def of_type(device: Any, device_type: str | None) -> list:
    """[device], if it is of that type (None: of any)."""
    return [device] if device_type in (None, device.device_type) else []


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices of the machine: one CPU; of "GPU" none."""
    return of_type(CPU, device_type)


def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """The devices that compute: one CPU."""
    return of_type(LOGICAL_CPU, device_type)


def get_visible_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices that are used: one CPU."""
    return of_type(CPU, device_type)


def known(device: Any) -> None:
    """Raise ValueError unless it is the CPU."""
    if device != CPU:
        raise ValueError(f"Unrecognized device: {device!r}")


def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Choose the devices to use: the CPU must be among them, other types may be empty."""
    chosen = devices if isinstance(devices, (list, tuple)) else [devices]
    for device in chosen:
        known(device)
        if device_type is not None and device.device_type != device_type:
            raise ValueError(f"Unrecognized device: {device!r}")
    if device_type in (None, "CPU") and not chosen:
        raise RuntimeError("Visible devices cannot be modified after being initialized")


def get_logical_device_configuration(device: Any) -> None:
    """None: the CPU is not split."""
    known(device)


def set_logical_device_configuration(device: Any, logical_devices: Any) -> None:
    """Split a device: one part is the device itself; more are not supported."""
    known(device)
    if len(logical_devices) != 1 or any(part is not None for part in logical_devices[0]):
        raise NotImplementedError(
            f"set_logical_device_configuration: got {logical_devices!r}, wanted one "
            "LogicalDeviceConfiguration(): the CPU is not split here"
        )


def get_soft_device_placement() -> bool:
    """Whether tf.device takes the CPU where it is asked for a device that is not there."""
    return PLACEMENT["is_soft"]


def set_soft_device_placement(enabled: bool) -> None:
    """Choose between the CPU (True) and an error (False) where tf.device names another device."""
    PLACEMENT["is_soft"] = bool(enabled)
