"""More figures of a paper, in the same style: the heat map, the way of the unlearnings, KeyTokens by class, losses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from .paper_figures import panels_of
from .paper_strips import Made
from .plotting import MODEL_COLOURS, new_figure, style
from .pooled import COLUMNS, MEANS, Pooled
from .statistics import rate
from .web.gather import Gathered
from .web.index import VIEW_WORDS
from .web.ways_section import figure_of_ways

SHOWN_RUNS = 24
LOSSES = {"loss": ("#222222", "-"), "forget_loss": ("#d55e00", "--"), "retain_loss": ("#0072b2", ":")}


def more_figures(made: Gathered, rows: Sequence[Pooled]) -> list[Made | None]:
    """Name, caption and figure, in order; None where there is nothing to draw."""
    along = figure_of_ways(made.ways)
    return [
        ("heat", "Measures by method, model and data set, seeds pooled; darker is more.", heat(rows)) if rows else None,
        None if along is None else ("trajectories", "Destruction along the way of forgetting: a line a method and setting, seeds pooled, from the target on.", along),
        ("key_tokens", "Share of KeyTokens among candidate tokens before and after unlearning, by class of token, with 95 % Wilson intervals; all cells.", key_tokens(made)),
        _losses(made),
    ]


def heat(rows: Sequence[Pooled]) -> Figure:
    """A panel a measure: methods by model and data set."""
    methods = list(dict.fromkeys(row.method for row in rows))
    sets = list(dict.fromkeys((row.model, row.dataset) for row in rows))
    with style():
        figure, panels = panels_of(len(COLUMNS), 2, 2.4 + 0.42 * max(1, len(sets)), 1.5 + 0.26 * len(methods))
        for axes, (name, words) in zip(panels, COLUMNS.items(), strict=True):
            values = np.full((len(methods), len(sets)), np.nan)
            for row in rows:
                if row.rates.get(name) is not None and row.rates[name].total:
                    values[methods.index(row.method), sets.index((row.model, row.dataset))] = row.rates[name].value
            axes.imshow(np.ma.masked_invalid(values), cmap="Blues", vmin=0, vmax=1, aspect="auto")
            for (line, column), value in np.ndenumerate(values):
                if not np.isnan(value):
                    text = f"{value:.2f}" if name in MEANS else f"{100 * value:.0f}"
                    axes.text(column, line, text, ha="center", va="center", fontsize=7.5, color="white" if value > 0.6 else "black")
            axes.set_xticks(range(len(sets)), [f"{model}, {dataset}" for model, dataset in sets], rotation=35, ha="right", fontsize=7.5)
            axes.set_yticks(range(len(methods)), methods, fontsize=8)
            axes.set_title(words if name in MEANS else f"{words} (%)")
            axes.grid(visible=False)
    return figure


def key_tokens(made: Gathered) -> Figure:
    """A panel a kind of class, two bars a class."""
    with style():
        figure = new_figure(10.0, 6.0)
        for axes, (view, (title, classes)) in zip(figure.subplots(2, 2).ravel(), VIEW_WORDS.items(), strict=True):
            for place in range(len(classes)):
                total, before, after, _ = (sum(entry["keys"][view][place][column] for entry in made.entries) for column in range(4))
                for side, (count, colour) in enumerate(((before, MODEL_COLOURS[0]), (after, MODEL_COLOURS[1]))):
                    share = rate(count, total)
                    if share.total:
                        x = place + 0.4 * side - 0.2
                        axes.bar(x, share.value, 0.36, color=colour, zorder=2)
                        axes.errorbar(x, share.value, yerr=[[share.value - share.low], [share.high - share.value]], fmt="none", ecolor="#333333", elinewidth=0.8, zorder=3)
            axes.set_xticks(range(len(classes)), [name.replace(" ", "\n", 1) for name in classes], fontsize=8)
            axes.set(title=title, ylim=(0, None), ylabel="share of KeyTokens")
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
            axes.grid(axis="x", visible=False)
        figure.legend(handles=[Patch(color=MODEL_COLOURS[side], label=word) for side, word in enumerate(("before", "after"))], loc="outside upper left", ncols=2)
    return figure


def _losses(made: Gathered) -> Made | None:
    runs = [(entry, run["losses"]) for entry, run in zip(made.entries, made.runs, strict=True) if run["losses"]["step"]]
    if not runs:
        return None
    left_out = f" The first {SHOWN_RUNS} of {len(runs)} cells." if len(runs) > SHOWN_RUNS else ""
    with style():
        figure, panels = panels_of(min(len(runs), SHOWN_RUNS), 4, 2.5, 1.7)
        for axes, (entry, found) in zip(panels, runs, strict=False):
            for name, (colour, dash) in LOSSES.items():
                axes.plot(found["step"], [np.nan if value is None else value for value in found[name]], color=colour, linestyle=dash, linewidth=1.1)
            axes.set_title(f"{entry['method']}, {entry['model']},\n{entry['dataset']}, seed {entry['seed']}", fontsize=8)
        handles = [Line2D([], [], color=colour, linestyle=dash, label=name.replace("_", " ")) for name, (colour, dash) in LOSSES.items()]
        figure.legend(handles=handles, loc="outside upper left", ncols=3)
    return "losses", f"Loss, forget term and retain term by optimizer step; each panel has its own scale.{left_out}", figure
