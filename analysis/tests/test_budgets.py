"""Recovery at equal budgets against its definitions, spelled out."""

import itertools
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from synthetic import write_cell

from unpact_results import load_cell
from unpact_results.__main__ import main
from unpact_results.budgets import any_of, counts, curves, gap, markdown, occupancy, worst_case
from unpact_results.model import Outcome


@pytest.mark.parametrize(("n", "c", "m"), [(5, 0, 3), (5, 2, 3), (5, 5, 1), (5, 1, 5), (6, 3, 2), (3, 1, 5)])
def test_any_of_counts_all_draws(n, c, m):
    drawn = list(itertools.combinations([True] * c + [False] * (n - c), min(m, n)))
    assert any_of(n, c, m) == pytest.approx(sum(any(d) for d in drawn) / len(drawn), abs=1e-12)


def test_any_of_is_leak_at_k():
    file = Path(os.environ.get("UNPACT_TEST_DATA", "")) / "test_vectors.json"
    if not file.is_file():
        pytest.skip("UNPACT_TEST_DATA has no test_vectors.json")
    for vector in json.loads(file.read_text())["leak"]:
        if vector["k"] <= vector["n"]:
            assert float(any_of(vector["n"], vector["c"], vector["k"])) == pytest.approx(vector["value"], abs=1e-10)


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    return load_cell(write_cell(tmp_path_factory.mktemp("budgets") / "cell.h5"))


def test_curves_are_means_over_forgotten_questions(cell):
    for curve in curves(cell, draws=200):
        probe = cell.probes[curve.probe]
        rows = [row for row, q in enumerate(probe.question) if cell.outcome[q] == Outcome.forgotten and probe.is_asked[row] and not probe.has_gold[row].all()]
        assert curve.questions == len(rows)
        for m, found in enumerate(curve.rate, start=1):
            expected = []
            for row in rows:
                counted = [bool(r) for r, told in zip(probe.is_right[row], probe.has_gold[row], strict=True) if not told]
                drawn = list(itertools.combinations(counted, min(m, len(counted))))
                expected.append(sum(any(d) for d in drawn) / len(drawn))
            assert found == pytest.approx(np.mean(expected))
        assert np.all(np.diff(curve.rate) >= -1e-12) and np.all(curve.low <= curve.rate) and np.all(curve.rate <= curve.high)


def test_what_a_probe_wins_back_alone(cell):
    won = {name: {int(q) for q, _, c in zip(*counts(cell, probe), strict=True) if c} for name, probe in cell.probes.items()}
    tried = {name: w for name, w in won.items() if cell.probes[name].kind != "control"}
    for curve in curves(cell, draws=10):
        assert curve.alone == len(won[curve.probe] - set().union(*(w for name, w in tried.items() if name != curve.probe)))
        spent = sum(int(cell.probes[curve.probe].tokens[row].sum()) for row, q in enumerate(cell.probes[curve.probe].question)
                    if int(q) in set(counts(cell, cell.probes[curve.probe])[0].tolist()))
        if won[curve.probe]:
            assert curve.tokens_a_recovery == pytest.approx(spent / len(won[curve.probe]))
    assert worst_case(cell)[0] == len(set().union(*tried.values()))


def test_a_gap_is_paired(cell):
    difference, low, high = gap(cell, "focus_on_key", "probab", 1)
    a, b = (dict(zip(*(x.tolist() for x in (q, c / n)), strict=True)) for q, n, c in (counts(cell, cell.probes[p]) for p in ("focus_on_key", "probab")))
    both = sorted(set(a) & set(b))
    assert difference == pytest.approx(np.mean([a[q] - b[q] for q in both]))
    assert low <= difference <= high
    same = gap(cell, "probab", "probab", 2)
    assert same == (0, 0, 0)


@pytest.mark.parametrize("false_accept", [0.0, 0.02])
def test_occupancy_is_the_maximum_of_its_likelihood(false_accept):
    optimize, stats = pytest.importorskip("scipy.optimize"), pytest.importorskip("scipy.stats")
    draw = np.random.default_rng(5)
    n = draw.integers(3, 9, size=300)
    there = draw.random(300) < 0.4
    c = draw.binomial(n, np.where(there, 0.3, false_accept))

    def loss(psi: float, p: float) -> float:
        return -float(np.log(psi * stats.binom.pmf(c, n, p) + (1 - psi) * stats.binom.pmf(c, n, false_accept)).sum())

    best = optimize.minimize(lambda x: loss(*x), [0.5, 0.2], bounds=[(1e-6, 1 - 1e-6), (1e-6, 1 - 1e-6)], method="L-BFGS-B", tol=1e-14)
    found = occupancy(n, c, false_accept)
    assert found.psi == pytest.approx(best.x[0], abs=2e-4) and found.p == pytest.approx(best.x[1], abs=2e-4)
    assert loss(found.psi, found.p) <= best.fun + 1e-9, "at least as likely as the optimizer's"

    def profile(psi: float) -> float:
        return float(optimize.minimize_scalar(lambda p: loss(psi, p), bounds=(1e-6, 1 - 1e-6), method="bounded", options={"xatol": 1e-12}).fun)

    for bound in (found.low, found.high):
        assert 2 * (profile(bound) - loss(found.psi, found.p)) == pytest.approx(stats.chi2.ppf(0.95, 1), abs=1e-5)


def test_nothing_right_is_nothing_left():
    found = occupancy(np.array([5, 5, 5]), np.array([0, 0, 0]))
    assert found.psi == 0 and found.low == 0


def test_the_table_says_all(cell):
    text = markdown(cell)
    assert text.count("\n") == len(cell.probes) + 4
    assert all(probe.label in text for probe in cell.probes.values()) and not math.isnan(worst_case(cell)[0])


def test_the_command_prints_a_table_a_cell(cell, capsys):
    assert main(["probes", str(cell.path)]) == 0
    assert f"## {cell.id}" in (printed := capsys.readouterr().out) and markdown(cell) in printed
