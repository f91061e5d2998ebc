"""Reads one cell and keeps what the page shows of it, packed; what cells share (questions, prompts, the target) is packed once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model import Cell, Contribution, ModelResult, Ragged
from ..reading import ResultsError
from ..stability import DataSet, describe
from ..table import Summary, summary_of
from ..thoughts import Said, said_of
from ..ways import Way, way_of
from . import counts
from .chunks import MILLI, SCORE, fixed, pack
from .entries import entry_of, rows_of, run_of
from .matrices import matrix_chunk

ANSWERS = ("own", "gold")
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
    way: Way | None = None
    said: list[Said] = field(default_factory=list)


class Digester:
    """Digests cells one after the other; keeps what cells share for as long as it lives."""

    def __init__(self, campaign: int = 0) -> None:
        self.campaign = campaign
        self._seen: set[str] = set()
        self._classes: dict[str, dict[str, NDArray[np.uint8]]] = {}

    def digest(self, cell: Cell) -> Digest:
        """Raises ResultsError where a dataset cannot be read or does not fit the others; then a later cell brings what they share."""
        seen = set(self._seen)
        try:
            return self._digest(cell)
        except (ResultsError, LookupError, ValueError, TypeError) as error:
            self._seen = seen
            if isinstance(error, ResultsError):
                raise
            raise ResultsError(f"{cell.path}: its parts do not fit together: {error}") from error

    def _digest(self, cell: Cell) -> Digest:
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
        return Digest(
            entry,
            rows_of(cell),
            cell_chunk(cell),
            {answer: matrix_chunk(cell.unlearned, cell, answer) for answer in ANSWERS},
            run,
            after,
            sizes_of(cell),
            histogram_of(cell),
            summary_of(cell),
            shared,
            described,
            way_of(cell, str(self.campaign)),
            said_of(cell),
        )


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
    return "p" + _hash(
        _text(cell.pieces),
        *(part.tobytes() for ragged in (cell.token_ids, cell.is_candidate) for part in (ragged.values, ragged.offsets)),
    )


def target_key(cell: Cell) -> str:
    """Equal for cells that start from the same target, whose numbers then are the same; without its fingerprint (before 1.4) they are looked at."""
    known = str(cell.attributes.get("baseline_fingerprint", ""))
    own = (
        [known.encode()] if known else [part.contributions.values.tobytes() for part in (cell.target.own, cell.target.gold)]
    )
    return "t" + _hash(_text(cell.target.answer), cell.target.is_right.tobytes(), prompts_key(cell).encode(), *own)


def questions_chunk(cell: Cell, key: str) -> dict[str, bytes]:
    """Texts of all questions, and which set and half they belong to."""
    arrays = {"split": cell.split, "half": cell.half if len(cell.half) else np.zeros(len(cell.split), np.uint8)}
    return {key: pack({"text": cell.question, "gold": cell.gold_answer}, arrays)}


def prompts_chunk(cell: Cell, key: str) -> dict[str, bytes]:
    """Tokens of all prompts; prompt q is those from offsets[q] on."""
    arrays = {
        "ids": cell.token_ids.values.astype(np.int32),
        "candidate": cell.is_candidate.values.astype(np.uint8),
        "offsets": cell.token_ids.offsets.astype(np.uint32),
    }
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
        bits = sum(
            (flags.astype(np.uint8) << bit for bit, flags in enumerate(judged[:7])), np.zeros(probe.is_right.shape, np.uint8)
        )
        told = ~probe.counts
        asked = np.ones(len(probe.question), np.uint8) if probe.asked is None else probe.asked
        arrays |= {
            f"question{number}": probe.question.astype(np.uint32),
            f"score{number}": fixed(probe.score.ravel(), SCORE),
            f"right{number}": bits.ravel(),
            f"told{number}": told.astype(np.uint8).ravel(),
            f"asked{number}": asked.astype(np.uint8),
        }
        probes.append(
            {
                "name": probe.name,
                "attempts": probe.attempt_labels,
                "answer": probe.answer,
                "put": probe.put,
                "judges": [cell.deciding_judge, *(name for name in cell.judges if name in probe.judged)],
            }
        )
    return pack({"answer": cell.unlearned.answer, "probes": probes}, arrays)


def model_arrays(model: ModelResult) -> dict[str, NDArray[Any]]:
    """Verdicts of a model, and for both answers contributions, flags (1 KeyToken, 2 noise could turn that) and log-probability."""
    arrays: dict[str, NDArray[Any]] = {"right": model.is_right.astype(np.uint8), "score": fixed(model.score, SCORE)}
    for answer in ANSWERS:
        part: Contribution = getattr(model, answer)
        flags = part.is_key_token.values.astype(np.uint8)
        if len(part.is_uncertain.values) == len(flags):
            flags = flags | (part.is_uncertain.values.astype(np.uint8) << 1)
        arrays |= {
            f"{answer}_values": fixed(part.contributions.values, MILLI),
            f"{answer}_offsets": part.contributions.offsets.astype(np.uint32),
            f"{answer}_flags": flags,
            f"{answer}_score": fixed(part.mean_log_probability, MILLI),
        }
        if len(part.standard_errors.values):
            arrays |= {
                f"{answer}_errors": fixed(part.standard_errors.values, MILLI),
                f"{answer}_error_offsets": part.standard_errors.offsets.astype(np.uint32),
            }
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


def histogram_of(cell: Cell) -> NDArray[np.int64]:
    """How often each size of a contribution occurs, both answers and models; the last bin has all that is larger."""
    result = np.zeros(BINS, np.int64)
    for model in (cell.target, cell.unlearned):
        for answer in ANSWERS:
            values = np.abs(getattr(model, answer).contributions.values.astype(float))
            places = np.minimum(values[np.isfinite(values)] / BIN, BINS - 1).astype(np.intp)
            result += np.bincount(places, minlength=BINS)
    return result
