"""A run's results: the tables, where they come from, and the configuration; saved and loaded.

On disk a run is a folder with `results.json` (strict JSON) and, if there are curves, a Parquet file
named after its own contents. `results.json` is replaced last and atomically: whenever a save is
interrupted, the folder holds the old run or the new one, never a mixture.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pandas as pd

from ml2o_core.errors import InvalidArgument, ML2OError
from ml2o_core.files import write_atomically
from ml2o_core.results.rows import (
    ROW_TYPES,
    AssumptionRow,
    CheckRow,
    ClaimRow,
    ConstantRow,
    CorrelationRow,
    CostRow,
    CurveRow,
    FitRow,
    LoosenessRow,
    OptimaRow,
    OptimumRow,
    ParityRow,
    PrintedRow,
    RateRow,
    Row,
    ScoreRow,
    SeedRow,
    SpeedRow,
    StageRow,
)
from ml2o_core.results.rows_experiments import SERIES
from ml2o_core.results.table import Table
from ml2o_core.results.vocabulary import CheckVerdict, ParityVerdict

FORMAT = "ml2o-results"
VERSION = 1
FILE = "results.json"
_CURVES = re.compile(r"curves-[0-9a-f]{16}\.parquet")


class ResultsError(ML2OError):
    """A folder without results, or with damaged or unknown ones."""

    def __init__(self, path: Path | str, problem: str) -> None:
        super().__init__(" ".join(f"results {Path(path).name}: {problem}".split()))


@dataclass(frozen=True)
class Results:
    """Rows of every table, the run's provenance, and its resolved configuration.

    `provenance` and `configuration` are JSON values by name. Ids are unique over all tables; the
    rows are kept table by table, in the order in which they were found.
    """

    rows: tuple[Row, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    configuration: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        position = {table: index for index, table in enumerate(ROW_TYPES)}
        ordered = tuple(sorted(self.rows, key=lambda row: position[row.table]))
        object.__setattr__(self, "rows", ordered)
        seen: set[str] = set()
        for row in ordered:
            if row.id in seen:
                raise InvalidArgument("id", row.id, "an id that no other row of the run has")
            seen.add(row.id)

    @cached_property
    def tables(self) -> dict[str, Table[Any]]:
        """Every table by name, the empty ones too."""
        return {
            name: Table(kind, tuple(row for row in self.rows if type(row) is kind))
            for name, kind in ROW_TYPES.items()
        }

    @property
    def assumptions(self) -> Table[AssumptionRow]:
        """Which assumptions hold, and where."""
        return self.tables["assumptions"]

    @property
    def constants(self) -> Table[ConstantRow]:
        """The theory's constants."""
        return self.tables["constants"]

    @property
    def checks(self) -> Table[CheckRow]:
        """Statements held against observations."""
        return self.tables["checks"]

    @property
    def looseness(self) -> Table[LoosenessRow]:
        """How far bounds are above what is observed, over many instances."""
        return self.tables["looseness"]

    @property
    def stages(self) -> Table[StageRow]:
        """The steps from observed values to bounds."""
        return self.tables["stages"]

    @property
    def rates(self) -> Table[RateRow]:
        """How terms depend on what is varied."""
        return self.tables["rates"]

    @property
    def correlations(self) -> Table[CorrelationRow]:
        """Quantities of the theory against scores."""
        return self.tables["correlations"]

    @property
    def optima(self) -> Table[OptimumRow]:
        """Certified optima."""
        return self.tables["optima"]

    @property
    def optima_by_distribution(self) -> Table[OptimaRow]:
        """The optima of many batches, by distribution."""
        return self.tables["optima_by_distribution"]

    @property
    def printed(self) -> Table[PrintedRow]:
        """Printed scores beside the optima."""
        return self.tables["printed"]

    @property
    def claims(self) -> Table[ClaimRow]:
        """The paper's claims."""
        return self.tables["claims"]

    @property
    def scores(self) -> Table[ScoreRow]:
        """Scores and paired differences."""
        return self.tables["scores"]

    @property
    def seeds(self) -> Table[SeedRow]:
        """Scores by training seed."""
        return self.tables["seeds"]

    @property
    def fits(self) -> Table[FitRow]:
        """How the parameters of each method came about."""
        return self.tables["fits"]

    @property
    def parity(self) -> Table[ParityRow]:
        """What was computed on two devices, or in two runs."""
        return self.tables["parity"]

    @property
    def speed(self) -> Table[SpeedRow]:
        """Seconds for a window of meta-training."""
        return self.tables["speed"]

    @property
    def costs(self) -> Table[CostRow]:
        """Where the seconds of a window go."""
        return self.tables["costs"]

    @property
    def curves(self) -> Table[CurveRow]:
        """Curves, one a row."""
        return self.tables["curves"]

    def of(self, artefact: str) -> Results:
        """The same run with the rows and the configuration of one artefact alone."""
        rows = tuple(row for row in self.rows if row.artefact == artefact)
        chosen = {k: v for k, v in self.configuration.items() if k == artefact}
        return Results(rows, self.provenance, chosen)

    @property
    def faults(self) -> tuple[CheckRow | ParityRow, ...]:
        """What a caller should not overlook: checks that are VIOLATED or SOLVER_FAILED, and
        computations that differ between devices or runs."""
        loud = {CheckVerdict.VIOLATED, CheckVerdict.SOLVER_FAILED, ParityVerdict.DIFFERS}
        return tuple(row for row in (*self.checks, *self.parity) if row.verdict in loud)

    def export(self, folder: Path | str, form: str) -> list[Path]:
        """Write every table that has rows into `folder`; `form` is csv, parquet or latex."""
        writers = {"csv": Table.to_csv, "parquet": Table.to_parquet, "latex": Table.to_latex}
        if form not in writers:
            raise InvalidArgument("form", form, ", ".join(writers))
        suffix = "tex" if form == "latex" else form
        written = []
        for name, table in self.tables.items():
            if len(table):
                written.append(Path(folder) / f"{name}.{suffix}")
                written[-1].parent.mkdir(parents=True, exist_ok=True)
                writers[form](table, written[-1])
        return written

    def save(self, folder: Path | str) -> Path:
        """Write the run into `folder`, made if it is missing; replaces an older run atomically."""
        folder = Path(folder)
        tables: dict[str, Any] = {}
        files: dict[str, bytes] = {}
        for name, table in self.tables.items():
            entry = {
                "version": table.row_type.version,
                "columns": list(table.row_type.model_fields),
            }
            if name == CurveRow.table and len(table):
                content = _parquet(self.curves)
                file = f"curves-{hashlib.sha256(content).hexdigest()[:16]}.parquet"
                files[file] = content
                tables[name] = entry | {"file": file}
            else:
                tables[name] = entry | {"rows": [row.model_dump(mode="json") for row in table]}
        document = {
            "format": FORMAT,
            "version": VERSION,
            "provenance": dict(self.provenance),
            "configuration": dict(self.configuration),
            "tables": tables,
        }
        text = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False)
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            write_atomically(folder / file, content)
        write_atomically(folder / FILE, (text + "\n").encode())
        for stale in folder.glob("curves-*.parquet"):
            if stale.name not in files:
                stale.unlink()
        return folder / FILE

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read a run; `ResultsError` if it is missing, damaged, or of an unknown version.

        A run that was saved before a table existed has no rows in it.
        """
        path = Path(folder) / FILE
        document = _read_json(path)
        if document.get("format") != FORMAT or document.get("version") != VERSION:
            raise ResultsError(path, f"not {FORMAT} version {VERSION}")
        stored = document.get("tables")
        if not isinstance(stored, dict) or not set(stored) <= set(ROW_TYPES):
            raise ResultsError(path, f"the tables are not {', '.join(ROW_TYPES)}")
        rows: list[Row] = []
        for name, entry in stored.items():
            rows += _rows(path, ROW_TYPES[name], entry)
        return cls(tuple(rows), document.get("provenance", {}), document.get("configuration", {}))


def is_stored_run(folder: Path | str) -> bool:
    """Whether `folder` holds a run, of this version or of another."""
    try:
        return _read_json(Path(folder) / FILE).get("format") == FORMAT
    except ResultsError:
        return False


def is_curve_file(path: Path) -> bool:
    """Whether `path` is a file that a save writes before `results.json`."""
    return path.is_file() and _CURVES.fullmatch(path.name) is not None


def _read_json(path: Path) -> dict[str, Any]:
    def refuse(token: str) -> Any:
        raise ValueError(f"{token} is not JSON")

    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except FileNotFoundError:
        raise ResultsError(path, "there is no such file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ResultsError(path, f"not readable as JSON ({error})") from None
    if not isinstance(document, dict):
        raise ResultsError(path, "not a JSON object")
    return document


def _rows(path: Path, row_type: type[Row], entry: Any) -> list[Row]:
    name = row_type.table
    version = entry.get("version") if isinstance(entry, dict) else None
    oldest = row_type.oldest or row_type.version
    if version not in range(oldest, row_type.version + 1):
        raise ResultsError(path, f"table {name}: not schema version {row_type.version}")
    unknown = set(entry.get("columns", ())) - set(row_type.model_fields)
    if version == row_type.version:
        unknown |= set(row_type.model_fields) - set(entry.get("columns", ()))
    if unknown:
        raise ResultsError(path, f"table {name}: unknown or missing column {sorted(unknown)[0]}")
    try:
        if "file" in entry:
            records = _curve_records(path.parent / Path(entry["file"]).name)
        else:
            records = entry["rows"]
        return [row_type.parse(record) for record in records]
    except (InvalidArgument, KeyError, TypeError) as error:
        raise ResultsError(path, f"table {name}: {error}") from None


def _parquet(curves: Table[CurveRow]) -> bytes:
    stream = io.BytesIO()
    curves.to_frame().to_parquet(stream, index=False, compression="zstd")
    return stream.getvalue()


def _curve_records(path: Path) -> list[dict[str, Any]]:
    """The curves of a Parquet file, back from one record a step to one a curve."""
    try:
        content = path.read_bytes()
    except OSError:
        raise ResultsError(path, "there is no such file") from None
    if f"curves-{hashlib.sha256(content).hexdigest()[:16]}.parquet" != path.name:
        raise ResultsError(path, "the content is not the one that was saved")
    frame = pd.read_parquet(io.BytesIO(content))
    found = []
    for _, steps in frame.groupby("id", sort=False):
        first = {str(k): _plain(v) for k, v in steps.iloc[0].items() if k not in SERIES}
        series = {
            k: tuple(_plain(v) for v in steps[k].tolist()) for k in SERIES if k in steps.columns
        }
        found.append(first | series)
    return found


def _plain(value: Any) -> Any:
    """Parquet's missing value as None."""
    return None if pd.isna(value) else value
