"""Artefacts in pieces: stopped, killed or damaged, a run ends with the uninterrupted run's rows."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analyses.cli import main
from analyses.piece_store import PieceError, PieceStore, is_piece_folder
from analyses.progress import TimeLimited
from analyses.provenance import Provenance
from analyses.runner import run_artefacts
from analyses.settings import RunSettings
from ml2o_core.errors import InvalidArgument
from ml2o_core.progress import Progress, Stopped
from ml2o_core.results import Results

from .pieces_demo import SETTINGS, Squares, found, pieces


@pytest.fixture
def computed(squares: type[Squares], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pieces that were computed, in their order."""
    made: list[str] = []
    compute = squares.compute

    def watched(self: Squares, settings: RunSettings, piece: str) -> pd.DataFrame:
        made.append(piece)
        return compute(self, settings, piece)

    monkeypatch.setattr(squares, "compute", watched)
    return made


class Clock:
    """A second passes at every look."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()

    class Ticking(TimeLimited):
        def __init__(self, inner: Progress, seconds: float) -> None:
            super().__init__(inner, seconds, clock)

    monkeypatch.setattr("analyses.runner.TimeLimited", Ticking)
    return clock


def test_the_time_limit_keeps_what_is_finished_and_says_how_much(
    computed: list[str], clock: Clock, tmp_path: Path
) -> None:
    limited = SETTINGS.with_changes(time_limit=5.0)
    stopped = run_artefacts(["squares"], limited, tmp_path)
    assert stopped.rows == ()
    assert computed == ["n=0", "n=1", "n=2"]
    assert Provenance.parse(stopped.provenance).not_run == {
        "squares": "stopped by the time limit of 5 s; 3 of 5 pieces are kept, "
        "and the same command goes on from there"
    }
    assert "3 of 5 pieces are kept" in (tmp_path / "index.html").read_text(encoding="utf-8")
    run_artefacts(["squares"], limited, tmp_path)
    assert computed == [f"n={n}" for n in range(5)]
    resumed = run_artefacts(["squares"], SETTINGS, tmp_path)
    assert len(computed) == 5
    assert resumed.rows == run_artefacts(["squares"], SETTINGS, tmp_path / "whole").rows
    assert found(tmp_path) == found(tmp_path / "whole")


def test_a_second_run_computes_nothing_and_another_configuration_everything(
    computed: list[str], tmp_path: Path
) -> None:
    first = run_artefacts(["squares"], SETTINGS, tmp_path)
    kept = pieces(tmp_path)
    assert run_artefacts(["squares"], SETTINGS, tmp_path).rows == first.rows
    assert len(computed) == 5
    other = run_artefacts(["squares"], SETTINGS.with_changes(seed=4), tmp_path)
    assert len(computed) == 10
    assert other.rows != first.rows
    assert kept.items() <= pieces(tmp_path).items()
    assert run_artefacts(["squares"], SETTINGS, tmp_path).rows == first.rows
    assert len(computed) == 10


def test_what_the_pieces_depend_on_names_their_folder(
    squares: type[Squares], monkeypatch: pytest.MonkeyPatch
) -> None:
    def folder(settings: RunSettings = SETTINGS) -> Path:
        return squares().store(settings, "out").folder

    original = folder()
    assert original.parts[:3] == ("out", "pieces", "squares")
    assert len(original.name) == 12
    assert folder(SETTINGS.with_changes(time_limit=1.0)) == original
    assert folder(SETTINGS.with_changes(seed=4)) != original
    for target, value in (
        ("analyses.pieces.version", lambda name: "9.9"),
        ("analyses.pieces.resolve_device", lambda name: type("", (), {"type": "cuda"})),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(target, value)
            assert folder() != original
    monkeypatch.setattr(squares, "edition", 2)
    assert folder() != original


def test_a_caller_without_a_folder_gets_the_same_rows_and_no_files(
    squares: type[Squares], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames pass through Parquet all the same: a None in a text column comes back alike."""
    monkeypatch.chdir(tmp_path)
    rows = squares().run(SETTINGS, Progress())
    assert list(tmp_path.iterdir()) == []
    assert Results(tuple(rows)).rows == run_artefacts(["squares"], SETTINGS, "out").rows


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def duplicate(path: Path) -> None:
    path.with_name("n=2.0123456789abcdef.parquet").write_bytes(path.read_bytes())


@pytest.mark.parametrize("damage", [truncate, flip, empty, duplicate])
def test_a_damaged_piece_is_named_and_refused_before_anything_is_computed(
    computed: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
) -> None:
    run_artefacts(["squares"], SETTINGS, tmp_path)
    (piece,) = tmp_path.rglob("n=2.*.parquet")
    damage(piece)
    before = found(tmp_path)
    computed.clear()
    assert main(["run", "squares", "--seed", "3", "--out", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ml2o: piece ")
    assert "n=2." in line
    assert "delete this file" in line
    assert (found(tmp_path), computed) == (before, [])
    for path in tmp_path.rglob("n=2.*.parquet"):
        path.unlink()
    assert main(["run", "squares", "--seed", "3", "--out", str(tmp_path)]) == 0
    assert (found(tmp_path), computed) == (before, ["n=2"])


def test_a_parquet_file_that_is_no_piece_is_refused(squares: type[Squares], tmp_path: Path) -> None:
    store = squares().store(SETTINGS, tmp_path)
    store.save("n=0", b"not a piece, but what its name says")
    store.open()
    (store.folder / "mine.parquet").write_bytes(b"")
    with pytest.raises(PieceError, match="not the name of a piece"):
        store.open()


def only_pieces(out: Path) -> None:
    """What a run that was killed before its first save leaves."""
    for path in (out / "results.json", out / "index.html", *out.glob("curves-*")):
        path.unlink()


def half_a_save(out: Path) -> None:
    only_pieces(out)
    (out / "curves-0123456789abcdef.parquet").write_text("PAR1")
    (out / ".results.json.123.tmp").write_text("{")
    (out / ".ml2o-abc_1").mkdir()
    (key,) = out.glob("pieces/squares/*")
    (key / ".n=0.0123456789abcdef.parquet.123.tmp").write_text("PAR1")


@pytest.mark.parametrize("left", [only_pieces, half_a_save])
def test_what_a_killed_run_leaves_is_no_obstacle_and_is_cleared_away(
    squares: type[Squares], tmp_path: Path, left: Callable[[Path], None]
) -> None:
    run_artefacts(["squares"], SETTINGS, tmp_path)
    whole = found(tmp_path)
    left(tmp_path)
    run_artefacts(["squares"], SETTINGS, tmp_path)
    assert found(tmp_path) == whole
    assert not list(tmp_path.rglob(".*"))


FOREIGN = (
    "mine.txt",
    "curves.parquet",
    ".hidden",
    "pieces/mine.txt",
    "pieces/squares/mine.txt",
    "pieces/squares/0123456789ab/mine.txt",
    "pieces/squares/0123456789ab/folder/pieces.json",
    "pieces/squares/not-a-key/pieces.json",
    ".ml2o-abc/mine.txt",
)


@pytest.mark.parametrize("name", FOREIGN)
def test_a_folder_with_anything_else_is_refused_and_left_alone(
    computed: list[str], tmp_path: Path, name: str
) -> None:
    run_artefacts(["squares"], SETTINGS, tmp_path)
    only_pieces(tmp_path)
    computed.clear()
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("mine")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(InvalidArgument, match="out"):
        run_artefacts(["squares"], SETTINGS, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert computed == []


def test_a_link_in_the_place_of_the_pieces_is_refused(
    squares: type[Squares], tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/pieces").symlink_to(tmp_path / "elsewhere")
    assert not is_piece_folder(tmp_path / "out/pieces")
    with pytest.raises(InvalidArgument, match="out"):
        run_artefacts(["squares"], SETTINGS, tmp_path / "out")
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("name", ["", "N=1", "a/b", "../a", "a b", "n=1"])
def test_a_piece_without_a_name_for_a_file_of_its_own_is_refused(
    squares: type[Squares], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(squares, "pieces", lambda self, settings: ["n=1", name])
    with pytest.raises(InvalidArgument, match="piece"):
        run_artefacts(["squares"], SETTINGS, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.parquet"))


def test_bad_input_inside_a_piece_keeps_its_words_and_the_pieces_before(
    squares: type[Squares], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUARES_REFUSE", "n=3")
    with pytest.raises(InvalidArgument, match=r"piece: got 'n=3'; allowed: another one"):
        run_artefacts(["squares"], SETTINGS, tmp_path)
    assert len(pieces(tmp_path)) == 3
    monkeypatch.delenv("SQUARES_REFUSE")
    assert len(run_artefacts(["squares"], SETTINGS, tmp_path).scores) == 1


def test_errors_survive_the_way_from_a_worker() -> None:
    """By default Python would build them again from their text alone, and fail."""
    for error in (
        InvalidArgument("T", -1, "at least 0"),
        PieceError(Path("out/pieces"), "damaged"),
        Stopped("stopped"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert (str(again), vars(again)) == (str(error), vars(error))


def test_progress_counts_the_pieces_that_are_missing(
    squares: type[Squares], tmp_path: Path
) -> None:
    heard: list[tuple[str, int]] = []

    class Listener(Progress):
        def task(self, label: str, total: int) -> Any:
            heard.append((label, total))
            return super().task(label, total)

    for _ in range(2):
        run_artefacts(["squares"], SETTINGS, tmp_path, Listener())
    assert heard == [("squares: pieces", 5), ("gather", 1), ("squares: pieces", 0), ("gather", 1)]


def test_a_store_opens_without_a_folder(tmp_path: Path) -> None:
    store = PieceStore.under(tmp_path, "squares", {"seed": 1})
    store.open()
    assert store.names() == set()
    assert list(tmp_path.iterdir()) == []
