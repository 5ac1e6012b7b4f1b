"""tf.config: the one device there is, threads, and whether functions run eagerly."""

from __future__ import annotations

from framework.engine import door
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
from framework.tf.functions import functions_run_eagerly, run_functions_eagerly

__getattr__ = door.lacking(__name__, globals(), with_modules=True)
