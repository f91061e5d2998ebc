"""The dilemma of the study: insufficient or destructive, per cell and per method."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .model import Campaign, Cell, Rate
from .statistics import deciding_destruction, knowledge_left, pool, rate, reported

if TYPE_CHECKING:
    from .table import Summary

LEFT_LIMIT = 0.307  # the study's lower end of what FocusOnKey recovers, taken as the least that is "much": our choice
DESTRUCTION_LIMIT = 0.307  # the study gives no number: the same limit, our choice

INSUFFICIENT, DESTRUCTIVE, BOTH, NEITHER = "insufficient", "destructive", "both", "neither"
QUADRANTS = {
    INSUFFICIENT: "much knowledge is left, little is wrecked",
    DESTRUCTIVE: "little is left, much is wrecked",
    BOTH: "much is left and much is wrecked",
    NEITHER: "little is left, little is wrecked: the goal",
}


@dataclass(frozen=True)
class Verdict:
    """Where a cell stands, and whether both intervals lie on one side of the limits."""

    word: str
    sure: bool

    def __str__(self) -> str:
        return self.word if self.sure else f"{self.word} (uncertain)"


def quadrant(left: float, destroyed: float) -> str:
    """Name of the quadrant of a point."""
    high, wrecked = left >= LEFT_LIMIT, destroyed >= DESTRUCTION_LIMIT
    return BOTH if high and wrecked else INSUFFICIENT if high else DESTRUCTIVE if wrecked else NEITHER


def verdict(left: Rate, destroyed: Rate) -> Verdict:
    """Verdict from knowledge left and destruction; what was never known cannot be judged.

    Knowledge left counts what was never forgotten, too: a method that forgets little is never the goal, however little comes back.
    """
    if not left.total and not destroyed.total:
        return Verdict("nothing to judge", True)
    if not left.total:
        wrecked = destroyed.value >= DESTRUCTION_LIMIT
        word = "nothing to forget, destructive" if wrecked else "nothing to forget"
        return Verdict(word, _sure(destroyed, DESTRUCTION_LIMIT) if wrecked else True)
    if not destroyed.total:
        return Verdict("nothing known on the retain set", True)
    sure = _sure(left, LEFT_LIMIT) and _sure(destroyed, DESTRUCTION_LIMIT)
    return Verdict(quadrant(left.value, destroyed.value), sure)


def what_leaves_much(left: Rate, still_right: Rate, won: dict[str, int]) -> str:
    """Where much is left: the label of the probe that wins most back, where that and what is still right are much by themselves.

    Otherwise "several probes together", or "what is still right" where no probe is needed; empty where little is left. `won`: forgotten questions
    that each probe (no control) wins back, by label.
    """

    def much(count: float) -> bool:
        return bool(left.total) and count / left.total >= LEFT_LIMIT

    if not much(left.count):
        return ""
    if much(still_right.count):
        return "what is still right"
    most = max(won, key=lambda label: won[label], default="")
    return most if most and much(still_right.count + won[most]) else "several probes together"


def verdict_of(cell: Cell) -> Verdict:
    """Verdict of a cell, on the questions that had no say in the choice of its point or mixture."""
    cell = reported(cell)
    return verdict(knowledge_left(cell), deciding_destruction(cell))


def _sure(rate: Rate, limit: float) -> bool:
    return rate.low >= limit or rate.high < limit


@dataclass(frozen=True)
class Point:
    """A method on a model and dataset, its seeds pooled."""

    model: str
    dataset: str
    method: str
    seeds: int
    left: Rate  # knowledge left, which decides
    destroyed: Rate
    recovered: Rate  # the study's recovery rate, beside it
    probe: str = ""  # label of what recovered

    @property
    def complete(self) -> bool:
        """Whether both rates exist."""
        return not (math.isnan(self.left.value) or math.isnan(self.destroyed.value))


def points(campaign: Campaign) -> list[Point]:
    """One point for each method, model and dataset, in the order of the campaign."""
    from .table import summary_of

    return points_of(map(summary_of, campaign.cells))


def points_of(summaries: Iterable[Summary]) -> list[Point]:
    """One point for each method, model and dataset."""
    groups: dict[tuple[str, str, str], list[Summary]] = {}
    for summary in summaries:
        groups.setdefault((summary.row.model, summary.row.dataset, summary.row.method), []).append(summary)
    return [
        Point(*key, len(kept), pool(s.row.rates["knowledge_left"] for s in kept), pool(s.row.rates["deciding_destruction"] for s in kept),
              pool(_recovered(s) for s in kept), ", ".join(dict.fromkeys(s.probes[s.leading] for s in kept if s.leading)))
        for key, kept in groups.items()
    ]


def _recovered(summary: Summary) -> Rate:
    return summary.row.rates[f"recovery_{summary.leading}"] if summary.leading else rate(0, 0)
