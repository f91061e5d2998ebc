"""What the index, the explorer's table and the views on demand hold of a cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import text
from ..agreement import name_of
from ..claims import findings_of
from ..dilemma import verdict_of
from ..model import Cell, Half
from ..reading import minor_of_version
from ..statistics import CHOOSE, error_rates, knowledge, reported
from ..table import errors_beside
from . import counts
from .chunks import SCORE, SHIFT, fixed, plain_number

STEPS_SHOWN = 200


def rows_of(cell: Cell) -> dict[str, NDArray[Any]]:
    """The explorer's columns. `right`: bits 2j and 2j + 1 are judge j's verdicts on the target's and the unlearned model's answer."""
    judges = counts.judges_of(cell)[:8]
    right = np.zeros(len(cell.split), np.uint16)
    won = []
    for number, judge in enumerate(judges):
        seen = counts.seen_by(cell, judge)
        right |= (seen.target.is_right.astype(np.uint16) << (2 * number)) | (
            seen.unlearned.is_right.astype(np.uint16) << (2 * number + 1)
        )
        won.append(counts.won_masks(seen))
    sets = [[int((row != 0).sum()) for row in cell.key_tokens(model)] for model in (cell.target, cell.unlearned)]
    both = [
        int(((a != 0) & (b != 0)).sum()) if len(a) == len(b) else 0
        for a, b in zip(cell.key_tokens(cell.target), cell.key_tokens(cell.unlearned), strict=True)
    ]
    columns = {
        "right": right,
        "asked": won[0][0],
        "shift": fixed(cell.shift, SHIFT, np.int32),
        "score": fixed(cell.unlearned.score, SCORE, np.int32),
        "before": np.minimum(sets[0], 255).astype(np.uint8),
        "after": np.minimum(sets[1], 255).astype(np.uint8),
        "lost": np.minimum(np.array(sets[0], np.int64) - np.array(both, np.int64), 255).astype(np.uint8),
        "state": knowledge(cell),
        "outcome": cell.outcome.astype(np.uint8),
    }
    if cell.trajectory is not None and np.any(chose := cell.trajectory.role == CHOOSE):
        columns["chose"] = chose.astype(np.uint8)
    return columns | {f"won{number}": masks[1] for number, masks in enumerate(won)}


def entry_of(cell: Cell, keys: dict[str, str], campaign: int) -> dict[str, Any]:
    """A cell in the index of the page; what it counts is counted on questions that had no say in the choice of its point or mixture."""
    seen = reported(cell)
    probes = [
        {"name": probe.name, "label": probe.label, "kind": probe.kind, "attempts": len(probe.attempt_labels)}
        for probe in cell.probes.values()
    ]
    return {
        "id": cell.id,
        "model": cell.model,
        "dataset": cell.dataset,
        "method": cell.method,
        "seed": cell.seed,
        "campaign": campaign,
        "size": len(cell.question),
        **keys,
        "alpha": cell.alpha,
        "beta": cell.beta,
        "noise": plain_number(cell.contribution_noise),
        "unit": cell.contribution_unit,
        "focus": cell.focus_answer,
        "attribution": name_of(cell),
        "judge": cell.judge,
        "judges": counts.judges_of(cell),
        "probes": probes,
        "errors": errors_of(cell),
        "beside": {judge: errors_beside(cell, judge) for judge in counts.judges_of(cell)},
        "arms_beside": counts.beside_rates(seen),
        "destruction": destruction_of(cell),
        "counts": counts.all_counts(seen),
        "blind": counts.blind_counts(seen),
        "budget": counts.recovery_by_attempts(seen),
        "spent": counts.spent_tokens(seen),
        "verdict": str(verdict_of(cell)),
        "on_half": seen.on_half,
        "seconds": _seconds(cell),
        "metrics": _metric_values(cell),
        "arms": {name: arm.model for name, arm in cell.arms.items()},
        "dtype": cell.compute_dtype,
        "minor": minor_of_version(str(cell.attributes.get("schema_version", ""))),
    }


def errors_of(cell: Cell) -> str:
    """Measured errors of all judges, the one that decides first."""
    said = []
    for name in counts.judges_of(cell):
        accepts, rejects = error_rates(cell, name)
        if accepts.total or rejects.total:
            said.append(f"{name}: accepts {text.full(accepts)} of wrong, rejects {text.full(rejects)} of right answers")
    return "; ".join(said) or "not measured: the data have no paraphrased and perturbed answers"


def destruction_of(cell: Cell) -> str:
    """Of which questions the destructive rate is."""
    chosen = ", without those on which the point or mixture was chosen" if reported(cell).on_half else ""
    if not cell.halves:
        return "all retain questions, those that were trained on among them" + chosen
    return f"{'held-out' if cell.has_half(Half.held_out) else 'all'} retain questions ({cell.halves}){chosen}"


def _seconds(cell: Cell) -> float | None:
    return plain_number(float(np.nansum(np.asarray(cell.work["seconds"], dtype=float))))


def _metric_values(cell: Cell) -> dict[str, float | None]:
    return {name: plain_number(metric.unlearned[0]) for name, metric in cell.metrics.items()}


def run_of(cell: Cell) -> dict[str, Any]:
    """What the page shows of a cell on demand: attributes, claims with their numbers, metrics, stages, losses."""
    attributes = {name: str(value) for name, value in sorted(cell.attributes.items())}
    claims = [{"answer": found.answer, "reason": found.reason, "numbers": found.numbers} for found in findings_of(cell)]
    metrics = [
        {
            "name": m.name,
            "label": m.label,
            "says": m.larger_says.replace("_", " "),
            "count": m.count,
            "target": [*map(plain_number, m.target)],
            "unlearned": [*map(plain_number, m.unlearned)],
        }
        for m in cell.metrics.values()
    ]
    columns = ("stage", "seconds", "positions", "positions_naive", "model_calls", "logit_rows", "peak_memory")
    stages = {
        name: [value if isinstance(value, str) else plain_number(float(value)) for value in cell.work[name]]
        for name in columns
        if name in cell.work
    }
    return {"attributes": attributes, "claims": claims, "metrics": metrics, "stages": stages, "losses": _losses(cell)}


def _losses(cell: Cell) -> dict[str, list[float | None]]:
    """Losses by step, at most STEPS_SHOWN of them."""
    steps = np.asarray(cell.training["step"])
    chosen = (
        np.unique(np.linspace(0, len(steps) - 1, STEPS_SHOWN).astype(int))
        if len(steps) > STEPS_SHOWN
        else np.arange(len(steps))
    )
    return {
        name: [plain_number(float(f"{value:.6g}")) for value in np.asarray(cell.training[name], dtype=float)[chosen]]
        for name in ("step", "loss", "forget_loss", "retain_loss")
    }
