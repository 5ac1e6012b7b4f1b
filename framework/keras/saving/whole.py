"""Files that appear whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path to write to, beside `path`; it becomes `path` at the end of the block.

    After an error (a full disk, an interrupt) `path` is as it was, and nothing lies beside it; an
    OSError names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.filename is None:  # writing, unlike opening, does not say where
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
