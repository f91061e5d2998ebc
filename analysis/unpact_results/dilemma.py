"""The dilemma of the study: insufficient or destructive, per cell and per method."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .model import Campaign, Cell, Rate
from .statistics import destruction, pool, recovery_by

RECOVERY_LIMIT = 0.307  # lower end of what the study recovers with FocusOnKey
DESTRUCTION_LIMIT = 0.307  # the study gives no number: the same limit, our choice

INSUFFICIENT, DESTRUCTIVE, BOTH, NEITHER = "insufficient", "destructive", "both", "neither"
QUADRANTS = {
    INSUFFICIENT: "much comes back, little is wrecked",
    DESTRUCTIVE: "little comes back, much is wrecked",
    BOTH: "much comes back and much is wrecked",
    NEITHER: "little comes back, little is wrecked: the goal",
}


@dataclass(frozen=True)
class Verdict:
    """Where a cell stands, and whether both intervals lie on one side of the limits."""

    word: str
    sure: bool

    def __str__(self) -> str:
        return self.word if self.sure else f"{self.word} (uncertain)"


def quadrant(recovered: float, destroyed: float) -> str:
    """Name of the quadrant of a point."""
    high, wrecked = recovered >= RECOVERY_LIMIT, destroyed >= DESTRUCTION_LIMIT
    return BOTH if high and wrecked else INSUFFICIENT if high else DESTRUCTIVE if wrecked else NEITHER


def verdict(recovered: Rate, destroyed: Rate) -> Verdict:
    """Verdict from the two rates; what was never forgotten or never known cannot be judged."""
    if not recovered.total and not destroyed.total:
        return Verdict("nothing to judge", True)
    if not recovered.total:
        wrecked = destroyed.value >= DESTRUCTION_LIMIT
        word = "nothing to recover, destructive" if wrecked else "nothing to recover"
        return Verdict(word, _sure(destroyed, DESTRUCTION_LIMIT) if wrecked else True)
    if not destroyed.total:
        return Verdict("nothing known on the retain set", True)
    sure = _sure(recovered, RECOVERY_LIMIT) and _sure(destroyed, DESTRUCTION_LIMIT)
    return Verdict(quadrant(recovered.value, destroyed.value), sure)


def verdict_of(cell: Cell) -> Verdict:
    """Verdict of a cell."""
    return verdict(recovery_by(cell, "probe"), destruction(cell))


def _sure(rate: Rate, limit: float) -> bool:
    return rate.low >= limit or rate.high < limit


@dataclass(frozen=True)
class Point:
    """A method on a model and dataset, its seeds pooled."""

    model: str
    dataset: str
    method: str
    seeds: int
    recovered: Rate
    destroyed: Rate
    probe: str = ""  # label of what recovered

    @property
    def complete(self) -> bool:
        """Whether both rates exist."""
        return not (math.isnan(self.recovered.value) or math.isnan(self.destroyed.value))


def points(campaign: Campaign) -> list[Point]:
    """One point for each method, model and dataset, in the order of the campaign."""
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in campaign.cells:
        groups.setdefault((cell.model, cell.dataset, cell.method), []).append(cell)
    return [
        Point(*key, len(cells), pool(recovery_by(c, "probe") for c in cells), pool(destruction(c) for c in cells), _labels(cells))
        for key, cells in groups.items()
    ]


def _labels(cells: list[Cell]) -> str:
    led = [cell.leading("probe") for cell in cells]
    return ", ".join(dict.fromkeys(probe.label for probe in led if probe))
