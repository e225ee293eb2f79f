"""Files that exist whole or not at all."""

from __future__ import annotations

import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory

_TRIAL = ".ml2o-"
_LEFTOVER = re.compile(rf"\..+\.\d+\.tmp|{re.escape(_TRIAL)}\w+")


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
        with TemporaryDirectory(dir=place, prefix=_TRIAL):
            return True
    except OSError:
        return False


def is_leftover(path: Path) -> bool:
    """Whether `path` is what a process that was killed while it wrote or tried a folder left."""
    if not _LEFTOVER.fullmatch(path.name) or path.is_symlink():
        return False
    return not any(path.iterdir()) if path.is_dir() else path.is_file()


def remove_leftovers(folder: Path) -> None:
    """Remove them from `folder`."""
    for path in folder.iterdir():
        if is_leftover(path):
            path.rmdir() if path.is_dir() else path.unlink()
