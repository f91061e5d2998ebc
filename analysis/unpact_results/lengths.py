"""Whether the datasets of a cell have lengths that fit together. What is read later, part by part, is not looked at."""

from __future__ import annotations

import numpy as np

from .model import Cell, Contribution, Probe


def contradiction(cell: Cell) -> str:
    """What datasets of a cell say of their lengths that cannot all be true; empty: nothing."""
    count = len(cell.question)
    per_question = [cell.split, cell.gold_answer, cell.prompt, cell.token_ids, cell.is_candidate, cell.outcome, cell.set_cosine, cell.contribution_cosine]
    per_question += [] if cell.knowledge is None else [cell.half, cell.knowledge]
    per_question += [part for judge in cell.judges.values() for part in (judge.target, judge.unlearned)]
    per_question += [part for arm in cell.arms.values() for part in (arm.is_right, *arm.probes.values())]
    per_question += [] if cell.trajectory is None else [cell.trajectory.role, *cell.trajectory.is_right]
    for model in (cell.target, cell.unlearned):
        per_question += [model.answer, model.score, model.is_right]
        if (thought := model.thought) is not None:
            per_question += [thought.trace, thought.forced, thought.is_right, *thought.trace_share.values(), *thought.contributions.values()]
        for part in (part for part in (model.gold, model.own) if type(part) is Contribution):
            per_question += [part.answer_ids, part.log_probabilities, part.contributions, part.is_key_token, part.standard_errors, part.is_uncertain,
                             part.mean_log_probability]
    if any(len(item) != count for item in per_question):
        return "datasets disagree about the number of questions"
    if len(cell.pieces) != len(cell.token_ids.values):
        return "as many pieces as token ids are expected"
    return next(filter(None, (_of_probe(probe, count) for probe in cell.probes.values())), "")


def _of_probe(probe: Probe, questions: int) -> str:
    """P probed questions of those that there are, and m attempts of each in every dataset."""
    shape = (len(probe.question), len(probe.attempt_labels))
    flags = [probe.score, probe.is_right, probe.has_gold, probe.gold_share, probe.new_words, probe.echo_right, probe.tokens, *probe.judged.values()]
    texts = [text for text in (probe.answer, probe.put, probe.gold) if text is not None]
    fits = all(part.shape == shape for part in flags if part is not None) and all([len(row) for row in text] == [shape[1]] * shape[0] for text in texts)
    if np.any(probe.question >= questions):
        return f"/probes/{probe.name}/probed_question points past the last question"
    if not fits or (probe.asked is not None and len(probe.asked) != shape[0]):
        return f"/probes/{probe.name}: datasets disagree about its questions and attempts"
    return ""
