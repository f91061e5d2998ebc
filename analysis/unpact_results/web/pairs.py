"""What takes two cells: KeyTokens of two seeds, of two data sets, by two methods of attribution; the same cell in two campaigns."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np

from .. import agreement, stability
from ..model import Knowledge, Outcome
from ..reading import ResultsError, load_cell
from ..statistics import gap_interval, mcnemar
from .chunks import plain_number
from .digest import segment_sums
from .gather import Gathered

GROUP = ("model", "dataset", "method")


def _group(entry: dict[str, Any], *more: str) -> tuple[Any, ...]:
    return tuple(entry[name] for name in (*GROUP, *more))


def across_seeds(made: Gathered) -> list[dict[str, Any]]:
    """For each model, data set and method: mean cosine of the KeyToken sets after unlearning of two seeds, over questions with any, and over pairs."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for number, entry in enumerate(made.entries):
        groups.setdefault(_group(entry, "campaign", "prompts"), []).append(number)
    result = []
    for key, numbers in groups.items():
        values = [seed_cosines(made, a, b) for a, b in combinations(numbers, 2)]
        if values:
            joined = np.concatenate(values)
            joined = joined[~np.isnan(joined)]
            result.append(
                {
                    "model": key[0],
                    "dataset": key[1],
                    "method": key[2],
                    "campaign": key[3],
                    "pairs": len(values),
                    "count": len(joined),
                    "cosine": plain_number(float(joined.mean())) if len(joined) else None,
                }
            )
    return result


def seed_cosines(made: Gathered, first: int, second: int) -> np.ndarray:
    """The set cosine of each question that both cells have measured; NaN where neither has KeyTokens."""
    a, b, sizes = made.keys[first], made.keys[second], made.sizes[first]
    measured = segment_sums((a < 2) & (b < 2), sizes) == sizes
    both, of_a, of_b = (segment_sums(part, sizes).astype(float) for part in ((a == 1) & (b == 1), a == 1, b == 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.where(of_a * of_b > 0, both / np.sqrt(of_a * of_b), np.where(of_a + of_b > 0, 0.0, np.nan))
    return cosine[measured & (sizes > 0)]


def across_datasets(made: Gathered) -> list[dict[str, Any]]:
    """Pairs of targets of one model on two data sets: how far their KeyTokens are the same token ids."""
    owners = {entry["target"]: entry for entry in reversed(made.entries)}
    result = []
    for (key, first), (other, second) in combinations(made.targets.items(), 2):
        if owners[key]["model"] == owners[other]["model"] and owners[key]["dataset"] != owners[other]["dataset"]:
            found = stability.overlap(first, second)
            result.append(
                {
                    "model": owners[key]["model"],
                    "first": first.name,
                    "second": second.name,
                    "shared": found.shared,
                    "cosine": _or_none(found.cosine),
                    "correlation": _or_none(found.correlation),
                }
            )
    return result


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def of_attributions(made: Gathered) -> list[dict[str, Any]]:
    """Agreement of the attribution methods that were used on the same prompts, for gold answers of the target."""
    groups: dict[str, dict[str, int]] = {}
    for number, entry in enumerate(made.entries):
        groups.setdefault(entry["prompts"], {}).setdefault(entry["attribution"], number)
    result = []
    for methods in groups.values():
        if len(methods) < 2:
            continue
        entry = made.entries[next(iter(methods.values()))]
        try:
            measured = agreement.measure(
                [load_cell(made.paths[number], lazy=True) for number in methods.values()], "gold", 3
            )
        except ResultsError as error:
            result.append({"model": entry["model"], "dataset": entry["dataset"], "error": str(error)})
            continue
        for pair in measured.pairs.values():
            correlation, overlap = (agreement.mean_and_error(part) for part in (pair.correlation, pair.overlap))
            result.append(
                {
                    "model": entry["model"],
                    "dataset": entry["dataset"],
                    "first": pair.first,
                    "second": pair.second,
                    "count": measured.prompts,
                    "correlation": _or_none(correlation[0]),
                    "overlap": _or_none(overlap[0]),
                }
            )
    return result


KNOWN = (Knowledge.still_right, Knowledge.recovered, Knowledge.gone)
MEASURES = {
    "knowledge left": ("state", KNOWN, KNOWN[:2]),
    "destructive rate": ("outcome", (Outcome.kept, Outcome.destroyed), (Outcome.destroyed,)),
}


def between_campaigns(made: Gathered) -> list[dict[str, Any]]:
    """The first campaign beside each other one, cell by cell with the same questions, seeds pooled: a difference with its paired interval."""
    first = {_group(entry, "seed"): number for number, entry in enumerate(made.entries) if entry["campaign"] == 0}
    pairs: dict[tuple[Any, ...], list[tuple[int, int]]] = {}
    for number, entry in enumerate(made.entries):
        other = first.get(_group(entry, "seed"))
        if entry["campaign"] and other is not None and made.entries[other]["questions"] == entry["questions"]:
            pairs.setdefault((*_group(entry), entry["campaign"]), []).append((other, number))
    return [
        {"model": key[0], "dataset": key[1], "method": key[2], "campaign": key[3]} | _difference(made, found, measure)
        for key, found in pairs.items()
        for measure in MEASURES
    ]


def between_models(made: Gathered) -> list[dict[str, Any]]:
    """Two models of the first campaign on the same questions, by data set and method, seeds pooled: a difference with its paired interval."""
    cells: dict[tuple[Any, ...], dict[str, int]] = {}
    for number, entry in enumerate(made.entries):
        if entry["campaign"] == 0:
            cells.setdefault((entry["dataset"], entry["method"], entry["seed"], entry["questions"]), {})[entry["model"]] = (
                number
            )
    pairs: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    for (dataset, method, *_), models in cells.items():
        for first, other in combinations(models, 2):
            pairs.setdefault((first, other, dataset, method), []).append((models[first], models[other]))
    return [
        {"model": key[0], "other_model": key[1], "dataset": key[2], "method": key[3]} | _difference(made, found, measure)
        for key, found in pairs.items()
        for measure in MEASURES
    ]


def _difference(made: Gathered, pairs: list[tuple[int, int]], measure: str) -> dict[str, Any]:
    column, counted, hits = MEASURES[measure]
    counts = np.zeros(4, int)  # questions, hits of the first alone, of the other alone, of both
    for a, b in pairs:
        one, other = made.columns[a][column], made.columns[b][column]
        both = np.isin(one, counted) & np.isin(other, counted)
        for number in (a, b):  # what chose a point or mixture says nothing of it
            both &= made.columns[number].get("chose", np.zeros(len(both), np.uint8)) == 0
        hit, hit_other = np.isin(one, hits) & both, np.isin(other, hits) & both
        counts += [
            int(both.sum()),
            int((hit & ~hit_other).sum()),
            int((hit_other & ~hit).sum()),
            int((hit & hit_other).sum()),
        ]
    total, only_first, only_other, shared = map(int, counts)
    low, high = gap_interval(only_other, only_first, total) if total else (math.nan, math.nan)
    return {
        "measure": measure,
        "seeds": len(pairs),
        "count": total,
        "first": only_first + shared,
        "other": only_other + shared,
        "gap": (only_other - only_first) / total if total else None,
        "low": _or_none(low),
        "high": _or_none(high),
        "p": mcnemar(only_first, only_other),
    }
