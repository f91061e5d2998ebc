"""Knowledge left against destruction: the dilemma in one picture, with the study's recovery rate beside it."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter
from matplotlib.transforms import Bbox

from .dilemma import BOTH, DESTRUCTION_LIMIT, DESTRUCTIVE, INSUFFICIENT, LEFT_LIMIT, NEITHER, Point
from .labels import Label, place
from .plotting import model_style, new_figure, style

CORNERS = {  # quadrant: x, y in axes coordinates, alignment, second line
    INSUFFICIENT: (0.012, 0.985, "left", "top", ""),
    BOTH: (0.988, 0.985, "right", "top", "much is left, and wrecked"),
    NEITHER: (0.012, 0.015, "left", "bottom", "the goal"),
    DESTRUCTIVE: (0.988, 0.015, "right", "bottom", "the model is wrecked"),
}


def dilemma_scatter(points: list[Point]) -> Figure:
    """One panel a dataset, one point a method and model, with 95 % Wilson intervals."""
    drawn = [point for point in points if point.complete]
    datasets = list(dict.fromkeys(point.dataset for point in points)) or ["no cells"]
    styles = model_style([point.model for point in points])
    with style():
        figure = new_figure(7.6 if len(datasets) == 1 else 10.5, 5.7 * (1 + (len(datasets) - 1) // 2) if len(datasets) > 1 else 5.9)
        grid = figure.subplots((len(datasets) + 1) // 2, min(2, len(datasets)), squeeze=False).ravel()
        for axes in grid[len(datasets) :]:
            axes.set_visible(False)
        panels = list(zip(grid, datasets))
        for axes, dataset in panels:
            _frame(axes, dataset, ", ".join(dict.fromkeys(point.probe for point in points if point.dataset == dataset and point.probe)))
            for point in drawn:
                if point.dataset == dataset:
                    _point(axes, point, *styles[point.model])
        handles = [Line2D([], [], color=c, marker=m, linestyle="", markersize=6.5, label=model) for model, (c, m) in styles.items()]
        if handles:
            figure.legend(handles=handles, loc="outside upper left", ncols=min(4, len(handles)), handletextpad=0.2)
        for axes, dataset in panels:
            _label(axes, [point for point in drawn if point.dataset == dataset], styles)
    return figure


def _frame(axes: Axes, dataset: str, probe: str) -> None:
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.1, 1.1), yticks=[0, 0.2, 0.4, 0.6, 0.8, 1.0], xlabel="destructive rate (retain questions destroyed)",
             ylabel=f"knowledge left (forget questions)\nhollow: recovery rate{f' by {probe}' if probe else ''}", title=dataset)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.axvspan(-0.03, DESTRUCTION_LIMIT, 0, (LEFT_LIMIT + 0.1) / 1.2, color="#eaf5ee", zorder=0, linewidth=0)
    axes.axvline(DESTRUCTION_LIMIT, color="#777777", linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    axes.axhline(LEFT_LIMIT, color="#777777", linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)


def _point(axes: Axes, point: Point, colour: str, marker: str) -> None:
    x, y, back = point.destroyed, point.left, point.recovered
    if back.total:
        axes.plot([x.value, x.value], [back.value, y.value], color=colour, linewidth=0.7, linestyle=(0, (1, 2)), alpha=0.7, zorder=2)
        axes.plot(x.value, back.value, marker=marker, color="white", markersize=5, markeredgecolor=colour, markeredgewidth=0.9, zorder=3)
    axes.errorbar(x.value, y.value, xerr=[[x.value - x.low], [x.high - x.value]], yerr=[[y.value - y.low], [y.high - y.value]], fmt="none",
                  ecolor=colour, elinewidth=0.9, alpha=0.38, capsize=0, zorder=2)
    axes.plot(x.value, y.value, marker=marker, color=colour, markersize=7, markeredgecolor="white", markeredgewidth=0.8, zorder=4)


def _label(axes: Axes, points: list[Point], styles: dict[str, tuple[str, str]]) -> None:
    figure = axes.figure
    figure.canvas.draw()
    blocked = []
    for name, (x, y, across, up, words) in CORNERS.items():
        text = axes.text(x, y, f"{name.upper()}: {words}" if words else name.upper(), transform=axes.transAxes, ha=across, va=up, fontsize=7.2, color="#5f5f5f", zorder=1.5)
        blocked.append(Bbox(text.get_window_extent()))
    labels = [Label(p.destroyed.value, p.left.value, p.method + (f" ×{p.seeds}" if p.seeds > 1 else ""), styles[p.model][0]) for p in points]
    place(axes, labels, blocked)
