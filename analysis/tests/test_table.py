"""Table, verdicts and claims."""

import csv
import io
import math

import numpy as np
import pytest
from synthetic import Recipe, write_cell

from unpact_results import load_campaign, load_cell, table
from unpact_results.__main__ import main
from unpact_results.claims import FAILS, HOLDS, OPEN, headline, judge_claims
from unpact_results.dilemma import points, verdict
from unpact_results.model import Campaign
from unpact_results.statistics import rate


def test_csv_has_every_cell_and_its_counts(campaign_file):
    rows = list(csv.DictReader(io.StringIO(table.csv_text(load_campaign(campaign_file)))))
    assert len(rows) == 9
    ga = rows[0]
    assert ga["method"] == "ga" and int(ga["destructive_total"]) == 24
    assert float(ga["destructive_value"]) == pytest.approx(int(ga["destructive_count"]) / 24)
    assert rows[-1]["verdict"] == "missing" and rows[-1]["recovery_probab_value"] == ""
    none = next(row for row in rows if row["method"] == "npo_gd")
    assert none["forgotten"] == "0" and none["recovery_focus_on_key_value"] == "" and none["recovery_focus_on_key_total"] == "0"


def test_markdown_shows_missing_rates_as_a_dash(campaign_file):
    lines = table.markdown(load_campaign(campaign_file)).splitlines()
    assert len(lines) == 11 and len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert "| – (0/0) |" in next(line for line in lines if "npo_gd" in line)
    assert all(char not in line for line in lines for char in ("nan", "NaN"))


def test_markdown_escapes_names(tmp_path):
    path = write_cell(tmp_path / "a.h5", Recipe(method="a|b<c>"))
    assert "a\\|b\\<c>" in table.markdown(load_campaign(path))


def test_table_command(campaign_file, tmp_path, capsys):
    out = tmp_path / "deep" / "t.csv"
    assert main(["table", str(campaign_file), "--format", "csv", "--out", str(out)]) == 0
    assert out.read_text().startswith("id,model,")
    assert main(["table", str(campaign_file)]) == 0
    assert capsys.readouterr().out.startswith("| model |")
    assert main(["table", str(tmp_path / "none")]) == 1


def test_verdicts():
    high, low, none = rate(90, 100), rate(2, 100), rate(0, 0)
    assert [str(verdict(*pair)) for pair in ((high, low), (low, high), (high, high), (low, low))] == ["insufficient", "destructive", "both", "neither"]
    assert str(verdict(rate(2, 5), low)) == "insufficient (uncertain)"
    assert str(verdict(none, low)) == "nothing to recover"
    assert "destructive" in str(verdict(none, high))
    assert str(verdict(none, none)) == "nothing to judge"


def test_seeds_are_pooled(tmp_path):
    cells = [load_cell(write_cell(tmp_path / f"{seed}.h5", Recipe(seed=seed))) for seed in (1, 2)]
    (point,) = points(Campaign(tmp_path, cells, []))
    assert point.seeds == 2 and point.recovered.total == sum(len(cell.where(2)) for cell in cells)


def cell(tmp_path, **recipe):
    return load_cell(write_cell(tmp_path / "cell.h5", Recipe(forget=120, retain=120, **recipe)))


def answers(*cells):
    return [[finding.answer for finding in claim.findings] for claim in judge_claims(Campaign(cells[0].path, list(cells), []))]


def test_claims_hold_where_they_should(tmp_path):
    made = cell(tmp_path, recovered=0.6, sampled=0.1, destroyed=0.4, forgotten=0.5)
    assert answers(made) == [[HOLDS], [HOLDS], [HOLDS]]


def test_claims_fail_where_they_should(tmp_path):
    made = cell(tmp_path, recovered=0.02, sampled=0.02, broken_focus=0.0, wrecked_focus=0.0, destroyed=0.5, forgotten=0.5)
    made.set_cosine = np.where(np.isnan(made.set_cosine), np.nan, 1.0)
    made.unlearned.own.is_key_token.values[:] = made.target.own.is_key_token.values
    assert answers(made) == [[FAILS], [FAILS], [FAILS]]


def test_claims_say_when_they_cannot_be_judged(tmp_path):
    made = cell(tmp_path, forgotten=0.0, destroyed=0.0)
    assert answers(made) == [[OPEN], [OPEN], [OPEN]]


def test_unequal_budgets_are_not_compared(tmp_path):
    made = cell(tmp_path, recovered=0.6, sampled=0.1)
    made.probes["probab"].attempt_labels.append("one more")
    claim = judge_claims(Campaign(made.path, [made], []))[1]
    assert claim.findings[0].answer == OPEN and "unequal" in claim.findings[0].reason


def test_headline_needs_a_majority(campaign_file):
    from collections import Counter

    assert headline(Counter({HOLDS: 2, OPEN: 1})) == HOLDS
    assert headline(Counter({HOLDS: 1, FAILS: 1})) == OPEN
    claims = judge_claims(load_campaign(campaign_file))
    assert [len(claim.groups()) for claim in claims] == [2, 2, 2]
    assert not any(math.isnan(float(part)) for claim in claims for f in claim.findings for _, text in f.numbers for part in text.split() if part == "nan")
