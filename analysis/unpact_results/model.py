"""A finished cell and a campaign as plain Python data.

Legend: Q = questions (forget first, then retain), N = prompt tokens, n = candidate tokens of a question,
T = tokens of an answer, P = probed questions, m = attempts of a probe.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .schema import LEAVE_ONE_OUT, NATS


class Split(IntEnum):
    """Part of the data that a question belongs to."""

    forget = 0
    retain = 1


class Outcome(IntEnum):
    """What became of a question between target and unlearned model."""

    unknown = 0
    retained = 1
    forgotten = 2
    kept = 3
    destroyed = 4


@dataclass(frozen=True)
class Ragged:
    """Rows of different length: row r is values[offsets[r]:offsets[r + 1]]."""

    values: NDArray[Any]
    offsets: NDArray[np.uint64]

    def __len__(self) -> int:
        return max(0, len(self.offsets) - 1)

    def __getitem__(self, row: int) -> NDArray[Any]:
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        row %= len(self)
        return self.values[int(self.offsets[row]) : int(self.offsets[row + 1])]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[row] for row in range(len(self)))


@dataclass
class Contribution:
    """Contributions of the candidates of each question to one answer."""

    answer_ids: Ragged  # Q x T
    log_probabilities: Ragged  # Q x ((n + 1) * T), the unablated prompt first
    contributions: Ragged  # Q x n, in Cell.contribution_unit
    is_key_token: Ragged  # Q x n
    standard_errors: Ragged  # Q x n; empty rows for methods without
    is_uncertain: Ragged  # Q x n: noise could turn is_key_token; empty rows in files before version 1.1
    mean_log_probability: NDArray[np.float64]  # Q, of the whole prompt; NaN where not attributed
    completeness_error: NDArray[np.float64]  # Q, integrated gradients; else NaN
    surrogate_r2: NDArray[np.float64]  # Q, LIME; else NaN

    def matrix(self, question: int) -> NDArray[np.float32]:
        """The (n + 1) x T log-probabilities of a question; no rows where another method than leave-one-out was used."""
        answer_tokens = len(self.answer_ids[question])
        return self.log_probabilities[question].reshape(-1, answer_tokens) if answer_tokens else np.zeros((0, 0), np.float32)


@dataclass
class ModelResult:
    """Answers and contributions of one model."""

    answer: list[str]
    score: NDArray[np.float64]
    is_right: NDArray[np.bool_]
    gold: Contribution
    own: Contribution


@dataclass
class Probe:
    """Attempts of one recovery probe; answer, score and is_right are P x m."""

    name: str
    attempt_labels: list[str]
    question: NDArray[np.uint64]
    answer: list[list[str]]
    score: NDArray[np.float64]
    is_right: NDArray[np.bool_]
    label: str = ""  # as people call it
    kind: str = "probe"  # "probe", "baseline" to compare with, or "control" that should recover nothing

    def row_of(self, question: int) -> int | None:
        """Row of a question, None where it was not probed."""
        rows = np.flatnonzero(self.question == question)
        return int(rows[0]) if len(rows) else None


@dataclass(frozen=True)
class Rate:
    """A rate with its counts and its 95 % Wilson interval; NaN where the total is 0."""

    count: float
    total: int
    value: float
    low: float
    high: float
    name: str = ""


@dataclass(frozen=True)
class Verification:
    """Contributions to gold answers beside their definition in float32."""

    questions: int  # checked
    largest_difference: float  # nats per answer token
    worst_question: int
    candidates: int = 0  # of these questions; 0 before version 1.5
    turned: int = 0  # verdicts on them, KeyToken or not, that are others by the definition


@dataclass(frozen=True)
class Metric:
    """One of the field's metrics on one set, of both models: value, and lower and upper end of its interval; NaN where there is none."""

    name: str
    label: str
    larger_says: str  # one of schema.METRIC_SAYS
    count: int
    target: tuple[float, float, float]
    unlearned: tuple[float, float, float]
    target_items: NDArray[np.float64]  # what the value is a mean of; empty where that is not kept
    unlearned_items: NDArray[np.float64]


@dataclass
class Cell:
    """One model x dataset x method x seed."""

    path: Path
    id: str
    model: str
    dataset: str
    method: str
    seed: int
    attributes: dict[str, Any]
    split: NDArray[np.uint8]
    question: list[str]
    gold_answer: list[str]
    prompt: list[str]
    token_ids: Ragged
    is_candidate: Ragged
    pieces: list[str]
    target: ModelResult
    unlearned: ModelResult
    outcome: NDArray[np.uint8]
    set_cosine: NDArray[np.float64]
    contribution_cosine: NDArray[np.float64]
    probes: dict[str, Probe]  # in the order in which they were asked for
    rates: dict[str, Rate]
    training: dict[str, NDArray[Any]]
    work: dict[str, Any]
    alpha: float
    beta: float
    noise_floor: float
    judge: str
    compute_dtype: str = "fp32"  # of answers and contributions
    attribution_method: str = LEAVE_ONE_OUT
    contribution_unit: str = NATS
    attribution_settings: dict[str, str] = field(default_factory=dict)
    verification: dict[str, Verification] = field(default_factory=dict)  # by model; empty before version 1.2
    metrics: dict[str, Metric] = field(default_factory=dict)  # by name; empty before version 1.7
    focus_answer: str = "own"  # whose KeyTokens the focus shift compares: "own" or "gold"

    def key_tokens(self, model: ModelResult) -> Ragged:
        """KeyToken flags of a model for the answer that the focus shift is about."""
        return getattr(model, self.focus_answer).is_key_token

    def leading(self, kind: str) -> Probe | None:
        """The first probe of a kind: it stands for its kind in verdicts and claims."""
        return next((probe for probe in self.probes.values() if probe.kind == kind), None)

    def pieces_of(self, question: int) -> list[str]:
        """Text pieces of the prompt tokens of a question."""
        return self.pieces[int(self.token_ids.offsets[question]) : int(self.token_ids.offsets[question + 1])]

    def where(self, outcome: Outcome) -> NDArray[np.intp]:
        """Indices of the questions with an outcome."""
        return np.flatnonzero(self.outcome == outcome)

    @property
    def contribution_noise(self) -> float:
        """What a contribution must exceed to mean anything; 0 where it is no nats, which the noise floor is."""
        return self.noise_floor if self.contribution_unit == NATS else 0.0

    @property
    def shift(self) -> NDArray[np.float64]:
        """Focus shift of every question, NaN where neither model has KeyTokens."""
        return 1.0 - self.set_cosine


@dataclass(frozen=True)
class CellStatus:
    """What the campaign file says about a planned cell."""

    id: str
    model: str
    dataset: str
    method: str
    seed: int
    status: str
    file: str = ""
    note: str = ""


@dataclass
class Campaign:
    """The cells that could be read, and the state of all that were planned."""

    path: Path
    cells: list[Cell]
    status: list[CellStatus]
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def absent(self) -> list[CellStatus]:
        """Planned cells without a readable result."""
        read = {cell.id for cell in self.cells}
        return [entry for entry in self.status if entry.id not in read]
