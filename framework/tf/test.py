"""tf.test: what scripts ask about the machine."""

from __future__ import annotations

from typing import Any

from framework.engine import door


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """False: everything runs on the CPU."""
    return False


def is_built_with_cuda() -> bool:
    """False."""
    return False


def is_built_with_gpu_support() -> bool:
    """False."""
    return False


def is_built_with_rocm() -> bool:
    """False."""
    return False


def is_built_with_xla() -> bool:
    """False: programs are compiled by other means."""
    return False


def gpu_device_name() -> str:
    """ "": there is no GPU."""
    return ""


__getattr__ = door.lacking(__name__, globals())
