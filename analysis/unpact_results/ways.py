"""The way of an unlearning through what is left and what is destroyed: curves over save points, destruction at equal forgetting, Pareto fronts.

Intervals come from resampling questions and seeds together (percentile bootstrap): a question is drawn for all seeds, methods and points of a model and
data set at once, since they share it; seeds are drawn within their method. Where some cell of a model and data set chose its point or mixture on half of
the questions, all of its cells are counted on the other half.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .model import Cell, Half, Knowledge, Rate, Split
from .statistics import rate
from .tables import Table

LEVELS = (0.5, 0.8, 0.95)  # shares of the known forget answers that are forgotten
RESAMPLES = 1000
REPORT = 2  # a question's role: what is said of a chosen point is said on it

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Way:
    """One cell: Q questions, P points of its unlearning."""

    model: str
    dataset: str
    method: str
    seed: int
    campaign: str
    baseline: str  # fingerprint: cells of one share target and questions
    known: Flags  # Q, by the target
    forget: Flags  # Q
    held_out: Flags  # Q: retain questions that decide what is destroyed
    role: NDArray[np.uint8]  # Q
    step: NDArray[np.int64]  # P
    epoch: Floats  # P
    right: Flags  # P x Q
    end_right: Flags  # Q: the cell's own model
    end_left: Flags  # Q: still right, or won back by a probe
    selected: int
    rule: str

    @property
    def pair(self) -> tuple[str, str, str, str, bytes]:
        """What cells must share to be counted on the same questions."""
        return self.campaign, self.model, self.dataset, self.baseline, self.known.tobytes() + self.forget.tobytes()


def way_of(cell: Cell, campaign: str = "") -> Way:
    """What a cell says of its way; without save points it has an end alone."""
    count = len(cell.question)
    retain = cell.split == Split.retain
    half = cell.half if len(cell.half) else np.zeros(count, np.uint8)
    held_out = retain & (half == Half.held_out) if np.any(half == Half.held_out) else retain
    seen = cell.trajectory
    right = cell.unlearned.is_right.astype(bool)
    left = right if cell.knowledge is None else np.isin(cell.knowledge, (Knowledge.still_right, Knowledge.recovered))
    none = np.zeros(0)
    return Way(
        cell.model, cell.dataset, cell.method, cell.seed, campaign, str(cell.attributes.get("baseline_fingerprint", "")),
        cell.target.is_right.astype(bool), cell.split == Split.forget, held_out, np.zeros(count, np.uint8) if seen is None else seen.role,
        none.astype(np.int64) if seen is None else seen.step, none if seen is None else seen.table["epoch"],
        np.zeros((0, count), bool) if seen is None else seen.is_right, right, left, 0 if seen is None else seen.selected, "" if seen is None else seen.rule,
    )


@dataclass(frozen=True)
class Counted:
    """The ways of one model and data set, and the questions that they are counted on."""

    ways: list[Way]
    forget: NDArray[np.intp]  # known forget questions
    retain: NDArray[np.intp]  # known retain questions that decide
    by_halves: bool  # whether a half that chose is left out

    def methods(self) -> dict[str, list[Way]]:
        """Seeds by method."""
        found: dict[str, list[Way]] = {}
        for way in self.ways:
            found.setdefault(way.method, []).append(way)
        return found


def counted(ways: Iterable[Way]) -> list[Counted]:
    """Ways by what they share."""
    pairs: dict[tuple[str, str, str, str, bytes], list[Way]] = {}
    for way in ways:
        pairs.setdefault(way.pair, []).append(way)
    made = []
    for group in pairs.values():
        first = group[0]
        role = next((way.role for way in group if np.any(way.role)), None)
        asked = first.known if role is None else first.known & (role == REPORT)
        held_out = np.logical_and.reduce([way.held_out for way in group])  # what some method has trained on counts for none
        made.append(Counted(group, np.flatnonzero(asked & first.forget), np.flatnonzero(asked & held_out), role is not None))
    return made


def path_of(way: Way, on: Counted) -> tuple[Floats, Floats]:
    """Flags of every point: forgotten (P x F) and destroyed (P x R)."""
    return ~way.right[:, on.forget], ~way.right[:, on.retain]


def destruction_at(level: float, forgotten: Floats, destroyed: Floats) -> Floats:
    """Destruction where so much is forgotten first, by linear interpolation between points, from (0, 0) before the first step on.

    Both are B x P; NaN where the level is not reached.
    """
    zero = np.zeros((len(forgotten), 1))
    x, y = np.hstack([zero, forgotten]), np.hstack([zero, destroyed])
    reached = x >= level
    place = reached.argmax(axis=1)
    rows = np.arange(len(x))
    before = np.maximum(place - 1, 0)
    width = x[rows, place] - x[rows, before]
    share = np.divide(level - x[rows, before], width, out=np.zeros(len(x)), where=width > 0)
    return np.where(reached.any(axis=1), y[rows, before] + share * (y[rows, place] - y[rows, before]), np.nan)


def resampled(count: int, resamples: int, rng: np.random.Generator) -> Floats:
    """How often each of `count` items is drawn, as shares: resamples x count."""
    if not count:
        return np.zeros((resamples, 0))
    return rng.multinomial(count, np.full(count, 1 / count), resamples) / count


@dataclass(frozen=True)
class At:
    """Destruction at one level of forgetting: mean over the seeds that reach it, with a 95 % bootstrap interval."""

    value: float
    low: float
    high: float
    seeds: int
    reached: int  # seeds
    resamples: float  # share of the resamples in which some drawn seed reaches it


def at_level(ways: Sequence[Way], on: Counted, level: float, resamples: int = RESAMPLES, seed: int = 0) -> At:
    """Of the seeds of one method."""
    rng = np.random.default_rng(seed)
    forget_weights, retain_weights = resampled(len(on.forget), resamples, rng), resampled(len(on.retain), resamples, rng)
    drawn = rng.integers(len(ways), size=(resamples, len(ways)))
    point, values = [], []
    for way in ways:
        forgotten, destroyed = path_of(way, on)
        if not len(way.step) or not len(on.forget) or not len(on.retain):
            point.append(math.nan)
            values.append(np.full(resamples, np.nan))
            continue
        point.append(float(destruction_at(level, forgotten.mean(axis=1)[None], destroyed.mean(axis=1)[None])[0]))
        values.append(destruction_at(level, forget_weights @ forgotten.T, retain_weights @ destroyed.T))
    made = _mean(np.take_along_axis(np.array(values).T, drawn, axis=1), 1)
    there = made[~np.isnan(made)]
    low, high = np.percentile(there, [2.5, 97.5]) if len(there) else (math.nan, math.nan)
    return At(float(_mean(np.array([point]), 1)[0]), float(low), float(high), len(ways), int(np.sum(~np.isnan(point))), len(there) / resamples)


def _mean(values: Floats, axis: int) -> Floats:
    """Mean of what is there."""
    there = ~np.isnan(values)
    count = there.sum(axis=axis)
    return np.where(count > 0, np.where(there, values, 0).sum(axis=axis) / np.maximum(count, 1), np.nan)


def front(left: Floats, destroyed: Floats) -> Flags:
    """Which points no other one dominates: not more left and not more destroyed, and less of one. Last axis: points."""
    x, y = left[..., :, None], destroyed[..., :, None]
    other_x, other_y = left[..., None, :], destroyed[..., None, :]
    dominated = (other_x <= x) & (other_y <= y) & ((other_x < x) | (other_y < y))
    return ~dominated.any(axis=-1)


@dataclass(frozen=True)
class Standing:
    """A method beside the others of its model and data set."""

    method: str
    seeds: int
    left: Rate
    destroyed: Rate
    on_front: bool
    share: float  # of the resamples in which it is on the front


def standings(on: Counted, resamples: int = RESAMPLES, seed: int = 0) -> list[Standing]:
    """All methods of a model and data set, by their cells' own models; those without known questions are left out."""
    if not len(on.forget) or not len(on.retain):
        return []
    rng = np.random.default_rng(seed)
    forget_weights, retain_weights = resampled(len(on.forget), resamples, rng), resampled(len(on.retain), resamples, rng)
    made, left, destroyed = [], [], []
    for method, ways in on.methods().items():
        kept = np.array([way.end_left[on.forget] for way in ways], float)
        wrecked = np.array([~way.end_right[on.retain] for way in ways], float)
        drawn = rng.multinomial(len(ways), np.full(len(ways), 1 / len(ways)), resamples) / len(ways)
        left.append(np.einsum("bs,sq,bq->b", drawn, kept, forget_weights, optimize=True))
        destroyed.append(np.einsum("bs,sq,bq->b", drawn, wrecked, retain_weights, optimize=True))
        made.append((method, len(ways), rate(int(kept.sum()), kept.size), rate(int(wrecked.sum()), wrecked.size)))
    on_front = front(np.array([row[2].value for row in made]), np.array([row[3].value for row in made]))
    shares = front(np.array(left).T, np.array(destroyed).T).mean(axis=0)
    return [Standing(*row, bool(here), float(share)) for row, here, share in zip(made, on_front, shares, strict=True)]


def curve_rows(on: Counted) -> list[list[Any]]:
    """A row a method and step: what is forgotten and destroyed there, seeds pooled."""
    rows = []
    for method, ways in on.methods().items():
        for step in sorted({int(step) for way in ways for step in way.step}):
            parts = [(way, int(np.flatnonzero(way.step == step)[0])) for way in ways if step in way.step]
            forgotten = np.array([path_of(way, on)[0][place] for way, place in parts])
            destroyed = np.array([path_of(way, on)[1][place] for way, place in parts])
            rows.append([method, step, parts[0][0].epoch[parts[0][1]], len(parts), rate(int((~forgotten).sum()), forgotten.size),
                         rate(int(destroyed.sum()), destroyed.size), ", ".join(str(way.seed) for way, _ in parts if way.selected == step)])
    return rows


def _where(on: Counted, several: bool) -> list[Any]:
    """Model and data set, with the campaign where there are several."""
    first = on.ways[0]
    return [first.model, f"{first.dataset} ({first.campaign})" if several else first.dataset]


def tables(ways: Iterable[Way]) -> list[Table]:
    """Curves, destruction at equal forgetting, and Pareto fronts of all that was given."""
    groups = counted(ways)
    several = len({on.ways[0].campaign for on in groups}) > 1
    curves = [_where(on, several) + [row[0], row[1], f"{row[2]:.2f}", row[3], *row[4:]] for on in groups for row in curve_rows(on)]
    levels = []
    for on in groups:
        for method, seeds in on.methods().items():
            if any(len(way.step) for way in seeds):
                found = [at_level(seeds, on, level) for level in LEVELS]
                levels.append([*_where(on, several), method, *(shown(at) for at in found)])
    fronts = [[*_where(on, several), each.method, each.seeds, each.left, each.destroyed, "yes" if each.on_front else "no", f"{100 * each.share:.0f} %"]
              for on in groups for each in standings(on)]
    halves = " Counted on the half of the questions that no rule chose by." if any(on.by_halves for on in groups) else ""
    made = []
    if curves:
        made.append(Table("trajectories", "Known forget answers that are still right (no probe asked), and held-out retain answers destroyed, behind each save point, "
                          "seeds pooled." + halves, ["model", "data", "method", "step", "epoch", "seeds", "still right", "destroyed", "selected by seeds"], curves))
        made.append(Table("destruction_at", "Destruction of held-out retain answers where that share of the known forget answers is forgotten first: linear between "
                          "points, from nothing on; mean over the seeds that reach it, 95 % percentile bootstrap over questions and seeds. A dash: not reached." + halves,
                          ["model", "data", "method", *(f"at {100 * level:.0f} % forgotten" for level in LEVELS)], levels))
    if fronts:
        made.append(Table("pareto", "Knowledge left (probes included) against destruction, seeds pooled: which methods no other one beats in both, and in how many of "
                          f"{RESAMPLES} resamples of questions and seeds." + halves,
                          ["model", "data", "method", "seeds", "knowledge left", "destroyed", "on the front", "in resamples"], fronts))
    return made


def shown(at: At) -> str:
    """12.5 % (8.0-20.1; 2 of 3 seeds)."""
    if math.isnan(at.value):
        return "-"
    reached = "" if at.reached == at.seeds else f"; {at.reached} of {at.seeds} seeds"
    return f"{100 * at.value:.1f} % ({100 * at.low:.1f}-{100 * at.high:.1f}{reached})"
