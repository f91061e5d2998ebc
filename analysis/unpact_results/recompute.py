"""Checks of a cell's content: everything that follows from something else is computed again."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from . import statistics as st
from .judging import by_judge
from .metrics import check_metrics
from .model import Asked, Cell, Contribution, Half, ModelResult, Outcome, Rate, Split
from .reading import ASKED, HELD_OUT, RECOVERY, RETAIN, WITHOUT_ECHO
from .schema import LEAVE_ONE_OUT
from .structure import Report

TOLERANCE = 1e-5  # nats per token
ORIGINS_MARK = "# Where the inputs come from. Their checksums decide, not what follows."


def check_cell(cell: Cell, report: Report) -> None:
    """All content checks of a cell."""
    _check_questions(cell, report)
    for name, model in (("target", cell.target), ("unlearned", cell.unlearned)):
        for answer in ("gold", "own"):
            _check_contribution(cell, f"/{name}/{answer}", getattr(model, answer), report)
    made = st.outcomes(cell.split, cell.target.is_right, cell.unlearned.is_right)
    _rows("/outcome/class", "class does not follow from is_right", made != cell.outcome, report)
    _check_focus_shift(cell, report)
    for name, probe in cell.probes.items():
        if np.any(probe.question >= len(cell.question)):
            report(f"/probes/{name}/probed_question", "points past the last question")
        elif len(np.unique(probe.question)) != len(probe.question):
            report(f"/probes/{name}/probed_question", "names a question twice")
    _check_knowledge(cell, report)
    _check_rates(cell, report)
    _check_verification(cell, report)
    check_metrics(cell, report)
    _check_trajectory(cell, report)
    _check_fingerprint(cell, report)


def _rows(path: str, problem: str, bad: np.ndarray, report: Report) -> None:
    """One fault for all bad rows of a dataset."""
    where = np.flatnonzero(bad)
    if len(where):
        report(path, f"{problem} (rows {', '.join(map(str, where[:5]))}{', ...' if len(where) > 5 else ''}; {len(where)} in all)")


def _check_questions(cell: Cell, report: Report) -> None:
    if np.any(np.diff(cell.split.astype(int)) < 0):
        report("/questions/split", "forget questions do not come first")
    same = np.array_equal(cell.token_ids.offsets, cell.is_candidate.offsets)
    if not same:
        report("/prompts/is_candidate/offsets", "differ from those of token_ids")


def _check_contribution(cell: Cell, path: str, part: Contribution, report: Report) -> None:
    bad: dict[str, list[int]] = {"end": [], "shape": [], "count": [], "value": [], "key": [], "positive": [], "error": [], "share": [], "doubt": [], "score": []}
    has_matrix = cell.attribution_method == LEAVE_ONE_OUT
    for row in range(len(cell.question)):
        entries, values, keys, tokens = (len(r[row]) for r in (part.log_probabilities, part.contributions, part.is_key_token, part.answer_ids))
        if keys != values or entries != ((values + 1) * tokens if has_matrix and values else 0):
            bad["shape"].append(row)
            continue
        end = np.zeros(0) if part.end_log_probabilities is None else part.end_log_probabilities[row]
        if len(end) not in (0, values + 1 if entries else 0) or not np.all(np.isfinite(end)) or np.any(end > TOLERANCE):
            bad["end"].append(row)
        if values:
            if values != int(np.count_nonzero(cell.is_candidate[row])):
                bad["count"].append(row)
            _check_values(cell, part, row, bad)
            _check_certainty(cell, part, row, bad)
    problems = {"shape": ("log_probabilities", "is not (n + 1) x T, with n of contributions and is_key_token and T of answer_ids" if has_matrix
                          else f"is not empty, as it must be for {cell.attribution_method}"),
                "end": ("end_log_probabilities", "has not n + 1 values or none, or one that is above 0 or not finite"),
                "count": ("contributions", "has not one value for each candidate of the prompt"),
                "value": ("contributions", f"differs from log_probabilities by more than {TOLERANCE}, or is not finite"),
                "key": ("is_key_token", "does not follow from contributions, alpha and beta"),
                "positive": ("log_probabilities", "has a value that is above 0 or not finite"),
                "error": ("standard_errors", "has neither one value for each contribution nor none, or a negative one"),
                "share": ("standard_errors", "is neither 0 (taken out alone) nor NaN (a share), as it must be for hierarchical"),
                "doubt": ("key_token_uncertain", "does not follow from contributions, standard_errors and noise_floor"),
                "score": ("mean_log_probability", "is missing, above 0, or not the mean of the first row of log_probabilities")}
    for kind, (name, problem) in problems.items():
        _rows(f"{path}/{name}", problem, np.isin(np.arange(len(cell.question)), bad[kind]), report)


def _check_values(cell: Cell, part: Contribution, row: int, bad: dict[str, list[int]]) -> None:
    matrix, stored, score = part.matrix(row), part.contributions[row], float(part.mean_log_probability[row])
    if not (np.isfinite(score) and score <= TOLERANCE) or (len(matrix) and abs(matrix[0].mean(dtype=np.float64) - score) > TOLERANCE):
        bad["score"].append(row)
    if len(matrix) and (not np.all(np.isfinite(matrix)) or np.any(matrix > TOLERANCE)):
        bad["positive"].append(row)
    if not np.all(np.isfinite(stored)) or (len(matrix) and not np.allclose(st.contributions(matrix), stored, rtol=1e-6, atol=TOLERANCE)):
        bad["value"].append(row)
    values = stored.astype(np.float64)
    largest = values.max() if len(values) else 0.0
    near = (np.abs(values - cell.alpha * largest) < TOLERANCE) | (np.abs(values - cell.beta) < TOLERANCE)
    if np.any((st.key_tokens(values, cell.alpha, cell.beta) != part.is_key_token[row].astype(bool)) & ~near):
        bad["key"].append(row)


def _check_certainty(cell: Cell, part: Contribution, row: int, bad: dict[str, list[int]]) -> None:
    values, errors, stored = part.contributions[row].astype(np.float64), part.standard_errors[row].astype(np.float64), part.is_uncertain[row]
    if len(errors) not in (0, len(values)) or np.any(errors < 0):
        bad["error"].append(row)
        return
    if cell.attribution_method == "hierarchical" and (len(errors) != len(values) or np.any(errors > 0)):
        bad["share"].append(row)
    if not len(part.is_uncertain.values):
        return  # a file of version 1.0
    made, margin = st.uncertain_key_tokens(values, errors, cell.alpha, cell.beta, cell.contribution_noise)
    if len(stored) != len(values) or np.any((made != stored.astype(bool)) & (np.abs(margin) > TOLERANCE)):
        bad["doubt"].append(row)


def _or_none(values: np.ndarray, size: int) -> np.ndarray:
    """A row as it is; the empty row of an empty answer counts as no contribution and no KeyToken."""
    return values if len(values) else np.zeros(size, dtype=values.dtype)


def _cosines(cell: Cell, which: str) -> tuple[np.ndarray, np.ndarray] | None:
    parts: list[Contribution] = [getattr(model, which) for model in _models(cell)]
    sets, values = [], []
    for row in range(len(cell.question)):
        size = max(len(part.contributions[row]) for part in parts)
        keys = [_or_none(part.is_key_token[row], size).astype(bool) for part in parts]
        vectors = [_or_none(part.contributions[row], size) for part in parts]
        if len({len(item) for item in (*keys, *vectors)}) != 1:
            return None
        sets.append(st.set_cosine(*keys))
        values.append(st.contribution_cosine(*vectors, keys[0] | keys[1]))
    return np.array(sets), np.array(values)


def _models(cell: Cell) -> tuple[ModelResult, ModelResult]:
    return cell.target, cell.unlearned


def _check_focus_shift(cell: Cell, report: Report) -> None:
    made = _cosines(cell, cell.focus_answer)
    if made is None:
        report("/focus_shift", "the models have different numbers of candidates")
        return
    for name, stored, again in (("set_cosine", cell.set_cosine, made[0]), ("contribution_cosine", cell.contribution_cosine, made[1])):
        bad = ~np.isclose(stored, again, rtol=0, atol=1e-5, equal_nan=True)
        _rows(f"/focus_shift/{name}", f"does not follow from the KeyTokens of the {cell.focus_answer} answers", bad, report)


def expected_counts(cell: Cell, name: str) -> Rate | None:
    """What a rate's counts should be, by its name; None for a name that this package does not know."""
    lower = name.lower()
    if name.startswith(st.REPORTED):
        half = st.reported(cell)
        return expected_counts(half, name.removeprefix(st.REPORTED)) if half.on_half else None
    if name.startswith(HELD_OUT):
        probe = name.removeprefix(HELD_OUT)
        return st.recovery_in_held_out_phrasings(cell, probe) if probe in cell.probes else None
    if name.startswith(RECOVERY):
        probe = name.removeprefix(RECOVERY)
        return st.recovery(cell, probe) if probe in cell.probes else None
    if name.startswith("by_"):
        return _expected_by_judge(cell, name)
    for arm, prefix in (("target", "ceiling_"), ("floor", "floor_")):
        if name.startswith(prefix):
            if arm not in cell.arms:
                return None
            split = Split.retain if name.startswith(f"{prefix}retain_") else Split.forget
            return st.arm_rate(cell, arm, name.removeprefix(prefix).removeprefix("retain_" if split == Split.retain else ""), split)
    if name.startswith("trace_"):
        return _trace_rate(cell, name.removeprefix("trace_"))
    if name in ("false_accept", "false_reject"):
        return _judge_errors(cell, cell.deciding_judge, name)
    if name.startswith(RETAIN):
        probe = name.removeprefix(RETAIN)
        return st.arm_rate(cell, "unlearned", probe, Split.retain) if "unlearned" in cell.arms and probe in cell.arms["unlearned"].probes else None
    if name.startswith(WITHOUT_ECHO):
        probe = name.removeprefix(WITHOUT_ECHO)
        return st.without_echo(cell, probe) if probe in cell.probes else None
    if name.startswith(ASKED):
        probe = name.removeprefix(ASKED)
        return st.asked_share(cell, probe) if probe in cell.probes else None
    if name in (known := st.knowledge_rates(cell)):
        return known[name] if cell.knowledge is not None else None
    for half in (Half.trained, Half.held_out):
        if name == f"destructive_{half.name}":
            return st.destruction(cell, half) if len(cell.half) else None
    if "destr" in lower:
        return st.destruction(cell)
    splits = [split for split in Split if split.name in lower]
    models = [model for model, words in {"target": ("target", "before"), "unlearned": ("unlearned", "after")}.items() if any(w in lower for w in words)]
    if "right" in lower and len(splits) == len(models) == 1:
        return st.right_share(cell, models[0], splits[0])
    return None


def _trace_rate(cell: Cell, name: str) -> Rate | None:
    """Of traces in the answers' place."""
    target, unlearned = cell.target.thought, cell.unlearned.thought
    if target is None or unlearned is None:
        return None
    if name == "leak":
        forgotten = cell.where(Outcome.forgotten)
        return st.rate(int(unlearned.is_right[forgotten].sum()), len(forgotten))
    for model, thought in (("target", target), ("unlearned", unlearned)):
        for split in Split:
            if name == f"{model}_right_{split.name}":
                return st.rate(int(thought.is_right[cell.split == split].sum()), int((cell.split == split).sum()))
    return None


def _judge_errors(cell: Cell, judge: str, name: str) -> Rate | None:
    return st.error_rates(cell, judge)[name == "false_reject"] if judge in cell.judge_check else None


def _expected_by_judge(cell: Cell, name: str) -> Rate | None:
    """A rate by a judge that does not decide: the same rate of a cell in which its verdicts count."""
    judge = next((judge for judge in cell.judges.values() if name.startswith(f"by_{judge.name}_")), None)
    if judge is None:
        return None
    if (plain := name.removeprefix(f"by_{judge.name}_")) in ("false_accept", "false_reject"):
        return _judge_errors(cell, judge.name, plain)
    other = by_judge(cell, judge.name)
    return expected_counts(other, name.removeprefix(f"by_{judge.name}_"))


def _check_knowledge(cell: Cell, report: Report) -> None:
    if cell.knowledge is None:
        return  # before version 1.7
    _rows("/knowledge/state", "does not follow from outcomes and probes", st.knowledge(cell) != cell.knowledge, report)
    wanted = tuple(probe.name for probe in cell.probes.values() if probe.kind != "control")
    if sorted(cell.knowledge_probes) != sorted(wanted):
        report("/knowledge", f"attribute probes is {list(cell.knowledge_probes)}, but the file has {list(wanted)} besides controls")
    _rows("/questions/half", "is given to a question of the forget set", (cell.split == Split.forget) & (cell.half != Half.whole), report)
    for name, probe in cell.probes.items():
        if probe.asked is not None and np.any(probe.is_right[probe.asked == Asked.no]):
            report(f"/probes/{name}/asked", "is 0 for a question with a right attempt")


def _check_rates(cell: Cell, report: Report) -> None:
    for name, stored in cell.rates.items():
        path = f"/rates[{name}]"
        if stored.count > stored.total:
            report(path, f"count {stored.count} is above total {stored.total}")
            continue
        again = st.rate(stored.count, stored.total)
        for field in ("value", "low", "high"):
            have, want = getattr(stored, field), getattr(again, field)
            if field != "value" and not stored.total:
                continue  # the interval of 0/0 is NaN or the whole range
            if not np.isclose(have, want, rtol=0, atol=1e-6, equal_nan=True):
                report(path, f"{field} is {have:.6g}, but {stored.count}/{stored.total} gives {want:.6g}")
        counts = expected_counts(cell, name)
        if counts is not None and (counts.count, counts.total) != (stored.count, stored.total):
            report(path, f"is {stored.count}/{stored.total}, but the questions give {counts.count}/{counts.total}")


def _check_verification(cell: Cell, report: Report) -> None:
    for model, found in cell.verification.items():
        path = f"/verification[{model}]"
        if model not in ("target", "unlearned"):
            report(path, "is neither target nor unlearned")
        if not 0 < found.questions <= len(cell.question):
            report(path, f"has {found.questions} questions of {len(cell.question)}")
        if found.worst_question >= len(cell.question):
            report(path, "worst_question points past the last question")
        if not (np.isfinite(found.largest_difference) and found.largest_difference >= 0):
            report(path, f"largest_difference is {found.largest_difference}")
        if found.turned > found.candidates:
            report(path, f"{found.turned} of {found.candidates} verdicts turn")
        if f"verified_{model}" not in cell.attribution_settings:
            report(path, "attribution_settings does not tell it, as readers of version 1.1 expect")


def expected_points(cell: Cell) -> dict[str, np.ndarray]:
    """The columns of /trajectory that follow from its flags."""
    seen, known = cell.trajectory, cell.target.is_right.astype(bool)
    assert seen is not None
    forget = cell.split == Split.forget
    half = cell.half if len(cell.half) == len(cell.split) else np.full(len(cell.split), Half.whole)  # a file may lack halves
    parts = {"forget": forget, "retain_trained": ~forget & (half == Half.trained), "retain_held_out": ~forget & (half == Half.held_out)}
    made = {f"{name}_right": (seen.is_right & part).sum(axis=1) for name, part in parts.items()}
    made |= {f"{name}_asked": np.full(len(seen.step), part.sum()) for name, part in parts.items()}
    for asked, lost, part in (("forget_known", "forgotten", forget), ("held_out_known", "destroyed_held_out", parts["retain_held_out"])):
        made |= {asked: np.full(len(seen.step), (part & known).sum()), lost: (~seen.is_right & part & known).sum(axis=1)}
    for name, values, part in (("extraction_strength_forget", seen.extraction_strength, forget), ("gold_log_probability_forget", seen.gold_log_probability, forget),
                               ("gold_log_probability_retain", seen.gold_log_probability, ~forget)):
        made[name] = values[:, part].mean(axis=1) if part.any() else np.full(len(seen.step), np.nan)
    return made


def _check_trajectory(cell: Cell, report: Report) -> None:
    seen = cell.trajectory
    if seen is None or not len(seen.step):
        return
    if np.any(np.diff(seen.step) <= 0):
        report("/trajectory/step", "is not ascending")
    for name, values in expected_points(cell).items():
        if not np.allclose(seen.table[name], values, rtol=1e-9, atol=1e-12, equal_nan=True):
            report(f"/trajectory/{name}", "does not follow from the answers at its points")
    if seen.selected not in seen.step:
        report("/trajectory", f"the selected step {seen.selected} is no point")


def _check_fingerprint(cell: Cell, report: Report) -> None:
    parts = [str(cell.attributes.get(name, "")) for name in ("config_resolved", "model_checksum", "tokenizer_checksum")]
    parts[0] = parts[0].split(ORIGINS_MARK)[0]
    digests = {hashlib.sha256(json.dumps(parts, separators=(",", ":"), ensure_ascii=ascii).encode()).hexdigest() for ascii in (False, True)}
    if cell.attributes.get("fingerprint") not in digests:
        report("/", "attribute fingerprint does not follow from configuration and checksums")


