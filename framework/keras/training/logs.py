"""Logs: the numbers that steps and metrics report, by name."""

from __future__ import annotations

from typing import Any

import numpy as np


def flat_logs(logs: dict) -> dict[str, Any]:
    """Logs without groups: {"loss": l, "compile_metrics": {"mae": m}} has the logs mae and loss,
    sorted level by level as Keras does it.
    """
    flat: dict[str, Any] = {}
    for name, value in sorted(logs.items()):
        flat.update(flat_logs(value) if isinstance(value, dict) else {name: value})
    return flat


def log_values(metrics: list) -> dict[str, Any]:
    """{name: result}; a metric that gives several results gives their names, too."""
    found: dict[str, Any] = {}
    for metric in metrics:
        value = metric.result()
        found.update(value if isinstance(value, dict) else {metric.name: value})
    return found


def plain(value: Any) -> Any:
    """A float; an array for a log that is no single number."""
    array = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    return float(array.reshape(())) if array.size == 1 else array


def scalars(results: dict[str, Any], metrics: list) -> Any:
    """Keras' list: in the order of `metrics`, others sorted behind; a number if there is one."""
    names = [m.name for metric in metrics for m in getattr(metric, "metrics", [metric])]
    first = [name for name in names if name in results]
    values = [results[name] for name in [*first, *sorted(set(results) - set(first))]]
    return values[0] if len(values) == 1 else values
