"""Where the finished pieces of an analysis lie, so that a stopped run goes on where it was.

    OUT/pieces/<artefact>/<12 hex digits>/pieces.json             what the pieces belong to
    OUT/pieces/<artefact>/<12 hex digits>/<piece>.<16 hex>.parquet

The folder's digits are a hash of `pieces.json`: the resolved configuration, the device and the
program's version. Another configuration has another folder, and pieces are never mixed. A file's
digits are a hash of its contents. Files are written atomically, so a killed run leaves whole pieces
and perhaps a temporary file, which the next run removes.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pandas as pd

from ml2o_core.errors import ML2OError
from ml2o_core.files import is_leftover, remove_leftovers, write_atomically

FOLDER = "pieces"
NOTE = "pieces.json"

_KEY = re.compile(r"[0-9a-f]{12}")
_FILE = re.compile(r"(?P<piece>.+)\.(?P<digest>[0-9a-f]{16})\.parquet")


class PieceError(ML2OError):
    """A kept piece that is not what was saved."""

    def __init__(self, path: Path, problem: str) -> None:
        text = f"piece {path}: {problem}; delete this file, and the same command computes it again"
        super().__init__(" ".join(text.split()))


def encode(frame: pd.DataFrame) -> bytes:
    """A piece as the bytes of a Parquet file; the frame's index is not part of it."""
    stream = io.BytesIO()
    frame.to_parquet(stream, index=False, engine="pyarrow", compression="zstd")
    return stream.getvalue()


def decode(content: bytes) -> pd.DataFrame:
    """The piece back. Every piece passes through here, so that a kept one is like a new one."""
    return pd.read_parquet(io.BytesIO(content), engine="pyarrow")


class Pieces(ABC):
    """Finished pieces by name."""

    @abstractmethod
    def names(self) -> set[str]:
        """The pieces that are there."""

    @abstractmethod
    def save(self, piece: str, content: bytes) -> None:
        """Keep an encoded piece."""

    @abstractmethod
    def load(self, pieces: Iterable[str]) -> dict[str, pd.DataFrame]:
        """Some of `names()`, decoded, in the order given."""


@dataclass(frozen=True)
class PiecesInMemory(Pieces):
    """For a caller without a folder: gone with the process."""

    contents: dict[str, bytes] = field(default_factory=dict)

    def names(self) -> set[str]:
        return set(self.contents)

    def save(self, piece: str, content: bytes) -> None:
        self.contents[piece] = content

    def load(self, pieces: Iterable[str]) -> dict[str, pd.DataFrame]:
        return {piece: decode(self.contents[piece]) for piece in pieces}


@dataclass(frozen=True)
class PieceStore(Pieces):
    """The pieces of one artefact under one configuration, in a folder; `note` is `pieces.json`."""

    folder: Path
    note: str

    @classmethod
    def under(cls, out: Path | str, artefact: str, belongs_to: Mapping[str, Any]) -> Self:
        """The store in the folder `out`; `belongs_to` is everything that the pieces depend on."""
        note = json.dumps({"artefact": artefact, **belongs_to}, indent=1, sort_keys=True) + "\n"
        key = hashlib.sha256(note.encode()).hexdigest()[:12]
        return cls(Path(out) / FOLDER / artefact / key, note)

    def names(self) -> set[str]:
        return set(self._files())

    def save(self, piece: str, content: bytes) -> None:
        if not (self.folder / NOTE).exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / NOTE, self.note.encode())
        write_atomically(self.folder / f"{piece}.{_digest(content)}.parquet", content)

    def load(self, pieces: Iterable[str]) -> dict[str, pd.DataFrame]:
        files = self._files()
        return {piece: decode(_read(files[piece])) for piece in pieces}

    def open(self) -> None:
        """Clear away what a killed run left, and read every piece once: `PieceError` if damaged."""
        if self.folder.is_dir():
            remove_leftovers(self.folder)
        for path in self._files().values():
            _read(path)

    def _files(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for path in sorted(self.folder.glob("*.parquet")) if self.folder.is_dir() else ():
            named = _FILE.fullmatch(path.name)
            if named is None:
                raise PieceError(path, "not the name of a piece")
            if named["piece"] in found:
                raise PieceError(path, f"{found[named['piece']].name} is the same piece")
            found[named["piece"]] = path
        return found


def _read(path: Path) -> bytes:
    """The content of a piece's file, which must be what its name says."""
    content = path.read_bytes()
    if not path.name.endswith(f".{_digest(content)}.parquet"):
        raise PieceError(path, "the content is not the one that was saved")
    return content


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def is_piece_folder(folder: Path) -> bool:
    """Whether `folder` (OUT/pieces) holds nothing but what stores put there."""
    if not folder.is_dir() or folder.is_symlink():
        return False
    artefacts = list(folder.iterdir())
    if not all(path.is_dir() and not path.is_symlink() for path in artefacts):
        return False
    keys = [path for artefact in artefacts for path in artefact.iterdir()]
    return all(_KEY.fullmatch(path.name) and path.is_dir() for path in keys) and all(
        path.is_file() and (path.name == NOTE or _FILE.fullmatch(path.name) or is_leftover(path))
        for key in keys
        for path in key.iterdir()
    )
