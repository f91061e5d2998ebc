"""The way of an unlearning: curves, destruction at equal forgetting, Pareto fronts; intervals beside other code."""

import math

import numpy as np
from scipy import stats
from unpact_results import ways
from unpact_results.campaigns import load_campaign
from unpact_results.reading import load_cell
from unpact_results.recompute import expected_points
from unpact_results.report import render, sources_of
from unpact_results.web.ways_section import section_of


def way(method: str, seed: int, right: np.ndarray, forget: int, end_right: np.ndarray | None = None, role: np.ndarray | None = None) -> ways.Way:
    """All questions known; the first `forget` are to be forgotten, the others held out."""
    count = right.shape[1]
    is_forget = np.arange(count) < forget
    end = right[-1] if end_right is None else end_right
    steps = np.arange(1, len(right) + 1)
    return ways.Way("m", "d", method, seed, "", "b", np.ones(count, bool), is_forget, ~is_forget, np.zeros(count, np.uint8) if role is None else role,
                    steps, steps / 2, right, end, end, int(steps[-1]) if len(steps) else 0, "last")


def random_way(method: str, seed: int, points: int = 4, forget: int = 40, retain: int = 30) -> ways.Way:
    """Answers that go one by one."""
    rng = np.random.default_rng(seed)
    left = np.concatenate([rng.integers(0, points + 1, forget), rng.integers(0, 3 * points, retain)])  # behind which point each is lost
    return way(method, seed, np.array([left > point for point in range(points)]), forget)


def test_the_table_of_a_file_follows_from_its_flags(campaign_file):
    cell = load_cell(sorted(campaign_file.parent.glob("cells/*.h5"))[0])
    assert cell.trajectory is not None and cell.trajectory.selected == 20 and cell.trajectory.step.tolist() == [10, 20]
    for name, values in expected_points(cell).items():
        np.testing.assert_allclose(cell.trajectory.table[name], values)
    np.testing.assert_array_equal(cell.trajectory.is_right[-1], cell.unlearned.is_right)
    assert cell.mix is None


def test_destruction_is_interpolated_from_nothing_on():
    forgotten, destroyed = np.array([[0.4, 0.7, 0.9]]), np.array([[0.1, 0.2, 0.5]])
    for level in (0.2, 0.4, 0.5, 0.8, 0.9):
        expected = np.interp(level, [0, 0.4, 0.7, 0.9], [0, 0.1, 0.2, 0.5])
        np.testing.assert_allclose(ways.destruction_at(level, forgotten, destroyed), [expected])
    assert np.isnan(ways.destruction_at(0.95, forgotten, destroyed)[0])
    back = np.array([[0.6, 0.3, 0.9]])  # where it is reached first
    np.testing.assert_allclose(ways.destruction_at(0.5, back, destroyed), [0.1 * 0.5 / 0.6])


def slowly(seeds: list[ways.Way], level: float, resamples: int) -> tuple[float, float, float]:
    """The same, question by question and seed by seed."""
    forget, retain = 40, 30

    def one(w: ways.Way, of_forget: np.ndarray, of_retain: np.ndarray) -> float:
        before = (0.0, 0.0)
        for row in w.right:
            here = float(np.mean(~row[:forget][of_forget])), float(np.mean(~row[forget:][of_retain]))
            if here[0] >= level:
                return before[1] + (level - before[0]) / (here[0] - before[0]) * (here[1] - before[1])
            before = here
        return math.nan

    rng = np.random.default_rng(7)
    made = []
    for _ in range(resamples):
        of_forget, of_retain = rng.integers(forget, size=forget), rng.integers(retain, size=retain)
        made.append(np.nanmean([one(seeds[s], of_forget, of_retain) for s in rng.integers(len(seeds), size=len(seeds))]))
    low, high = np.percentile(made, [2.5, 97.5])
    return float(np.mean([one(w, np.arange(forget), np.arange(retain)) for w in seeds])), float(low), float(high)


def test_intervals_are_those_of_a_plain_bootstrap():
    seeds = [random_way("a", seed) for seed in range(3)]
    on = ways.counted(seeds)[0]
    found = ways.at_level(seeds, on, 0.5, resamples=4000)
    value, low, high = slowly(seeds, 0.5, 3000)
    assert math.isclose(found.value, value, rel_tol=1e-12) and found.reached == 3 and found.resamples == 1
    # two independent bootstraps: the ends of such intervals scatter by about a thirtieth of their width
    assert abs(found.low - low) < 0.1 * (high - low) and abs(found.high - high) < 0.1 * (high - low)


def test_the_interval_of_one_seed_at_its_end_is_scipys():
    single = random_way("a", 5, points=1)
    on = ways.counted([single])[0]
    rng = np.random.default_rng(0)
    weights = ways.resampled(len(on.retain), 4000, rng)
    destroyed = ways.path_of(single, on)[1][0].astype(float)
    ours = np.percentile(weights @ destroyed, [2.5, 97.5])
    theirs = stats.bootstrap((destroyed,), np.mean, method="percentile", n_resamples=4000, random_state=1).confidence_interval
    np.testing.assert_allclose(ours, theirs, atol=1.01 / len(destroyed))  # a mean of so many flags has no finer steps


def test_fronts_are_those_that_nobody_beats():
    left, destroyed = np.array([0.1, 0.2, 0.2, 0.5, 0.1]), np.array([0.9, 0.3, 0.4, 0.1, 0.9])
    assert ways.front(left, destroyed).tolist() == [True, True, False, True, True]  # equal ones beat nobody
    rng = np.random.default_rng(1)
    left, destroyed = rng.random((50, 6)), rng.random((50, 6))
    for x, y, found in zip(left, destroyed, ways.front(left, destroyed), strict=True):
        assert found.tolist() == [not any(x[j] <= x[i] and y[j] <= y[i] and (x[j], y[j]) != (x[i], y[i]) for j in range(6)) for i in range(6)]


def test_standings_tell_how_sure_a_front_is():
    count, forget = 80, 40
    none = np.zeros((0, count), bool)
    good, bad = np.arange(count) >= 4, np.arange(count) % 2 == 0  # forgets few and destroys none; half of both
    close = good.copy()
    close[0] = True  # beaten by one question
    made = [way("good", 0, none, forget, good), way("bad", 0, none, forget, bad), way("close", 0, none, forget, close)]
    found = {each.method: each for each in ways.standings(ways.counted(made)[0])}
    assert found["good"].on_front and found["good"].share == 1 and not found["close"].on_front
    # `close` is on the front where its one question is drawn by nobody: (1 - 1/40)^40
    assert abs(found["close"].share - (1 - 1 / 40) ** 40) < 4 * math.sqrt(0.36 * 0.64 / ways.RESAMPLES)
    assert found["bad"].left.count == 20 and found["bad"].destroyed.count == 20 and found["bad"].on_front


def test_what_chose_does_not_report():
    right = np.arange(20)[None] >= 5
    role = np.where(np.arange(20) % 2, 1, 2).astype(np.uint8)
    on = ways.counted([way("a", 0, right, 10, role=role), way("b", 0, right, 10)])[0]
    assert on.by_halves and on.forget.tolist() == [0, 2, 4, 6, 8] and on.retain.tolist() == [10, 12, 14, 16, 18]
    tables = ways.tables(on.ways)
    assert [table.name for table in tables] == ["trajectories", "destruction_at", "pareto"]
    assert all("half of the questions that no rule chose by" in table.caption for table in tables)


def test_tables_of_a_campaign(campaign_file):
    made = {table.name: table for table in ways.tables(ways.way_of(cell) for cell in load_campaign(campaign_file.parent).cells)}
    rows = [dict(zip(made["trajectories"].headings, row, strict=True)) for row in made["trajectories"].rows]
    assert {row["step"] for row in rows} == {10, 20} and len(rows) == 16
    for cell in load_campaign(campaign_file.parent).cells:
        row = next(r for r in rows if (r["method"], r["model"], r["step"]) == (cell.method, cell.model, 20))
        known = (cell.split == 0) & cell.target.is_right
        assert (row["still right"].count, row["still right"].total) == (int((known & cell.unlearned.is_right).sum()), int(known.sum()))
    assert "knowledge left" in made["pareto"].headings and made["destruction_at"].markdown().count("\n") > 5


def test_the_report_shows_them_once_and_escaped(campaign_file):
    sources = sources_of([campaign_file.parent])
    page = render(sources[0].campaign)
    assert page.count('<section id="ways">') == 1 and page.count('"ways":[{"model"') == 1
    for name in ("trajectories", "destruction_at", "pareto"):
        assert f'id="ways-{name}"' in page
    first = ways.way_of(load_campaign(campaign_file.parent).cells[0])
    odd = ways.Way("<b>m</b>", *(getattr(first, field) for field in list(first.__dataclass_fields__)[1:]))
    shown = section_of([odd])
    assert shown is not None and [line["method"] for line in shown.lines] == [odd.method]
    assert section_of([way("a", 0, np.zeros((0, 4), bool), 2, np.ones(4, bool))]) is None, "nobody looked"
