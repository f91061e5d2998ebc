"""How far attribution methods agree about the same prompts: rank correlation and overlap of the k largest."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .model import Cell
from .page import write_page
from .plotting import new_figure, style
from .reading import ResultsError, load_cell
from .text import DASH


@dataclass(frozen=True)
class Pair:
    """Two methods on the prompts that both attributed."""

    first: str
    second: str
    correlation: NDArray[np.float64]  # Spearman's, a prompt; NaN where one method gives all tokens the same
    overlap: NDArray[np.float64]  # |top k of one and the other| / k, a prompt


@dataclass(frozen=True)
class Agreement:
    """All pairs of methods."""

    methods: list[str]
    answer: str
    top: int
    prompts: int
    chance: float  # mean overlap of two random choices: k / n
    pairs: dict[tuple[int, int], Pair]


def load(paths: Sequence[str | Path]) -> list[Cell]:
    """The results files behind folders of `unpact attribute`, or single files."""
    cells = []
    for path in map(Path, paths):
        files = sorted((path / "baselines").glob("*.h5")) or sorted(path.glob("*.h5")) if path.is_dir() else [path]
        if len(files) != 1:
            raise ResultsError(f"{path}: {len(files)} results files in it, expected one; name the file")
        cells.append(load_cell(files[0]))
    return cells


def name_of(cell: Cell) -> str:
    """The method, with the settings that tell two runs of it apart."""
    told = ((key, value) for key, value in sorted(cell.attribution_settings.items())
            if key not in ("engine", "removes") and not key.startswith("verified_"))
    named = [key if key == "inexact" else f"{key} {value}" for key, value in told]
    settings = ", ".join(named + [cell.compute_dtype] * (cell.compute_dtype != "fp32"))
    return f"{cell.attribution_method} ({settings})" if settings else cell.attribution_method


def ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Ranks from 1, equal values share the mean of theirs."""
    values = np.asarray(values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    result = np.empty(len(values))
    result[order] = np.arange(1, len(values) + 1)
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.bincount(inverse, weights=result) / counts)[inverse] if len(values) else result


def spearman(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Spearman's rank correlation; NaN for fewer than two values, or where one side does not vary."""
    if len(first) < 2:
        return math.nan
    a, b = ranks(first), ranks(second)
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale else math.nan


def top_overlap(first: NDArray[np.floating], second: NDArray[np.floating], k: int) -> float:
    """Share of the k largest of one that are among the k largest of the other; of ties the earlier token counts."""
    k = min(k, len(first))
    if k == 0:
        return math.nan
    best = [set(np.argsort(-np.asarray(values, dtype=np.float64), kind="stable")[:k].tolist()) for values in (first, second)]
    return len(best[0] & best[1]) / k


def measure(cells: Sequence[Cell], answer: str, top: int) -> Agreement:
    """Compare every pair of methods. Raises ResultsError when the prompts or answers are not the same."""
    if len(cells) < 2:
        raise ResultsError("at least two results are needed to compare methods")
    names = [name_of(cell) for cell in cells]
    if len(set(names)) != len(names):
        raise ResultsError(f"two results come from the same method with the same settings: {', '.join(sorted({n for n in names if names.count(n) > 1}))}")
    parts = [getattr(cell.target, answer) for cell in cells]
    for cell, part in zip(cells[1:], parts[1:]):
        if not np.array_equal(cell.token_ids.values, cells[0].token_ids.values) or not np.array_equal(cell.token_ids.offsets, cells[0].token_ids.offsets):
            raise ResultsError(f"{cell.path} and {cells[0].path} are about different prompts")
        if not np.array_equal(part.answer_ids.values, parts[0].answer_ids.values):
            raise ResultsError(f"{cell.path} and {cells[0].path} are about different answers; the gold answers are the same for every model")
    rows = [q for q in range(len(cells[0].question)) if all(len(part.contributions[q]) for part in parts)]
    if not rows:
        raise ResultsError("no prompt was attributed by all methods")
    pairs = {}
    for i, first in enumerate(parts):
        for j, second in enumerate(parts[:i]):
            both = [(first.contributions[q], second.contributions[q]) for q in rows]
            pairs[i, j] = Pair(names[i], names[j], np.array([spearman(a, b) for a, b in both]), np.array([top_overlap(a, b, top) for a, b in both]))
    sizes = np.array([len(parts[0].contributions[q]) for q in rows])
    return Agreement(names, answer, top, len(rows), float(np.mean(np.minimum(top, sizes) / sizes)), pairs)


def mean_and_error(values: NDArray[np.float64]) -> tuple[float, float, int]:
    """Mean, its standard error, and over how many values; NaN is left out."""
    kept = values[~np.isnan(values)]
    if not len(kept):
        return math.nan, math.nan, 0
    return float(kept.mean()), float(kept.std(ddof=1) / math.sqrt(len(kept))) if len(kept) > 1 else math.nan, len(kept)


def _shown(values: NDArray[np.float64]) -> str:
    mean, error, count = mean_and_error(values)
    if not count:
        return f"{DASH} (n = 0)"
    return f"{mean:.2f} ± {error:.2f} (n = {count})" if not math.isnan(error) else f"{mean:.2f} (n = {count})"


def table(agreement: Agreement) -> list[list[str]]:
    """A row a pair, headings first."""
    head = ["method", "other method", "Spearman's rank correlation", f"overlap of the {agreement.top} largest"]
    return [head] + [[pair.first, pair.second, _shown(pair.correlation), _shown(pair.overlap)] for pair in agreement.pairs.values()]


def markdown(agreement: Agreement) -> str:
    """The table in Markdown."""
    lines = table(agreement)
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def csv_text(agreement: Agreement) -> str:
    """The table in CSV with all digits."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["method", "other_method", "correlation", "correlation_error", "correlation_prompts", "overlap", "overlap_error", "overlap_prompts"])
    for pair in agreement.pairs.values():
        numbers = [*mean_and_error(pair.correlation), *mean_and_error(pair.overlap)]
        writer.writerow([pair.first, pair.second, *("" if isinstance(n, float) and math.isnan(n) else f"{n:.10g}" for n in numbers)])
    return out.getvalue()


def figure(agreement: Agreement) -> Figure:
    """Two matrices of methods: rank correlation and overlap, with the number in every field."""
    count = len(agreement.methods)
    with style():
        picture = new_figure(max(9.6, 1.3 * count + 4), max(3.2, 0.55 * count + 1.6))
        for axes, what, low in zip(picture.subplots(1, 2), ("correlation", "overlap"), (-1.0, 0.0)):
            values = np.full((count, count), np.nan)
            for (i, j), pair in agreement.pairs.items():
                values[i, j] = values[j, i] = mean_and_error(getattr(pair, what))[0]
            np.fill_diagonal(values, 1.0)
            axes.imshow(values, cmap="RdBu" if low < 0 else "Blues", vmin=low, vmax=1.0)
            for (i, j), value in np.ndenumerate(values):
                dark = not math.isnan(value) and (abs(value) > 0.65 if low < 0 else value > 0.6)
                axes.text(j, i, DASH if math.isnan(value) else f"{value:.2f}", ha="center", va="center", fontsize=8.5, color="white" if dark else "#222222")
            axes.set_title("rank correlation (Spearman)" if low < 0 else f"overlap of the {agreement.top} largest (chance {agreement.chance:.2f})")
            short = [name.replace(" (", "\n(") for name in agreement.methods]
            axes.set_xticks(range(count), short, rotation=40, ha="right", fontsize=7.5)
            axes.set_yticks(range(count), short, fontsize=7.5)
            axes.grid(visible=False)
            axes.spines[:].set_visible(False)
            axes.tick_params(length=0)
    return picture


def write(agreement: Agreement, out: Path) -> list[Path]:
    """Write the page, and beside it the table and the picture; returns what was written."""
    words = " ".join(f"{p.first} and {p.second}: correlation {_shown(p.correlation)}, overlap {_shown(p.overlap)}." for p in agreement.pairs.values())
    note = [f"Means over {agreement.prompts} prompts ± their standard errors; contributions to the {agreement.answer} answer.",
            f"Two random choices of {agreement.top} tokens of these prompts would overlap by {agreement.chance:.2f}.",
            "Attention rollout does not look at the answer and knows no sign; it is listed for comparison."]
    return write_page(out, "Agreement of attribution methods", note, figure(agreement), words, [("", table(agreement))], csv_text(agreement), markdown(agreement))
