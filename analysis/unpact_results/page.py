"""A small self-contained HTML page of pictures and tables, in the style of the report."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from jinja2 import Environment, PackageLoader

Picture = tuple[str, str]  # heading, SVG
Table = tuple[str, list[list[str]]]  # heading, rows with the headings of the columns first


def write_page(out: Path, title: str, notes: Sequence[str], pictures: Sequence[Picture], tables: Sequence[Table], csv: str, markdown: str) -> list[Path]:
    """Write OUT, and the same name with .svg (first picture), .csv and .md; returns what was written."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(html(title, notes, pictures, tables), encoding="utf-8")
    written = [out]
    for suffix, content in ((".svg", pictures[0][1]), (".csv", csv), (".md", markdown)):
        written.append(out.with_suffix(suffix))
        written[-1].write_text(content, encoding="utf-8")
    return written


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
