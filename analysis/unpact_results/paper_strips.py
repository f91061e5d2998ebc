"""Token strips as a figure of a paper."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from . import strips
from .choose import choose
from .plotting import new_figure, style
from .reading import load_cell
from .web.gather import Gathered, colour_limit

Made = tuple[str, str, Figure]  # name, caption, figure


def example_strips(made: Gathered) -> Made | None:
    """One instructive question of the first cell that has one: before, after and difference."""
    limit = colour_limit(made.histogram)
    for path in made.paths:
        cell = load_cell(path, lazy=True)
        chosen = choose(cell)
        found = strips.build(cell, chosen[0].question, cell.focus_answer, limit) if chosen else None
        if chosen and found is not None:
            words = (
                f"Contributions to each model's own answer, {cell.method} on {cell.model}, {cell.dataset}, question {chosen[0].question} ({chosen[0].kind}): "
                f"before, after, difference; colours saturate at {limit:g} nats per token, frames are KeyTokens, dashed ones lost."
            )
            return "strips", words, strip_figure(found)
    return None


def strip_figure(made: strips.Strips) -> Figure:
    """The strips of a question, line under line."""
    step, line_height = 0.085, 0.85
    with style():
        figure = new_figure(1.0 + strips.LINE_WIDTH * step, 0.2 + line_height * len(made.lines))
        axes = figure.subplots()
        axes.set_axis_off()
        for number, line in enumerate(made.lines):
            _strip_line(axes, line, -number * 4.0)
        axes.set(xlim=(-12, strips.LINE_WIDTH + 6), ylim=(-4.0 * len(made.lines) + 0.6, 0.4))
    return figure


def _strip_line(axes: Axes, line: Sequence[strips.Column], top: float) -> None:
    for row, name in enumerate(strips.ROWS):
        axes.text(-1, top - row - 0.5, name, ha="right", va="center", fontsize=7, color="#595959")
    x = 0.0
    for column in line:
        text = "".join(piece.text for piece in column.pieces).replace("$", r"\$")
        for row, box in enumerate(column.boxes):
            edge = {"": "none", "lost": "black"}.get(box.frame, "black")
            axes.add_patch(
                Rectangle(
                    (x, top - row - 0.92),
                    column.width - 0.15,
                    0.84,
                    facecolor=box.background,
                    edgecolor=edge,
                    linewidth=0.9,
                    linestyle="--" if box.frame == "lost" else "-",
                )
            )
            axes.text(
                x + column.width / 2,
                top - row - 0.5,
                text,
                ha="center",
                va="center",
                fontsize=6.6,
                family="DejaVu Sans Mono",
                color="white" if box.light_text else "black",
            )
        if not column.boxes:
            axes.text(
                x + column.width / 2,
                top - 1.5,
                text,
                ha="center",
                va="center",
                fontsize=6.6,
                family="DejaVu Sans Mono",
                color="#767676",
                style="italic",
            )
        x += column.width
