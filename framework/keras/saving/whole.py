"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path to write to, beside `path`; it becomes `path` at the end of the block.

    What was written is on the disk before the name changes, so that a crash of the machine leaves
    the old file or the new one. After an error (a full disk, an interrupt) `path` is as it was, and
    nothing lies beside it; an OSError names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    try:
        yield temporary
        synced(temporary)
        temporary.replace(path)
        synced(path.parent)
    except OSError as error:
        if error.filename is None:  # writing, unlike opening, does not say where
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def synced(path: Path) -> None:
    """Wait until the disk has the file, or the names in the folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
