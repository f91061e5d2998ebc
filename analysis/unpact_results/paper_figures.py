"""The figures of a paper, in one style: from what the report gathered of all cells."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from .dilemma import DESTRUCTION_LIMIT, LEFT_LIMIT
from .labels import Label, place
from .model import Outcome, Rate
from .paper_strips import Made, example_strips
from .plotting import MODEL_COLOURS, OUTCOME_COLOURS, new_figure, style
from .pooled import Pooled, probes_of
from .statistics import rate
from .web.chunks import unpack
from .web.gather import Gathered, colour_limit

CLASSES = (Outcome.forgotten, Outcome.retained, Outcome.destroyed, Outcome.kept)


def all_figures(made: Gathered, rows: Sequence[Pooled]) -> list[Made | None]:
    """Name, caption and figure, in order; None where there is no question to show."""
    return [
        (
            "dilemma",
            "Knowledge left against destructive rate: a point a method, seeds pooled, with 95 % Wilson intervals; dotted the Pareto front, dashed our limits.",
            dilemma(rows),
        ),
        (
            "focus_shift",
            "Mean focus shift (1 - cosine of the KeyToken sets before and after) by outcome and method, seeds pooled, with 95 % Wilson intervals.",
            focus_shift(made),
        ),
        (
            "contributions",
            "Contribution of every candidate token to the gold answer before and after unlearning, by method, all models, data sets and seeds; logarithmic counts.",
            contributions(made),
        ),
        ("recovery", "Recovery rate over the number of attempts, by method, with 95 % Wilson intervals.", recovery(made)),
        example_strips(made),
    ]


def panels_of(count: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels in a grid."""
    columns = max(1, min(columns, count))
    lines = max(1, math.ceil(count / columns))
    figure = new_figure(width * columns, 0.5 + height * lines)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes in panels[count:]:
        axes.set_visible(False)
    return figure, list(panels[: max(count, 0)])


def pareto(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points (less is better in both) no other one beats."""
    return np.array(
        [not any(np.all(other <= point) and np.any(other < point) for other in points) for point in points], dtype=bool
    )


def dilemma(rows: Sequence[Pooled]) -> Figure:
    """A panel a model and data set."""
    groups: dict[tuple[str, str], list[Pooled]] = {}
    for row in rows:
        groups.setdefault((row.model, row.dataset), []).append(row)
    methods = list(dict.fromkeys(row.method for row in rows))
    colours = {method: MODEL_COLOURS[number % len(MODEL_COLOURS)] for number, method in enumerate(methods)}
    with style():
        figure, panels = panels_of(len(groups), 3, 3.2, 2.9)
        labels = []
        for axes, ((model, dataset), group) in zip(panels, groups.items(), strict=True):
            labels.append((axes, _dilemma_panel(axes, f"{model}, {dataset}", group, colours)))
        figure.canvas.draw()
        for axes, texts in labels:
            place(axes, texts, [])
    return figure


def _dilemma_panel(axes: Axes, title: str, group: Sequence[Pooled], colours: dict[str, str]) -> list[Label]:
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.05, 1.07), xlabel="destructive rate", ylabel="knowledge left", title=title)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axis.set_ticks([0, 0.5, 1])
    axes.axhline(LEFT_LIMIT, color="#777777", linewidth=0.8, linestyle=(0, (4, 3)))
    axes.axvline(DESTRUCTION_LIMIT, color="#777777", linewidth=0.8, linestyle=(0, (4, 3)))
    pairs = [(row, row.rates["deciding_destruction"], row.rates["knowledge_left"]) for row in group]
    pairs = [(row, x, y) for row, x, y in pairs if x.total and y.total]
    for row, x, y in pairs:
        axes.errorbar(
            x.value,
            y.value,
            xerr=[[x.value - x.low], [x.high - x.value]],
            yerr=[[y.value - y.low], [y.high - y.value]],
            fmt="o",
            color=colours[row.method],
            elinewidth=0.8,
            markersize=4.5,
            markeredgecolor="white",
            markeredgewidth=0.5,
        )
    points = np.array([(x.value, y.value) for _, x, y in pairs]).reshape(-1, 2)
    front = points[pareto(points)] if len(points) else points
    front = front[np.argsort(front[:, 0])]
    axes.plot(front[:, 0], front[:, 1], color="#222222", linewidth=0.9, linestyle=":", zorder=1)
    return [Label(x.value, y.value, row.method, colours[row.method]) for row, x, y in pairs]


def focus_shift(made: Gathered) -> Figure:
    """A panel a model and data set, four bars a method."""
    groups: dict[tuple[str, str], dict[str, list[int]]] = {}
    for number, entry in enumerate(made.entries):
        groups.setdefault((entry["model"], entry["dataset"]), {}).setdefault(entry["method"], []).append(number)
    with style():
        figure, panels = panels_of(len(groups), 3, 3.6, 2.2)
        for axes, ((model, dataset), methods) in zip(panels, groups.items(), strict=True):
            for at, numbers in enumerate(methods.values()):
                for place_, outcome in enumerate(CLASSES):
                    _bar(axes, at + (place_ - 1.5) * 0.2, _shift(made, numbers, outcome), OUTCOME_COLOURS[outcome.name])
            axes.set_xticks(range(len(methods)), list(methods), rotation=35, ha="right", fontsize=8)
            axes.set(ylim=(0, 1.04), ylabel="mean focus shift", title=f"{model}, {dataset}")
            axes.grid(axis="x", visible=False)
        figure.legend(
            handles=[Patch(color=OUTCOME_COLOURS[o.name], label=o.name) for o in CLASSES], loc="outside upper left", ncols=2 if len(groups) < 2 else 4
        )
    return figure


def _shift(made: Gathered, numbers: Sequence[int], outcome: Outcome) -> Rate:
    sums = np.zeros(2)
    for number in numbers:
        entry = made.entries[number]
        sums += entry["counts"][entry["judges"][0]]["shift"][outcome.name]
    return rate(float(sums[0]), int(sums[1]))


def _bar(axes: Axes, x: float, value: Rate, colour: str) -> None:
    if value.total:
        axes.bar(x, value.value, 0.18, color=colour, zorder=2)
        axes.errorbar(
            x,
            value.value,
            yerr=[[value.value - value.low], [value.high - value.value]],
            fmt="none",
            ecolor="#333333",
            elinewidth=0.7,
            zorder=3,
        )


def contribution_pairs(made: Gathered, number: int) -> NDArray[np.float64]:
    """(before, after) of every candidate of a cell for the gold answer, in the unit of its contributions."""
    own, target = (unpack(made.chunks[name])[1] for name in (f"c{number}", made.entries[number]["target"]))
    if not np.array_equal(own["gold_offsets"], target["gold_offsets"]):
        return np.zeros((0, 2))
    pairs = [
        np.where(
            np.abs(part["gold_values"].astype(np.int64)) < np.iinfo(part["gold_values"].dtype).max,
            part["gold_values"] / 1000.0,
            np.nan,
        )
        for part in (target, own)
    ]
    made_pairs = np.column_stack(pairs)
    return made_pairs[np.isfinite(made_pairs).all(axis=1)]


def contributions(made: Gathered) -> Figure:
    """A panel a method."""
    methods: dict[str, list[int]] = {}
    for number, entry in enumerate(made.entries):
        methods.setdefault(entry["method"], []).append(number)
    limit = 1.5 * colour_limit(made.histogram)
    edges = np.linspace(-limit, limit, 81)
    with style():
        figure, panels = panels_of(len(methods), 4, 2.4, 2.4)
        for axes, (method, numbers) in zip(panels, methods.items(), strict=True):
            counts = np.zeros((80, 80))
            for number in numbers:
                pairs = np.clip(contribution_pairs(made, number), -limit, limit)
                counts += np.histogram2d(pairs[:, 0], pairs[:, 1], bins=[edges, edges])[0]
            axes.pcolormesh(
                edges,
                edges,
                np.ma.masked_equal(counts.T, 0),
                norm=LogNorm(1, max(2.0, counts.max())),
                cmap="Blues",
                rasterized=True,
            )
            axes.axline((0, 0), slope=1, color="#999999", linewidth=0.8)
            axes.set(title=f"{method} ({int(counts.sum())})", xlabel="before", ylabel="after", aspect="equal")
    return figure


def recovery(made: Gathered) -> Figure:
    """A panel a method, a line a probe."""
    methods: dict[str, list[dict[str, list[int]]]] = {}
    for entry in made.entries:
        methods.setdefault(entry["method"], []).append(entry["budget"])
    labels = probes_of(made.summaries)
    colours = {name: MODEL_COLOURS[number % len(MODEL_COLOURS)] for number, name in enumerate(labels)}
    with style():
        figure, panels = panels_of(len(methods), 4, 2.4, 1.9)
        for axes, (method, budgets) in zip(panels, methods.items(), strict=True):
            for name in labels:
                _recovery_line(axes, [budget[name] for budget in budgets if len(budget.get(name, [])) > 1], colours[name])
            axes.set(title=method, ylim=(0, 1), xlabel="attempts", ylabel="recovery rate")
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
            axes.xaxis.get_major_locator().set_params(integer=True)
        figure.legend(
            handles=[Line2D([], [], color=colours[name], label=label) for name, label in labels.items()],
            loc="outside upper left",
            ncols=4,
        )
    return figure


def _recovery_line(axes: Axes, budgets: Sequence[Sequence[int]], colour: str) -> None:
    most = max((len(budget) - 1 for budget in budgets), default=0)
    values = [
        rate(sum(b[k] for b in budgets if len(b) - 1 > k), sum(b[-1] for b in budgets if len(b) - 1 > k))
        for k in range(most)
    ]
    if values and values[0].total:
        x = np.arange(1, most + 1)
        axes.plot(x, [v.value for v in values], color=colour, marker="o", markersize=3)
        axes.fill_between(x, [v.low for v in values], [v.high for v in values], color=colour, alpha=0.15, linewidth=0)
