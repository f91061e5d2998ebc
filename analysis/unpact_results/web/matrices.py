"""The (n + 1) x T log-probabilities of a cell for the page, rounded to a hundredth of a nat."""

from __future__ import annotations

import numpy as np

from ..model import Cell, ModelResult
from .chunks import fixed, pack

CENTI = 100


def matrix_chunk(model: ModelResult, cell: Cell, answer: str) -> bytes:
    """For every question T log-probabilities of the whole prompt (`whole`), then n x T losses by removing each candidate (`loss`), row by row; `end` has the
    n + 1 log-probabilities of the end behind the answer, where it was scored.

    Empty rows for attribution methods without such a matrix.
    """
    part = getattr(model, answer)
    flat, tokens = part.log_probabilities, np.diff(part.answer_ids.offsets.astype(np.int64))
    sizes = np.diff(flat.offsets.astype(np.int64))
    tokens = np.where(sizes > 0, tokens, 0)
    starts = np.repeat(flat.offsets[:-1].astype(np.int64), sizes)
    inside = np.arange(len(flat.values)) - starts
    width = np.repeat(np.maximum(tokens, 1), sizes)
    column = inside % width
    whole = flat.values[starts + column].astype(np.float64)
    is_whole = inside < width
    arrays = {
        "tokens": tokens.astype(np.uint16),
        "ids": part.answer_ids.values.astype(np.int32),
        "id_offsets": part.answer_ids.offsets.astype(np.uint32),
        "whole": fixed(flat.values[is_whole], CENTI),
        "loss": fixed((whole - flat.values)[~is_whole], CENTI),
        "sizes": (sizes - tokens).astype(np.uint32),
    }
    end = part.end_log_probabilities  # since 1.8
    if (
        end is not None
        and len(end.values)
        and np.array_equal(
            np.diff(end.offsets.astype(np.int64)) * tokens, np.where(np.diff(end.offsets.astype(np.int64)), sizes, 0)
        )
    ):
        arrays |= {"end": fixed(end.values, CENTI), "end_offsets": end.offsets.astype(np.uint32)}
    return pack({"answer": answer, "cell": cell.id}, arrays)
