"""The table of a campaign: a row a cell."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass

from .dilemma import verdict_of
from .model import Campaign, Cell, Outcome, Rate, Split
from .statistics import destruction, focus_shift, recovery, right_share
from .text import DASH, full, mean_full, percent

HEADINGS = ["cell", "model", "dataset", "method", "seed", "target right, forget", "target right, retain", "unlearned right, forget", "unlearned right, retain",
            "forgotten", "recovery FocusOnKey", "recovery Probab", "destructive rate", "focus shift, forgotten", "focus shift, retained", "verdict"]
_RATES = ("target_forget", "target_retain", "unlearned_forget", "unlearned_retain", "recovery_focus_on_key", "recovery_probab", "destructive",
          "focus_shift_forgotten", "focus_shift_retained")


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

    @property
    def done(self) -> bool:
        """Whether the cell has a result."""
        return self.forgotten is not None


def rows(campaign: Campaign) -> list[Row]:
    """Finished cells in the order of the campaign, then those without a result."""
    absent = [Row(s.id, s.model, s.dataset, s.method, s.seed, None, {}, s.status) for s in campaign.absent]
    return [row_of(cell) for cell in campaign.cells] + absent


def row_of(cell: Cell) -> Row:
    """The row of a finished cell."""
    values = [right_share(cell, model, split) for model in ("target", "unlearned") for split in Split]
    values += [recovery(cell, "focus_on_key"), recovery(cell, "probab"), destruction(cell)]
    values += [focus_shift(cell, Outcome.forgotten), focus_shift(cell, Outcome.retained)]
    return Row(cell.id, cell.model, cell.dataset, cell.method, cell.seed, len(cell.where(Outcome.forgotten)), dict(zip(_RATES, values, strict=True)), str(verdict_of(cell)))


def texts(row: Row) -> list[str]:
    """The cells of a table row as text, in the order of HEADINGS."""
    head = [row.id, row.model, row.dataset, row.method, str(row.seed)]
    if not row.done:
        return head + [DASH] * (len(HEADINGS) - len(head) - 1) + [row.verdict]
    shares = [f"{percent(row.rates[n].value)} ({row.rates[n].count}/{row.rates[n].total})" for n in _RATES[:4]]
    rates = [full(row.rates[n]) for n in _RATES[4:7]]
    shifts = [mean_full(row.rates[n]) for n in _RATES[7:]]
    return head + shares + [str(row.forgotten)] + rates + shifts + [row.verdict]


def markdown(campaign: Campaign) -> str:
    """The table in Markdown. Intervals are 95 % Wilson intervals."""
    lines = [HEADINGS[1:], ["---"] * (len(HEADINGS) - 1)] + [[_escape(text) for text in texts(row)[1:]] for row in rows(campaign)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _escape(text: str) -> str:
    for char in "\\|<`*[":
        text = text.replace(char, "\\" + char)
    return text.replace("\n", " ")


def csv_text(campaign: Campaign) -> str:
    """The table in CSV: every rate as count, total, value, low, high; empty where it does not exist."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    parts = ("count", "total", "value", "low", "high")
    writer.writerow(["id", "model", "dataset", "method", "seed", "forgotten", *(f"{name}_{part}" for name in _RATES for part in parts), "verdict"])
    for row in rows(campaign):
        numbers = [_number(getattr(row.rates[name], part)) if row.done else "" for name in _RATES for part in parts]
        writer.writerow([row.id, row.model, row.dataset, row.method, row.seed, row.forgotten if row.done else "", *numbers, row.verdict])
    return out.getvalue()


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.10g}"
