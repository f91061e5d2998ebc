"""What cells are made of: verdicts, ragged rows, contributions and rates.

Legend as in model.py: Q questions, n candidate tokens of a question, T tokens of an answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray


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


class Half(IntEnum):
    """Part of the retain set that a question belongs to."""

    whole = 0  # the set has no halves, as the forget set
    trained = 1  # the retain term may have trained on it
    held_out = 2  # no loss has seen it


class Knowledge(IntEnum):
    """What is left of what the target knew about a question."""

    retain = 0
    unknown = 1
    still_right = 2
    recovered = 3
    gone = 4


class Asked(IntEnum):
    """Whether a probe could put a question, and by what words."""

    no = 0
    yes = 1
    relative_floor = 2


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
    end_log_probabilities: Ragged | None = None  # Q x (n + 1), of the end behind the answer; None before version 1.8

    def matrix(self, question: int) -> NDArray[np.float32]:
        """The (n + 1) x T log-probabilities of a question; no rows where another method than leave-one-out was used."""
        answer_tokens = len(self.answer_ids[question])
        return self.log_probabilities[question].reshape(-1, answer_tokens) if answer_tokens else np.zeros((0, 0), np.float32)

    def matrix_with_end(self, question: int) -> NDArray[np.float32] | None:
        """The (n + 1) x (T + 1) log-probabilities with those of the end behind the answer last; None where it was not scored."""
        matrix = self.matrix(question)
        end = None if self.end_log_probabilities is None else self.end_log_probabilities[question]
        return None if end is None or not len(end) or len(end) != len(matrix) else np.column_stack([matrix, end])


@dataclass(frozen=True)
class Rate:
    """A rate with its counts and its 95 % Wilson interval; NaN where the total is 0."""

    count: float
    total: int
    value: float
    low: float
    high: float
    name: str = ""
