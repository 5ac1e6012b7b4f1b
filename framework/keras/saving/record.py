"""The file `checkpoint` of a folder: which checkpoints there are and which is the latest.

TensorFlow's text: lines such as `model_checkpoint_path: "ckpt-2"`, paths relative to the folder.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from framework.keras.saving.whole import written_whole

NAME = "checkpoint"


@dataclass
class CheckpointState:
    """The latest checkpoint, all that are kept from the oldest on, when they were written (seconds
    since 1970), and when the last one was written that is kept for good."""

    model_checkpoint_path: str
    all_model_checkpoint_paths: list[str] = field(default_factory=list)
    all_model_checkpoint_timestamps: list[float] = field(default_factory=list)
    last_preserved_timestamp: float = 0.0


def write(
    folder: str, latest: str, paths: list[str], times: Any = (), preserved: float | None = None
) -> None:
    """Note the checkpoints of a folder."""
    here = folder or "."
    lines = [f"model_checkpoint_path: {json.dumps(os.path.relpath(latest, here))}"]
    for path in paths:
        lines.append(f"all_model_checkpoint_paths: {json.dumps(os.path.relpath(path, here))}")
    lines += [f"all_model_checkpoint_timestamps: {t!r}" for t in times]
    lines += [] if preserved is None else [f"last_preserved_timestamp: {preserved!r}"]
    with written_whole(Path(here) / NAME) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


def get_checkpoint_state(
    checkpoint_dir: Any, latest_filename: str | None = None
) -> CheckpointState | None:
    """What the file `checkpoint` (or latest_filename) of a folder says; None if there is none."""
    folder = os.fspath(checkpoint_dir)
    path = Path(folder) / (latest_filename or NAME)
    if not path.is_file():
        return None
    found: dict[str, list] = {}
    for key, value in re.findall(r"^(\w+): (.*)$", path.read_text(), re.MULTILINE):
        found.setdefault(key, []).append(json.loads(value))
    if not found.get("model_checkpoint_path", [""])[-1]:
        raise ValueError(f"Invalid checkpoint state loaded from {folder}")
    return CheckpointState(
        os.path.join(folder, found["model_checkpoint_path"][-1]),
        [os.path.join(folder, p) for p in found.get("all_model_checkpoint_paths", [])],
        found.get("all_model_checkpoint_timestamps", []),
        found.get("last_preserved_timestamp", [0.0])[-1],
    )


def latest(checkpoint_dir: Any, latest_filename: str | None = None) -> str | None:
    """The prefix of the latest checkpoint of a folder, None if there is none."""
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is None or not os.path.exists(state.model_checkpoint_path + ".safetensors"):
        return None
    return state.model_checkpoint_path
