"""The report of one or more campaigns: the page, and beside it the table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import dilemma, table, text
from .campaigns import load_campaign
from .files import replace_file
from .model import Campaign
from .plotting import pdf_of, png_of, to_svg
from .scatter import dilemma_scatter
from .web.gather import Source, gather
from .web.write import LIMIT, page_of, write_page


def sources_of(paths: Sequence[str | Path]) -> list[Source]:
    """Campaigns under the names of their folders, made different where two are equal."""
    made: list[Source] = []
    for path in map(Path, paths):
        folder = (path if path.is_dir() else path.parent).resolve()
        label, number = folder.name or str(folder), 2
        while label in {source.label for source in made}:
            label, number = f"{folder.name} ({number})", number + 1
        made.append(Source(label, load_campaign(path, lazy=True)))
    return made


def write_report(
    sources: Sequence[Source],
    out: Path,
    questions: Sequence[int] | None = None,
    jobs: int = 1,
    limit: int = LIMIT,
    folder: bool | None = None,
) -> list[Path]:
    """Write the report and, beside it, table.md, .csv and .tex, scatter.svg, .pdf and .png of the first campaign; returns what was written."""
    made = gather(sources, jobs)
    written = write_page(made, sources, out, questions, limit, folder)
    kept = [summary for summary, entry in zip(made.summaries, made.entries, strict=True) if entry["campaign"] == 0]
    whole = table.table_from(kept, sources[0].campaign.absent)
    points = dilemma.points_of(kept)
    picture = dilemma_scatter(points)
    beside = {
        "table.md": table.markdown_of(whole),
        "table.csv": table.csv_of(whole),
        "table.tex": table.latex_of(whole),
        "scatter.svg": to_svg(picture, "scatter", *scatter_words(points)),
        "scatter.pdf": pdf_of(picture),
        "scatter.png": png_of(picture),
    }
    for name, content in beside.items():
        replace_file(out.with_name(name), content)
    return [*written, *map(out.with_name, beside)]


def render(campaign: Campaign, questions: Sequence[int] | None = None) -> str:
    """The page of a campaign in memory, as one file."""
    sources = [Source(campaign.path.name, campaign)]
    made = gather(sources)
    return page_of(made, sources, questions)


def scatter_words(points: Sequence[dilemma.Point]) -> tuple[str, str]:
    """Title and description of the scatter."""
    said = [
        f"{p.method} on {p.model}, {p.dataset}: knowledge left {text.full(p.left)}, recovery {text.full(p.recovered)}, destructive rate {text.full(p.destroyed)}."
        for p in points
        if p.complete
    ]
    return "Knowledge left against destructive rate", " ".join(said) or "No method has both rates."
