"""Places labels beside points so that they overlap neither each other nor anything else that was drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox


@dataclass(frozen=True)
class Label:
    """A text that belongs to a point in data coordinates."""

    x: float
    y: float
    text: str
    colour: str


DISTANCES = (7, 12, 20, 30, 42, 56, 72)  # points
ANGLES = (35, -35, 145, -145, 0, 180, 90, -90, 65, -65, 115, -115)


def place(axes: Axes, labels: Sequence[Label], blocked: Sequence[Bbox] = (), size: float = 8.5) -> None:
    """Draw the labels; each takes the nearest free place, with a thin line to its point when it is far."""
    figure = axes.figure
    figure.canvas.draw()
    figure.set_layout_engine("none")
    assert isinstance(figure.canvas, FigureCanvasAgg)
    renderer = figure.canvas.get_renderer()
    pixel = figure.dpi / 72
    frame = axes.get_window_extent(renderer)
    anchors = [axes.transData.transform((label.x, label.y)) for label in labels]
    taken = [Bbox.from_bounds(x - 5 * pixel, y - 5 * pixel, 10 * pixel, 10 * pixel) for x, y in anchors] + list(blocked)
    points = len(anchors)
    for number in sorted(range(len(labels)), key=lambda i: (-labels[i].y, labels[i].x)):
        label, (x, y) = labels[number], anchors[number]
        probe = axes.text(label.x, label.y, label.text, fontsize=size)
        extent = probe.get_window_extent(renderer)
        probe.remove()
        width, height = extent.width * 1.08 + 2 * pixel, extent.height + pixel
        box, far = _best(x, y, width, height, pixel, frame, taken, number if number < points else -1)
        taken.append(box)
        centre = ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)
        if far:
            end = axes.transData.inverted().transform((min(max(x, box.x0), box.x1), min(max(y, box.y0), box.y1)))
            axes.plot([label.x, end[0]], [label.y, end[1]], color=label.colour, linewidth=0.6, zorder=2.5)
        at = axes.transData.inverted().transform(centre)
        axes.text(*at, label.text, fontsize=size, color=label.colour, ha="center", va="center", zorder=5,
                  bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.3})


def _best(x: float, y: float, width: float, height: float, pixel: float, frame: Bbox, taken: Sequence[Bbox], own: int) -> tuple[Bbox, bool]:
    best, best_cost = None, math.inf
    for distance in DISTANCES:
        for angle in ANGLES:
            dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            cx, cy = x + dx * (distance * pixel + width / 2), y + dy * (distance * pixel + height / 2)
            box = Bbox.from_bounds(cx - width / 2, cy - height / 2, width, height)
            outside = box.x0 < frame.x0 or box.x1 > frame.x1 or box.y0 < frame.y0 or box.y1 > frame.y1
            hit = sum(_overlap(box, other) for i, other in enumerate(taken) if i != own)
            cost = hit * 10 + (width * height * 20 if outside else 0) + distance
            if cost < best_cost:
                best, best_cost = (box, distance > DISTANCES[1]), cost
        if best is not None and best_cost <= distance:
            break
    assert best is not None
    return best


def _overlap(a: Bbox, b: Bbox) -> float:
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return width * height if width > 0 and height > 0 else 0.0
