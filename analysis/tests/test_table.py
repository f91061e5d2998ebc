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
from unpact_results.dilemma import points, verdict, verdict_of
from unpact_results.model import Campaign, Half, Outcome
from unpact_results.report import render
from unpact_results.statistics import arm_rate, asked_share, deciding_destruction, destruction, error_rates, knowledge_rates, mcnemar, paired, rate, recovery
from unpact_results.validate import validate_file


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
    assert main(["table", str(campaign_file), "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("| model |")
    assert main(["table", str(campaign_file)]) == 0
    assert capsys.readouterr().out.startswith("8 of 9 cells finished")
    assert main(["table", str(tmp_path / "none")]) == 1


def test_verdicts():
    high, low, none = rate(90, 100), rate(2, 100), rate(0, 0)
    assert [str(verdict(*pair)) for pair in ((high, low), (low, high), (high, high), (low, low))] == ["insufficient", "destructive", "both", "neither"]
    assert str(verdict(rate(2, 5), low)) == "insufficient (uncertain)"
    assert str(verdict(none, low)) == "nothing to forget"
    assert "destructive" in str(verdict(none, high))
    assert str(verdict(none, none)) == "nothing to judge"


def test_seeds_are_pooled(tmp_path):
    cells = [load_cell(write_cell(tmp_path / f"{seed}.h5", Recipe(seed=seed))) for seed in (1, 2)]
    (point,) = points(Campaign(tmp_path, cells, []))
    assert point.seeds == 2 and point.recovered.total == sum(len(cell.where(2)) for cell in cells)
    assert point.left.total == sum(len(cell.where(1)) + len(cell.where(2)) for cell in cells)


@pytest.mark.parametrize("forgotten", [0.0, 0.2, 0.4])
def test_who_forgets_little_is_never_the_goal(tmp_path, forgotten):
    """Though nothing at all comes back of what was forgotten."""
    made = cell(tmp_path, forgotten=forgotten, destroyed=0.0, recovered=0.0, sampled=0.0)
    assert "insufficient" in str(verdict_of(made)) and "goal" not in str(verdict_of(made))
    left = knowledge_rates(made)
    assert left["knowledge_left"].count == left["still_right"].count == len(made.where(Outcome.retained))


def test_who_forgets_all_for_good_reaches_it(tmp_path):
    assert str(verdict_of(cell(tmp_path, forgotten=1.0, destroyed=0.0, recovered=0.0, sampled=0.0))) == "neither"


def test_what_samples_win_back_is_left_too(tmp_path):
    made = cell(tmp_path, forgotten=1.0, recovered=0.0, sampled=0.9)
    left = knowledge_rates(made)
    assert left["won_back"].count == made.rates["recovery_probab"].count > 0 and left["still_right"].count == 0
    assert left["knowledge_left"].count + left["gone"].count == left["gone"].total == len(made.where(Outcome.forgotten))
    made.probes["probab"].kind = "control"
    assert knowledge_rates(made)["won_back"].count == 0


def test_the_held_out_half_decides_what_was_destroyed(tmp_path):
    made = cell(tmp_path, forgotten=1.0, destroyed=0.0, recovered=0.0, sampled=0.0)
    made.outcome[(made.half == Half.held_out) & (made.outcome == Outcome.kept)] = Outcome.destroyed
    assert destruction(made, Half.trained).count == 0 and destruction(made).value < 0.7
    assert deciding_destruction(made).value == 1.0 and str(verdict_of(made)) == "destructive"
    made.half[:] = Half.whole
    assert deciding_destruction(made) == destruction(made)


def test_questions_that_a_probe_could_not_ask_are_not_its_failures(tmp_path):
    made = cell(tmp_path, forgotten=1.0, unasked=30)
    found, all_of_them = recovery(made, "focus_on_key"), recovery(made, "probab")
    assert found.total == all_of_them.total - 30 == asked_share(made, "focus_on_key").count


def cell(tmp_path, **recipe):
    return load_cell(write_cell(tmp_path / "cell.h5", Recipe(forget=120, retain=120, **recipe)))


def answers(*cells):
    return [[finding.answer for finding in claim.findings] for claim in judge_claims(Campaign(cells[0].path, list(cells), []))]


def test_claims_hold_where_they_should(tmp_path):
    made = cell(tmp_path, recovered=0.6, sampled=0.1, destroyed=0.4, forgotten=0.5)
    assert answers(made) == [[HOLDS], [HOLDS], [HOLDS], [OPEN]]


def test_claims_fail_where_they_should(tmp_path):
    made = cell(tmp_path, recovered=0.02, sampled=0.02, broken_focus=0.0, wrecked_focus=0.0, destroyed=0.5, forgotten=0.5)
    made.set_cosine = np.where(np.isnan(made.set_cosine), np.nan, 1.0)
    made.unlearned.own.is_key_token.values[:] = made.target.own.is_key_token.values
    assert answers(made) == [[FAILS], [FAILS], [FAILS], [OPEN]]


def test_claims_say_when_they_cannot_be_judged(tmp_path):
    made = cell(tmp_path, forgotten=0.0, destroyed=0.0)
    assert answers(made) == [[OPEN], [OPEN], [OPEN], [OPEN]]


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
    assert [len(claim.groups()) for claim in claims] == [2, 2, 2, 2]
    assert not any(math.isnan(float(part)) for claim in claims for f in claim.findings for _, text in f.numbers for part in text.split() if part == "nan")


CONTROLS = (("no_focus", "other words", "control"), ("wrong_focus", "another question's words", "control"))


def with_controls(tmp_path, recovered, by_control):
    """The control gets the same questions right, or none of them."""
    made = cell(tmp_path, forgotten=0.9, recovered=recovered, more_probes=CONTROLS, floor=0.05)
    for name, _, _ in CONTROLS:
        made.probes[name].is_right = made.probes["focus_on_key"].is_right.copy() if by_control else np.zeros_like(made.probes[name].is_right)
    return made


def test_emphasis_is_the_cause_only_where_it_beats_other_words(tmp_path):
    def said(recovered, by_control):
        (finding,) = judge_claims(Campaign(tmp_path, [with_controls(tmp_path, recovered, by_control)], []))[3].findings
        return finding

    assert said(0.6, by_control=False).answer == HOLDS
    assert said(0.6, by_control=True).answer == FAILS
    few = said(0.025, by_control=False)
    assert few.answer == OPEN and "too few" in few.reason
    assert dict(few.numbers)["floor"] != "–" and dict(few.numbers)["ceiling"] != "–"


def test_mcnemar_is_scipys_binomial_test():
    binomtest = pytest.importorskip("scipy.stats").binomtest
    rng = np.random.default_rng(3)
    for first, second in rng.integers(0, 60, (200, 2)):
        if first + second:
            assert mcnemar(int(first), int(second)) == pytest.approx(binomtest(int(first), int(first + second)).pvalue, rel=1e-10)
    assert mcnemar(0, 0) == 1.0


def test_paired_questions_are_those_that_both_could_ask(tmp_path):
    made = cell(tmp_path, forgotten=1.0, unasked=40)
    found = paired(made, "focus_on_key", "probab")
    assert found.questions == recovery(made, "focus_on_key").total
    assert found.low <= found.gap <= found.high
    assert paired(made, "focus_on_key", "no_such") is None
    assert paired(made, "focus_on_key", "probab") == found, "the bootstrap is seeded"


def test_an_attempt_that_tells_the_answer_recovers_nothing(tmp_path):
    made = cell(tmp_path, forgotten=1.0, recovered=1.0, sampled=0.0, told=25)
    count = len(made.where(Outcome.forgotten))
    assert recovery(made, "focus_on_key").count == count - 25 and recovery(made, "focus_on_key").total == count
    assert knowledge_rates(made)["won_back"].count == count - 25


def test_files_with_judges_arms_and_told_answers_are_right(tmp_path):
    path = write_cell(tmp_path / "cell.h5", Recipe(told=3, unasked=2, second_judge=True, checked=True, floor=0.1, more_probes=CONTROLS))
    assert validate_file(path) == []
    made = load_cell(path)
    accepts, rejects = error_rates(made, "rouge_l_recall")
    assert (accepts.count, accepts.total, rejects.count, rejects.total) == (20, 200, 30, 40)
    assert set(made.judges) == {"exact_match"} and set(made.arms) == {"target", "floor"}
    assert 0 <= arm_rate(made, "floor", "focus_on_key").value < arm_rate(made, "target", "focus_on_key").value
    assert "rouge_l_recall: accepts 10.0 %" in render(Campaign(path, [made], []))
