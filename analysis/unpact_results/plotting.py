"""Style of the figures, and figures as accessible inline SVG."""

from __future__ import annotations

import io
import re
from html import escape

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

OUTCOME_COLOURS = {"forgotten": "#d55e00", "retained": "#0072b2", "destroyed": "#a5367a", "kept": "#009e73", "unknown": "#8c8c8c"}
MODEL_COLOURS = ["#0b5394", "#c04f00", "#00775a", "#8a3f8f", "#6b6b00", "#333333", "#a5004f", "#006d8f"]  # dark enough for small labels on white
MODEL_MARKERS = ["o", "s", "D", "^", "v", "P", "X", "p"]
STYLE = {
    "font.family": ["DejaVu Sans"], "font.size": 9.5, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#555555",
    "axes.labelcolor": "#222222", "axes.titlesize": 10, "axes.titleweight": "bold", "axes.titlelocation": "left", "xtick.color": "#333333",
    "ytick.color": "#333333", "axes.grid": True, "grid.color": "#e4e4e4", "grid.linewidth": 0.7, "axes.axisbelow": True, "legend.frameon": False,
    "legend.fontsize": 9, "svg.fonttype": "none", "figure.facecolor": "white", "savefig.facecolor": "white",
}
FONTS = "'DejaVu Sans', Verdana, 'Segoe UI', sans-serif"


def new_figure(width: float, height: float) -> Figure:
    """A figure that belongs to no window. Use inside `style()`."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def style():
    """Context with the style of all figures."""
    return matplotlib.rc_context(STYLE)


def to_svg(figure: Figure, prefix: str, title: str, description: str) -> str:
    """A figure as an SVG element: own ids, title and description, no size in points."""
    out = io.StringIO()
    with matplotlib.rc_context(STYLE | {"svg.hashsalt": prefix}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', text)
    text = text.replace("'DejaVu Sans'", FONTS)
    opening, rest = text.split(">", 1)
    viewbox = re.search(r'viewBox="([^"]+)"', opening)
    width = re.search(r'width="([\d.]+)pt"', opening)
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" viewBox="{viewbox[1] if viewbox else ""}" '
            f'style="max-width:{float(width[1]) * 4 / 3 if width else 900:.0f}px" aria-labelledby="{prefix}-t {prefix}-d" version="1.1">')
    return f'{head}<title id="{prefix}-t">{escape(title)}</title><desc id="{prefix}-d">{escape(description)}</desc>{rest}'


def pdf_of(figure: Figure) -> bytes:
    """A figure as PDF with its fonts, without a date."""
    out = io.BytesIO()
    with matplotlib.rc_context(STYLE | {"pdf.fonttype": 42}):
        figure.savefig(out, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return out.getvalue()


def png_of(figure: Figure, dpi: int = 160) -> bytes:
    """A figure as PNG, without a date."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi)
    return out.getvalue()


def model_style(models: list[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each model."""
    return {model: (MODEL_COLOURS[i % len(MODEL_COLOURS)], MODEL_MARKERS[i % len(MODEL_MARKERS)]) for i, model in enumerate(dict.fromkeys(models))}
