"""Tables and figures for a paper: `unpact_results paper DIR` writes them by number, with what to cite.

The numbers are ours: what is known here of the study does not say which of its tables and figures has which number. Figure 1 is the dilemma, then
follow focus shift, contributions, recovery over attempts, token strips, the heat map, trajectories, KeyTokens by class and losses; table 1 has the rates
of claim 2 and the dilemma, table 2 all claims (paper_tables.py has the others). What a campaign has nothing for is left out; the others keep their numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import paper_figures as figures
from .citations import bibtex
from .files import replace_file
from .paper_population import more_figures
from .paper_tables import all_tables
from .plotting import pdf_of, png_of, to_svg
from .pooled import pooled_rows
from .web.gather import Source, gather


def write_paper(sources: Sequence[Source], out: Path, jobs: int = 1) -> list[Path]:
    """Write everything of the first campaign into the folder OUT, and a table of differences to further ones; returns what was written."""
    made = gather(sources[:1], jobs)
    out.mkdir(parents=True, exist_ok=True)
    rows = pooled_rows(made.summaries)
    written: list[Path] = []
    beside = gather(sources, jobs) if len(sources) > 1 else None
    for number, table in all_tables(made, rows, beside):
        for suffix, content in ((".csv", table.csv()), (".md", table.markdown()), (".tex", table.latex())):
            written.append(_write(out / f"table_{number}_{table.name}{suffix}", content))
    for number, drawn in enumerate([*figures.all_figures(made, rows), *more_figures(made, rows)], 1):
        if drawn is None:
            continue
        name, caption, figure = drawn
        base = f"figure_{number}_{name}"
        for suffix, content in (
            (".svg", to_svg(figure, base, caption, caption)),
            (".pdf", pdf_of(figure)),
            (".png", png_of(figure, 200)),
        ):
            written.append(_write(out / f"{base}{suffix}", content))
        written.append(_write(out / f"{base}.txt", caption + "\n"))
    return [*written, _write(out / "references.bib", bibtex(made.entries, [run["attributes"] for run in made.runs]))]


def _write(path: Path, content: str | bytes) -> Path:
    replace_file(path, content)
    return path
