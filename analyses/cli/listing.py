"""`ml2o list`: what the other commands' arguments can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from json import dumps as json_text
from typing import Annotated

from cyclopts import Parameter

from analyses.catalogue import Entry, Kind, catalogue
from analyses.cli.output import AsJson, print_columns, print_json
from analyses.cli.user_code import Plugins, import_plugins


def show(
    kind: Annotated[Kind, Parameter(help="What to list.")],
    /,
    *,
    plugin: Plugins = (),
    json: AsJson = False,
) -> None:
    """List everything of one kind, a line each."""
    import_plugins(plugin)
    entries = catalogue(kind)
    if json:
        print_json([asdict(entry) for entry in entries])
    else:
        print_columns([row for entry in entries for row in _rows(entry)])


def _rows(entry: Entry) -> Sequence[tuple[str, str]]:
    rows = [(entry.name, entry.summary)]
    for distribution, options in entry.details.get("distributions", {}).items():
        shown = " ".join(f"[--{option.replace('_', '-')} …]" for option in options)
        rows.append(("", f"--distribution {distribution} {shown}".rstrip()))
    for part, settings in entry.details.get("resolved", {}).items():
        named = settings if isinstance(settings, dict) else {"": settings}
        for key, value in named.items():
            rows.append(("", f"{'.'.join(filter(None, (part, key)))} = {_short(value)}"))
    if options := entry.details.get("options"):
        rows.append(("", f"options: {', '.join(options)}"))
    return rows


def _short(value: object) -> str:
    """A setting in one line."""
    return json_text(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)
