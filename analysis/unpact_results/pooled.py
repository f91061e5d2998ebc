"""Cells of one model, data set and method together: their seeds pooled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .dilemma import verdict, what_leaves_much
from .model import Rate
from .statistics import pool
from .table import Summary

COLUMNS = {
    "knowledge_left": "knowledge left",
    "deciding_destruction": "destructive rate",
    "focus_shift_forgotten": "shift of forgotten",
    "focus_shift_retained": "shift of retained",
}
MEANS = ("focus_shift_forgotten", "focus_shift_retained")  # values in [0, 1], no shares


@dataclass(frozen=True)
class Pooled:
    """A row of a pooled table."""

    model: str
    dataset: str
    method: str
    seeds: tuple[int, ...]
    forgotten: int
    rates: dict[str, Rate]
    verdict: str
    absent: str = ""  # "2 missing": cells without a result
    leaves_much: str = ""  # what decides that much is left: dilemma.what_leaves_much
    on_half: bool = False  # some cell's point or mixture was chosen on half of the questions, and is counted on the others


def pooled_rows(summaries: Iterable[Summary], absent: Iterable[tuple[str, str, str, str]] = ()) -> list[Pooled]:
    """A row for each model, data set and method, in order; `absent`: model, data set, method and state of cells without a result."""
    groups: dict[tuple[str, str, str], list[Summary]] = {}
    for summary in summaries:
        groups.setdefault((summary.row.model, summary.row.dataset, summary.row.method), []).append(summary)
    states: dict[tuple[str, str, str], Counter[str]] = {}
    for *key, state in absent:
        states.setdefault((key[0], key[1], key[2]), Counter())[state] += 1
    keys = dict.fromkeys([*groups, *states])
    return [_row(key, groups.get(key, []), states.get(key, Counter())) for key in keys]


def _row(key: tuple[str, str, str], group: Sequence[Summary], states: Counter[str]) -> Pooled:
    names = dict.fromkeys(name for summary in group for name in summary.row.rates)
    rates = {name: pool((summary.row.rates[name] for summary in group if name in summary.row.rates), name) for name in names}
    said = str(verdict(rates["knowledge_left"], rates["deciding_destruction"])) if group else ""
    kinds = {name: kind for summary in group for name, kind in summary.kinds.items()}
    won = {label: int(rates[f"recovery_{name}"].count) for name, label in probes_of(group).items() if kinds.get(name) != "control"}
    return Pooled(
        *key,
        tuple(summary.row.seed for summary in group),
        sum(summary.row.forgotten or 0 for summary in group),
        rates,
        said,
        ", ".join(f"{count} {state}" for state, count in sorted(states.items())),
        what_leaves_much(rates["knowledge_left"], rates["still_right"], won) if group else "",
        any(summary.row.on_half for summary in group),
    )


def probes_of(summaries: Iterable[Summary]) -> dict[str, str]:
    """The probes of all cells, name -> label."""
    found: dict[str, str] = {}
    for summary in summaries:
        for name, label in summary.probes.items():
            found.setdefault(name, label)
    return found
