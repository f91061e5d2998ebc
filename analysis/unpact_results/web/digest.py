"""Reads one cell and keeps what the page shows of it, packed; what cells share (questions, prompts, the target) is packed once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import text
from ..agreement import name_of
from ..claims import findings_of
from ..dilemma import verdict_of
from ..model import Cell, Contribution, Half, ModelResult, Ragged
from ..reading import minor_of_version
from ..stability import DataSet, describe
from ..statistics import error_rates, knowledge
from ..table import Summary, errors_beside, summary_of
from . import counts
from .chunks import fixed, pack, plain_number
from .matrices import matrix_chunk

MILLI, SHIFT, SCORE = 1000, 10_000, 10_000  # the units of numbers that are stored as integers
ANSWERS = ("own", "gold")
STEPS_SHOWN = 200
BINS, BIN = 400, 0.02  # histogram of |contribution|, from which the colour scale of the page follows; nats


@dataclass
class Digest:
    """What the page needs of a cell."""

    entry: dict[str, Any]  # JSON, for the index
    rows: dict[str, NDArray[Any]]  # a value a question, for the explorer's table
    chunk: bytes
    matrices: dict[str, bytes]  # by answer
    run: dict[str, Any]  # how it was run, claims and metrics
    keys: NDArray[np.uint8]  # KeyToken flags after unlearning of all candidates in order; 2 where not measured
    sizes: NDArray[np.int64]  # candidates of every prompt
    histogram: NDArray[np.int64]
    summary: Summary
    shared: dict[str, bytes] = field(default_factory=dict)  # chunks that no earlier cell of this digester had, by key
    described: DataSet | None = None  # KeyTokens of a target that no earlier cell had


class Digester:
    """Digests cells one after the other; keeps what cells share for as long as it lives."""

    def __init__(self, campaign: int = 0) -> None:
        self.campaign = campaign
        self._seen: set[str] = set()
        self._classes: dict[str, dict[str, NDArray[np.uint8]]] = {}

    def digest(self, cell: Cell) -> Digest:
        """Raises ResultsError where a dataset cannot be read."""
        keys = {"questions": questions_key(cell), "prompts": prompts_key(cell), "target": target_key(cell)}
        shared: dict[str, bytes] = {}
        described = describe(cell, cell.focus_answer) if keys["target"] not in self._seen else None
        for kind, make in (("questions", questions_chunk), ("prompts", prompts_chunk), ("target", target_chunks)):
            if keys[kind] not in self._seen:
                shared |= make(cell, keys[kind])
                self._seen.add(keys[kind])
        if keys["prompts"] not in self._classes:
            self._classes[keys["prompts"]] = counts.candidate_classes(cell)
        before, after = (key_flags(cell, model) for model in (cell.target, cell.unlearned))
        measured = (before < 2) & (after < 2)
        run = run_of(cell)
        entry = entry_of(cell, keys, self.campaign) | {"claims": [claim["answer"] for claim in run["claims"]]}
        entry["keys"] = counts.key_token_counts(self._classes[keys["prompts"]], before == 1, after == 1, measured)
        return Digest(entry, rows_of(cell), cell_chunk(cell), {answer: matrix_chunk(cell.unlearned, cell, answer) for answer in ANSWERS}, run, after,
                      sizes_of(cell), histogram_of(cell), summary_of(cell), shared, described)


def _hash(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:16]


def _text(values: list[Any]) -> bytes:
    return json.dumps(values).encode()


def questions_key(cell: Cell) -> str:
    """Equal for cells that ask the same."""
    return "q" + _hash(_text(cell.question), _text(cell.gold_answer), cell.split.tobytes(), cell.half.tobytes())


def prompts_key(cell: Cell) -> str:
    """Equal for cells whose models saw the same tokens."""
    return "p" + _hash(_text(cell.pieces), *(part.tobytes() for ragged in (cell.token_ids, cell.is_candidate) for part in (ragged.values, ragged.offsets)))


def target_key(cell: Cell) -> str:
    """Equal for cells that start from the same target, whose numbers then are the same; without its fingerprint (before 1.4) they are looked at."""
    known = str(cell.attributes.get("baseline_fingerprint", ""))
    own = [known.encode()] if known else [part.contributions.values.tobytes() for part in (cell.target.own, cell.target.gold)]
    return "t" + _hash(_text(cell.target.answer), cell.target.is_right.tobytes(), prompts_key(cell).encode(), *own)


def questions_chunk(cell: Cell, key: str) -> dict[str, bytes]:
    """Texts of all questions, and which set and half they belong to."""
    arrays = {"split": cell.split, "half": cell.half if len(cell.half) else np.zeros(len(cell.split), np.uint8)}
    return {key: pack({"text": cell.question, "gold": cell.gold_answer}, arrays)}


def prompts_chunk(cell: Cell, key: str) -> dict[str, bytes]:
    """Tokens of all prompts; prompt q is those from offsets[q] on."""
    arrays = {"ids": cell.token_ids.values.astype(np.int32), "candidate": cell.is_candidate.values.astype(np.uint8), "offsets": cell.token_ids.offsets.astype(np.uint32)}
    return {key: pack({"pieces": cell.pieces}, arrays)}


def target_chunks(cell: Cell, key: str) -> dict[str, bytes]:
    """The target's answers and contributions, and its matrices in chunks of their own."""
    made = {key: pack({"answer": cell.target.answer}, model_arrays(cell.target))}
    return made | {f"{key}-{answer}": matrix_chunk(cell.target, cell, answer) for answer in ANSWERS}


def cell_chunk(cell: Cell) -> bytes:
    """The unlearned model's answers and contributions, attempts of all probes, verdicts of further judges."""
    arrays = model_arrays(cell.unlearned)
    probes = []
    for number, probe in enumerate(cell.probes.values()):
        judged = [probe.is_right, *(probe.judged.get(name, np.zeros_like(probe.is_right)) for name in cell.judges)]
        bits = sum((flags.astype(np.uint8) << bit for bit, flags in enumerate(judged[:7])), np.zeros(probe.is_right.shape, np.uint8))
        told = ~probe.counts
        asked = np.ones(len(probe.question), np.uint8) if probe.asked is None else probe.asked
        arrays |= {f"question{number}": probe.question.astype(np.uint32), f"score{number}": fixed(probe.score.ravel(), SCORE), f"right{number}": bits.ravel(),
                   f"told{number}": told.astype(np.uint8).ravel(), f"asked{number}": asked.astype(np.uint8)}
        probes.append({"name": probe.name, "attempts": probe.attempt_labels, "answer": probe.answer, "put": probe.put,
                       "judges": [cell.deciding_judge, *(name for name in cell.judges if name in probe.judged)]})
    return pack({"answer": cell.unlearned.answer, "probes": probes}, arrays)


def model_arrays(model: ModelResult) -> dict[str, NDArray[Any]]:
    """Verdicts of a model, and for both answers contributions, flags (1 KeyToken, 2 noise could turn that) and log-probability."""
    arrays: dict[str, NDArray[Any]] = {"right": model.is_right.astype(np.uint8), "score": fixed(model.score, SCORE)}
    for answer in ANSWERS:
        part: Contribution = getattr(model, answer)
        flags = part.is_key_token.values.astype(np.uint8)
        if len(part.is_uncertain.values) == len(flags):
            flags = flags | (part.is_uncertain.values.astype(np.uint8) << 1)
        arrays |= {f"{answer}_values": fixed(part.contributions.values, MILLI), f"{answer}_offsets": part.contributions.offsets.astype(np.uint32), f"{answer}_flags": flags,
                   f"{answer}_score": fixed(part.mean_log_probability, MILLI)}
        if len(part.standard_errors.values):
            arrays |= {f"{answer}_errors": fixed(part.standard_errors.values, MILLI), f"{answer}_error_offsets": part.standard_errors.offsets.astype(np.uint32)}
    return arrays


def key_flags(cell: Cell, model: ModelResult) -> NDArray[np.uint8]:
    """KeyToken flags of all candidates in order, of the answer that the focus shift is about; 2 where a question was not attributed."""
    rows: Ragged = cell.key_tokens(model)
    sizes = sizes_of(cell)
    lengths = np.diff(rows.offsets.astype(np.int64))
    result = np.full(int(sizes.sum()), 2, np.uint8)
    fits = np.repeat(lengths == sizes, sizes)
    taken = np.repeat(lengths == sizes, lengths)
    result[fits] = rows.values[taken] != 0
    return result


def sizes_of(cell: Cell) -> NDArray[np.int64]:
    """Candidates of every prompt."""
    return segment_sums(cell.is_candidate.values, np.diff(cell.is_candidate.offsets.astype(np.int64)))


def segment_sums(values: NDArray[Any], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums of consecutive stretches of these sizes."""
    totals = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
    ends = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    return totals[ends[1:]] - totals[ends[:-1]]


def rows_of(cell: Cell) -> dict[str, NDArray[Any]]:
    """The explorer's columns. `right`: bits 2j and 2j + 1 are judge j's verdicts on the target's and the unlearned model's answer."""
    judges = counts.judges_of(cell)[:8]
    right = np.zeros(len(cell.split), np.uint16)
    won = []
    for number, judge in enumerate(judges):
        seen = counts.seen_by(cell, judge)
        right |= (seen.target.is_right.astype(np.uint16) << (2 * number)) | (seen.unlearned.is_right.astype(np.uint16) << (2 * number + 1))
        won.append(counts.won_masks(seen))
    sets = [[int((row != 0).sum()) for row in cell.key_tokens(model)] for model in (cell.target, cell.unlearned)]
    both = [int(((a != 0) & (b != 0)).sum()) if len(a) == len(b) else 0
            for a, b in zip(cell.key_tokens(cell.target), cell.key_tokens(cell.unlearned), strict=True)]
    columns = {"right": right, "asked": won[0][0], "shift": fixed(cell.shift, SHIFT, np.int32), "score": fixed(cell.unlearned.score, SCORE, np.int32),
               "before": np.minimum(sets[0], 255).astype(np.uint8), "after": np.minimum(sets[1], 255).astype(np.uint8),
               "lost": np.minimum(np.array(sets[0], np.int64) - np.array(both, np.int64), 255).astype(np.uint8), "state": knowledge(cell), "outcome": cell.outcome.astype(np.uint8)}
    return columns | {f"won{number}": masks[1] for number, masks in enumerate(won)}


def entry_of(cell: Cell, keys: dict[str, str], campaign: int) -> dict[str, Any]:
    """A cell in the index of the page."""
    probes = [{"name": probe.name, "label": probe.label, "kind": probe.kind, "attempts": len(probe.attempt_labels)} for probe in cell.probes.values()]
    return {
        "id": cell.id, "model": cell.model, "dataset": cell.dataset, "method": cell.method, "seed": cell.seed, "campaign": campaign,
        "size": len(cell.question), **keys, "alpha": cell.alpha, "beta": cell.beta, "noise": plain_number(cell.contribution_noise), "unit": cell.contribution_unit,
        "focus": cell.focus_answer, "attribution": name_of(cell), "judge": cell.judge, "judges": counts.judges_of(cell), "probes": probes, "errors": errors_of(cell), "beside": {judge: errors_beside(cell, judge) for judge in counts.judges_of(cell)}, "arms_beside": counts.beside_rates(cell), "destruction": destruction_of(cell),
        "counts": counts.all_counts(cell), "blind": counts.blind_counts(cell), "budget": counts.recovery_by_attempts(cell), "verdict": str(verdict_of(cell)),
        "seconds": _seconds(cell), "metrics": _metric_values(cell),
        "arms": {name: arm.model for name, arm in cell.arms.items()}, "dtype": cell.compute_dtype, "minor": minor_of_version(str(cell.attributes.get("schema_version", ""))),
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
    if not cell.halves:
        return "all retain questions, those that were trained on among them"
    return f"{'held-out' if cell.has_half(Half.held_out) else 'all'} retain questions ({cell.halves})"


def _seconds(cell: Cell) -> float | None:
    return plain_number(float(np.nansum(np.asarray(cell.work["seconds"], dtype=float))))


def _metric_values(cell: Cell) -> dict[str, float | None]:
    return {name: plain_number(metric.unlearned[0]) for name, metric in cell.metrics.items()}


def run_of(cell: Cell) -> dict[str, Any]:
    """What the page shows of a cell on demand: attributes, claims with their numbers, metrics, stages, losses."""
    attributes = {name: str(value) for name, value in sorted(cell.attributes.items())}
    claims = [{"answer": found.answer, "reason": found.reason, "numbers": found.numbers} for found in findings_of(cell)]
    metrics = [{"name": m.name, "label": m.label, "says": m.larger_says.replace("_", " "), "count": m.count, "target": [*map(plain_number, m.target)],
                "unlearned": [*map(plain_number, m.unlearned)]} for m in cell.metrics.values()]
    columns = ("stage", "seconds", "positions", "positions_naive", "model_calls", "logit_rows", "peak_memory")
    stages = {name: [value if isinstance(value, str) else plain_number(float(value)) for value in cell.work[name]] for name in columns if name in cell.work}
    return {"attributes": attributes, "claims": claims, "metrics": metrics, "stages": stages, "losses": _losses(cell)}


def _losses(cell: Cell) -> dict[str, list[float | None]]:
    """Losses by step, at most STEPS_SHOWN of them."""
    steps = np.asarray(cell.training["step"])
    chosen = np.unique(np.linspace(0, len(steps) - 1, STEPS_SHOWN).astype(int)) if len(steps) > STEPS_SHOWN else np.arange(len(steps))
    return {name: [plain_number(float(f"{value:.6g}")) for value in np.asarray(cell.training[name], dtype=float)[chosen]]
            for name in ("step", "loss", "forget_loss", "retain_loss")}


def histogram_of(cell: Cell) -> NDArray[np.int64]:
    """How often each size of a contribution occurs, both answers and models; the last bin has all that is larger."""
    result = np.zeros(BINS, np.int64)
    for model in (cell.target, cell.unlearned):
        for answer in ANSWERS:
            values = np.abs(getattr(model, answer).contributions.values.astype(float))
            places = np.minimum(values[np.isfinite(values)] / BIN, BINS - 1).astype(np.intp)
            result += np.bincount(places, minlength=BINS)
    return result
