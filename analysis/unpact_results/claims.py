"""The three claims of the study and one of ours on their cause, judged by stated rules on the cells of a campaign.

Every rule is three-valued: a whole 95 % interval on one side of a limit decides, anything else cannot be said.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from .model import Campaign, Cell, Outcome, Rate
from .statistics import arm_rate, difference, focus_shift, mean_rate, paired, rate, recovery_by, recovery_in_held_out_phrasings, reported, set_cosines
from .text import DASH, full, interval, mean_full, signed

HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be said here"
SHIFT_MARGIN = 0.1  # a smaller difference of mean focus shifts is not what the study describes
SIGNIFICANT = 0.05  # McNemar's test
CONTROL, OTHER_CONTROL = "no_focus", "wrong_focus"
STUDY_LOW, STUDY_HIGH = 0.307, 0.544


@dataclass(frozen=True)
class Finding:
    """A claim on one cell."""

    model: str
    dataset: str
    method: str
    seed: int
    answer: str
    reason: str
    numbers: list[tuple[str, str]]


@dataclass
class Claim:
    """A claim with its words, its rule and what every cell says."""

    number: int
    title: str
    study: str
    reading: str
    rule: str
    findings: list[Finding] = field(default_factory=list)

    def groups(self) -> list[tuple[str, str, str, Counter[str]]]:
        """(model, dataset, answer, counts) for each model and dataset that was measured."""
        counts: dict[tuple[str, str], Counter[str]] = {}
        for finding in self.findings:
            counts.setdefault((finding.model, finding.dataset), Counter())[finding.answer] += 1
        return [(model, dataset, headline(counter), counter) for (model, dataset), counter in counts.items()]


def headline(counts: Counter[str]) -> str:
    """Answer for a group: that of more than half of its cells, else it cannot be said."""
    total = sum(counts.values())
    for answer in (HOLDS, FAILS):
        if 2 * counts[answer] > total:
            return answer
    return OPEN


def judge_claims(campaign: Campaign) -> list[Claim]:
    """The claims with a finding for every cell."""
    claims = [
        Claim(1, "Unlearning breaks the focus on the key words of the prompt",
              "Where knowledge counts as forgotten, the cosine of the KeyToken sets before and after drops, on average by 34.2 % (News).",
              "The drop is the mean focus shift (1 − cosine of the KeyToken sets) of the forgotten questions. It is compared with the questions "
              "of the forget set that the same unlearned model still answers right: a shift that those show as well would not explain forgetting. "
              "Questions where neither model has KeyTokens have no cosine and are left out. A forgotten question has, by definition, another own answer after unlearning, "
              "so the shift for the gold answer, the same text for both models, stands beside it.",
              f"Holds when the 95 % interval of (mean shift of forgotten − mean shift of retained) lies above 0; does not hold when it lies below "
              f"{SHIFT_MARGIN}; otherwise it cannot be said. Intervals: Wilson on the mean of a value in [0, 1] (conservative), Newcombe for the difference."),
        Claim(2, "Much is hidden rather than erased",
              "A phrase such as “Focus on [KeyTokens] to answer” brings back 30.7 % to 54.4 % of the forgotten answers, about twice what multinomial sampling (Probab) brings back.",
              "A forgotten question is recovered when any attempt is right. Both probes must have the same number of attempts and the same questions, "
              "else they are not compared. “About twice” is read as: the probe recovers more than the baseline of plain samples; the ratio is given beside it. "
              "A cell's probe and baseline are the first of their kind in its file.",
              "Much: the probe's interval reaches 30.7 % and starts above half of that (15.35 %); not much: the whole interval is below 30.7 %. More than sampling: the interval "
              "of the difference lies above 0; not more: below 0. The claim holds when both hold, does not hold when one does not, otherwise it cannot be said."),
        Claim(3, "A destroyed model ignores the prompt",
              "Catastrophic forgetting comes from punishing every token alike, common words as much as decisive ones; a destroyed model ignores all prompt tokens and writes nonsense.",
              "Only the second half is measured here: among destroyed questions (retain set, right before and wrong after), the share where the unlearned model has no KeyToken at all "
              "although the target had one. The cause (punishing every token alike) needs a method that does not, and cannot be said from these cells.",
              "Holds when the whole interval of that share is above 50 %; does not hold when it is below; otherwise it cannot be said. The same share among kept questions is given for comparison."),
        Claim(4, "It is the KeyTokens that bring answers back (ours)",
              "The study takes it that naming the KeyTokens is why answers come back; it has no control.",
              "The same phrases name as many random words of the question that are no KeyTokens, or the KeyTokens of another question. What these bring back is not due to the KeyTokens. "
              "Both are compared on the same forgotten questions, those that both probes could ask. Floor and ceiling stand beside: the same questions put to a model that was never taught, and to the target.",
              f"Holds when FocusOnKey gets more questions right than the other words of the question, by McNemar's exact test (p < {SIGNIFICANT}) and with the bootstrap interval of the difference above 0; "
              "does not hold when that interval is wholly at or below 0 or reaches at most one point above it; otherwise, and without the control, it cannot be said."),
    ]
    for cell in campaign.cells:
        for claim, finding in zip(claims, findings_of(cell), strict=True):
            claim.findings.append(finding)
    return claims


def findings_of(cell: Cell) -> list[Finding]:
    """What a cell says about each claim, in their order; of the questions that had no say in the choice of its point or mixture."""
    cell = reported(cell)
    return [Finding(cell.model, cell.dataset, cell.method, cell.seed, *finder(cell)) for finder in (_focus_breaks, _hidden, _ignores_prompt, _keys_matter)]


_Found = tuple[str, str, list[tuple[str, str]]]


def _focus_breaks(cell: Cell) -> _Found:
    forgotten, retained = focus_shift(cell, Outcome.forgotten), focus_shift(cell, Outcome.retained)
    gap, low, high = difference(forgotten, retained)
    left_out = int(np.isnan(cell.set_cosine[cell.where(Outcome.forgotten)]).sum())
    numbers = [("shift of forgotten", mean_full(forgotten)), ("shift of retained", mean_full(retained)),
               ("difference", _gap(gap, low, high)), ("forgotten without KeyTokens", str(left_out)),
               ("shift of forgotten, gold answer", mean_full(mean_rate(1 - set_cosines(cell, "gold")[cell.where(Outcome.forgotten)])))]
    if not forgotten.total or not retained.total:
        which = "forgotten" if not forgotten.total else "retained"
        return OPEN, f"no {which} question with KeyTokens", numbers
    if high < SHIFT_MARGIN:
        return FAILS, f"the difference is below {SHIFT_MARGIN}", numbers
    if low > 0:
        return HOLDS, "forgotten questions shift more than retained ones", numbers
    return OPEN, "the interval of the difference contains 0", numbers


def _hidden(cell: Cell) -> _Found:
    probe, baseline = cell.leading("probe"), cell.leading("baseline")
    focus, sampled = recovery_by(cell, "probe"), recovery_by(cell, "baseline")
    gap, low, high = difference(focus, sampled)
    ratio = focus.value / sampled.value if sampled.total and sampled.value > 0 else math.nan
    attempts = {p.name: len(p.attempt_labels) for p in (probe, baseline) if p}
    numbers = [(probe.label if probe else "probe", full(focus)), (baseline.label if baseline else "baseline", full(sampled)), ("difference", _gap(gap, low, high, points=True)),
               ("ratio", "–" if math.isnan(ratio) else f"{ratio:.2f}"), ("attempts", " / ".join(str(v) for v in attempts.values()) or "–")]
    if probe and probe.is_trained_on:
        numbers.append((f"{probe.label}, phrasings held out", full(recovery_in_held_out_phrasings(cell, probe.name))))
    if not focus.total:
        return OPEN, "nothing was forgotten and probed", numbers
    much = FAILS if focus.high < STUDY_LOW else HOLDS if focus.low > STUDY_LOW / 2 else OPEN
    if not sampled.total or len(set(attempts.values())) > 1 or focus.total != sampled.total:
        return (FAILS, "little comes back", numbers) if much == FAILS else (OPEN, "the probes had unequal budgets or questions", numbers)
    more = HOLDS if low > 0 else FAILS if high < 0 else OPEN
    if FAILS in (much, more):
        return FAILS, "little comes back" if much == FAILS else "sampling brings back more", numbers
    if much == more == HOLDS:
        return HOLDS, "much comes back, and more than by sampling", numbers
    return OPEN, "too few to tell how much comes back" if much == OPEN else "the interval of the difference contains 0", numbers


def blind_share(cell: Cell, outcome: Outcome) -> Rate:
    """Share of the questions with an outcome where only the target has KeyTokens."""
    before = [bool(cell.key_tokens(cell.target)[q].any()) for q in cell.where(outcome)]
    after = [bool(cell.key_tokens(cell.unlearned)[q].any()) for q in cell.where(outcome)]
    return rate(sum(b and not a for b, a in zip(before, after, strict=True)), sum(before), f"without focus, {outcome.name}")


def _ignores_prompt(cell: Cell) -> _Found:
    destroyed, kept = blind_share(cell, Outcome.destroyed), blind_share(cell, Outcome.kept)
    numbers = [("destroyed, KeyTokens all gone", full(destroyed)), ("kept, KeyTokens all gone", full(kept)),
               ("largest |C| of destroyed, before → after", _strength(cell))]
    if not destroyed.total:
        return OPEN, "no destroyed question had KeyTokens", numbers
    if destroyed.low > 0.5:
        return HOLDS, "most destroyed questions lost every KeyToken", numbers
    if destroyed.high < 0.5:
        return FAILS, "most destroyed questions still have KeyTokens", numbers
    return OPEN, "the interval contains 50 %", numbers


def _keys_matter(cell: Cell) -> _Found:
    probe = cell.leading("probe")
    pairs = [paired(cell, probe.name, control) if probe else None for control in (CONTROL, OTHER_CONTROL)]
    numbers = [(f"{probe.label if probe else 'probe'} / {words}", DASH if found is None else f"{found.only_first} / {found.only_second} alone of {found.questions} (p = {found.p_value:.3g})")
               for words, found in zip(("other words", "another question's words"), pairs, strict=True)]
    found = pairs[0]
    numbers += [("difference", _gap(found.gap, found.low, found.high, points=True) if found else DASH)]
    numbers += [(name, full(arm_rate(cell, arm, probe.name) if probe else rate(0, 0))) for name, arm in (("floor", "floor"), ("ceiling", "target"))]
    if found is None or probe is None:
        return OPEN, "no control was run (probe.use)", numbers
    if not found.questions:
        return OPEN, "nothing was forgotten and asked by both", numbers
    if found.low > 0 and found.p_value < SIGNIFICANT:
        return HOLDS, "KeyTokens bring back more than other words", numbers
    if found.high <= 0.01:
        return FAILS, "other words bring back as much", numbers
    return OPEN, "too few questions differ between the two", numbers


def _strength(cell: Cell) -> str:
    """Median over destroyed questions of the largest absolute contribution."""
    questions = cell.where(Outcome.destroyed)
    sides = []
    for model in (cell.target, cell.unlearned):
        rows = getattr(model, cell.focus_answer).contributions
        peaks = [np.abs(rows[q]).max() for q in questions if len(rows[q])]
        if not peaks:
            return "–"
        sides.append(f"{np.median(peaks):.2f}")
    return " → ".join(sides) + " nats (median)"


def _gap(gap: float, low: float, high: float, points: bool = False) -> str:
    if math.isnan(gap):
        return "–"
    if points:
        return f"{signed(100 * gap, 1)} points ({interval(low, high).replace(' %', '')})"
    return f"{signed(gap)} ({signed(low)} to {signed(high)})"
