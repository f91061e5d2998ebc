"""The report's section on the way of the unlearnings: lines that the page draws, tables that are made here, since their intervals come from resampling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..model import Rate
from ..plotting import model_style, new_figure, style
from ..tables import Table, Value
from ..text import DASH, full, mean_full
from ..ways import Counted, Way, counted, curve_rows, tables


MOST_NAMED = 10  # lines with a name each; of more, the settings of one method share a colour and its name


@dataclass(frozen=True)
class WaysSection:
    """What the page shows; rows are texts, the headings of the columns first."""

    lines: list[dict[str, Any]]  # a line a model, data set, method: what is still right and what is destroyed at each step, as counts
    tables: list[tuple[str, str, list[list[str]]]]  # name, caption, rows


def section_of(ways: Sequence[Way]) -> WaysSection | None:
    """None where no cell was looked at on its way."""
    if not any(len(way.step) for way in ways):
        return None
    groups = [on for on in counted(ways) if any(len(way.step) for way in on.ways)]
    return WaysSection([line for on in groups for line in lines_of(on)], [(table.name, table.caption, texts_of(table)) for table in tables(ways)])


def lines_of(on: Counted) -> list[dict[str, Any]]:
    """The lines of one model and data set."""
    first = on.ways[0]
    lines: dict[str, dict[str, Any]] = {}
    for method, step, _, _, still_right, destroyed, _ in curve_rows(on):
        line = lines.setdefault(method, {"model": first.model, "dataset": first.dataset, "campaign": int(first.campaign or 0), "method": method, "points": []})
        line["points"].append([step, int(still_right.count), still_right.total, int(destroyed.count), destroyed.total])
    return list(lines.values())


def texts_of(table: Table) -> list[list[str]]:
    """A table as texts."""

    def text(heading: str, value: Value) -> str:
        if isinstance(value, Rate):
            return (mean_full if heading in table.means else full)(value)
        return DASH if value == "-" else str(value)

    return [table.headings, *([text(heading, value) for heading, value in zip(table.headings, row, strict=True)] for row in table.rows)]


def figure_of_ways(ways: Sequence[Way]) -> Figure | None:
    """The picture of all that was looked at on its way; None where nothing was."""
    groups = [on for on in counted(ways) if any(len(way.step) for way in on.ways)]
    return figure_of(groups) if groups else None


def figure_of(groups: Sequence[Counted]) -> Figure:
    """A panel a model and data set: what is forgotten against what is destroyed, from the target (0, 0) on, points joined."""
    with style():
        columns = min(2, len(groups))
        lines = math.ceil(len(groups) / columns)
        figure = new_figure(5.4 * columns, 4.4 * lines)
        grid = figure.subplots(lines, columns, squeeze=False).ravel()
        for axes in grid[len(groups) :]:
            axes.set_visible(False)
        for axes, on in zip(grid, groups, strict=False):
            axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="known forget answers forgotten", ylabel="held-out retain answers destroyed",
                     title=f"{on.ways[0].model}, {on.ways[0].dataset}")
            axes.xaxis.set_major_formatter(PercentFormatter(1.0))
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
            paths: dict[str, list[tuple[float, float]]] = {}
            for method, *_, still_right, destroyed, _ in curve_rows(on):
                paths.setdefault(method, [(0.0, 0.0)]).append((1 - still_right.value, destroyed.value))
            named = {method: method if len(paths) <= MOST_NAMED else method.split("-")[0] for method in paths}
            looks = model_style(list(dict.fromkeys(named.values())))
            for name, (colour, marker) in looks.items():
                for i, method in enumerate(method for method in paths if named[method] == name):
                    axes.plot(*zip(*paths[method], strict=True), color=colour, marker=marker, markersize=4.5, linewidth=1.2, label=name if i == 0 else None)
            axes.legend(loc="upper left", fontsize=7.5)
    return figure
