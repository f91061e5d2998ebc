"""The index of the page: everything that the first screen shows, as plain JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from .. import text
from ..claims import SHIFT_MARGIN, STUDY_LOW, judge_claims
from ..dilemma import DESTRUCTION_LIMIT, LEFT_LIMIT, QUADRANTS
from ..model import Campaign, Outcome
from ..plotting import OUTCOME_COLOURS
from . import counts, pairs
from .gather import Gathered, Source, colour_limit

OUTCOME_WORDS = {
    "unknown": "wrong before",
    "retained": "right before and after (forget set)",
    "forgotten": "right before, wrong after (forget set)",
    "kept": "right before and after (retain set)",
    "destroyed": "right before, wrong after (retain set)",
}
VIEW_WORDS = {
    name: (words, counts.VIEWS[name])
    for name, words in {
        "frequency": "by frequency of the token in the data set's questions",
        "position": "by position in the question",
        "edge": "by place beside the template",
        "kind": "by kind of token",
    }.items()
}


def index_of(made: Gathered, sources: Sequence[Source], shown: Sequence[int] | None) -> dict[str, Any]:
    """The index; `shown` are question numbers that the page opens with."""
    rules = judge_claims(Campaign(sources[0].campaign.path, [], []))
    return {
        "campaigns": [source.label for source in sources],
        "cells": made.entries,
        "absent": made.absent,
        "facts": facts_of(made, sources),
        "claims": [
            {
                "number": claim.number,
                "title": claim.title,
                "study": claim.study,
                "reading": claim.reading,
                "rule": claim.rule,
            }
            for claim in rules
        ],
        "limits": {
            "left": LEFT_LIMIT,
            "destroyed": DESTRUCTION_LIMIT,
            "much": STUDY_LOW,
            "shift": SHIFT_MARGIN,
            "colour": colour_limit(made.histogram),
        },
        "quadrants": QUADRANTS,
        "outcomes": [
            {"name": outcome.name, "words": OUTCOME_WORDS[outcome.name], "colour": OUTCOME_COLOURS[outcome.name]}
            for outcome in Outcome
        ],
        "views": {name: {"title": words, "classes": list(classes)} for name, (words, classes) in VIEW_WORDS.items()},
        "seeds": pairs.across_seeds(made),
        "datasets": pairs.across_datasets(made),
        "attributions": pairs.of_attributions(made),
        "differences": pairs.between_campaigns(made),
        "models": pairs.between_models(made),
        "asked": list(shown) if shown is not None else None,
    }


def facts_of(made: Gathered, sources: Sequence[Source]) -> list[list[str]]:
    """What was measured, and how, in pairs of words."""
    cells, runs = made.entries, [run["attributes"] for run in made.runs]
    absent = Counter(entry["status"] for entry in made.absent)
    state = f"{len(cells)} finished" + "".join(f", {number} {word}" for word, number in sorted(absent.items()))

    def distinct(values: Any) -> str:
        return ", ".join(dict.fromkeys(str(value) for value in values if str(value))) or text.DASH

    def software(run: dict[str, str]) -> str:
        return f"{run.get('software', '')} {run.get('software_version', '')}, commit {run.get('git_commit', 'not recorded')}, {run.get('build_type', '')}"

    return [
        ["Cells", state],
        ["Seeds", distinct(entry["seed"] for entry in cells)],
        [
            "Questions",
            distinct(
                f"{by['forget']} forget + {by['retain']} retain"
                for entry in cells
                for by in [entry["counts"][entry["judges"][0]]]
            ),
        ],
        ["Judge", distinct(entry["judge"] for entry in cells)],
        ["Judge's errors", distinct(entry["errors"] for entry in cells)],
        ["Destruction", distinct(entry["destruction"] for entry in cells)],
        ["KeyTokens", distinct(f"α = {entry['alpha']:g}, β = {entry['beta']:g} nats/token" for entry in cells)],
        ["Contributions", distinct(entry["attribution"] for entry in cells)],
        ["Software", distinct(map(software, runs))],
        [
            "Ran",
            f"{min((run.get('started', '') for run in runs), default='') or text.DASH} to {max((run.get('ended', '') for run in runs), default='') or text.DASH}",
        ],
        [
            "Folders",
            distinct(f"{source.label}: {source.campaign.path.name or source.campaign.path}" for source in sources)
            if len(sources) > 1
            else text.DASH,
        ],
    ]
