"""Verdicts where a point was chosen on half of the questions, and recovery in phrasings that no training has seen: since 1.11."""
import csv
import io

import h5py
import numpy as np
import pytest
from synthetic import Recipe, write_cell

from unpact_results import load_campaign, load_cell, table
from unpact_results.claims import findings_of
from unpact_results.dilemma import points, verdict, verdict_of
from unpact_results.model import Half, Knowledge, Outcome, Rate
from unpact_results.pooled import pooled_rows
from unpact_results.recompute import expected_counts
from unpact_results.statistics import rate, reported
from unpact_results.table import summary_of
from unpact_results.terminal import render
from unpact_results.validate import validate_file
from unpact_results.web.entries import entry_of

RECIPE = Recipe(recovered=0.5, destroyed=0.5, held_out=True, second_judge=True)


def add_rates(file: h5py.File, rows: list[Rate]) -> None:
    """Puts rates into a file that has others; what its axis is is known already."""
    columns = {"name": [row.name.encode() for row in rows]} | {part: [getattr(row, part) for row in rows] for part in ("count", "total", "value", "low", "high")}
    for name, values in columns.items():
        old = file["rates"][name]
        kind = f"S{max(old.dtype.itemsize, *map(len, values))}" if name == "name" else old.dtype
        both = np.concatenate([old[:].astype(kind), np.array(values, kind)])
        kept = {key: value for key, value in old.attrs.items() if key not in ("DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME")}
        del file["rates"][name]
        made = file["rates"].create_dataset(name, data=both)
        made.attrs.update(kept)


@pytest.fixture
def chosen(tmp_path):
    """A cell whose point was chosen on every other forget and held-out question."""
    path = write_cell(tmp_path / "cells" / "cell.h5", RECIPE)
    with h5py.File(path, "r+") as file:
        asked = (file["questions/split"][:] == 0) | (file["questions/half"][:] == Half.held_out)
        file["trajectory/role"][:] = np.where(asked, 1 + np.arange(len(asked)) // 2 % 2, 0)
    return path


def naive(cell):
    """Counts by hand: knowledge left, destruction, recovery of the questions with role 2."""
    role, left, lost, won = cell.trajectory.role, [0, 0], [0, 0], [0, 0]
    back = {int(q) for name in ("focus_on_key", "probab") for q, ok in zip(cell.probes[name].question, cell.probes[name].recovered(), strict=True) if ok}
    for q, outcome in enumerate(cell.outcome):
        if role[q] != 2:
            continue
        if outcome in (Outcome.retained, Outcome.forgotten):
            left = [left[0] + (outcome == Outcome.retained or q in back), left[1] + 1]
        if outcome in (Outcome.kept, Outcome.destroyed):
            lost = [lost[0] + (outcome == Outcome.destroyed), lost[1] + 1]
        if outcome == Outcome.forgotten:
            row = cell.probes["focus_on_key"].row_of(q)
            won = [won[0] + bool(cell.probes["focus_on_key"].is_right[row].any()), won[1] + 1]
    return left, lost, won


def test_verdicts_count_the_half_that_chose_nothing(chosen):
    cell = load_cell(chosen)
    left, lost, won = naive(cell)
    row = summary_of(cell).row
    for name, counts in (("knowledge_left", left), ("deciding_destruction", lost), ("recovery_focus_on_key", won)):
        assert [row.rates[name].count, row.rates[name].total] == counts, name
        assert 0 < counts[1] < expected_counts(cell, "knowledge_left").total
    said = verdict(rate(*left), rate(*lost))
    assert row.on_half and row.verdict == str(said) and verdict_of(cell) == said
    assert row.forgotten == won[1] and row.rates["unlearned_forget"].total == np.sum((cell.split == 0) & (cell.trajectory.role == 2))
    assert row.rates["destructive_trained"].total == np.sum(np.isin(cell.outcome, (3, 4)) & (cell.half == Half.trained)), "no rule asked them"
    (point,) = points(load_campaign(chosen))
    assert (point.left, point.destroyed) == (rate(*left, "knowledge_left"), rate(*lost)) or (point.left.count, point.destroyed.count) == (left[0], lost[0])
    seen = entry_of(cell, {}, 0)
    assert seen["on_half"] and seen["verdict"] == str(said) and seen["counts"][cell.deciding_judge]["deciding"] == [lost[1] - lost[0], lost[0]]
    assert seen["counts"]["exact_match"]["forget"] == row.rates["unlearned_forget"].total
    assert dict(findings_of(cell)[1].numbers)["FocusOnKey"].endswith(f"({won[0]}/{won[1]})") or f"{won[0]}/{won[1]}" in dict(findings_of(cell)[1].numbers)["FocusOnKey"]
    assert reported(reported(cell)) is not cell and reported(reported(cell)).on_half


def test_tables_say_so(chosen, tmp_path):
    campaign = load_campaign(chosen)
    assert "\n\\*: a point or mixture was chosen" in table.markdown(campaign)
    (row,) = csv.DictReader(io.StringIO(table.csv_text(campaign)))
    assert row["counted"] == "half" and int(row["knowledge_left_total"]) == naive(load_cell(chosen))[0][1]
    assert "1*" in render(campaign) and "*: a point or mixture was chosen" in render(campaign)
    assert pooled_rows([summary_of(load_cell(chosen))])[0].on_half
    plain = load_campaign(write_cell(tmp_path / "plain.h5", RECIPE))
    assert "*" not in table.markdown(plain).replace("\\*", "") and "*:" not in render(plain)
    assert next(csv.DictReader(io.StringIO(table.csv_text(plain))))["counted"] == "all"


def test_the_validator_computes_them_again(chosen):
    left, lost, won = naive(load_cell(chosen))
    rows = [("knowledge_left", left), ("destructive_held_out", lost), ("recovery_focus_on_key", won)]
    with h5py.File(chosen, "r+") as file:
        add_rates(file, [rate(*counts, f"reported_{name}") for name, counts in rows])
    found = " ".join(map(str, validate_file(chosen)))
    assert "rates[reported_" not in found
    with h5py.File(chosen, "r+") as file:
        file["rates/count"][-1] += 1
    assert "rates[reported_recovery_focus_on_key]" in " ".join(map(str, validate_file(chosen)))
    assert expected_counts(load_cell(chosen), "reported_by_exact_match_destructive_held_out").total == lost[1]


def test_recovery_in_held_out_phrasings_stands_alone(tmp_path):
    """The synthetic probe is right in its last attempt alone: nothing comes back where that was trained on."""
    path = write_cell(tmp_path / "cell.h5", RECIPE)
    assert "phrasings held out" not in table.markdown(load_campaign(path))
    with h5py.File(path, "r+") as file:
        trained = np.zeros(RECIPE.attempts, np.uint8)
        trained[-1] = 1
        file["probes/focus_on_key/trained"][:] = trained
        file["probes/focus_on_key/is_right"][0, 0] = 1
    cell = load_cell(path)
    row = summary_of(cell).row
    assert (row.rates["held_out_focus_on_key"].count, row.rates["held_out_focus_on_key"].total) == (1, row.rates["recovery_focus_on_key"].total)
    assert row.rates["recovery_focus_on_key"].count > 1 and "held_out_probab" not in row.rates
    assert "recovery FocusOnKey, phrasings held out" in table.markdown(load_campaign(path)) and "FocusOnKey, phrasings held out" in dict(findings_of(cell)[1].numbers)
    assert expected_counts(cell, "held_out_focus_on_key").count == 1
    assert Knowledge.recovered in cell.knowledge, "knowledge counts every phrasing"
