"""Tables and figures for a paper: `unpact_results paper DIR` writes them by number, with what to cite.

The numbers are ours: what is known here of the study does not say which of its tables and figures has which number. Figure 1 is the dilemma, then
follow focus shift, contributions, recovery over attempts and token strips; table 1 has the rates of claim 2 and the dilemma, table 2 all claims.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from . import paper_figures as figures
from .citations import bibtex
from .claims import headline
from .plotting import STYLE, png_of, to_svg
from .pooled import COLUMNS, MEANS, Pooled, pooled_rows, probes_of
from .statistics import rate
from .table import HALF, HALF_SAYS
from .tables import Table
from .text import DASH
from .web.gather import Gathered, Source, gather
from .web.index import VIEW_WORDS
from .web.write import replace_file


def write_paper(sources: Sequence[Source], out: Path, jobs: int = 1) -> list[Path]:
    """Write everything into the folder OUT; returns what was written."""
    made = gather(sources[:1], jobs)
    out.mkdir(parents=True, exist_ok=True)
    rows = pooled_rows(made.summaries)
    written: list[Path] = []
    for number, table in enumerate(all_tables(made, rows), 1):
        for suffix, content in ((".csv", table.csv()), (".md", table.markdown()), (".tex", table.latex())):
            written.append(_write(out / f"table_{number}_{table.name}{suffix}", content))
    for number, (name, caption, figure) in enumerate(figures.all_figures(made, rows), 1):
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


def pdf_of(figure: Figure) -> bytes:
    """A figure as PDF with its fonts, without a date."""
    out = io.BytesIO()
    with matplotlib.rc_context(STYLE | {"pdf.fonttype": 42}):
        figure.savefig(out, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return out.getvalue()


def all_tables(made: Gathered, rows: Sequence[Pooled]) -> list[Table]:
    """The main results, the claims, and KeyTokens by class of token."""
    return [
        results_table(rows, probes_of(made.summaries)),
        claims_table(made),
        *(key_token_table(made, view) for view in VIEW_WORDS),
    ]


def results_table(rows: Sequence[Pooled], probes: dict[str, str]) -> Table:
    """A row a model, data set and method, seeds pooled."""
    names = {
        "knowledge_left": COLUMNS["knowledge_left"],
        **{f"recovery_{name}": f"recovery {label}" for name, label in probes.items()},
        **{name: words for name, words in COLUMNS.items() if name != "knowledge_left"},
    }
    body = [
        [
            row.model,
            row.dataset,
            row.method,
            ", ".join(map(str, row.seeds)) + HALF * row.on_half,
            row.forgotten,
            *(row.rates.get(name, rate(0, 0)) for name in names),
            row.verdict,
        ]
        for row in rows
    ]
    return Table(
        "results",
        "Knowledge left, recovery, destruction and focus shift; seeds pooled, in brackets 95 % Wilson intervals."
        + (f" {HALF}: {HALF_SAYS}" if any(row.on_half for row in rows) else ""),
        ["model", "data", "method", "seeds", "forgotten", *names.values(), "verdict"],
        body,
        tuple(COLUMNS[name] for name in MEANS),
    )


def claims_table(made: Gathered) -> Table:
    """What each model and data set says about each claim: the answer of more than half of its cells, and how many give it."""
    groups: dict[tuple[str, str], list[list[str]]] = {}
    for entry in made.entries:
        groups.setdefault((entry["model"], entry["dataset"]), []).append(entry["claims"])
    body = []
    for (model, dataset), answers in groups.items():
        columns = [[given[place] for given in answers] for place in range(len(answers[0]))]
        said = [_headline(column) for column in columns]
        body.append(
            [
                model,
                dataset,
                *(f"{word} ({column.count(word)}/{len(column)})" for word, column in zip(said, columns, strict=True)),
            ]
        )
    return Table(
        "claims",
        "The study's claims 1 to 3 and ours on their cause (4), by the rules of the report; in brackets cells with this answer.",
        ["model", "data", "claim 1", "claim 2", "claim 3", "claim 4"],
        body,
    )


def _headline(answers: Sequence[str]) -> str:
    return headline(Counter(answers))


def key_token_table(made: Gathered, view: str) -> Table:
    """Shares of KeyTokens by one kind of class, over all cells."""
    title, classes = VIEW_WORDS[view]
    sums = [
        [sum(entry["keys"][view][place][column] for entry in made.entries) for column in range(4)]
        for place in range(len(classes))
    ]
    body = [
        [name, int(counts[0]), rate(counts[1], counts[0]), rate(counts[2], counts[0]), rate(counts[3], counts[1])]
        for name, counts in zip(classes, sums, strict=True)
    ]
    return Table(
        f"key_tokens_{view}",
        f"KeyTokens {title}, before and after unlearning, and how many of those before are KeyTokens after; all cells.",
        ["class", "candidates", "before", "after", "still KeyTokens"],
        body or [[DASH] * 5],
    )
