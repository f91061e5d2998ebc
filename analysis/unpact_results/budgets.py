"""Probes at equal budgets: recovery over the number of attempts, what each wins back alone, what it costs, and how much is left.

Q = forgotten questions that a probe could ask, n = attempts of a question that count (they do not tell the answer), c = those of them that are right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .dilemma import verdict_of, what_leaves_much
from .model import Cell, Outcome, Probe, Rate
from .statistics import arm_rate, knowledge_rates, recovery, reported

Z95 = 1.959963984540054
SEED = 20240607


def any_of(n: NDArray[np.integer] | int, c: NDArray[np.integer] | int, m: int) -> NDArray[np.float64]:
    """The chance that one of m attempts, drawn without replacement from n of which c are right, is right: 1 - C(n - c, m) / C(n, m).

    A question with fewer than m attempts is asked all it has. Unbiased for m <= n (Chen et al., arXiv 2107.03374, pass@k).
    """
    n_, c_ = np.broadcast_arrays(np.asarray(n, dtype=np.int64), np.asarray(c, dtype=np.int64))
    none = np.ones(n_.shape)
    drawn = np.minimum(m, n_)
    for i in range(int(drawn.max(initial=0))):
        here = i < drawn
        none[here] *= np.maximum(n_[here] - c_[here] - i, 0) / (n_[here] - i)
    return 1 - none


def counts(cell: Cell, probe: Probe) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Of each forgotten question that the probe asked: its number, n and c."""
    counted = probe.counts.copy()
    if probe.put is not None:
        counted &= np.array([[bool(text) for text in row] for row in probe.put], dtype=bool).reshape(counted.shape)
    n, c = counted.sum(axis=1), (counted & probe.is_right).sum(axis=1)
    question = probe.question.astype(np.int64)
    chosen = (cell.outcome[question] == Outcome.forgotten) & probe.is_asked & (n > 0)
    return question[chosen], n[chosen], c[chosen]


@dataclass(frozen=True)
class Curve:
    """Recovery over m = 1, 2, ...; with a 95 % bootstrap interval over questions (10,000 draws, seeded)."""

    probe: str
    label: str
    kind: str
    questions: int
    rate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    tokens_a_recovery: float  # all attempts' tokens by questions won back in any of them; NaN: none, or an older file
    alone: int  # questions that no other probe (controls aside) wins back


def curves(cell: Cell, draws: int = 10_000) -> list[Curve]:
    """One a probe, up to its own number of attempts; compare two at an m that both have."""
    found = {name: counts(cell, probe) for name, probe in cell.probes.items()}
    won = {name: set(question[c > 0].tolist()) for name, (question, _, c) in found.items()}
    return [_curve(cell, name, found[name], won, draws) for name in cell.probes]


def _curve(cell: Cell, name: str, counted: tuple, won: dict[str, set[int]], draws: int) -> Curve:
    probe = cell.probes[name]
    question, n, c = counted
    most = len(probe.attempt_labels)
    values = np.stack([any_of(n, c, m) for m in range(1, most + 1)]) if most and len(question) else np.full((most, 0), math.nan)
    low, high = _bootstrap(values, draws)
    others = set().union(*(won[other] for other, p in cell.probes.items() if other != name and p.kind != "control"), set())
    asked = np.isin(probe.question.astype(np.int64), question)
    tokens = math.nan if probe.tokens is None or not won[name] else float(probe.tokens[asked].sum()) / len(won[name])
    return Curve(name, probe.label, probe.kind, len(question), values.mean(axis=1) if len(question) else np.full(most, math.nan), low, high,
                 tokens, len(won[name] - others))


def _bootstrap(values: NDArray[np.float64], draws: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of the means of rows (m x Q), questions drawn with replacement, the same ones for every m."""
    if not values.shape[1]:
        return np.full(values.shape[0], math.nan), np.full(values.shape[0], math.nan)
    drawn = np.random.default_rng(SEED).multinomial(values.shape[1], np.full(values.shape[1], 1 / values.shape[1]), size=draws)
    means = values @ drawn.T / values.shape[1]
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    return low, high


def gap(cell: Cell, first: str, second: str, m: int, draws: int = 10_000) -> tuple[float, float, float]:
    """Recovery at m of two probes on the questions that both asked: the difference, and its paired bootstrap interval."""
    (a, n_a, c_a), (b, n_b, c_b) = counts(cell, cell.probes[first]), counts(cell, cell.probes[second])
    both, in_a, in_b = np.intersect1d(a, b, return_indices=True)
    if not len(both):
        return math.nan, math.nan, math.nan
    values = (any_of(n_a[in_a], c_a[in_a], m) - any_of(n_b[in_b], c_b[in_b], m))[None, :]
    low, high = _bootstrap(values, draws)
    return float(values.mean()), float(low[0]), float(high[0])


def worst_case(cell: Cell) -> tuple[int, int]:
    """Forgotten questions that any probe but controls wins back, of those that any of them asked."""
    asked: set[int] = set()
    won: set[int] = set()
    for probe in cell.probes.values():
        if probe.kind == "control":
            continue
        question, _, c = counts(cell, probe)
        asked |= set(question.tolist())
        won |= set(question[c > 0].tolist())
    return len(won), len(asked)


@dataclass(frozen=True)
class Occupancy:
    """psi = share of questions whose answer is still there, p = chance that an attempt shows it; psi with its 95 % profile interval."""

    psi: float
    p: float
    low: float
    high: float


def occupancy(n: NDArray[np.integer], c: NDArray[np.integer], false_accept: float = 0.0) -> Occupancy:
    """The zero-inflated binomial of repeated detections (MacKenzie et al. 2002): prod_q [psi B(c; n, p) + (1 - psi) B(c; n, f)].

    f is the judge's false-accept rate: with 0 an empty question shows nothing. Maximum likelihood by EM, the interval where twice the log-likelihood
    falls by 3.84. Identified only where p > f and some n > 1.
    """
    n, c = np.asarray(n, dtype=np.float64), np.asarray(c, dtype=np.float64)
    psi, p = _em(n, c, false_accept, None)
    best = _log_likelihood(n, c, false_accept, psi, p)

    def drop(share: float) -> float:
        return 2 * (best - _log_likelihood(n, c, false_accept, share, _em(n, c, false_accept, share)[1])) - Z95**2

    return Occupancy(psi, p, _crossing(drop, psi, 0.0), _crossing(drop, psi, 1.0))


def _shares(n: NDArray, c: NDArray, f: float, psi: float, p: float) -> NDArray[np.float64]:
    """The chance that each question's answer is there; the binomial's factor cancels."""
    there = np.log(max(psi, 1e-300)) + c * np.log(max(p, 1e-300)) + (n - c) * np.log(max(1 - p, 1e-300))
    away = np.log(max(1 - psi, 1e-300)) + np.where(c > 0, c * np.log(max(f, 1e-300)), 0) + (n - c) * np.log1p(-f)
    return np.asarray(np.exp(there - np.logaddexp(there, away)))


def _em(n: NDArray, c: NDArray, f: float, fixed: float | None) -> tuple[float, float]:
    if not c.sum():
        return (0.0 if fixed is None else fixed), 0.0
    psi, p = (max(float(np.mean(c > 0)), 0.5) if fixed is None else fixed), max(float(c.sum() / n.sum()), 1e-3)
    for _ in range(100_000):
        share = _shares(n, c, f, psi, p)
        weight = float((share * n).sum())
        new_psi, new_p = (float(share.mean()) if fixed is None else fixed), (float((share * c).sum()) / weight if weight > 0 else 0.0)
        done = abs(new_psi - psi) < 1e-13 and abs(new_p - p) < 1e-13
        psi, p = new_psi, new_p
        if done:
            break
    return psi, p


def _log_likelihood(n: NDArray, c: NDArray, f: float, psi: float, p: float) -> float:
    there = np.log(max(psi, 1e-300)) + c * np.log(max(p, 1e-300)) + (n - c) * np.log(max(1 - p, 1e-300))
    away = np.log(max(1 - psi, 1e-300)) + np.where(c > 0, c * np.log(max(f, 1e-300)), 0) + (n - c) * np.log1p(-f)
    return float(np.logaddexp(there, away).sum())


def _crossing(drop, inside: float, outside: float) -> float:  # type: ignore[no-untyped-def]
    """Where the drop becomes positive between the best share and a bound; the bound where it does not."""
    if drop(outside) <= 0:
        return outside
    for _ in range(60):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if drop(middle) <= 0 else (inside, middle)
    return (inside + outside) / 2


def markdown(cell: Cell) -> str:
    """A table of one cell: recovery over the attempts beside floor and ceiling, what each probe wins back alone, what that costs, and what decides."""
    cell = reported(cell)
    made = curves(cell)
    lines = ["| probe | kind | asked | at 1, 2, ... attempts | at all (95 %) | floor | ceiling | alone | tokens a recovery | still there (95 %) |", "|---|---|---|---|---|---|---|---|---|---|"]
    for curve in made:
        _, n, c = counts(cell, cell.probes[curve.probe])
        there = occupancy(n, c) if len(n) and c.sum() else None
        shown = f"{there.psi:.2f} ({there.low:.2f} to {there.high:.2f})" if there else "–"
        if not curve.questions:
            lines.append(f"| {curve.label} | {curve.kind} | 0 | – | – | – | – | – | – | – |")
            continue
        tokens = "–" if math.isnan(curve.tokens_a_recovery) else f"{curve.tokens_a_recovery:,.0f}"
        floor, ceiling = (_share(arm_rate(cell, arm, curve.probe)) for arm in ("floor", "target"))
        over = " ".join(f"{value:.3f}" for value in curve.rate)
        lines.append(f"| {curve.label} | {curve.kind} | {curve.questions} | {over} | {curve.rate[-1]:.3f} ({curve.low[-1]:.3f} to "
                     f"{curve.high[-1]:.3f}) | {floor} | {ceiling} | {curve.alone} | {tokens} | {shown} |")
    won, asked = worst_case(cell)
    known = knowledge_rates(cell)
    back = {probe.label: int(recovery(cell, name).count) for name, probe in cell.probes.items() if probe.kind != "control"}
    cause = what_leaves_much(known["knowledge_left"], known["still_right"], back)
    said = f" Verdict: {verdict_of(cell)}; {f'much is left by {cause}' if cause else 'no probe brings much back'}."
    said += " Half of the questions chose the cell's point or mixture; all numbers are of the others." if cell.on_half else ""
    return "\n".join([*lines, "", f"Any probe but controls: {won} of {asked} forgotten questions.{said}"]) + "\n"


def _share(rate: Rate) -> str:
    return f"{rate.value:.3f}" if rate.total else "–"
