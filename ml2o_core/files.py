"""Files that exist whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file such that `path` holds the old content or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def can_hold_files(folder: Path) -> bool:
    """Whether files can be put into `folder`, which may still have to be made; nothing is left.

    It is tried, because permission bits do not tell: not of /proc, nor of a read-only disk to root.
    """
    place = folder.absolute()
    while not (place.exists() or place.is_symlink()):
        place = place.parent
    try:
        with TemporaryDirectory(dir=place, prefix=".ml2o-"):
            return True
    except OSError:
        return False
