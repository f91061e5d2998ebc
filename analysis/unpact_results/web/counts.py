"""The counts of a cell that the page adds up over cells: verdicts, probes, focus shifts, KeyTokens by class."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import budgets
from ..judging import by_judge
from ..model import Cell, Half, Outcome, Split
from ..reading import ResultsError
from ..stability import (
    EDGES,
    FREQUENCIES,
    KINDS,
    POSITIONS,
    Token,
    edge_of,
    frequency_of,
    kind_of,
)
from ..statistics import flags_of

VIEWS = {"frequency": FREQUENCIES, "position": POSITIONS, "edge": EDGES, "kind": KINDS}
SHIFTED = (Outcome.forgotten, Outcome.retained, Outcome.destroyed, Outcome.kept, Outcome.unknown)


def judges_of(cell: Cell) -> list[str]:
    """The judge that decides, then the others."""
    return [cell.deciding_judge, *cell.judges]


def seen_by(cell: Cell, judge: str) -> Cell:
    """The cell by one of its judges."""
    return cell if judge == cell.deciding_judge else by_judge(cell, judge)


MOST_PROBES = 32  # bits of the page's numbers


def won_masks(cell: Cell) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Of every question: bit p is set where the p-th probe of the cell could ask it; where it got it right."""
    if len(cell.probes) > MOST_PROBES:
        raise ResultsError(f"{cell.path}: it has {len(cell.probes)} probes, and the report shows at most {MOST_PROBES} of a cell")
    asked, won = np.zeros(len(cell.split), np.uint32), np.zeros(len(cell.split), np.uint32)
    for bit, name in enumerate(cell.probes):
        may, right = flags_of(cell, name)
        asked |= may.astype(np.uint32) << np.uint32(bit)
        won |= right.astype(np.uint32) << np.uint32(bit)
    return asked, won


def verdict_counts(cell: Cell) -> dict[str, Any]:
    """Counts of one judge; `masks` counts forgotten questions by which probes could ask them and which won them back."""
    forget, retain = cell.split == Split.forget, cell.split == Split.retain
    asked, won = won_masks(cell)
    forgotten = cell.outcome == Outcome.forgotten
    deciding = cell.half == Half.held_out if cell.has_half(Half.held_out) else np.ones(len(cell.split), dtype=bool)
    masks = Counter(zip(asked[forgotten].tolist(), won[forgotten].tolist(), strict=True))
    shift = cell.shift
    return {
        "forget": int(forget.sum()),
        "retain": int(retain.sum()),
        "target_forget": int(cell.target.is_right[forget].sum()),
        "target_retain": int(cell.target.is_right[retain].sum()),
        "unlearned_forget": int(cell.unlearned.is_right[forget].sum()),
        "unlearned_retain": int(cell.unlearned.is_right[retain].sum()),
        "outcome": [int((cell.outcome == outcome).sum()) for outcome in Outcome],
        "deciding": [int(((cell.outcome == outcome) & deciding).sum()) for outcome in (Outcome.kept, Outcome.destroyed)],
        "masks": [[*key, count] for key, count in sorted(masks.items())],
        "shift": {outcome.name: _sum(shift[cell.outcome == outcome]) for outcome in SHIFTED},
    }


def _sum(values: NDArray[np.float64]) -> list[float]:
    kept = np.clip(values[~np.isnan(values)], 0.0, 1.0)
    return [round(float(kept.sum()), 9), len(kept)]


def all_counts(cell: Cell) -> dict[str, dict[str, Any]]:
    """verdict_counts by every judge."""
    return {judge: verdict_counts(seen_by(cell, judge)) for judge in judges_of(cell)}


def blind_counts(cell: Cell) -> dict[str, list[int]]:
    """[only the target has KeyTokens, the target has KeyTokens] of destroyed and of kept questions, as claim 3 wants them."""
    before, after = ([bool(row.any()) for row in cell.key_tokens(model)] for model in (cell.target, cell.unlearned))
    had, has = np.array(before, dtype=bool), np.array(after, dtype=bool)
    made = {}
    for outcome in (Outcome.destroyed, Outcome.kept):
        chosen = cell.outcome == outcome
        made[outcome.name] = [int((had & ~has & chosen).sum()), int((had & chosen).sum())]
    return made


def recovery_by_attempts(cell: Cell) -> dict[str, list[float]]:
    """For every probe: how many forgotten questions that it asked any of m attempts wins back, m = 1 ..., on average over the choice of attempts;
    last the number of these questions (budgets.any_of)."""
    made = {}
    for name, probe in cell.probes.items():
        _, n, c = budgets.counts(cell, probe)
        made[name] = [*(round(float(budgets.any_of(n, c, m).sum()), 6) for m in range(1, int(n.max(initial=0)) + 1)), len(n)]
    return made


def spent_tokens(cell: Cell) -> dict[str, list[int]]:
    """For every probe: tokens of all attempts on the forgotten questions that it asked, and how many of these it wins back; none of an older file."""
    made = {}
    for name, probe in cell.probes.items():
        if probe.tokens is not None:
            question, _, c = budgets.counts(cell, probe)
            made[name] = [int(probe.tokens[np.isin(probe.question.astype(np.int64), question)].sum()), int((c > 0).sum())]
    return made


def counts_over_steps(cell: Cell) -> list[list[Any]]:
    """Curves of probes that train: probe, model, steps, right and asked questions."""
    return [[curve.probe, curve.arm, *(part.tolist() for part in (curve.steps, curve.right, curve.asked))] for curve in budgets.over_steps(cell)]


def beside_rates(cell: Cell) -> dict[str, dict[str, list[float]]]:
    """For every probe the counts of floor, ceiling and retain questions that stand beside its recovery rate."""
    names = {
        "floor": "floor_",
        "ceiling": "ceiling_",
        "retain, unlearned": "retain_",
        "retain, floor": "floor_retain_",
        "retain, ceiling": "ceiling_retain_",
    }
    found = {name: {word: cell.rates.get(prefix + name) for word, prefix in names.items()} for name in cell.probes}
    return {
        name: {word: [rate.count, rate.total] for word, rate in rates.items() if rate is not None and rate.total}
        for name, rates in found.items()
    }


def candidate_classes(cell: Cell) -> dict[str, NDArray[np.uint8]]:
    """The class of every candidate of all prompts in each view, in order."""
    tokens = []
    for question in range(len(cell.question)):
        where = np.flatnonzero(cell.is_candidate[question]).tolist()
        pieces, ids = cell.pieces_of(question), cell.token_ids[question]
        tokens += [Token(int(ids[at]), pieces[at], place, len(where), False, False) for place, at in enumerate(where)]
    times = Counter(token.id for token in tokens)
    named = {
        "frequency": [frequency_of(times[token.id]) for token in tokens],
        "edge": [edge_of(token) for token in tokens],
        "position": [POSITIONS[int(5 * (token.place + 0.5) / token.count)] for token in tokens],
        "kind": [kind_of(token) for token in tokens],
    }
    return {view: np.array([VIEWS[view].index(name) for name in names], np.uint8) for view, names in named.items()}


def key_token_counts(
    classes: dict[str, NDArray[np.uint8]], before: NDArray[np.bool_], after: NDArray[np.bool_], measured: NDArray[np.bool_]
) -> dict[str, list[list[int]]]:
    """A row a class of each view: candidates, KeyTokens before, after, both."""

    def row(chosen: NDArray[np.bool_]) -> list[int]:
        return [int(part.sum()) for part in (chosen, chosen & before, chosen & after, chosen & before & after)]

    return {
        view: [row(measured & (classes[view] == number)) for number in range(len(names))] for view, names in VIEWS.items()
    }
