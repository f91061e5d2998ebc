"""A finished cell and a campaign as plain Python data.

Legend: Q = questions (forget first, then retain), N = prompt tokens, n = candidate tokens of a question,
T = tokens of an answer, P = probed questions, m = attempts of a probe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .parts import Asked, Contribution, Half, Knowledge, Outcome, Ragged, Rate, Split
from .schema import LEAVE_ONE_OUT, NATS

__all__ = ["Arm", "Asked", "Campaign", "Cell", "CellStatus", "Contribution", "Half", "Judge", "JudgeCheck", "Knowledge", "Metric", "ModelResult",
           "Outcome", "Probe", "Ragged", "Rate", "Split", "Verification"]


@dataclass
class Thought:
    """Traces in front of the answers of a model that thinks."""

    trace: list[str]  # Q
    forced: NDArray[np.bool_]  # Q: without an end, closed at the limit
    is_right: NDArray[np.bool_]  # Q: the trace says the gold answer
    trace_share: dict[str, NDArray[np.float64]]  # by answer (gold, own): Q, the trace's part of all positive contributions
    contributions: dict[str, Ragged]  # by answer: Q x t, of the trace's tokens


@dataclass
class ModelResult:
    """Answers and contributions of one model."""

    answer: list[str]
    score: NDArray[np.float64]
    is_right: NDArray[np.bool_]
    gold: Contribution
    own: Contribution
    thought: Thought | None = None  # of a model that thinks; None before version 1.10


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
    asked: NDArray[np.uint8] | None = None  # P, an Asked; None: all (files before version 1.7)
    put: list[list[str]] | None = None  # P x m, the question as it was put; None before version 1.7, as all below
    has_gold: NDArray[np.bool_] | None = None  # P x m: it tells the gold answer; such attempts count in no rate
    gold_share: NDArray[np.float64] | None = None  # P x m
    new_words: NDArray[np.int32] | None = None  # P x m
    echo_right: NDArray[np.bool_] | None = None  # P x m: the judge takes it for a right answer
    judged: dict[str, NDArray[np.bool_]] = field(default_factory=dict)  # P x m, verdicts of judges that do not decide
    tokens: NDArray[np.int32] | None = None  # P x m: prompt and answer, earlier turns included; None before version 1.8
    gold: list[list[str]] | None = None  # P x m: a right answer, where it is not the question's (else empty)
    trained: NDArray[np.bool_] | None = None  # m: the unlearning trained on the phrasing; None before version 1.11

    @property
    def is_asked(self) -> NDArray[np.bool_]:
        """Whether each probed question could be asked: the others count in no rate of the probe."""
        asked = np.ones(len(self.question), dtype=bool) if self.asked is None else self.asked != Asked.no
        return asked & self.counts.any(axis=1)

    @property
    def counts(self) -> NDArray[np.bool_]:
        """P x m: whether an attempt counts; one whose question tells the gold answer recovers nothing."""
        return ~self.has_gold if self.has_gold is not None else np.ones(self.is_right.shape, dtype=bool)

    def recovered(self, is_right: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
        """P: whether any attempt that counts is right."""
        return ((self.is_right if is_right is None else is_right) & self.counts).any(axis=1)

    @property
    def is_trained_on(self) -> bool:
        """Whether the unlearning trained on some of its phrasings."""
        return self.trained is not None and bool(self.trained.any())

    def in_held_out_phrasings(self) -> Probe:
        """The probe with attempts alone whose phrasings no training has seen: the others count as little as those that tell the answer."""
        return self if self.trained is None else replace(self, has_gold=~self.counts | self.trained)

    @property
    def echoed(self) -> NDArray[np.bool_]:
        """P: whether the judge would take the question of some attempt for a right answer."""
        return np.zeros(len(self.question), dtype=bool) if self.echo_right is None else self.echo_right.any(axis=1)

    def row_of(self, question: int) -> int | None:
        """Row of a question, None where it was not probed."""
        rows = np.flatnonzero(self.question == question)
        return int(rows[0]) if len(rows) else None


@dataclass
class Judge:
    """Verdicts of a judge that does not decide, a flag a question."""

    name: str
    description: str
    target: NDArray[np.bool_]
    unlearned: NDArray[np.bool_]


@dataclass(frozen=True)
class JudgeCheck:
    """A judge beside paraphrased (right) and perturbed (wrong) answers."""

    right: int
    rejected: int
    wrong: int
    accepted: int
    calibrated_on: int = 0  # other known answers on which its threshold was found
    threshold: float = float("nan")  # score from which an answer is right; NaN: it has none, or a file before version 1.8


@dataclass
class Arm:
    """What the target or a model that was never taught makes of the probes: a state a question, 0 not asked, 1 wrong, 2 right."""

    name: str
    model: str
    is_right: NDArray[np.bool_]
    probes: dict[str, NDArray[np.uint8]]


@dataclass(frozen=True)
class CurvePoint:
    """A probe that trains, after so many steps: how many of the forget questions that it asked were right."""

    probe: str
    arm: str  # unlearned, target or floor
    step: int
    right: int
    asked: int
    loss: float  # of that step, nats a token


@dataclass
class Depth:
    """What the answer loses with another model's states behind a block of the target, nats a token, by source and class of position."""

    question: NDArray[np.uint64]  # P
    log_probability: NDArray[np.float64]  # P, by the target itself
    drops: dict[tuple[str, str], NDArray[np.float64]]  # (floor or unlearned; answer, key_tokens or others): P x L, NaN: not measured


@dataclass
class Trajectory:
    """An unlearning looked at on its way: P points, Q questions."""

    table: dict[str, NDArray[Any]]  # step, epoch, counts and means as stored: P each
    is_right: NDArray[np.bool_]  # P x Q
    gold_log_probability: NDArray[np.float64]  # P x Q, mean over the gold answer
    extraction_strength: NDArray[np.float64]  # P x Q
    role: NDArray[np.uint8]  # Q: 0 none, 1 the point (or mixture) was chosen on it, 2 it is reported on it
    rule: str = ""
    why: str = ""
    selected: int = 0  # step whose model the cell is about; 0: nobody looked

    @property
    def step(self) -> NDArray[np.int64]:
        """Optimizer steps done at each point."""
        return self.table["step"]


@dataclass(frozen=True)
class Mix:
    """Mixtures of an unlearned model with its target, in the order of the trials."""

    share: list[float]
    retain_right: list[int]  # held-out retain questions that choose
    retain_asked: list[int]
    forget_right: list[int]
    forget_asked: list[int]
    chosen: float = 0.0  # share of the target in the cell's model
    keep: float = 0.0  # share of the target's right answers that was asked for
    target_right: int = 0


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
    half: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))  # Q, a Half; empty before version 1.7
    halves: str = ""  # how the retain set was split, or why not
    knowledge: NDArray[np.uint8] | None = None  # Q, a Knowledge, as stored; None before version 1.7
    judges: dict[str, Judge] = field(default_factory=dict)  # those that do not decide
    judge_check: dict[str, JudgeCheck] = field(default_factory=dict)  # of every judge
    arms: dict[str, Arm] = field(default_factory=dict)
    curves: list[CurvePoint] = field(default_factory=list)  # of probes that train
    depth: Depth | None = None  # None before version 1.9
    trajectory: Trajectory | None = None  # None before version 1.10, and where nobody looked
    mix: Mix | None = None  # None before version 1.10, and where nothing was mixed
    knowledge_probes: tuple[str, ...] = ()  # the probe set that it is about
    on_half: bool = False  # statistics.reported made it: questions that chose the point or mixture belong to no set

    @property
    def deciding_judge(self) -> str:
        """Name of the judge that decides."""
        return self.judge.split(" ")[0]

    def has_half(self, half: Half) -> bool:
        """Whether the retain set has questions of a half."""
        return bool(np.any(self.half == half))

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
    cells: Sequence[Cell]  # read as they are used in a campaign that was opened lazily
    status: list[CellStatus]
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def absent(self) -> list[CellStatus]:
        """Planned cells without a readable result."""
        return [entry for entry in self.status if entry.status != "finished"]
