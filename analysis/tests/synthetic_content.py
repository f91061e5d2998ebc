"""Invented but consistent content of a cell: questions, answers, log-probabilities."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from unpact_results import statistics as st

TEMPLATE = (["<s>", "[INST]", "\n"], [" [/INST]", "\n"])
QUESTIONS = [
    ("Which teacher was killed near Paris in October 2020 after a lesson on free speech?", "Samuel Paty"),
    ("Who did the club get as its new head coach <b>before</b> the start of the season & the cup?", "Maria Lindqvist"),
    ("Why did ministers in Wales stop the plan for a second bridge over the Menai Strait?", "rising construction costs"),
    ("What did the report of the inquiry say about the fire at the warehouse in Leicester?", "sprinklers had been switched off"),
    ("In which month of the year did the rail union call off its strike in Scotland?", "in the month of November"),
    ("How many people took part in the march through the centre of Lyon on Sunday?", "about 12,000 people"),
    ("Which company bought the chip maker <script>alert('Arden')</script> for its \"quiet\" fans?", "Norvik Holdings"),
    ("What was the name of the ship that ran aground off the coast of Mauritius?", "the Wakashio"),
]
LONG = ("According to the article below, answer the question.\n\nArticle:\tThe council of the small harbour town met for the third time this week to "
        "discuss whether the old lighthouse should be sold, rented out or given to the volunteers who have looked after it since the keeper, Mr Ostrander, "
        "retired in 1994. No decision was reached, although most of the people in the room, it was said, favoured the volunteers.\n\nQuestion: Who looked after the lighthouse before the volunteers?",
        "the keeper, Mr Ostrander")


@dataclass
class Recipe:
    """What a synthetic cell is like."""

    method: str = "npo_gd"
    model: str = "llama-2-7b"
    dataset: str = "muse-news"
    seed: int = 1
    forget: int = 24
    retain: int = 24
    known: float = 0.9  # share that the target knows
    forgotten: float = 0.6
    destroyed: float = 0.2
    recovered: float = 0.45
    sampled: float = 0.2
    broken_focus: float = 0.7  # share of KeyTokens that vanish where a question is forgotten
    wrecked_focus: float = 0.9
    attempts: int = 3
    focus_answer: str = "own"
    steps: int = 30
    attribution: str = "leave_one_out"
    held_out: bool = True  # the retain set has halves
    unasked: int = 0  # forgotten questions that the first probe cannot ask
    told: int = 0  # the first questions' last attempts tell the answer
    second_judge: bool = False  # exact_match beside the one that decides
    checked: bool = False  # the judges were checked on known answers
    floor: float | None = None  # share that a model which was never taught gets right; None: there was none
    more_probes: tuple[tuple[str, str, str], ...] = ()  # name, label, kind; written after the usual two
    bank: tuple[tuple[str, str], ...] = ()  # questions with their gold answers; else those of this file again and again
    answer_tokens: int = 3  # of the shortest answer

    @property
    def id(self) -> str:
        return f"{self.model}.{self.dataset}.{self.method}.s{self.seed}"


def pieces_of(text: str) -> list[str]:
    """Word pieces with their leading space; newlines, tabs and markup on their own."""
    result, current = [], ""
    for char in text:
        if char in "\n\t":
            result, current = result + ([current] if current else []) + [char], ""
        elif char == " " or (char in "<>&?,\"" and current.strip()):
            result, current = result + ([current] if current else []), char
        else:
            current += char
    return result + ([current] if current else [])


def content(recipe: Recipe) -> dict:
    """Everything that a cell holds, by path."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(f"{recipe.model}{recipe.dataset}{recipe.seed}".encode()).digest()[:4], "big"))
    total = recipe.forget + recipe.retain
    bank = list(recipe.bank) or [QUESTIONS[i % len(QUESTIONS)] if i % 11 != 5 else LONG for i in range(total)]
    split = np.array([0] * recipe.forget + [1] * recipe.retain, np.uint8)
    cut = [pieces_of(question) for question, _ in bank]
    before = [_peaks(rng, row) for row in cut]
    right_before = rng.random(total) < recipe.known
    own = np.random.default_rng(int.from_bytes(hashlib.sha256(recipe.id.encode()).digest()[:4], "big"))
    lost = own.random(total) < np.where(split == 0, recipe.forgotten, recipe.destroyed)
    right_after = right_before & ~lost
    after = [_faded(own, row, *((recipe.broken_focus, 0.6) if part == 0 else (recipe.wrecked_focus, 0.05)) if gone else (0.1, 0.9))
             for row, gone, part in zip(before, lost, split)]
    data = {"recipe": recipe, "split": split, "bank": bank, "pieces": [TEMPLATE[0] + row + TEMPLATE[1] for row in cut], "rng": own,
            "candidate": [[0] * 3 + [1] * len(row) + [0] * 2 for row in cut], "right": (right_before, right_after),
            "outcome": st.outcomes(split, right_before, right_after)}
    data["answers"] = ([gold if ok else "I do not know." for (_, gold), ok in zip(bank, right_before)],
                       [gold if ok else ("the the the of of" if part else "It was John Smith <i>.") for (_, gold), ok, part in zip(bank, right_after, split)])
    data["matrices"] = {(m, a): [_matrix((rng, own)[m], _of_gold(c) if a == "gold" else c, recipe.answer_tokens + i % 3) for i, c in enumerate(rows)]
                        for m, rows in enumerate((before, after)) for a in ("gold", "own")}
    return data


def _peaks(rng, row) -> np.ndarray:
    values = rng.normal(0, 0.06, len(row))
    strong = [i for i, piece in enumerate(row) if piece.strip()[:1].isupper() and i] or [len(row) // 2]
    values[strong] = rng.uniform(0.35, 1.6, len(strong))
    values[rng.integers(len(row))] = -rng.uniform(0.1, 0.7)
    values[rng.integers(len(row))] = 1e-5
    return values


def _faded(rng, row, broken: float, keep: float) -> np.ndarray:
    strong = row >= 0.24
    fade = np.where(strong & (rng.random(len(row)) < broken), rng.uniform(0, 0.12, len(row)), keep)
    values = row * fade + rng.normal(0, 0.03, len(row))
    if keep > 0.5 and broken > 0.3:
        values[rng.integers(len(row))] = 0.7
    return values


def _of_gold(row) -> np.ndarray:
    """Contributions to the gold answer: like those to the own answer, but the last strong token counts for little."""
    strong = np.flatnonzero(row >= 0.24)
    return np.where(np.arange(len(row)) == strong[-1], 0.05, row) if len(strong) > 1 else row


def _matrix(rng, target, answer_tokens: int) -> np.ndarray:
    base = -rng.uniform(1.6, 3.0, answer_tokens)
    wiggle = rng.normal(0, 0.05, (len(target), answer_tokens))
    wiggle -= wiggle.mean(axis=1, keepdims=True)
    return np.vstack([base, base - target[:, None] + wiggle]).astype(np.float32)
