"""Rates, intervals, and everything that can be computed again from the log-probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from .model import Cell, Outcome, Rate, Split

Z95 = 1.959963984540054  # 97.5 % point of the normal distribution


def wilson(count: float, total: int, z: float = Z95) -> tuple[float, float]:
    """Wilson score interval of count / total; NaN where total is 0.

    A sum of values in [0, 1] may stand for the count: such values vary at most as much as yes/no answers with the
    same mean, so the interval is then conservative.
    """
    if total == 0:
        return math.nan, math.nan
    share = min(1.0, max(0.0, count / total))
    scale = 1.0 + z * z / total
    centre = (share + z * z / (2 * total)) / scale
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / scale
    low = 0.0 if share == 0.0 else max(0.0, centre - half)
    high = 1.0 if share == 1.0 else min(1.0, centre + half)
    return low, high


def rate(count: float, total: int, name: str = "") -> Rate:
    """A rate with its Wilson interval."""
    low, high = wilson(count, total)
    return Rate(count, total, count / total if total else math.nan, low, high, name)


def mean_rate(values: Iterable[float], name: str = "") -> Rate:
    """Mean of values in [0, 1] with a conservative Wilson interval; NaN values are left out."""
    array = np.asarray(list(values), dtype=float)
    array = np.clip(array[~np.isnan(array)], 0.0, 1.0)
    return rate(float(array.sum()), len(array), name)


def difference(first: Rate, second: Rate) -> tuple[float, float, float]:
    """first - second with Newcombe's interval (his method 10, built from the two Wilson intervals)."""
    if not first.total or not second.total:
        return math.nan, math.nan, math.nan
    gap = first.value - second.value
    low = gap - math.hypot(first.value - first.low, second.high - second.value)
    high = gap + math.hypot(first.high - first.value, second.value - second.low)
    return gap, max(-1.0, low), min(1.0, high)


def contributions(matrix: NDArray[np.floating]) -> NDArray[np.float64]:
    """C of every removal from an (n + 1) x T matrix whose first row is the unablated prompt."""
    means = np.asarray(matrix, dtype=np.float64).mean(axis=1)
    return means[0] - means[1:]


def key_tokens(values: NDArray[np.floating], alpha: float, beta: float) -> NDArray[np.bool_]:
    """KeyTokens: at least alpha of the largest contribution, and at least beta."""
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        return np.zeros(0, dtype=bool)
    return (values >= alpha * values.max()) & (values >= beta)


def uncertain_key_tokens(values: NDArray[np.floating], errors: NDArray[np.floating], alpha: float, beta: float,
                         noise_floor: float) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which verdicts of key_tokens noise could turn, and how far each is from the edge of that (docs/results-format.md)."""
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        return np.zeros(0, dtype=bool), np.zeros(0)
    noise = np.full(len(values), 2 * noise_floor) + (1.96 * np.asarray(errors, dtype=np.float64) if len(errors) else 0.0)
    largest = int(values.argmax())
    relative = alpha * values[largest]
    if relative > beta:
        noise = noise + alpha * noise[largest]
    margin = np.abs(values - max(relative, beta)) - noise
    return ~(margin >= 0), margin


def set_cosine(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Cosine of two KeyToken sets: 0 where one is empty, NaN where both are."""
    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if not first.any() and not second.any():
        return math.nan
    if not first.any() or not second.any():
        return 0.0
    return float((first & second).sum() / math.sqrt(int(first.sum()) * int(second.sum())))


def set_cosines(cell: Cell, answer: str) -> NDArray[np.float64]:
    """Cosine of the KeyToken sets of every question for one answer ("own" or "gold"); NaN where it does not exist."""
    pairs = zip(getattr(cell.target, answer).is_key_token, getattr(cell.unlearned, answer).is_key_token, strict=True)
    return np.array([set_cosine(a, b) if len(a) == len(b) else math.nan for a, b in pairs], dtype=float)


def contribution_cosine(first: NDArray, second: NDArray, union: NDArray[np.bool_]) -> float:
    """Cosine of two contribution vectors over a union of KeyTokens; NaN where it is empty."""
    union = np.asarray(union, dtype=bool)
    if not union.any():
        return math.nan
    a, b = np.asarray(first, dtype=float)[union], np.asarray(second, dtype=float)[union]
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b / scale) if scale else 0.0


def outcomes(split: NDArray, right_before: NDArray, right_after: NDArray) -> NDArray[np.uint8]:
    """Outcome of every question from the judge's two verdicts."""
    forget = np.asarray(split) == Split.forget
    before, after = np.asarray(right_before, dtype=bool), np.asarray(right_after, dtype=bool)
    result = np.full(len(forget), Outcome.unknown, dtype=np.uint8)
    result[forget & before & after] = Outcome.retained
    result[forget & before & ~after] = Outcome.forgotten
    result[~forget & before & after] = Outcome.kept
    result[~forget & before & ~after] = Outcome.destroyed
    return result


def recovery(cell: Cell, probe_name: str) -> Rate:
    """Forgotten questions that at least one attempt of a probe gets right."""
    forgotten = set(cell.where(Outcome.forgotten).tolist())
    probe = cell.probes.get(probe_name)
    if probe is None:
        return rate(0, 0, probe_name)
    rows = [row for row, question in enumerate(probe.question.tolist()) if question in forgotten]
    return rate(sum(bool(probe.is_right[row].any()) for row in rows), len(rows), probe_name)


def recovery_by(cell: Cell, kind: str) -> Rate:
    """Recovery rate of the leading probe of a kind; 0/0 where there is none."""
    probe = cell.leading(kind)
    return recovery(cell, probe.name) if probe else rate(0, 0, kind)


def destruction(cell: Cell) -> Rate:
    """Destroyed / (kept + destroyed)."""
    destroyed = len(cell.where(Outcome.destroyed))
    return rate(destroyed, destroyed + len(cell.where(Outcome.kept)), "destructive")


def right_share(cell: Cell, which: str, split: Split) -> Rate:
    """Share of a split that a model ("target" or "unlearned") gets right."""
    mask = cell.split == split
    right = getattr(cell, which).is_right[mask]
    return rate(int(right.sum()), int(mask.sum()), f"{which} right on {split.name}")


def focus_shift(cell: Cell, outcome: Outcome) -> Rate:
    """Mean focus shift of the questions with an outcome; counts questions where one model has KeyTokens."""
    return mean_rate(cell.shift[cell.where(outcome)], f"focus shift of {outcome.name}")


def pool(rates: Iterable[Rate], name: str = "") -> Rate:
    """Rates of several seeds as one: counts and totals added."""
    rates = list(rates)
    return rate(sum(r.count for r in rates), sum(r.total for r in rates), name)
