"""Chooses the questions whose strips tell most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .model import Cell, Outcome

KINDS = ("forgotten, recovered", "forgotten, not recovered", "retained", "destroyed", "kept")
_WANTS_SHIFT = {"forgotten, recovered": True, "forgotten, not recovered": True, "destroyed": True, "retained": False, "kept": False}
COMFORTABLE = 60  # candidate tokens that still read well


@dataclass(frozen=True)
class Choice:
    """A question to show, and what it is an example of."""

    question: int
    kind: str


def kind_of(cell: Cell, question: int) -> str:
    """Outcome of a question; whether it came back, when it was forgotten."""
    outcome = Outcome(int(cell.outcome[question]))
    if outcome != Outcome.forgotten:
        return outcome.name
    return "forgotten, recovered" if is_recovered(cell, question) else "forgotten, not recovered"


def is_recovered(cell: Cell, question: int) -> bool:
    """Whether the leading probe brought the answer back."""
    probe = cell.leading("probe")
    row = probe.row_of(question) if probe else None
    return row is not None and bool(probe.is_right[row].any())


def choose(cell: Cell) -> list[Choice]:
    """At most one instructive question of each kind.

    Where focus should break, a large shift; where it should stay, a small one. KeyTokens before and a prompt that is
    not too long count as well. Equal questions: the first.
    """
    kinds = [kind_of(cell, q) for q in range(len(cell.question))]
    chosen = []
    for kind in KINDS:
        questions = [q for q, name in enumerate(kinds) if name == kind and len(cell.target.gold.contributions[q])]
        if questions:
            scores = [_score(cell, q, _WANTS_SHIFT[kind]) for q in questions]
            chosen.append(Choice(questions[int(np.argmax(scores))], kind))
    return chosen


def asked_for(cell: Cell, questions: list[int]) -> list[Choice]:
    """Chosen questions by number; those that a cell does not have are left out."""
    return [Choice(q, kind_of(cell, q)) for q in questions if 0 <= q < len(cell.question)]


def _score(cell: Cell, question: int, wants_shift: bool) -> float:
    keys = int(cell.key_tokens(cell.target)[question].sum())
    shift = cell.shift[question]
    length = len(cell.target.gold.contributions[question])
    part = 0.0 if np.isnan(shift) else (shift if wants_shift else 1 - shift)
    return part + min(keys, 3) / 6 - max(0, length - COMFORTABLE) / COMFORTABLE
