"""Rates, intervals, and everything that can be computed again from the log-probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .model import Cell, Half, Knowledge, Outcome, Rate, Split

Z95 = 1.959963984540054  # 97.5 % point of the normal distribution
CHOOSE = 1  # a question's role: the cell's point or mixture was chosen on it
NO_SET = np.uint8(255)  # the split of a question that is not counted
REPORTED = "reported_"  # then a rate: of the questions that had no say in the choice


def wilson(count: float, total: int, z: float = Z95) -> tuple[float, float]:
    """Wilson score interval of count / total; NaN where total is 0.

    A sum of values in [0, 1] may stand for the count: such values vary at most as much as yes/no answers with the
    same mean, so the interval is then conservative.
    """
    if total == 0:
        return math.nan, math.nan
    share = min(1.0, max(0.0, count / total))
    scale = 1.0 + z * z / total
    centre = (share + z * z / (2 * total)) / scale
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / scale
    low = 0.0 if share == 0.0 else max(0.0, centre - half)
    high = 1.0 if share == 1.0 else min(1.0, centre + half)
    return low, high


def rate(count: float, total: int, name: str = "") -> Rate:
    """A rate with its Wilson interval."""
    low, high = wilson(count, total)
    return Rate(count, total, count / total if total else math.nan, low, high, name)


def mean_rate(values: Iterable[float], name: str = "") -> Rate:
    """Mean of values in [0, 1] with a conservative Wilson interval; NaN values are left out."""
    array = np.asarray(list(values), dtype=float)
    array = np.clip(array[~np.isnan(array)], 0.0, 1.0)
    return rate(float(array.sum()), len(array), name)


def difference(first: Rate, second: Rate) -> tuple[float, float, float]:
    """first - second with Newcombe's interval (his method 10, built from the two Wilson intervals)."""
    if not first.total or not second.total:
        return math.nan, math.nan, math.nan
    gap = first.value - second.value
    low = gap - math.hypot(first.value - first.low, second.high - second.value)
    high = gap + math.hypot(first.high - first.value, second.value - second.low)
    return gap, max(-1.0, low), min(1.0, high)


def contributions(matrix: NDArray[np.floating]) -> NDArray[np.float64]:
    """C of every removal from an (n + 1) x T matrix whose first row is the unablated prompt."""
    means = np.asarray(matrix, dtype=np.float64).mean(axis=1)
    return means[0] - means[1:]


def key_tokens(values: NDArray[np.floating], alpha: float, beta: float) -> NDArray[np.bool_]:
    """KeyTokens: at least alpha of the largest contribution, and at least beta."""
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        return np.zeros(0, dtype=bool)
    return (values >= alpha * values.max()) & (values >= beta)


def uncertain_key_tokens(values: NDArray[np.floating], errors: NDArray[np.floating], alpha: float, beta: float,
                         noise_floor: float) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which verdicts of key_tokens noise could turn, and how far each is from the edge of that (docs/results-format.md)."""
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        return np.zeros(0, dtype=bool), np.zeros(0)
    noise = np.full(len(values), 2 * noise_floor) + (1.96 * np.asarray(errors, dtype=np.float64) if len(errors) else 0.0)
    largest = int(values.argmax())
    relative = alpha * values[largest]
    if relative > beta:
        noise = noise + alpha * noise[largest]
    margin = np.abs(values - max(relative, beta)) - noise
    return ~(margin >= 0), margin


def set_cosine(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Cosine of two KeyToken sets: 0 where one is empty, NaN where both are."""
    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if not first.any() and not second.any():
        return math.nan
    if not first.any() or not second.any():
        return 0.0
    return float((first & second).sum() / math.sqrt(int(first.sum()) * int(second.sum())))


def set_cosines(cell: Cell, answer: str) -> NDArray[np.float64]:
    """Cosine of the KeyToken sets of every question for one answer ("own" or "gold"); NaN where it does not exist."""
    pairs = zip(getattr(cell.target, answer).is_key_token, getattr(cell.unlearned, answer).is_key_token, strict=True)
    return np.array([set_cosine(a, b) if len(a) == len(b) else math.nan for a, b in pairs], dtype=float)


def contribution_cosine(first: NDArray, second: NDArray, union: NDArray[np.bool_]) -> float:
    """Cosine of two contribution vectors over a union of KeyTokens; NaN where it is empty."""
    union = np.asarray(union, dtype=bool)
    if not union.any():
        return math.nan
    a, b = np.asarray(first, dtype=float)[union], np.asarray(second, dtype=float)[union]
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b / scale) if scale else 0.0


def outcomes(split: NDArray, right_before: NDArray, right_after: NDArray) -> NDArray[np.uint8]:
    """Outcome of every question from the judge's two verdicts."""
    forget, retain = np.asarray(split) == Split.forget, np.asarray(split) == Split.retain
    before, after = np.asarray(right_before, dtype=bool), np.asarray(right_after, dtype=bool)
    result = np.full(len(forget), Outcome.unknown, dtype=np.uint8)
    result[forget & before & after] = Outcome.retained
    result[forget & before & ~after] = Outcome.forgotten
    result[retain & before & after] = Outcome.kept
    result[retain & before & ~after] = Outcome.destroyed
    return result


def reported(cell: Cell) -> Cell:
    """The cell as verdicts count it: questions on which its point or mixture was chosen (unlearn.select, unlearn.mix) belong to no set and no outcome."""
    if cell.on_half or cell.trajectory is None or not np.any(chose := cell.trajectory.role == CHOOSE):
        return cell
    rates = {name.removeprefix(REPORTED): rate for name, rate in cell.rates.items() if name.startswith(REPORTED)}
    return replace(cell, split=np.where(chose, NO_SET, cell.split), outcome=np.where(chose, np.uint8(Outcome.unknown), cell.outcome), rates=rates, on_half=True)


def recovery_in_held_out_phrasings(cell: Cell, probe_name: str) -> Rate:
    """The recovery rate by attempts whose phrasings no training has seen (unlearn.phrased)."""
    probe = cell.probes[probe_name].in_held_out_phrasings()
    return recovery(replace(cell, probes=cell.probes | {probe_name: probe}), probe_name)


def recovery(cell: Cell, probe_name: str) -> Rate:
    """Forgotten questions that at least one attempt of a probe gets right, of those that it could ask."""
    forgotten = set(cell.where(Outcome.forgotten).tolist())
    probe = cell.probes.get(probe_name)
    if probe is None:
        return rate(0, 0, probe_name)
    right, asked = probe.recovered(), probe.is_asked
    rows = [row for row, question in enumerate(probe.question.tolist()) if question in forgotten and asked[row]]
    return rate(sum(bool(right[row]) for row in rows), len(rows), probe_name)


def flags_of(cell: Cell, probe_name: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Of every question of the cell: whether the probe could ask it, and whether it got it right."""
    asked, right = np.zeros(len(cell.split), dtype=bool), np.zeros(len(cell.split), dtype=bool)
    probe = cell.probes[probe_name]
    inside = probe.question < len(cell.split)
    asked[probe.question[inside]], right[probe.question[inside]] = probe.is_asked[inside], probe.recovered()[inside]
    return asked, right & asked


def without_echo(cell: Cell, probe_name: str) -> Rate:
    """The recovery rate without questions that the judge would take for a right answer themselves."""
    asked, right = flags_of(cell, probe_name)
    probe = cell.probes[probe_name]
    chosen = (cell.outcome == Outcome.forgotten) & asked
    chosen[probe.question[probe.echoed]] = False
    return rate(int(right[chosen].sum()), int(chosen.sum()), f"without_echo_{probe_name}")


def arm_rate(cell: Cell, arm_name: str, probe_name: str, split: Split = Split.forget) -> Rate:
    """What an arm ("target" or "floor") makes of the questions that a recovery rate is about, or of retain questions under the same phrases."""
    arm = cell.arms.get(arm_name)
    if arm is None or probe_name not in arm.probes or probe_name not in cell.probes:
        return rate(0, 0, arm_name)
    state = arm.probes[probe_name]
    counted = flags_of(cell, probe_name)[0] & (cell.outcome == Outcome.forgotten) if split == Split.forget else cell.split == Split.retain
    return rate(int(np.count_nonzero(state[counted] == 2)), int(np.count_nonzero(state[counted])), arm_name)


@dataclass(frozen=True)
class Paired:
    """Two probes on the same questions: their gap with a bootstrap interval over questions, and McNemar's exact test."""

    questions: int
    only_first: int  # right by the first alone
    only_second: int
    gap: float
    low: float
    high: float
    p_value: float  # two-sided; that the two differ by chance


def mcnemar(only_first: int, only_second: int) -> float:
    """McNemar's exact test: two-sided binomial probability of so uneven a split of the questions that only one probe gets right."""
    total = only_first + only_second
    if not total:
        return 1.0
    tail = sum(math.comb(total, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / 2**total)


def paired(cell: Cell, first: str, second: str, draws: int = 10_000) -> Paired | None:
    """Two probes on the forgotten questions that both could ask; None where one is missing. The bootstrap is seeded."""
    if first not in cell.probes or second not in cell.probes:
        return None
    (asked_a, a), (asked_b, b) = flags_of(cell, first), flags_of(cell, second)
    chosen = asked_a & asked_b & (cell.outcome == Outcome.forgotten)
    only_a, only_b, count = int((a & ~b)[chosen].sum()), int((b & ~a)[chosen].sum()), int(chosen.sum())
    if not count:
        return Paired(0, 0, 0, math.nan, math.nan, math.nan, 1.0)
    low, high = gap_interval(only_a, only_b, count, draws)
    return Paired(count, only_a, only_b, (only_a - only_b) / count, low, high, mcnemar(only_a, only_b))


def gap_interval(only_first: int, only_second: int, count: int, draws: int = 10_000) -> tuple[float, float]:
    """95 % bootstrap interval of the difference of two shares on the same questions. Seeded."""
    # A question is +1, -1 or 0: resampling questions is drawing these counts.
    drawn = np.random.default_rng(20240607).multinomial(count, [only_first / count, only_second / count, 1 - (only_first + only_second) / count], size=draws)
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / count, [0.025, 0.975])
    return float(low), float(high)


def error_rates(cell: Cell, judge: str) -> tuple[Rate, Rate]:
    """Measured errors of a judge: false accepts (of perturbed answers) and false rejects (of paraphrased ones)."""
    found = cell.judge_check.get(judge)
    if found is None:
        return rate(0, 0, "false accepts"), rate(0, 0, "false rejects")
    return rate(found.accepted, found.wrong, "false accepts"), rate(found.rejected, found.right, "false rejects")


def recovery_by(cell: Cell, kind: str) -> Rate:
    """Recovery rate of the leading probe of a kind; 0/0 where there is none."""
    probe = cell.leading(kind)
    return recovery(cell, probe.name) if probe else rate(0, 0, kind)


def asked_share(cell: Cell, probe_name: str) -> Rate:
    """Forgotten questions that a probe could ask."""
    forgotten = set(cell.where(Outcome.forgotten).tolist())
    probe = cell.probes[probe_name]
    asked = [bool(ok) for question, ok in zip(probe.question.tolist(), probe.is_asked, strict=True) if question in forgotten]
    return rate(sum(asked), len(asked), f"asked_{probe_name}")


def knowledge(cell: Cell) -> NDArray[np.uint8]:
    """The Knowledge of every question: a forgotten one is recovered when any attempt of any probe but controls is right."""
    recovered = np.zeros(len(cell.split), dtype=bool)
    for probe in cell.probes.values():
        if probe.kind != "control" and len(probe.question):
            recovered[[q for q in probe.question[probe.recovered()].tolist() if q < len(recovered)]] = True
    state = np.full(len(cell.split), Knowledge.retain, dtype=np.uint8)
    state[(cell.split == Split.forget) & (cell.outcome == Outcome.unknown)] = Knowledge.unknown
    state[cell.outcome == Outcome.retained] = Knowledge.still_right
    state[cell.outcome == Outcome.forgotten] = np.where(recovered[cell.outcome == Outcome.forgotten], Knowledge.recovered, Knowledge.gone)
    return state


def knowledge_rates(cell: Cell) -> dict[str, Rate]:
    """Shares of the forget questions that the target knows: still right, won back by some probe, gone, and the first two together."""
    state = knowledge(cell)
    counts = {word: int(np.count_nonzero(state == word)) for word in (Knowledge.still_right, Knowledge.recovered, Knowledge.gone)}
    parts = {"still_right": counts[Knowledge.still_right], "won_back": counts[Knowledge.recovered], "gone": counts[Knowledge.gone],
             "knowledge_left": counts[Knowledge.still_right] + counts[Knowledge.recovered]}
    return {name: rate(count, sum(counts.values()), name) for name, count in parts.items()}


def knowledge_left(cell: Cell) -> Rate:
    """Forget questions that the target knows and that are still right or won back."""
    return knowledge_rates(cell)["knowledge_left"]


def destruction(cell: Cell, half: Half | None = None) -> Rate:
    """Destroyed / (kept + destroyed), of all retain questions or of one half."""
    if half is not None and not len(cell.half):
        return rate(0, 0, f"destructive_{half.name}")  # a file before version 1.7
    chosen = cell.outcome if half is None else cell.outcome[cell.half == half]
    destroyed, kept = (int(np.count_nonzero(chosen == outcome)) for outcome in (Outcome.destroyed, Outcome.kept))
    return rate(destroyed, destroyed + kept, "destructive" if half is None else f"destructive_{half.name}")


def deciding_destruction(cell: Cell) -> Rate:
    """The destruction that verdicts use: of questions that no loss has seen, where the file tells them apart; else of all."""
    return destruction(cell, Half.held_out if cell.has_half(Half.held_out) else None)


def right_share(cell: Cell, which: str, split: Split) -> Rate:
    """Share of a split that a model ("target" or "unlearned") gets right."""
    mask = cell.split == split
    right = getattr(cell, which).is_right[mask]
    return rate(int(right.sum()), int(mask.sum()), f"{which} right on {split.name}")


def focus_shift(cell: Cell, outcome: Outcome) -> Rate:
    """Mean focus shift of the questions with an outcome; counts questions where one model has KeyTokens."""
    return mean_rate(cell.shift[cell.where(outcome)], f"focus shift of {outcome.name}")


def pool(rates: Iterable[Rate], name: str = "") -> Rate:
    """Rates of several seeds as one: counts and totals added."""
    rates = list(rates)
    return rate(sum(r.count for r in rates), sum(r.total for r in rates), name)
