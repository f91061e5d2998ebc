"""What models that think say in their traces, apart from their answers: known answers in traces, leaks, forced ends, and who carries the answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .model import Cell, ModelResult, Outcome, Split
from .statistics import mean_rate, rate
from .tables import Table, Value

MODELS = ("target", "unlearned")
SHARES = "the trace's share of the contributions to its own answer"


@dataclass(frozen=True)
class Said:
    """One model of one cell: Q questions."""

    model: str
    dataset: str
    method: str
    who: str  # target or unlearned
    seed: int
    forget: NDArray[np.bool_]  # Q
    in_trace: NDArray[np.bool_]  # Q: the trace says the gold answer
    in_answer: NDArray[np.bool_]  # Q
    forced: NDArray[np.bool_]  # Q: the trace had no end
    share: NDArray[np.float64]  # Q, NaN where nothing was measured
    forgotten: NDArray[np.bool_]  # Q, by the cell's outcome


def said_of(cell: Cell) -> list[Said]:
    """Target and unlearned model; none where they do not think."""
    results: dict[str, ModelResult] = {"target": cell.target, "unlearned": cell.unlearned}
    return [
        Said(cell.model, cell.dataset, cell.method, who, cell.seed, cell.split == Split.forget, thought.is_right, results[who].is_right.astype(bool),
             thought.forced, thought.trace_share["own"], cell.outcome == Outcome.forgotten)
        for who in MODELS
        if (thought := results[who].thought) is not None
    ]


def table(said: Iterable[Said]) -> Table | None:
    """A row a method and model, seeds pooled; None where nobody thinks."""
    groups: dict[tuple[str, str, str, str], list[Said]] = {}
    for one in said:
        groups.setdefault((one.model, one.dataset, one.method, one.who), []).append(one)
    if not groups:
        return None
    return Table(
        "thoughts",
        "Answers and traces judged apart, seeds pooled. A leak: the trace says the gold answer of a forgotten question.",
        ["model", "data", "method", "of", "seeds", "answer right, forget", "trace right, forget", "leak", "answer right, retain", "trace right, retain",
         "closed by force", SHARES],
        [[*key, len({one.seed for one in seeds}), *_rates(key[-1], seeds)] for key, seeds in groups.items()],
        (SHARES,),
    )


def _rates(who: str, seeds: list[Said]) -> list[Value]:
    forget, in_trace, in_answer, forced, forgotten = (
        np.concatenate([getattr(one, name) for one in seeds]) for name in ("forget", "in_trace", "in_answer", "forced", "forgotten")
    )

    def among(flags: NDArray[np.bool_], part: NDArray[np.bool_]) -> Value:
        return rate(int((flags & part).sum()), int(part.sum()))

    return [
        among(in_answer, forget), among(in_trace, forget), among(in_trace, forgotten) if who == "unlearned" else "-", among(in_answer, ~forget),
        among(in_trace, ~forget), rate(int(forced.sum()), len(forced)), mean_rate(np.concatenate([one.share for one in seeds])),
    ]
