"""Files of named arrays and a few texts, in the safetensors format."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import numpy as np

from framework.keras.saving.whole import written_whole


def write(path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Write the file, whole or not at all."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    with written_whole(path) as temporary:
        temporary.touch()
        mode = temporary.stat().st_mode  # safetensors gives its own: readable by the owner only
        try:
            save_file(arrays, temporary, metadata=metadata)
        except SafetensorError as error:  # a full disk: an OSError like that of every other file
            found = re.search(r"os error (\d+)", str(error))
            code = int(found[1]) if found else errno.EIO
            raise OSError(code, os.strerror(code)) from error
        temporary.chmod(mode)


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays and texts of a file; ValueError if it is not whole."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            arrays = {key: np.asarray(file.get_tensor(key)) for key in file.keys()}
            return arrays, file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}") from None
