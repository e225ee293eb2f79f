"""A folder with a manifest in JSON and one safetensors file. No pickle is ever read.

The tensors are written first, under a name made from their SHA-256; then the manifest, which names
them, is put in place in one atomic step. A kill at any moment leaves the old bundle or the new one,
never a mixture. Reading checks the format, the version, the hash of the tensors and the manifest's
own checksum (a manifest from before there was one has none).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from re import fullmatch
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ml2o_core.errors import CheckpointError
from ml2o_core.files import write_atomically


@dataclass(frozen=True)
class Bundle:
    """A kind of bundle: its manifest's file name, its format's name and version, what it is called.

    Two kinds can share a folder: the tensors' files begin with the manifest's stem.
    """

    manifest: str
    format: str
    version: int
    noun: str

    def write(
        self, directory: Path, values: Mapping[str, Any], tensors: Mapping[str, Tensor]
    ) -> None:
        """Put it into a folder (made if missing), in place of another one of this kind."""
        directory.mkdir(parents=True, exist_ok=True)
        # Copies: two names may be one tensor, and safetensors refuses those.
        payload = save({name: v.cpu().contiguous().clone() for name, v in tensors.items()})
        digest = hashlib.sha256(payload).hexdigest()
        name = f"{self._stem}-{digest[:16]}.safetensors"
        head = {"format": self.format, "version": self.version}
        manifest = {**head, **values, "tensors": name, "sha256": digest}
        manifest["checksum"] = _checksum(manifest)
        write_atomically(directory / name, payload)
        write_atomically(directory / self.manifest, json.dumps(manifest, indent=2).encode())
        self._remove_tensors(directory, but=name)

    def read(self, directory: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Manifest and tensors; `CheckpointError` says what is wrong."""
        manifest = self.read_manifest(directory)
        name = manifest["tensors"]
        if not (isinstance(name, str) and self._is_name(name)):
            problem = f"{self.manifest} does not name its tensors as this program does"
            raise CheckpointError(directory, problem)
        try:
            payload = (directory / name).read_bytes()
        except OSError:
            raise CheckpointError(directory, f"{name} is missing") from None
        if hashlib.sha256(payload).hexdigest() != manifest["sha256"]:
            raise CheckpointError(directory, f"{name} is damaged or truncated (SHA-256)")
        try:
            return manifest, load(payload)
        except SafetensorError as error:
            raise CheckpointError(directory, f"{name} holds no tensors ({error})") from None

    def read_manifest(self, directory: Path) -> dict[str, Any]:
        """The manifest alone."""
        path = directory / self.manifest
        if not directory.exists():
            raise CheckpointError(directory, "no such path")
        unreadable = CheckpointError(directory, f"not a {self.noun} (no readable {self.manifest})")
        if not path.is_file():  # a pipe or a device could be read for ever
            raise unreadable
        try:
            manifest = json.loads(path.read_bytes())
        except OSError:
            raise unreadable from None
        except (ValueError, RecursionError):
            raise CheckpointError(directory, f"{self.manifest} is damaged or truncated") from None
        if not isinstance(manifest, dict) or manifest.get("format") != self.format:
            raise CheckpointError(directory, f"{self.manifest} is not of format {self.format}")
        if manifest.get("version") != self.version:
            version = repr(manifest.get("version"))[:20]
            problem = f"version {version}; this program reads {self.version}"
            raise CheckpointError(directory, problem)
        if manifest.get("checksum", _checksum(manifest)) != _checksum(manifest):
            raise CheckpointError(directory, f"{self.manifest} is damaged (its checksum)")
        missing = {"config", "tensors", "sha256"} - manifest.keys()
        if missing:
            raise CheckpointError(directory, f"{self.manifest} lacks {', '.join(sorted(missing))}")
        return manifest

    def is_in(self, directory: Path) -> bool:
        """Whether the folder has a manifest of this kind, readable or not."""
        return (directory / self.manifest).exists()

    def holds(self, path: Path) -> bool:
        """Whether `path` is a file of tensors by its name; a write that was killed leaves one."""
        return self._is_name(path.name) and path.is_file()

    def remove(self, directory: Path) -> None:
        """Take it out of its folder: the manifest first, so that no half of it is ever read."""
        (directory / self.manifest).unlink(missing_ok=True)
        self._remove_tensors(directory, but=None)

    @property
    def _stem(self) -> str:
        return Path(self.manifest).stem

    def _is_name(self, name: str) -> bool:
        return fullmatch(rf"{self._stem}-[0-9a-f]{{16}}\.safetensors", name) is not None

    def _remove_tensors(self, directory: Path, but: str | None) -> None:
        for old in directory.glob(f"{self._stem}-*.safetensors"):
            if old.name != but:
                old.unlink()


def _checksum(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of everything in a manifest but its checksum, whatever the order and the spaces."""
    values = {key: value for key, value in manifest.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
