"""The table of a campaign: a row a cell."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from .dilemma import verdict_of
from .metrics import campaign_row
from .model import Campaign, Cell, CellStatus, Half, Outcome, Rate, Split
from .reading import HELD_OUT, RECOVERY
from .statistics import (
    deciding_destruction,
    destruction,
    error_rates,
    focus_shift,
    knowledge_rates,
    rate,
    recovery,
    recovery_in_held_out_phrasings,
    reported,
    right_share,
)
from .text import DASH, full, mean_full, percent

_SHARES = {"target_forget": "target right, forget", "target_retain": "target right, retain", "unlearned_forget": "unlearned right, forget",
           "unlearned_retain": "unlearned right, retain"}
_LEFT = {"knowledge_left": "knowledge left", "still_right": "still right"}
_DESTRUCTION = {"destructive": "destructive rate", "destructive_trained": "destructive rate, trained half", "destructive_held_out": "destructive rate, held-out half"}
HALF = "*"  # behind the seeds of what is counted on half of the questions
HALF_SAYS = "a point or mixture was chosen on half of the questions; all numbers are of the others."
_SHIFTS = {"focus_shift_forgotten": "focus shift, forgotten", "focus_shift_retained": "focus shift, retained"}


def probes_of(campaign: Campaign) -> dict[str, str]:
    """The probes of all cells, name -> label, in the order in which they appear."""
    probes: dict[str, str] = {}
    for cell in campaign.cells:
        for probe in cell.probes.values():
            probes.setdefault(probe.name, probe.label)
    return probes


def recoveries_of(probes: dict[str, str], held_out: Iterable[str] = ()) -> dict[str, str]:
    """Recovery rates, name -> heading; `held_out`: probes with phrasings that were trained on, of which the others stand alone, too."""
    found = {RECOVERY + name: f"recovery {label}" for name, label in probes.items()}
    return found | {HELD_OUT + name: f"recovery {probes[name]}, phrasings held out" for name in probes if name in held_out}


def headings(probes: dict[str, str], held_out: Iterable[str] = ()) -> list[str]:
    """The headings of the table."""
    return ["cell", "model", "dataset", "method", "seed", *_SHARES.values(), "forgotten", *_LEFT.values(), *recoveries_of(probes, held_out).values(), *_DESTRUCTION.values(),
            *_SHIFTS.values(), "verdict"]


@dataclass(frozen=True)
class Row:
    """A cell's numbers; rates are None where the cell has no result."""

    id: str
    model: str
    dataset: str
    method: str
    seed: int
    forgotten: int | None
    rates: dict[str, Rate]
    verdict: str
    judge_errors: str = ""  # of the judge that decides, to stand beside its rates; empty: not measured
    arms: dict[str, list[str]] = field(default_factory=dict)  # by probe: the same asked of other models, and of retain questions
    on_half: bool = False  # the point or mixture was chosen on half of the questions: all numbers are of the others

    @property
    def done(self) -> bool:
        """Whether the cell has a result."""
        return self.forgotten is not None


@dataclass(frozen=True)
class Summary:
    """What tables say of a finished cell, so that the cell itself need not stay in memory."""

    row: Row
    probes: dict[str, str]  # name -> label
    metrics: dict[str, float]
    leading: str  # name of the probe that stands for its kind, or empty
    kinds: dict[str, str] = field(default_factory=dict)  # of the probes, by name


@dataclass(frozen=True)
class Table:
    """A table: finished cells in the order of the campaign, then those without a result."""

    rows: list[Row]
    probes: dict[str, str]  # of all cells, name -> label
    metrics: dict[str, dict[str, float]]  # by cell
    held_out: tuple[str, ...] = ()  # probes some of whose phrasings were trained on


def summary_of(cell: Cell) -> Summary:
    """The summary of a finished cell, on the questions that had no say in the choice of its point or mixture."""
    cell = reported(cell)
    probes = {probe.name: probe.label for probe in cell.probes.values()}
    leading = cell.leading("probe")
    return Summary(row_of(cell, probes), probes, campaign_row(cell), leading.name if leading else "", {probe.name: probe.kind for probe in cell.probes.values()})


def table_from(summaries: Iterable[Summary], absent: Iterable[CellStatus]) -> Table:
    """Put summaries together; a probe that a cell does not have recovered 0 of 0."""
    kept = list(summaries)
    probes: dict[str, str] = {}
    for summary in kept:
        for name, label in summary.probes.items():
            probes.setdefault(name, label)
    held_out = tuple(name for name in probes if any(HELD_OUT + name in summary.row.rates for summary in kept))
    none = {name: rate(0, 0, name) for name in recoveries_of(probes, held_out)}
    done = [replace(summary.row, rates=none | summary.row.rates) for summary in kept]
    missing = [Row(s.id, s.model, s.dataset, s.method, s.seed, None, {}, s.status) for s in absent]
    return Table(done + missing, probes, {summary.row.id: summary.metrics for summary in kept}, held_out)


def table_of(campaign: Campaign) -> Table:
    """The table of a campaign; each cell is read once."""
    return table_from(map(summary_of, campaign.cells), campaign.absent)


def rows(campaign: Campaign) -> list[Row]:
    """Finished cells in the order of the campaign, then those without a result."""
    return table_of(campaign).rows


def row_of(cell: Cell, probes: dict[str, str]) -> Row:
    """The row of a finished cell; a probe that it does not have recovered 0 of 0."""
    cell = reported(cell)
    shares = [right_share(cell, model, split) for model in ("target", "unlearned") for split in Split]
    known = knowledge_rates(cell)
    rates = dict(zip(_SHARES, shares, strict=True)) | {name: known[name] for name in _LEFT} | {RECOVERY + name: recovery(cell, name) for name in probes}
    rates |= {HELD_OUT + probe.name: recovery_in_held_out_phrasings(cell, probe.name) for probe in cell.probes.values() if probe.is_trained_on}
    rates |= dict(zip(_DESTRUCTION, (destruction(cell), destruction(cell, Half.trained), destruction(cell, Half.held_out)), strict=True))
    rates["deciding_destruction"] = deciding_destruction(cell)
    shifts = [focus_shift(cell, outcome) for outcome in (Outcome.forgotten, Outcome.retained)]
    rates |= dict(zip(_SHIFTS, shifts, strict=True))
    return Row(cell.id, cell.model, cell.dataset, cell.method, cell.seed, len(cell.where(Outcome.forgotten)), rates, str(verdict_of(cell)), errors_beside(cell), {name: arms_beside(cell, name) for name in probes}, cell.on_half)


def errors_beside(cell: Cell, judge: str = "") -> str:
    """Measured errors of a judge, by default of the one that decides, short enough to stand beside each of its rates."""
    accepts, rejects = error_rates(cell, judge or cell.deciding_judge)
    said = [f"accepts {percent(accepts.value)} of wrong"] * bool(accepts.total) + [f"rejects {percent(rejects.value)} of right"] * bool(rejects.total)
    return "judge " + ", ".join(said) if said else ""


def arms_beside(cell: Cell, probe: str) -> list[str]:
    """Floor and ceiling of a probe, and all three models under the same phrasings on retain questions; those that there are."""
    lines = []
    for title, names in (("", {"floor": "floor_", "ceiling": "ceiling_"}), ("retain: ", {"unlearned": "retain_", "floor": "floor_retain_", "ceiling": "ceiling_retain_"})):
        found = [(word, cell.rates.get(prefix + probe)) for word, prefix in names.items()]
        said = [f"{word} {percent(value.value)} ({value.count}/{value.total})" for word, value in found if value is not None and value.total]
        lines += [title + ", ".join(said)] if said else []
    return lines


def texts(row: Row, probes: dict[str, str], held_out: Iterable[str] = ()) -> list[str]:
    """The cells of a table row as text, in the order of headings()."""
    head = [row.id, row.model, row.dataset, row.method, f"{row.seed}{HALF if row.on_half else ''}"]
    if not row.done:
        return head + [DASH] * (len(headings(probes, held_out)) - len(head) - 1) + [row.verdict]
    errors = f" [{row.judge_errors}]" if row.judge_errors else ""
    shares = [f"{percent(row.rates[n].value)} ({row.rates[n].count}/{row.rates[n].total}){errors}" for n in _SHARES]
    rates = [full(row.rates[n]) + errors for n in (*_LEFT, *recoveries_of(probes, held_out), *_DESTRUCTION)]
    shifts = [mean_full(row.rates[n]) for n in _SHIFTS]
    return head + shares + [str(row.forgotten)] + rates + shifts + [row.verdict]


def markdown(campaign: Campaign) -> str:
    """The table in Markdown. Intervals are 95 % Wilson intervals."""
    return markdown_of(table_of(campaign))


def markdown_of(table: Table) -> str:
    """A table in Markdown."""
    titles = [_escape(text) for text in headings(table.probes, table.held_out)[1:]]
    lines = [titles, ["---"] * len(titles)] + [[_escape(text) for text in texts(row, table.probes, table.held_out)[1:]] for row in table.rows]
    note = f"\n{_escape(HALF)}: {HALF_SAYS}\n" if any(row.on_half for row in table.rows) else ""
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n" + note


def _escape(text: str) -> str:
    for char in "\\|<`*[":
        text = text.replace(char, "\\" + char)
    return text.replace("\n", " ")


def csv_text(campaign: Campaign) -> str:
    """The table in CSV."""
    return csv_of(table_of(campaign))


def csv_of(table: Table) -> str:
    """A table in CSV: every rate as count, total, value, low, high, then the metrics; empty where it does not exist."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    parts = ("count", "total", "value", "low", "high")
    names = [*_SHARES, *_LEFT, *recoveries_of(table.probes, table.held_out), *_DESTRUCTION, *_SHIFTS]
    metrics = list(dict.fromkeys(name for row in table.metrics.values() for name in row))
    writer.writerow(["id", "model", "dataset", "method", "seed", "forgotten", *(f"{name}_{part}" for name in names for part in parts), "verdict", "counted", *metrics])
    for row in table.rows:
        numbers = [_number(getattr(row.rates[name], part)) if row.done else "" for name in names for part in parts]
        values = [_number(table.metrics.get(row.id, {}).get(name, math.nan)) for name in metrics]
        writer.writerow([row.id, row.model, row.dataset, row.method, row.seed, row.forgotten if row.done else "", *numbers, row.verdict, ("half" if row.on_half else "all") if row.done else "", *values])
    return out.getvalue()


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.10g}"
