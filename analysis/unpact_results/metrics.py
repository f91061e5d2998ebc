"""The field's metrics of cells: what follows from what, and tables of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .model import Campaign, Cell, Metric
from .schema import METRIC_SAYS
from .statistics import Z95
from .structure import Report
from .text import DASH, MINUS

COLUMN = "metric_"  # then the name: a column of a campaign's table
ATTACKS = ("loss", "zlib", "min_k", "min_k_plus_plus")


def auc(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Share of the pairs in which the second value is larger, equal ones by half."""
    below, upto = np.searchsorted(np.sort(first), second, "left"), np.searchsorted(np.sort(first), second, "right")
    return float((below + upto).mean() / (2 * len(first))) if len(first) and len(second) else math.nan


def harmonic_mean(values: list[float]) -> float:
    """0 where any is 0."""
    return 0.0 if min(values) <= 0 else len(values) / sum(1 / value for value in values)


def leak_at(n: int, c: int, k: int) -> float:
    """The chance that one of k samples, drawn without replacement from n of which c leak, leaks."""
    return 1 - math.comb(n - c, k) / math.comb(n, k) if k <= n else 0.0


def expected(cell: Cell, model: str) -> dict[str, float]:
    """Values of a model's metrics that follow from others, or from the rest of the file."""
    found = {name: metric for name, metric in cell.metrics.items() if not math.isnan(getattr(metric, model)[0])}
    value = {name: getattr(metric, model)[0] for name, metric in found.items()}
    items = {name: getattr(metric, f"{model}_items") for name, metric in found.items()}
    made = {name: float(part.mean()) for name, part in items.items() if len(part)}
    made |= {f"{name}_auc": auc(items[f"{name}_forget"], items[f"{name}_holdout"]) for name in ATTACKS if f"{name}_auc" in found and f"{name}_forget" in items}
    parts = [value.get(f"{name}_forget", math.nan) for name in ("extraction_strength", "exact_memorization", "paraphrased_probability", "truth_score")]
    if "memorization" in found and not any(map(math.isnan, parts)):
        made["memorization"] = harmonic_mean([1 - part for part in parts])
    probe = cell.leading("baseline")
    if model == "unlearned" and probe is not None and len(probe.question):
        n = probe.is_right.shape[1]
        rates = {k: np.mean([leak_at(n, int(row.sum()), k) for row in probe.is_right]) for k in (2**i for i in range(n.bit_length())) if k <= n}
        made |= {f"leak_at_{k}": float(rate) for k, rate in rates.items() if f"leak_at_{k}" in found}
    return made


def check_metrics(cell: Cell, report: Report) -> None:
    """Everything in /metrics that follows from something else."""
    for name, metric in cell.metrics.items():
        where = f"/metrics[{name}]"
        if metric.larger_says not in METRIC_SAYS:
            report(where, f"larger_says is {metric.larger_says!r}, expected one of {', '.join(METRIC_SAYS)}")
        for model in ("target", "unlearned"):
            _check_value(where, metric, model, report)
    for model in ("target", "unlearned"):
        for name, value in expected(cell, model).items():
            stored = getattr(cell.metrics[name], model)[0]
            if not math.isclose(stored, value, rel_tol=1e-9, abs_tol=1e-12):
                report(f"/metrics[{name}]", f"the value of the {model} is {stored:.10g}, but it follows {value:.10g}")


def _check_value(where: str, metric: Metric, model: str, report: Report) -> None:
    value, low, high = getattr(metric, model)
    items = getattr(metric, f"{model}_items")
    if len(items) and len(items) != metric.count:
        report(where, f"has {len(items)} items of the {model} and the count {metric.count}")
    if not math.isnan(low) and not low <= value <= high:
        report(where, f"the value of the {model} lies outside of its interval")
    if len(items) > 1 and not math.isclose(high - value, Z95 * items.std(ddof=1) / math.sqrt(len(items)), rel_tol=1e-6, abs_tol=1e-9):
        report(where, f"the interval of the {model} is not that of its items")


def campaign_row(cell: Cell) -> dict[str, float]:
    """The columns of a campaign's table that follow from a cell."""
    row: dict[str, float] = {}
    for metric in cell.metrics.values():
        base = COLUMN + metric.name
        row |= dict(zip((base, f"{base}_low", f"{base}_high"), metric.unlearned, strict=True)) | {f"{base}_target": metric.target[0], f"{base}_count": metric.count}
    return row


@dataclass(frozen=True)
class MetricTable:
    """The metrics of one model and dataset: a row a metric, a column the target and each cell."""

    model: str
    dataset: str
    columns: list[str]
    rows: list[tuple[str, str, list[str]]]  # name, what a larger value says, values


def number(value: float) -> str:
    """A metric's value."""
    return DASH if math.isnan(value) else f"{value:.3g}".replace("-", MINUS)


def tables(campaign: Campaign) -> list[MetricTable]:
    """One table a model and dataset that has metrics."""
    pairs: dict[tuple[str, str], list[Cell]] = {}
    for cell in campaign.cells:
        if cell.metrics:
            pairs.setdefault((cell.model, cell.dataset), []).append(cell)
    return [_table(*pair, cells) for pair, cells in pairs.items()]


def _table(model: str, dataset: str, cells: list[Cell]) -> MetricTable:
    names: dict[str, Metric] = {}
    for cell in cells:
        for name, metric in cell.metrics.items():
            names.setdefault(name, metric)
    rows = []
    for name, metric in names.items():
        of_target = next((c.metrics[name].target for c in cells if name in c.metrics), (math.nan,) * 3)
        values = [of_target] + [c.metrics[name].unlearned if name in c.metrics else (math.nan,) * 3 for c in cells]
        rows.append((f"{metric.label} ({name}, n = {metric.count})", metric.larger_says.replace("_", " "), [_with_interval(value) for value in values]))
    return MetricTable(model, dataset, ["target", *(f"{c.method}, seed {c.seed}" for c in cells)], rows)


def _with_interval(value: tuple[float, float, float]) -> str:
    middle, low, high = value
    return number(middle) if math.isnan(low) else f"{number(middle)} ({number(low)} to {number(high)})"
