"""Traces judged apart: the table beside counts by hand, and the page that shows it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic import write_cell
from unpact_results import thoughts
from unpact_results.model import Outcome, Ragged, Split, Thought
from unpact_results.reading import load_cell
from unpact_results.web.ways_section import texts_of


def thinking(path: Path, seed: int):
    """A cell of models that think, at random; every fifth trace had no end, every seventh share was not measured."""
    cell = load_cell(write_cell(path))
    rng = np.random.default_rng(seed)
    count = len(cell.question)
    for result in (cell.target, cell.unlearned):
        share = rng.random(count)
        share[::7] = np.nan
        nothing = {answer: Ragged(np.zeros(count + 1, int), np.zeros(0)) for answer in ("gold", "own")}
        result.thought = Thought(["so"] * count, np.arange(count) % 5 == 0, rng.random(count) < 0.5, {"gold": share / 2, "own": share}, nothing)
    return replace(cell, seed=seed)


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    folder = tmp_path_factory.mktemp("thoughts")
    return [thinking(folder / f"{seed}.h5", seed) for seed in (1, 2)]


def test_rates_are_counts_over_seeds(cells):
    made = thoughts.table(said for cell in cells for said in thoughts.said_of(cell))
    target, unlearned = (dict(zip(made.headings, row, strict=True)) for row in made.rows)
    assert (target["of"], unlearned["of"], target["seeds"], target["leak"]) == ("target", "unlearned", 2, "-")
    right = asked = leaks = forgotten = forced = 0
    shares = []
    for cell in cells:
        for q in range(len(cell.question)):
            said = bool(cell.unlearned.thought.is_right[q])
            if cell.split[q] == Split.forget:
                asked += 1
                right += said
            if cell.outcome[q] == Outcome.forgotten:
                forgotten += 1
                leaks += said
            forced += bool(cell.unlearned.thought.forced[q])
            shares.append(cell.unlearned.thought.trace_share["own"][q])
    assert (unlearned["trace right, forget"].count, unlearned["trace right, forget"].total) == (right, asked)
    assert (unlearned["leak"].count, unlearned["leak"].total) == (leaks, forgotten) and forgotten > 0
    assert unlearned["closed by force"].count == forced
    assert unlearned[thoughts.SHARES].value == pytest.approx(np.nanmean(shares))
    assert unlearned[thoughts.SHARES].total == np.sum(~np.isnan(shares))


def test_the_page_says_means_as_means(cells):
    made = thoughts.table(thoughts.said_of(cells[0]))
    texts = texts_of(made)
    assert texts[0] == made.headings and "n = " in texts[1][-1] and texts[1][made.headings.index("leak")] == "–"


def test_models_that_do_not_think_have_no_table(campaign_file):
    cell = load_cell(sorted(campaign_file.parent.glob("cells/*.h5"))[0])
    assert thoughts.said_of(cell) == [] and thoughts.table([]) is None
