"""The other figures of the report: focus shift, contributions before and after, losses."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .model import Campaign, Cell, Outcome, Rate
from .plotting import OUTCOME_COLOURS, new_figure, style
from .statistics import focus_shift, pool

CLASSES = (Outcome.forgotten, Outcome.retained, Outcome.destroyed, Outcome.kept)
LOSSES = {"loss": ("#222222", "-", "loss"), "forget_loss": ("#d55e00", "--", "forget term"), "retain_loss": ("#0072b2", ":", "retain term")}
COLUMNS = 4


def grouped(cells: Iterable[Cell]) -> dict[tuple[str, str], dict[str, list[Cell]]]:
    """Cells by (model, dataset), then by method."""
    result: dict[tuple[str, str], dict[str, list[Cell]]] = {}
    for cell in cells:
        result.setdefault((cell.model, cell.dataset), {}).setdefault(cell.method, []).append(cell)
    return result


def focus_bars(campaign: Campaign) -> Figure:
    """Mean focus shift of each outcome class and method; a panel a model and dataset."""
    groups = grouped(campaign.cells)
    with style():
        figure = new_figure(9.6, 0.5 + 2.55 * max(1, len(groups)))
        panels = figure.subplots(max(1, len(groups)), 1, squeeze=False)[:, 0]
        for axes, ((model, dataset), methods) in zip(panels, groups.items()):
            _bars(axes, methods, max(3, *(len(m) for m in groups.values())) if groups else 3)
            axes.set_title(f"{model}, {dataset}", pad=9)
        handles = [Patch(color=OUTCOME_COLOURS[o.name], label=o.name) for o in CLASSES]
        figure.legend(handles=handles, loc="outside upper left", ncols=4)
    return figure


def _bars(axes: Axes, methods: dict[str, list[Cell]], places: int) -> None:
    width = 0.2
    for place, cells in enumerate(methods.values()):
        for number, outcome in enumerate(CLASSES):
            rate = pool(focus_shift(cell, outcome) for cell in cells)
            _bar(axes, place + (number - 1.5) * width, width, rate, OUTCOME_COLOURS[outcome.name])
    axes.set_xticks(range(len(methods)), list(methods))
    axes.set(ylim=(0, 1.04), xlim=(-0.6, places - 0.4), ylabel="mean focus shift")
    axes.tick_params(axis="x", length=0, pad=14)
    axes.grid(axis="x", visible=False)


def _bar(axes: Axes, x: float, width: float, rate: Rate, colour: str) -> None:
    if rate.total:
        axes.bar(x, rate.value, width * 0.9, color=colour, zorder=2)
        axes.errorbar(x, rate.value, yerr=[[rate.value - rate.low], [rate.high - rate.value]], fmt="none", ecolor="#333333", elinewidth=0.9, capsize=2, zorder=3)
    axes.annotate(f"{rate.total}" if rate.total else "–", (x, 0), xytext=(0, -3), textcoords="offset points", ha="center", va="top", fontsize=7.2,
                  color="#444444", annotation_clip=False)


def _grid(count: int, height: float, shared: bool) -> tuple[Figure, list[Axes]]:
    columns = min(COLUMNS, max(2, count))
    lines = max(1, math.ceil(count / columns))
    figure = new_figure(2.45 * columns, 0.45 + height * lines)
    panels = figure.subplots(lines, columns, squeeze=False, sharex=shared, sharey=shared).ravel()
    for axes in panels[count:]:
        axes.set_visible(False)
    return figure, list(panels[:count])


def contribution_scatter(campaign: Campaign) -> Figure:
    """Contribution of every candidate before and after; a panel a method, model and dataset, seeds together."""
    groups = [(key, method, cells) for key, methods in grouped(campaign.cells).items() for method, cells in methods.items()]
    data = [_pairs(cells) for _, _, cells in groups]
    sizes = np.concatenate([np.abs(d[:, :2]).ravel() for d in data]) if data else np.zeros(0)
    limit = max(0.5, float(np.quantile(sizes, 0.9995)) * 1.08) if len(sizes) else 1.0
    with style():
        figure, panels = _grid(len(groups), 2.55, shared=True)
        for axes, (key, method, _), values in zip(panels, groups, data):
            _contributions(axes, values, limit)
            axes.set_title(f"{method}\n{key[0]}, {key[1]}", fontsize=8.2, fontweight="normal")
        figure.supxlabel("contribution before (nats per answer token)", fontsize=9.5)
        figure.supylabel("contribution after", fontsize=9.5)
        handles = [Line2D([], [], color=OUTCOME_COLOURS[o.name], marker="o", markersize=5, linestyle="", label=o.name) for o in CLASSES]
        figure.legend(handles=handles, loc="outside upper left", ncols=4, handletextpad=0.1)
    return figure


def _pairs(cells: list[Cell]) -> np.ndarray:
    """(before, after, outcome) of every candidate token, for the gold answer."""
    parts = [np.zeros((0, 3))]
    for cell in cells:
        for question, (a, b) in enumerate(zip(cell.target.gold.contributions, cell.unlearned.gold.contributions, strict=True)):
            if len(a) == len(b):
                parts.append(np.column_stack([a, b, np.full(len(a), cell.outcome[question])]))
    values = np.concatenate(parts)
    return values[np.isfinite(values).all(axis=1)]


def _contributions(axes: Axes, values: np.ndarray, limit: float) -> None:
    axes.axline((0, 0), slope=1, color="#999999", linewidth=0.8, zorder=1)
    axes.axhline(0, color="#bbbbbb", linewidth=0.8, zorder=1)
    axes.axvline(0, color="#bbbbbb", linewidth=0.8, zorder=1)
    for outcome in reversed(CLASSES):
        chosen = np.clip(values[values[:, 2] == outcome], -limit, [limit, limit, 9])
        axes.scatter(chosen[:, 0], chosen[:, 1], s=6, color=OUTCOME_COLOURS[outcome.name], alpha=0.5, linewidths=0, rasterized=True, zorder=2)
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit))
    axes.set_aspect("equal")


def loss_curves(campaign: Campaign) -> Figure:
    """Losses of every cell over its steps; each panel has its own scale."""
    with style():
        figure, panels = _grid(len(campaign.cells), 1.95, shared=False)
        for axes, cell in zip(panels, campaign.cells):
            _losses(axes, cell)
        handles = [Line2D([], [], color=colour, linestyle=line, label=name) for colour, line, name in LOSSES.values()]
        figure.legend(handles=handles, loc="outside upper left", ncols=3)
        figure.supxlabel("optimizer step", fontsize=9.5)
    return figure


def _losses(axes: Axes, cell: Cell) -> None:
    axes.set_title(f"{cell.method}, seed {cell.seed}\n{cell.model}, {cell.dataset}", fontsize=8.2, fontweight="normal")
    axes.tick_params(labelsize=8)
    steps = cell.training["step"]
    if not len(steps):
        axes.text(0.5, 0.5, "no training steps", transform=axes.transAxes, ha="center", va="center", color="#666666", fontsize=8.5)
        axes.set_axis_off()
        return
    for name, (colour, line, _) in LOSSES.items():
        marker = "o" if len(steps) == 1 else ""
        axes.plot(steps, cell.training[name], color=colour, linestyle=line, linewidth=1.3, marker=marker, markersize=3)
