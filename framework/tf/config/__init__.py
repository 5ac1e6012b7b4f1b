"""tf.config: the one device there is, threads, and whether functions run eagerly."""

from __future__ import annotations

from framework.engine import door
from framework.engine.eagerly import is_eager as functions_run_eagerly
from framework.engine.eagerly import set_eager
from framework.tf.config import experimental, optimizer, threading
from framework.tf.config.devices import (
    LogicalDevice,
    LogicalDeviceConfiguration,
    PhysicalDevice,
    get_logical_device_configuration,
    get_soft_device_placement,
    get_visible_devices,
    list_logical_devices,
    list_physical_devices,
    set_logical_device_configuration,
    set_soft_device_placement,
    set_visible_devices,
)


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Let every tf.function run its Python at each call (True), or a compiled program (False)."""
    set_eager(run_eagerly)


__getattr__ = door.lacking(__name__, globals(), with_modules=True)
