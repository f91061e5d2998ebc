"""Recovery at equal budgets against its definitions, spelled out."""

import decimal
import itertools
import json
import math
import os
from collections import Counter
from decimal import Decimal
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from synthetic import Recipe, write_cell

from unpact_results import load_cell
from unpact_results.__main__ import main
from unpact_results.budgets import any_of, counts, curves, gap, markdown, occupancy, over_steps, worst_case
from unpact_results.model import CurvePoint, Outcome
from unpact_results.reading import ResultsError
from unpact_results.web.counts import won_masks


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


class Exact:
    """The likelihood of the occupancy model, n and c given, in decimals of 60 digits: powers alone, and Newton's steps to its stationary points."""

    def __init__(self, n, c, false_accept):
        decimal.getcontext().prec = 60
        self.groups, self.f = Counter(zip(n.tolist(), c.tolist(), strict=True)), Decimal(false_accept)

    def chances(self, psi, p):
        for (n, c), times in self.groups.items():
            there, away = p**c * (1 - p) ** (n - c), (self.f**c if c else Decimal(1)) * (1 - self.f) ** (n - c)
            yield times, there, away, psi * there + (1 - psi) * away, c / p - (n - c) / (1 - p)

    def logarithm(self, psi, p):
        return sum(times * whole.ln() for times, _, _, whole, _ in self.chances(psi, p))

    def slopes(self, psi, p):
        """By psi and by p."""
        parts = list(self.chances(psi, p))
        return sum(w * (there - away) / whole for w, there, away, whole, _ in parts), sum(w * psi * there * slope / whole for w, there, _, whole, slope in parts)

    @staticmethod
    def zero(both, start):
        """Of two functions of two numbers."""
        x, h = list(map(Decimal, start)), Decimal("1e-25")
        for _ in range(40):
            at, right, up = both(*x), both(x[0] + h, x[1]), both(x[0], x[1] + h)
            a, b, c, d = ((moved[i] - at[i]) / h for i in (0, 1) for moved in (right, up))
            steps = (d * at[0] - b * at[1]) / (a * d - b * c), (a * at[1] - c * at[0]) / (a * d - b * c)
            x = [value - step for value, step in zip(x, steps, strict=True)]
            if max(map(abs, steps)) < Decimal("1e-20"):
                return x
        raise AssertionError("Newton's method does not end")

    def best(self, start):
        return self.zero(self.slopes, start)

    def end(self, best, start):
        """Where twice the logarithm, p the likeliest, is below the best one's by the 95 % quantile of chi squared with one degree of freedom."""
        quantile, top = Decimal(NormalDist().inv_cdf(0.975)) ** 2, self.logarithm(*best)
        return self.zero(lambda psi, p: (2 * (top - self.logarithm(psi, p)) - quantile, self.slopes(psi, p)[1]), start)[0]


@pytest.mark.parametrize(("false_accept", "psi", "p"), [(0.0, 0.4, 0.3), (0.02, 0.4, 0.3), (0.0, 0.3, 0.06), (0.05, 0.5, 0.2)])
def test_occupancy_is_the_maximum_of_its_likelihood(false_accept, psi, p):
    """To 1e-10, in flat likelihoods, too (answers that hardly show); test_vectors.json has none of this model."""
    draw = np.random.default_rng(5)
    n = draw.integers(3, 9, size=300)
    c = draw.binomial(n, np.where(draw.random(300) < psi, p, false_accept))
    found, exact = occupancy(n, c, false_accept), Exact(n, c, false_accept)
    best = exact.best((found.psi + 0.02, found.p - 0.005))
    assert found.psi == pytest.approx(float(best[0]), abs=1e-10) and found.p == pytest.approx(float(best[1]), abs=1e-10)
    assert 0 < found.low < found.psi < found.high < 1
    for bound in (found.low, found.high):
        likeliest = (c.sum() / n.sum() - (1 - bound) * false_accept) / bound
        assert bound == pytest.approx(float(exact.end(best, (bound + 1e-4, likeliest))), abs=1e-10)


def test_occupancy_of_questions_that_all_show_is_one():
    n, c = np.full(100, 5), np.r_[np.full(60, 5), np.full(40, 4)]
    found = occupancy(n, c)
    assert (found.psi, found.p) == (pytest.approx(1, abs=1e-10), pytest.approx(0.92, abs=1e-10)) and found.high == 1


def test_trainings_over_steps_stand_beside_the_target_and_the_floor(tmp_path):
    cell = load_cell(write_cell(tmp_path / "cell.h5"))
    shares = {"unlearned": [0, 1, 3], "target": [2, 6, 6], "floor": [0, 0, 1]}
    cell.curves = [CurvePoint("relearn", arm, step, right, 8, 1.0 / step) for arm, rights in shares.items() for step, right in zip((5, 10, 25), rights, strict=True)]
    cell.curves.append(CurvePoint("soft_prompt", "unlearned", 50, 0, 0, math.nan))
    found = {curve.arm: curve for curve in over_steps(cell)}
    assert list(found) == ["unlearned", "target", "floor"], "what asked nothing has no curve"
    for arm, (first, second, third) in shares.items():
        assert found[arm].area == pytest.approx((5 * (first + second) / 2 + 15 * (second + third) / 2) / 20 / 8, abs=1e-12)
    assert [found[arm].half for arm in shares] == [25, 10, None], "half of 6 of 8"
    assert "5: 0/8, 10: 1/8, 25: 3/8 | " in markdown(cell)


@pytest.mark.parametrize("paired", [False, True])
def test_intervals_are_scipys_percentile_bootstrap(cell, paired):
    """Over questions; both draw, so the ends agree within what 20,000 draws leave open (four times 0.004)."""
    stats = pytest.importorskip("scipy.stats")
    values = {name: dict(zip(q.tolist(), any_of(n, c, 2), strict=True)) for name, (q, n, c) in ((name, counts(cell, cell.probes[name])) for name in ("focus_on_key", "probab"))}
    both = sorted(set(values["focus_on_key"]) & set(values["probab"])) if paired else sorted(values["focus_on_key"])
    sample = np.array([values["focus_on_key"][q] - (values["probab"][q] if paired else 0) for q in both])
    curve = next(curve for curve in curves(cell) if curve.probe == "focus_on_key")
    found = gap(cell, "focus_on_key", "probab", 2)[1:] if paired else (curve.low[1], curve.high[1])
    expected = stats.bootstrap((sample,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1), vectorized=True).confidence_interval
    assert found == pytest.approx([expected.low, expected.high], abs=0.016)
    assert expected.high - expected.low > 0.05, "otherwise this tests nothing"


def test_more_than_sixteen_probes_have_their_bits(tmp_path):
    path = write_cell(tmp_path / "cell.h5", Recipe(more_probes=tuple((f"more_{i}", f"more {i}", "probe") for i in range(20))))
    cell = load_cell(path)
    asked, won = won_masks(cell)
    for bit, name in enumerate(cell.probes):
        question, _, c = counts(cell, cell.probes[name])
        assert set(np.flatnonzero(won >> bit & 1).tolist()) == set(question[c > 0].tolist()), name
        assert set(np.flatnonzero(asked >> bit & 1).tolist()) == set(question.tolist()), name
    for i in range(20, 40):
        cell.probes[f"more_{i}"] = cell.probes["more_0"]
    with pytest.raises(ResultsError, match="at most 32"):
        won_masks(cell)


def test_nothing_right_is_nothing_left():
    found = occupancy(np.array([5, 5, 5]), np.array([0, 0, 0]))
    assert found.psi == 0 and found.low == 0


def test_the_table_says_all(cell):
    text = markdown(cell)
    assert text.count("\n") == len(cell.probes) + 4 + 3 + len({point.arm for point in cell.curves})
    assert "Verdict: " in text and ("much is left by" in text or "no probe brings much back" in text)
    assert "| relearn | unlearned | 5: 2/4 | 0.500 | – | 1.500 to 1.500 |" in text
    assert all(probe.label in text for probe in cell.probes.values()) and not math.isnan(worst_case(cell)[0])


def test_the_command_prints_a_table_a_cell(cell, capsys):
    assert main(["probes", str(cell.path)]) == 0
    assert f"## {cell.id}" in (printed := capsys.readouterr().out) and markdown(cell) in printed
