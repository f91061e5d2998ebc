"""Token strips: a prompt three times, coloured by contribution before, after, and by their difference."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass

import numpy as np

from .model import Cell
from .statistics import key_tokens
from .text import signed

SUPPORT, HURT, NOISE = (31, 95, 168), (201, 66, 10), "#e3e3e3"  # blue, orange-red, grey
LINE_WIDTH = 128.0  # characters a line, padding of tokens included
TOKEN_PADDING = 0.9
TAIL_WIDTH = 20.0  # context at the end that may stick out
CONTEXT_KEPT = 6  # context tokens kept at each end of a longer run
ROWS = ("before", "after", "difference")


@dataclass(frozen=True)
class Piece:
    """A stretch of a token: plain text, or a sign that stands for something invisible."""

    text: str
    is_sign: bool


@dataclass(frozen=True)
class Box:
    """A token in one strip."""

    background: str
    light_text: bool
    frame: str  # "", "key", "lost" or "gained"
    hint: str


@dataclass(frozen=True)
class Column:
    """A token in all three strips; a context token has no boxes."""

    pieces: list[Piece]
    boxes: tuple[Box, ...]

    @property
    def width(self) -> float:
        """Width in characters."""
        return sum(len(piece.text) for piece in self.pieces) + TOKEN_PADDING


@dataclass(frozen=True)
class Strips:
    """The strips of one prompt for one answer."""

    answer: str  # "gold" or "own"
    lines: list[list[Column]]
    keys_before: list[str]
    keys_after: list[str]
    log_probability: tuple[float, float]


def shown(piece: str) -> list[Piece]:
    """A token with its whitespace and control characters made visible."""
    text = piece.replace("\u2581", " ").replace("\u0120", " ").replace("\u010a", "\n")
    result: list[Piece] = []
    for char in text:
        sign = _sign(char)
        if sign is None and result and not result[-1].is_sign:
            result[-1] = Piece(result[-1].text + char, False)
        else:
            result.append(Piece(sign or char, sign is not None))
    return result or [Piece("∅", True)]


def _sign(char: str) -> str | None:
    if char in " \n\t\r":
        return {" ": "·", "\n": "↵", "\t": "⇥", "\r": "␍"}[char]
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zs", "Zl", "Zp"):
        return f"[U+{ord(char):04X}]"
    return None


def colour(value: float, limit: float) -> tuple[str, bool]:
    """Background of a value, zero white, and whether the text on it must be light."""
    if math.isnan(value):
        return NOISE, False
    share = min(1.0, abs(value) / limit) if limit > 0 else 0.0
    end = SUPPORT if value >= 0 else HURT
    rgb = [round(255 + (part - 255) * share) for part in end]
    linear = [(c / 255 / 12.92) if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#" + "".join(f"{part:02x}" for part in rgb), luminance < 0.18


def nice_limit(values: np.ndarray) -> float:
    """A round symmetric limit: the next of 1, 1.5, 2, 3, 5, 7 x 10^k above the 98 % quantile of the absolute values."""
    values = np.abs(np.asarray(values, dtype=float))
    values = values[np.isfinite(values)]
    top = float(np.quantile(values, 0.98)) if len(values) else 0.0
    if top <= 0:
        return 1.0
    base = 10.0 ** math.floor(math.log10(top))
    return next(step * base for step in (1, 1.5, 2, 3, 5, 7, 10) if step * base >= top * (1 - 1e-9))


def values_of(cell: Cell, question: int, answer: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Contributions before and after; None where they were not measured."""
    before, after = (getattr(model, answer).contributions[question].astype(float) for model in (cell.target, cell.unlearned))
    candidates = int(np.count_nonzero(cell.is_candidate[question]))
    return (before, after) if len(before) == len(after) == candidates and candidates else None


def build(cell: Cell, question: int, answer: str, limit: float) -> Strips | None:
    """The strips of a question; `limit` is the value of the strongest colour, shared by all strips of a report."""
    values = values_of(cell, question, answer)
    if values is None:
        return None
    keys = [key_tokens(part, cell.alpha, cell.beta) for part in values]
    doubts = [_doubts(getattr(model, answer).is_uncertain[question], len(values[0])) for model in (cell.target, cell.unlearned)]
    pieces, columns, names = cell.pieces_of(question), [], ([], [])
    number = 0
    for piece, candidate, token in zip(pieces, cell.is_candidate[question], cell.token_ids[question], strict=True):
        if not candidate:
            columns.append(Column(shown(piece), ()))
            continue
        pair, flags = [part[number] for part in values], [bool(part[number]) for part in keys]
        doubt = [bool(part[number]) for part in doubts]
        columns.append(Column(shown(piece), _boxes(cell, pair, flags, doubt, int(token), limit)))
        for side in range(2):
            if flags[side]:
                names[side].append(f"{piece.strip() or ''.join(p.text for p in shown(piece))} {signed(pair[side])}{' (uncertain)' if doubt[side] else ''}")
        number += 1
    scores = tuple(float(getattr(model, answer).mean_log_probability[question]) for model in (cell.target, cell.unlearned))
    return Strips(answer, _wrap(_shorten(columns)), *names, scores)


def _doubts(flags: np.ndarray, count: int) -> np.ndarray:
    """Which verdicts noise could turn; files before version 1.1 do not say."""
    return flags.astype(bool) if len(flags) else np.zeros(count, dtype=bool)


def _boxes(cell: Cell, pair: list[float], flags: list[bool], doubt: list[bool], token: int, limit: float) -> tuple[Box, ...]:
    frames = ["key" if flags[0] else "", "key" if flags[1] else "", "lost" if flags[0] and not flags[1] else "gained" if flags[1] and not flags[0] else ""]
    boxes = []
    noise = cell.contribution_noise
    for row, value, frame, floor, open_ in zip(ROWS, (*pair, pair[1] - pair[0]), frames, (1, 1, 2), (*doubt, False), strict=True):
        quiet = abs(value) <= floor * noise  # a difference carries the noise of both sides
        background, light = (NOISE, False) if quiet else colour(value, limit)
        boxes.append(Box(background, light, frame, f"{row} {signed(value, 3)}{' (below the noise floor)' if quiet else ''}"
                         f"{', noise could turn whether it is a KeyToken' if open_ else ''}, id {token}"))
    return tuple(boxes)


def _shorten(columns: list[Column]) -> list[Column]:
    """Replace the middle of long runs of context tokens by their number."""
    result: list[Column] = []
    run: list[Column] = []
    for column in [*columns, None]:
        if column is not None and not column.boxes:
            run.append(column)
            continue
        hidden = len(run) - 2 * CONTEXT_KEPT
        if hidden > 2:
            run = [*run[:CONTEXT_KEPT], Column([Piece(f" ⋯ {hidden} context tokens ⋯ ", True)], ()), *run[-CONTEXT_KEPT:]]
        result += run
        run = []
        if column is not None:
            result.append(column)
    return result


def _wrap(columns: list[Column]) -> list[list[Column]]:
    lines: list[list[Column]] = [[]]
    width = 0.0
    for column, following in zip(columns, [*columns[1:], None], strict=True):
        if lines[-1] and width + column.width > LINE_WIDTH:
            lines.append([])
            width = 0.0
        lines[-1].append(column)
        width += column.width
        if _ends_line(column) and width > LINE_WIDTH / 3 and not (following and _ends_line(following)):
            lines.append([])
            width = 0.0
    lines = [line for line in lines if line]
    if len(lines) > 1 and not any(column.boxes for column in lines[-1]) and sum(column.width for column in lines[-1]) < TAIL_WIDTH:
        tail = lines.pop()  # a line of its own would be all context
        lines[-1] += tail
    return lines


def _ends_line(column: Column) -> bool:
    return column.pieces[-1].text == "↵"


def gradient() -> str:
    """The colour scale as a CSS gradient."""
    stops = ", ".join(colour(-1 + 2 * i / 8, 1.0)[0] for i in range(9))
    return f"linear-gradient(to right, {stops})"
