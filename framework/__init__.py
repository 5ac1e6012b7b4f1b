"""A Keras-style deep-learning framework for CPUs and CPU clusters.

`import framework as tf` has TensorFlow's names: loaded from framework.tf when first asked for.
`framework.keras`, `framework.torch`, `framework.data`, `framework.distributed` load on first touch.
"""

from __future__ import annotations

import importlib
from typing import Any

# TensorFlow's, whose behaviour this package follows: scripts compare tf.__version__, and this is
# the module that they call tf. The package's own is RELEASE, which pip shows.
__version__ = "2.21.0"
RELEASE = "0.1.0"
PACKAGES = ("data", "distributed", "engine", "experiment", "keras", "testing", "torch")


def __getattr__(name: str) -> Any:
    if name in PACKAGES:
        return importlib.import_module(f"framework.{name}")
    if name.startswith("__"):
        raise AttributeError(f"framework has no {name!r}", name=name)
    value = getattr(importlib.import_module("framework.tf"), name)
    globals()[name] = value  # the next access is a plain one
    return value


def __dir__() -> list[str]:
    names = dir(importlib.import_module("framework.tf"))
    return sorted({*names, *PACKAGES, "__version__", "RELEASE"})
