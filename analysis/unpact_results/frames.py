"""Tidy tables and labelled arrays for notebooks. pandas comes with the package; polars only where it is installed.

    from unpact_results import frames, load_campaign
    campaign = load_campaign("results", lazy=True)
    rates = frames.rates(campaign)          # a row a cell and rate
    questions = frames.questions(campaign)  # a row a cell and question

A lazy campaign is read cell by cell, also while it still grows: a cell that cannot be read is left out and named in `attrs["left_out"]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .choose import kind_of
from .model import Campaign, Cell, Half, Knowledge, Outcome, Split
from .reading import ResultsError
from .statistics import flags_of, knowledge

if TYPE_CHECKING:
    import pandas
    import polars
    import xarray

Columns = dict[str, Any]


def _frame(campaign: Campaign | Cell, columns_of: Callable[[Cell], Columns]) -> pandas.DataFrame:
    import pandas

    left_out: list[str] = []
    made = [pandas.DataFrame(_identity(cell) | columns_of(cell)) for cell in _cells(campaign, left_out)]
    frame = pandas.concat(made, ignore_index=True) if made else pandas.DataFrame()
    for name in ("model", "dataset", "method"):
        if name in frame:
            frame[name] = frame[name].astype("category")
    frame.attrs["left_out"] = left_out
    return frame


def _cells(campaign: Campaign | Cell, left_out: list[str]) -> Iterator[Cell]:
    if isinstance(campaign, Cell):
        yield campaign
        return
    for place in range(len(campaign.cells)):
        try:
            yield campaign.cells[place]
        except ResultsError as error:
            left_out.append(str(error))


def _identity(cell: Cell) -> Columns:
    return {"cell": cell.id, "model": cell.model, "dataset": cell.dataset, "method": cell.method, "seed": cell.seed}


def _names(values: Iterable[int], kind: type[Outcome | Split | Half | Knowledge]) -> list[str]:
    return [kind(int(value)).name for value in values]


def rates(campaign: Campaign | Cell) -> pandas.DataFrame:
    """A row a cell and rate: count, total, value and its 95 % Wilson interval.

    Rates as files have them: of a cell whose point was chosen on half of the questions, plain names count all, `reported_...` the others.
    """

    def columns(cell: Cell) -> Columns:
        found = list(cell.rates.values())
        return {"rate": list(cell.rates)} | {
            name: [getattr(rate, name) for rate in found] for name in ("count", "total", "value", "low", "high")
        }

    return _frame(campaign, columns)


def metrics(campaign: Campaign | Cell) -> pandas.DataFrame:
    """A row a cell and metric: the target's and the unlearned model's value with their intervals."""

    def columns(cell: Cell) -> Columns:
        found = list(cell.metrics.values())
        ends = ("", "_low", "_high")
        values = {
            f"{model}{end}": [getattr(metric, model)[place] for metric in found]
            for model in ("target", "unlearned")
            for place, end in enumerate(ends)
        }
        return {
            "metric": [m.name for m in found],
            "label": [m.label for m in found],
            "larger_says": [m.larger_says for m in found],
            "count": [m.count for m in found],
        } | values

    return _frame(campaign, columns)


def questions(campaign: Campaign | Cell) -> pandas.DataFrame:
    """A row a cell and question: texts, verdicts, outcome, focus shift, KeyTokens, what each probe won back."""

    def columns(cell: Cell) -> Columns:
        sets = [cell.key_tokens(model) for model in (cell.target, cell.unlearned)]
        half = cell.half if len(cell.half) else np.zeros(len(cell.split), np.uint8)
        made: Columns = {
            "question": np.arange(len(cell.question)),
            "text": cell.question,
            "gold": cell.gold_answer,
            "split": _names(cell.split, Split),
            "half": _names(half, Half),
            "before": cell.target.answer,
            "after": cell.unlearned.answer,
            "right_before": cell.target.is_right,
            "right_after": cell.unlearned.is_right,
            "score_before": cell.target.score,
            "score_after": cell.unlearned.score,
            "outcome": _names(cell.outcome, Outcome),
            "knowledge": _names(knowledge(cell), Knowledge),
            "kind": [kind_of(cell, question) for question in range(len(cell.question))],
            "focus_shift": cell.shift,
            "contribution_shift": 1.0 - cell.contribution_cosine,
            "keys_before": [int((row != 0).sum()) for row in sets[0]],
            "keys_after": [int((row != 0).sum()) for row in sets[1]],
        }
        for name in cell.probes:
            made[f"asked_{name}"], made[f"won_{name}"] = flags_of(cell, name)
        for judge in cell.judges.values():
            made[f"right_before_{judge.name}"], made[f"right_after_{judge.name}"] = judge.target, judge.unlearned
        return made

    return _frame(campaign, columns)


def attempts(campaign: Campaign | Cell) -> pandas.DataFrame:
    """A row a cell, probe, probed question and attempt, with the verdict of every judge."""

    def columns(cell: Cell) -> Columns:
        rows: list[tuple[Any, ...]] = []
        for probe in cell.probes.values():
            counts = probe.counts
            for row, question in enumerate(probe.question.tolist()):
                for attempt, label in enumerate(probe.attempt_labels):
                    put = probe.put[row][attempt] if probe.put is not None else None
                    judged = tuple(
                        bool(probe.judged[name][row, attempt]) if name in probe.judged else None for name in cell.judges
                    )
                    rows.append(
                        (
                            probe.name,
                            probe.kind,
                            question,
                            attempt,
                            label,
                            put,
                            probe.answer[row][attempt],
                            float(probe.score[row, attempt]),
                            bool(probe.is_right[row, attempt]),
                            bool(counts[row, attempt]),
                            *judged,
                        )
                    )
        names = (
            "probe",
            "kind",
            "question",
            "attempt",
            "label",
            "put",
            "answer",
            "score",
            "right",
            "counts",
            *(f"right_{name}" for name in cell.judges),
        )
        return {name: [row[place] for row in rows] for place, name in enumerate(names)}

    return _frame(campaign, columns)


def tokens(campaign: Campaign | Cell, answer: str = "own") -> pandas.DataFrame:
    """A row a cell, question and candidate token: contributions to one answer ("own" or "gold") and KeyToken flags, before and after."""

    def columns(cell: Cell) -> Columns:
        made: dict[str, list[Any]] = {
            name: [] for name in ("question", "position", "token_id", "piece", "before", "after", "key_before", "key_after")
        }
        for question in range(len(cell.question)):
            parts = [getattr(model, answer) for model in (cell.target, cell.unlearned)]
            values, flags = [part.contributions[question] for part in parts], [part.is_key_token[question] for part in parts]
            where = np.flatnonzero(cell.is_candidate[question])
            if any(len(row) != len(where) for row in (*values, *flags)):
                continue  # not attributed
            pieces, ids = cell.pieces_of(question), cell.token_ids[question]
            columns_ = (
                [question] * len(where),
                where,
                ids[where],
                [pieces[at] for at in where],
                *values,
                *(row.astype(bool) for row in flags),
            )
            for name, column in zip(made, columns_, strict=True):
                made[name].extend(list(column))
        return made

    return _frame(campaign, columns)


def training(campaign: Campaign | Cell) -> pandas.DataFrame:
    """A row a cell and optimizer step."""
    return _frame(campaign, lambda cell: dict(cell.training))


def to_polars(frame: pandas.DataFrame) -> polars.DataFrame:
    """A table as polars has it. Raises ResultsError where polars is not installed."""
    try:
        import polars
    except ImportError as error:
        raise ResultsError("polars is not installed: pip install polars") from error
    return polars.DataFrame(
        {
            name: frame[name].astype(object).tolist() if str(frame[name].dtype) == "category" else frame[name].tolist()
            for name in frame
        }
    )


def matrix(cell: Cell, question: int, answer: str = "own") -> xarray.Dataset:
    """Log-probabilities of a question by model, removed token and answer token, which may differ in length: NaN behind the shorter answer.

    `removed` is "" for the whole prompt. Empty where the attribution method has no such matrix.
    """
    import xarray

    matrices = [getattr(model, answer).matrix(question) for model in (cell.target, cell.unlearned)]
    rows, columns = max(len(part) for part in matrices), max((part.shape[1] for part in matrices if len(part)), default=0)
    values = np.full((2, rows, columns), np.nan, np.float32)
    for place, part in enumerate(matrices):
        if len(part):
            values[place, : len(part), : part.shape[1]] = part
    pieces = [
        piece for piece, candidate in zip(cell.pieces_of(question), cell.is_candidate[question], strict=True) if candidate
    ]
    coordinates = {
        "model": ["target", "unlearned"],
        "removed": np.arange(rows),
        "answer_token": np.arange(columns),
        "piece": ("removed", ["", *pieces][:rows]),
    }
    data = xarray.Dataset(
        {"log_probability": (("model", "removed", "answer_token"), values, {"units": "nat"})},
        coordinates,
        {"cell": cell.id, "question": question, "text": cell.question[question], "answer": answer},
    )
    if not rows:
        return data
    return data.assign(
        contribution=(data.log_probability.isel(removed=0) - data.log_probability)
        .mean("answer_token")
        .assign_attrs(units="nat/token")
    )


def dataset(campaign: Campaign, measures: Sequence[str] = ("knowledge_left", "destructive")) -> xarray.Dataset:
    """Rates by model, data set, method and seed: for each measure its value, low, high, count and total; NaN where there is no cell."""
    import xarray

    table = rates(campaign)
    kept = table[table["rate"].isin(list(measures))] if len(table) else table
    if not len(kept):
        return xarray.Dataset()
    return xarray.Dataset.from_dataframe(
        kept.drop(columns="cell")
        .astype({"model": str, "dataset": str, "method": str})
        .set_index(["rate", "model", "dataset", "method", "seed"])
    )
