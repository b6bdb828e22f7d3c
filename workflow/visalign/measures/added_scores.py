"""Scores that a study did not measure: tables of other runs and people, and published accuracies.

Their rows stand in the score table beside those of the study. It imports the standard library only, since
planning reads what tables say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visalign.errors import InputError, collected, raise_any
from visalign.io import delimited
from visalign.io.schemas import schema
from visalign.io.scores import SCORE_COLUMNS, Score, ScoreRow, Source, rows_of
from visalign.io.sheets import read_published
from visalign.measures import BY_NAME

#: Columns that a table of scores must have.
REQUIRED = ("model", "benchmark", "metric", "convention", "value")
#: Columns of the model sheet that a table may have, for models that are not in the sheet.
OF_MODELS = ("family", "role", "parameters", "training_data", "input_size")
#: Benchmark of published accuracies.
PUBLISHED = "accuracy/published"
#: Convention of scores that are shares.
SHARE = "proportion"

#: What tells one score of a table from another: model, benchmark, metric, convention, layer.
Key = tuple[str, str, str, str, str]


#: What a table says of a model: cells by columns of `OF_MODELS`.
ModelFacts = dict[str, str]


@dataclass
class AddedScores:
    """The scores of a table: rows by key, the line of each, and what is said of models."""

    path: str
    rows: dict[Key, ScoreRow] = field(default_factory=dict)
    lines: dict[Key, int] = field(default_factory=dict)
    models: dict[str, ModelFacts] = field(default_factory=dict)

    def described(self) -> str:
        """Name the table and say how many scores of how many models it has."""
        counts = [(len(self.rows), "score"), (len(self.models), "model")]
        told = " of ".join(f"{n} {word}{'s' if n > 1 else ''}" for n, word in counts)
        return f"{self.path} ({told})"

    def benchmarks(self) -> list[str]:
        """Benchmarks of which some model has a value, in the order of the table."""
        return list(dict.fromkeys(row["benchmark"] for row in self.rows.values() if row["value"] is not None))


def key_of(row: Mapping[Any, Any]) -> Key:
    """What tells a score of a table from the others; missing text is ''."""
    model, benchmark, metric, convention, layer = (
        "" if row[name] is None or row[name] != row[name] else str(row[name])
        for name in ("model", "benchmark", "metric", "convention", "layer")
    )
    return model, benchmark, metric, convention, layer


def read_table(path: str | Path) -> AddedScores:
    """Read a table of scores that others measured.

    Parameters
    ----------
    path : str or Path
        CSV with the columns `REQUIRED`, and any of the other columns of score tables and `OF_MODELS`. An
        empty status is ``ok``, an empty ``simulated`` false.

    Raises
    ------
    InputError
        A column that is missing or unknown; of a row its line, field and value: a name that is none, a metric
        that no measure declares, a number that is none, a share outside 0 to 1, an interval upside down, a
        value without or with a reason for none, a score that is there twice, a model of which two things are
        said. All of them at once.
    """
    text = delimited.read_text(path)
    names = delimited.header(path, text)
    known = (*SCORE_COLUMNS, *OF_MODELS)
    raise_any(
        [
            f"{path}: no column {name!r} (columns: {', '.join(names)})"
            for name in REQUIRED
            if name not in names
        ]
        + [
            f"{path}: {name or 'a column without a name'}: unknown column (known: {', '.join(known)})"
            for name in names
            if name not in known
        ]
    )
    found, faults = AddedScores(str(path)), list[str]()
    for line, cells in list(delimited.rows(path, text))[1:]:
        cell = dict(zip(names, (cell.strip() for cell in cells), strict=True))
        with collected(faults):
            add(found, line, cell)
    if not found.rows and not faults:
        raise InputError(f"{path}: no rows")
    raise_any(faults)
    return found


def add(found: AddedScores, line: int, cell: Mapping[str, str]) -> None:
    """Add a row of a table to what was found of it. See `read_table`."""
    where = f"{found.path}: line {line}"
    row = row_of(cell, where)
    key = key_of(row)
    if key in found.rows:
        score = " ".join(filter(None, key[1:]))
        raise InputError(f"{where}: model: {key[0]!r} has {score} in line {found.lines[key]} too")
    facts = found.models.setdefault(row["model"], {})
    for name in OF_MODELS:
        if said := cell.get(name, ""):
            check_fact(name, said, f"{where}: {name}")
            if facts.setdefault(name, said) != said:
                raise InputError(
                    f"{where}: {name}: {said!r}, and {facts[name]!r} in another row of {row['model']}"
                )
    found.rows[key], found.lines[key] = row, line


def check_fact(name: str, said: str, where: str) -> None:
    """Raise InputError of a cell of `OF_MODELS` that the model sheet would not take."""
    part = schema("models")["properties"][name]
    if "enum" in part and said not in part["enum"]:
        raise InputError(f"{where}: {said!r} is not one of {', '.join(part['enum'])}")
    if part.get("type") == "integer":
        number = delimited.whole_number(said)
        if number is None or number < part["minimum"]:
            raise InputError(f"{where}: {said!r} is not a whole number from {part['minimum']}")


def row_of(cell: Mapping[str, str], where: str) -> ScoreRow:
    """Return the score row of the cells of a line. See `read_table`."""
    model, benchmark, metric = (cell[name] for name in ("model", "benchmark", "metric"))
    pattern = schema("models")["properties"]["model"]["pattern"]
    if not re.fullmatch(pattern, model):
        raise InputError(f"{where}: model: {model!r} is no name (letters, digits and _ . + -)")
    name, _, dataset = benchmark.partition("/")
    if name not in BY_NAME or not dataset:
        raise InputError(
            f"{where}: benchmark: {benchmark!r} is not MEASURE/DATASET[/…] (measures: {', '.join(BY_NAME)})"
        )
    declared = [one.name for one in BY_NAME[name].metrics]
    if metric not in declared:
        raise InputError(
            f"{where}: metric: {metric!r} is no metric of {name} (there are: {', '.join(declared)})"
        )
    simulated = cell.get("simulated", "").lower() or "false"
    if simulated not in ("true", "false"):
        raise InputError(f"{where}: simulated: {cell['simulated']!r} is not true or false")

    def real(column: str) -> float | None:
        return parsed(cell.get(column, ""), delimited.number, f"{where}: {column}", "a number")

    def whole(column: str) -> int | None:
        return parsed(cell.get(column, ""), delimited.whole_number, f"{where}: {column}", "a whole number")

    score = Score(
        metric=metric,
        convention=cell["convention"] or None,
        value=real("value"),
        ci_low=real("ci_low"),
        ci_high=real("ci_high"),
        n=whole("n"),
        floor=real("floor"),
        ceiling=real("ceiling"),
        layer=cell.get("layer") or None,
        status=cell.get("status") or "ok",
    )
    check_score(score, where)
    source = Source(
        model=model,
        benchmark=benchmark,
        simulated=simulated == "true",
        seed=whole("seed"),
        version=whole("version"),
        inputs_hash=cell.get("inputs_hash") or None,
    )
    [row] = rows_of([score], source)
    row["n_excluded"] = whole("n_excluded")  # which others need not have counted
    return row


def parsed(cell: str, parse: Callable[[str], Any], where: str, what: str) -> Any:
    """Return a cell as a number, None where it is missing."""
    if cell in delimited.MISSING:
        return None
    number = parse(cell)
    if number is None:
        raise InputError(f"{where}: {cell!r} is not {what}{delimited.hint(cell)}")
    return number


def check_score(score: Score, where: str) -> None:
    """Raise InputError of a score that contradicts itself."""
    fine = score.status == "ok" or score.status.startswith("ok, ")
    if score.value is None and fine:
        raise InputError(f"{where}: value: none, and status does not say why")
    if score.value is not None and not fine:
        raise InputError(f"{where}: status: {score.status!r}, but there is a value, {score.value:g}")
    if score.value is not None and not score.convention:
        raise InputError(f"{where}: convention: empty, expected that of the value, such as r2/c")
    if score.ci_low is not None and score.ci_high is not None and score.ci_low > score.ci_high:
        raise InputError(f"{where}: ci_low: {score.ci_low:g} is above ci_high, {score.ci_high:g}")
    if score.convention == SHARE and score.value is not None and not 0 <= score.value <= 1:
        raise InputError(f"{where}: value: {score.value:g} is no proportion (0 to 1)")


def published_rows(models: Iterable[str], table: str, model: str, top1: str) -> list[ScoreRow]:
    """Return published top-1 accuracies as score rows, one per model, or the reason why there is none.

    Parameters
    ----------
    models : iterable of str
        Models of the study.
    table : str
        CSV of published accuracies.
    model, top1 : str
        Its columns.

    Raises
    ------
    InputError
        Accuracies that are neither all proportions nor all per cent.
    """
    values = read_published(table, model, top1)
    if wrong := [value for value in values.values() if not 0 <= value <= 100]:
        raise InputError(f"{table}: {top1}: {wrong[0]:g} is no accuracy (0 to 1, or 0 to 100 per cent)")
    own = {name: values[name] for name in models if name in values}
    percent = any(value > 1 for value in own.values())
    # No network that is looked up by name has an accuracy of 1 % or less: such a number is a proportion.
    if percent and (mixed := [value for value in own.values() if 0 < value <= 1]):
        raise InputError(
            f"{table}: {top1}: {max(own.values()):g} is no proportion (0 to 1), and {mixed[0]:g} no per "
            "cent: give all in one unit"
        )
    name = Path(table).name
    rows = []
    for one in models:
        value = own[one] / (100 if percent else 1) if one in own else None
        status = f"ok, published in {name}" if one in own else f"not in {name}"
        score = Score(metric="top1", convention=SHARE, value=value, status=status)
        [row] = rows_of([score], Source(model=one, benchmark=PUBLISHED))
        rows.append(row)
    return rows
