"""The report of one or more campaigns: the page, and beside it the table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import dilemma, table, text
from .campaigns import load_campaign
from .model import Campaign
from .plotting import png_of, to_svg
from .scatter import dilemma_scatter
from .web.gather import Source, gather
from .web.write import LIMIT, page_of, replace_file, write_page


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
    """Write the report and, beside it, table.md, table.csv, scatter.svg and scatter.png of the first campaign; returns what was written."""
    made = gather(sources, jobs)
    written = write_page(made, sources, out, questions, limit, folder)
    kept = [summary for summary, entry in zip(made.summaries, made.entries, strict=True) if entry["campaign"] == 0]
    whole = table.table_from(kept, sources[0].campaign.absent)
    points = dilemma.points_of(kept)
    picture = dilemma_scatter(points)
    beside = [out.with_name(name) for name in ("table.md", "table.csv", "scatter.svg", "scatter.png")]
    replace_file(beside[0], table.markdown_of(whole))
    replace_file(beside[1], table.csv_of(whole))
    replace_file(beside[2], to_svg(picture, "scatter", *scatter_words(points)))
    replace_file(beside[3], png_of(picture))
    return [*written, *beside]


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
