"""Arrays kept in the user's cache folder, so that a slow text file is parsed once.

The cache only saves time: a folder that cannot be read or written is passed over in silence, a file
that is torn or of another kind is ignored and written anew.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np


def cache_folder() -> Path:
    """Where cached data lies: `$XDG_CACHE_HOME/framework/data`, else `~/.cache/framework/data`."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(root) / "framework" / "data"


def cached(name: str, make: Callable[[], np.ndarray], columns: int, dtype: str) -> np.ndarray:
    """The array `make()` of shape (n, columns) and `dtype`, from the cache if it is there.

    `name` must change when the source changes (it carries the size of the source file).
    """
    path = cache_folder() / f"{name}.npy"
    array = _read(path)
    if array is not None and array.ndim == 2 and array.shape[1] == columns:
        if len(array) and array.dtype == np.dtype(dtype):
            return array
    array = np.ascontiguousarray(make(), dtype=dtype)
    _write(path, array)
    return array


def _read(path: Path) -> np.ndarray | None:
    """The array in `path`, or None if there is none that can be read."""
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None


def _write(path: Path, array: np.ndarray) -> None:
    """Write under a temporary name and rename, so that no reader ever sees half a file."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            np.save(file, array, allow_pickle=False)
        os.replace(temporary, path)
    except OSError:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
