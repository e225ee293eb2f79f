"""A folder of runs: several profiles' results side by side, with one page over all of them.

    reports/paper/paper/       a run, with its own page
    reports/paper/released/    another
    reports/paper/not_run.json what was left out, why, and what it would cost (optional)
    reports/paper/index.html   the joined page

Nothing is computed here: the joined page comes from the stored results alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from analyses.provenance import Provenance
from analyses.publish import PAGE
from analyses.settings import Profile
from ml2o_core.errors import InvalidArgument, ML2OError
from ml2o_core.files import write_atomically
from ml2o_core.results import Results, ResultsError
from ml2o_core.results.store import FILE, is_curve_file
from ml2o_core.spec import Spec

NOT_RUN = "not_run.json"
ORDER = (Profile.PAPER, Profile.RELEASED, Profile.MATCHED)
"""The runs that are named after their profile come first, in this order."""


class CollectionError(ML2OError):
    """Part of a collection that is damaged, or says something else than its name."""

    def __init__(self, where: str, problem: object) -> None:
        super().__init__(" ".join(f"{where}: {problem}".split()))


class NotRun(Spec):
    """Something that was left out of every run; `cost` is what it would take, as measured."""

    what: str
    why: str
    cost: str


def runs_in(folder: Path | str) -> dict[str, Results]:
    """The runs in the subfolders, by name: paper, released, matched, then the others by name.

    `CollectionError` names a run that is damaged, and one that is named after a profile and holds
    another's results.
    """
    found = {}
    for name in _names(Path(folder)):
        try:
            found[name] = Results.load(Path(folder) / name)
            profile = Provenance.parse(found[name].provenance).settings.profile
        except (ResultsError, InvalidArgument) as error:
            raise CollectionError(f"run {name}", error) from None
        if name in ORDER and profile != name:
            raise CollectionError(f"run {name}", f"its results are of the profile {profile}")
    return found


def is_collection(folder: Path | str) -> bool:
    """Whether `folder` holds runs in subfolders, and is no run itself."""
    return not (Path(folder) / FILE).exists() and bool(_names(Path(folder)))


def not_run_in(folder: Path | str) -> list[NotRun]:
    """What `not_run.json` lists; nothing where there is no such file."""
    path = Path(folder) / NOT_RUN
    if not path.exists():
        return []
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CollectionError(NOT_RUN, f"not readable as JSON ({error})") from None
    if not isinstance(entries, list):
        raise CollectionError(NOT_RUN, "not a list")
    found = []
    for number, entry in enumerate(entries, start=1):
        try:
            found.append(NotRun.parse(entry))
        except InvalidArgument as error:
            raise CollectionError(f"{NOT_RUN}, entry {number}", error) from None
    return found


def render_collection(folder: Path | str) -> Path:
    """Write the joined `index.html` of a collection, replacing an older one atomically."""
    from analyses.collection_page import page_of  # matplotlib is wanted from here on only

    if not is_collection(folder):
        raise InvalidArgument("folder", str(folder), "a folder that holds runs in its subfolders")
    path = Path(folder) / PAGE
    write_atomically(path, page_of(runs_in(folder), not_run_in(folder)).encode())
    return path


def _names(folder: Path) -> Sequence[str]:
    """The subfolders with a run, or with what is left of one."""
    if not folder.is_dir():
        return []
    names = [path.name for path in folder.iterdir() if path.is_dir() and _holds_a_run(path)]
    first = [str(profile) for profile in ORDER]
    return sorted(names, key=lambda name: (first.index(name) if name in first else 3, name))


def _holds_a_run(folder: Path) -> bool:
    """A run that has lost its results is one too: it is damaged, and not to be overlooked."""
    if (folder / FILE).exists():
        return True
    left = any(path.name == PAGE or is_curve_file(path) for path in folder.iterdir())
    return left and not _names(folder)  # a collection has a page and no results of its own
