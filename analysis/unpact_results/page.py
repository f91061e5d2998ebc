"""A small self-contained HTML page of pictures and tables, in the style of the report."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from jinja2 import Environment, PackageLoader
from matplotlib.figure import Figure

from .files import replace_file
from .plotting import pdf_of, png_of, to_svg
from .tables import Table as TableOf

Picture = tuple[str, str]  # heading, SVG
Table = tuple[str, list[list[str]]]  # heading, rows with the headings of the columns first


def write_page(out: Path, title: str, notes: Sequence[str], figure: Figure, words: str, tables: Sequence[Table], csv: str, markdown: str) -> list[Path]:
    """Write OUT with a figure and tables, and the same name with .svg, .pdf, .png, .csv, .md and .tex; returns what was written."""
    out.parent.mkdir(parents=True, exist_ok=True)
    picture = to_svg(figure, "figure", title, words)
    named = [(heading or title, rows) for heading, rows in tables]
    latex = "\n".join(TableOf(f"{out.stem}_{number}", heading, rows[0], list(rows[1:])).latex() for number, (heading, rows) in enumerate(named, 1))
    contents: dict[str, str | bytes] = {out.suffix: html(title, notes, [("", picture)], tables), ".svg": picture, ".pdf": pdf_of(figure), ".png": png_of(figure, 200),
                                        ".csv": csv, ".md": markdown, ".tex": latex}
    for suffix, content in contents.items():
        replace_file(out.with_suffix(suffix), content)
    return [out.with_suffix(suffix) for suffix in contents]


def html(title: str, notes: Sequence[str], pictures: Sequence[Picture], tables: Sequence[Table]) -> str:
    """The page. Everything but the pictures is escaped; `to_svg` escapes their text."""
    loader = PackageLoader("unpact_results")
    css = loader.get_source(Environment(loader=loader, autoescape=True), "report.css")[0]
    body = [f"<h1>{escape(title)}</h1>"] + [f"<p>{escape(note)}</p>" for note in notes]
    for heading, svg in pictures:
        body.append((f"<h2>{escape(heading)}</h2>" if heading else "") + f"<figure>{svg}</figure>")
    for heading, rows in tables:
        cells = [[f'<{tag} class="l">{escape(text)}</{tag}>' for text in row] for row, tag in zip(rows, ["th"] + ["td"] * len(rows))]
        lines = "".join(f"<tr>{''.join(row)}</tr>" for row in cells)
        body.append((f"<h2>{escape(heading)}</h2>" if heading else "") + f'<div class="wide"><table class="data">{lines}</table></div>')
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
            f"<title>{escape(title)}</title><style>{css}</style></head><body><main>{''.join(body)}</main></body></html>\n")
