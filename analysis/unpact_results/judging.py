"""A cell as another of its judges sees it."""

from __future__ import annotations

import dataclasses

from .model import Cell
from .statistics import outcomes


def by_judge(cell: Cell, name: str) -> Cell:
    """The cell with the verdicts of a judge that does not decide; the probes are those that it judged."""
    judge = cell.judges[name]
    probes = {
        key: dataclasses.replace(probe, is_right=probe.judged[name])
        for key, probe in cell.probes.items()
        if name in probe.judged
    }
    return dataclasses.replace(
        cell,
        target=dataclasses.replace(cell.target, is_right=judge.target),
        unlearned=dataclasses.replace(cell.unlearned, is_right=judge.unlearned),
        outcome=outcomes(cell.split, judge.target, judge.unlearned),
        probes=probes,
    )
