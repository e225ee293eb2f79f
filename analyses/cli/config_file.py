"""Settings from a file: TOML or JSON, by its suffix. What the keys mean is checked elsewhere."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from ml2o_core.errors import InvalidArgument

_READERS = {".toml": tomllib.loads, ".json": json.loads}


def read_config(path: Path | None) -> dict[str, Any]:
    """The file's mapping; empty without a file."""
    if path is None:
        return {}
    if path.suffix not in _READERS or not path.is_file():
        raise InvalidArgument("--config", str(path), "an existing .toml or .json file")
    try:
        values = _READERS[path.suffix](path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidArgument("--config", str(path), f"a valid file ({error})") from None
    if not isinstance(values, dict):
        raise InvalidArgument("--config", str(path), "a file with keys and values")
    return values
