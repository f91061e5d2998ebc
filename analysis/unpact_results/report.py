"""One self-contained HTML report of a campaign, with its table and scatter beside it."""

from __future__ import annotations

import base64
import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from . import dilemma, figures, metrics, strips, table, text
from .agreement import name_of
from .choose import Choice, asked_for, choose
from .claims import judge_claims
from .model import Campaign, Cell, Half, Outcome
from .plotting import OUTCOME_COLOURS, to_svg
from .scatter import dilemma_scatter
from .statistics import error_rates

OUTCOME_WORDS = {"unknown": "wrong before", "retained": "right before and after (forget set)", "forgotten": "right before, wrong after (forget set)",
                 "kept": "right before and after (retain set)", "destroyed": "right before, wrong after (retain set)"}


@dataclass(frozen=True)
class Shown:
    """A question with everything that the report prints about it."""

    number: int
    kind: str
    outcome: str
    strips: list[strips.Strips]
    shift: str
    probes: list[tuple[str, list[tuple[str, str, float, bool]]]]


@dataclass(frozen=True)
class CellView:
    """The chosen questions of a cell."""

    cell: Cell
    shown: list[Shown]


def write_report(campaign: Campaign, out: Path, questions: list[int] | None = None) -> list[Path]:
    """Write the report and, beside it, table.md, table.csv, scatter.svg and scatter.png; returns what was written."""
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = [out.with_name(name) for name in ("table.md", "table.csv", "scatter.svg", "scatter.png")]
    picture = dilemma_scatter(dilemma.points(campaign))
    beside[0].write_text(table.markdown(campaign), encoding="utf-8")
    beside[1].write_text(table.csv_text(campaign), encoding="utf-8")
    beside[2].write_text(to_svg(picture, "scatter", *_scatter_words(campaign)), encoding="utf-8")
    picture.savefig(beside[3], dpi=160)
    out.write_text(render(campaign, questions), encoding="utf-8")
    return [out, *beside]


def render(campaign: Campaign, questions: list[int] | None = None) -> str:
    """The report as HTML."""
    environment = Environment(loader=PackageLoader("unpact_results"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": text.percent, "full": text.full, "mean_full": text.mean_full, "signed": text.signed, "thousands": text.thousands,
                            "seconds": text.seconds, "interval": text.interval}
    assert environment.loader is not None
    script, css = (environment.loader.get_source(environment, name)[0] for name in ("report.js", "report.css"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    cells, limit = _views(campaign, questions)
    return environment.get_template("report.html.j2").render(
        campaign=campaign, facts=_facts(campaign), rows=table.rows(campaign), judged=table.judged(campaign), probes=table.probes_of(campaign), claims=judge_claims(campaign), metrics=metrics.tables(campaign), figures=_figures(campaign), cells=cells, limit=limit, asked=questions is not None,
        gradient=strips.gradient(), noise=strips.NOISE, script=Markup(script), script_digest=digest, css=Markup(css), unplaced=[p for p in dilemma.points(campaign) if not p.complete],
        left_limit=dilemma.LEFT_LIMIT, destruction_limit=dilemma.DESTRUCTION_LIMIT, quadrants=dilemma.QUADRANTS, outcome_words=OUTCOME_WORDS,
        outcome_colours=OUTCOME_COLOURS, work=[_work(cell) for cell in campaign.cells])


def _facts(campaign: Campaign) -> list[tuple[str, str]]:
    cells = campaign.cells

    def distinct(name: str) -> str:
        values = dict.fromkeys(str(cell.attributes.get(name, "")) or "not recorded" for cell in cells)
        return ", ".join(values) or text.DASH

    counts = Counter(entry.status for entry in campaign.absent)
    state = f"{len(cells)} finished" + "".join(f", {number} {word}" for word, number in sorted(counts.items()))
    asked = [f"{int((c.split == 0).sum())} forget + {int((c.split == 1).sum())} retain" for c in cells]
    return [("Cells", state), ("Models", distinct("model")), ("Data", distinct("dataset")), ("Methods", distinct("method")), ("Seeds", distinct("seed")),
            ("Questions", ", ".join(dict.fromkeys(asked)) or text.DASH), ("Judge", distinct("judge")), ("Judge's errors", ", ".join(dict.fromkeys(_errors_of(c) for c in cells)) or text.DASH), ("Destruction", ", ".join(dict.fromkeys(_destruction_of(c) for c in cells)) or text.DASH),
            ("KeyTokens", ", ".join(dict.fromkeys(f"α = {c.alpha:g}, β = {c.beta:g} nats/token" for c in cells)) or text.DASH),
            ("Contributions", ", ".join(dict.fromkeys(name_of(c) for c in cells)) or text.DASH),
            ("Software", f"{distinct('software')} {distinct('software_version')}, commit {distinct('git_commit')}, {distinct('build_type')}"),
            ("Ran", f"{min((str(c.attributes.get('started', '')) for c in cells), default=text.DASH)} to {max((str(c.attributes.get('ended', '')) for c in cells), default=text.DASH)}")]


def _errors_of(cell: Cell) -> str:
    """Measured errors of all judges, the one that decides first."""
    names = [cell.deciding_judge, *cell.judges]
    said = []
    for name in names:
        accepts, rejects = error_rates(cell, name)
        if accepts.total or rejects.total:
            said.append(f"{name}: accepts {text.full(accepts)} of wrong, rejects {text.full(rejects)} of right answers")
    return "; ".join(said) or "not measured: the data have no paraphrased and perturbed answers"


def _destruction_of(cell: Cell) -> str:
    if not cell.halves:
        return "all retain questions, those that were trained on among them"
    return f"{'held-out' if cell.has_half(Half.held_out) else 'all'} retain questions ({cell.halves})"


def _scatter_words(campaign: Campaign) -> tuple[str, str]:
    points = [p for p in dilemma.points(campaign) if p.complete]
    said = [f"{p.method} on {p.model}, {p.dataset}: knowledge left {text.full(p.left)}, recovery {text.full(p.recovered)}, destructive rate {text.full(p.destroyed)}." for p in points]
    return "Knowledge left against destructive rate", " ".join(said) or "No method has both rates."


def _figures(campaign: Campaign) -> dict[str, Markup]:
    shift = [f"{row.method} on {row.model}: forgotten {text.mean_full(row.rates['focus_shift_forgotten'])}, retained {text.mean_full(row.rates['focus_shift_retained'])}."
             for row in table.rows(campaign) if row.done]
    made = {"scatter": (dilemma_scatter(dilemma.points(campaign)), *_scatter_words(campaign)),
            "bars": (figures.focus_bars(campaign), "Mean focus shift by outcome class and method", " ".join(shift) or "No cells."),
            "contributions": (figures.contribution_scatter(campaign), "Contribution of every candidate token before and after unlearning",
                              "A panel for each method. Points on the diagonal did not change; points on the horizontal axis lost their influence."),
            "losses": (figures.loss_curves(campaign), "Losses over the optimizer steps of each cell", "Total loss, forget term and retain term.")}
    return {name: Markup(to_svg(figure, name, title, words)) for name, (figure, title, words) in made.items()}  # noqa: S704 (text inside is escaped)


def _views(campaign: Campaign, questions: list[int] | None) -> tuple[list[CellView], float]:
    """Chosen questions of every cell (first seed of each), and the colour limit that all strips share."""
    first: dict[tuple[str, str, str], Cell] = {}
    for cell in campaign.cells:
        first.setdefault((cell.model, cell.dataset, cell.method), cell)
    chosen = [(cell, asked_for(cell, questions) if questions is not None else choose(cell)) for cell in first.values()]
    limit = strips.nice_limit(_all_values(chosen))
    return [CellView(cell, [_shown(cell, choice, limit) for choice in choices]) for cell, choices in chosen], limit


def _all_values(chosen: list[tuple[Cell, list[Choice]]]) -> np.ndarray:
    parts = [np.zeros(0)]
    for cell, choices in chosen:
        for choice in choices:
            for answer in ("own", "gold"):
                pair = strips.values_of(cell, choice.question, answer)
                if pair is not None:
                    parts += [*pair, pair[1] - pair[0]]
    return np.concatenate(parts)


def _shown(cell: Cell, choice: Choice, limit: float) -> Shown:
    order = [cell.focus_answer, "gold" if cell.focus_answer == "own" else "own"]
    made = [strips.build(cell, choice.question, answer, limit) for answer in order]
    probes = []
    for probe in cell.probes.values():
        row = probe.row_of(choice.question)
        if row is not None:
            attempts = zip(probe.attempt_labels, probe.answer[row], probe.score[row].tolist(), probe.is_right[row].tolist(), strict=True)
            probes.append((probe.label, list(attempts)))
    shift = cell.shift[choice.question]
    return Shown(choice.question, choice.kind, Outcome(int(cell.outcome[choice.question])).name, [s for s in made if s is not None],
                 text.DASH if np.isnan(shift) else f"{shift:.2f}", probes)


def _work(cell: Cell) -> dict[str, Any]:
    """Stages of a cell with their share of the time and the factor saved over the naive algorithm."""
    columns = ("stage", "seconds", "positions", "positions_naive", "model_calls", "logit_rows")
    stages = [dict(zip(columns, row, strict=True)) for row in zip(*(list(cell.work[name]) for name in columns), strict=True)]
    total = float(sum(stage["seconds"] for stage in stages)) or 1.0
    peaks = cell.work.get("peak_memory", [math.nan] * len(stages))  # since version 1.2
    for stage, peak in zip(stages, peaks, strict=True):
        stage["memory"] = text.DASH if math.isnan(peak) else f"{peak / 2**20:,.0f} MiB".replace(",", "\N{NARROW NO-BREAK SPACE}")
        stage["share"] = float(stage["seconds"]) / total
        done, naive = int(stage["positions"]), int(stage["positions_naive"])
        stage["saved"] = f"{naive / done:.2f}×" if done and naive else text.DASH
    return {"cell": cell, "stages": stages, "total": total}
