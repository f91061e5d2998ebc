"""Right answers by what a data file says of its questions, such as RWKU's types of attack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .model import Cell, Outcome, Rate
from .reading import ResultsError
from .statistics import NO_SET, rate, reported


def read_entries(file: Path) -> list[dict[str, Any]]:
    """Of a JSON list, or of JSON lines."""
    try:
        text = file.read_text(encoding="utf-8")
        entries = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise ResultsError(f"{file}: neither a JSON list nor JSON lines: {error}") from None
    if not all(isinstance(entry, dict) for entry in entries):
        raise ResultsError(f"{file}: an entry is no object")
    return entries


def groups_of(cell: Cell, file: Path, field: str) -> dict[str, NDArray[np.intp]]:
    """Questions of the cell by the field's value, in the file's order. An entry is found by its question's text, whatever the field of that is called."""
    known = set(cell.question)
    value_of: dict[str, str] = {}
    for number, entry in enumerate(read_entries(file), start=1):
        for question in known.intersection(text for text in entry.values() if isinstance(text, str)):
            if field not in entry:
                raise ResultsError(f"{file}, entry {number}: there is no field {field!r}; it has {', '.join(entry)}")
            if value_of.setdefault(question, str(entry[field])) != str(entry[field]):
                raise ResultsError(f"{file}, entry {number}: {question!r} is there before, with another {field}")
    if not value_of:
        raise ResultsError(f"{file}: none of its entries is a question of {cell.id}")
    counted = reported(cell).split != NO_SET
    return {value: np.array([q for q, text in enumerate(cell.question) if value_of.get(text) == value and counted[q]], dtype=np.intp)
            for value in dict.fromkeys(value_of.values())}


def markdown(cell: Cell, file: Path, field: str) -> str:
    """A row a value: right answers of both models with Wilson's 95 % intervals, forgotten questions, mean scores of the judge that decides."""
    lines = [f"| {field} | questions | target right (95 %) | unlearned right (95 %) | forgotten | score of {cell.deciding_judge}: target | unlearned |", "|---|---|---|---|---|---|---|"]
    for value, rows in groups_of(cell, file, field).items():
        if not len(rows):
            continue
        target, unlearned = (_share(rate(int(model.is_right[rows].sum()), len(rows))) for model in (cell.target, cell.unlearned))
        forgotten = int((cell.outcome[rows] == Outcome.forgotten).sum())
        lines.append(f"| {value} | {len(rows)} | {target} | {unlearned} | {forgotten} | {cell.target.score[rows].mean():.3f} | {cell.unlearned.score[rows].mean():.3f} |")
    return "\n".join(lines) + "\n"


def _share(found: Rate) -> str:
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
