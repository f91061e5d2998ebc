"""Every number of the report's population views, computed again from the HDF5 files alone: with h5py, numpy and scipy, by no code of the package."""

import itertools
import math
import re
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest
from pages import Report
from synthetic import Recipe, write_cell

from unpact_results import load_campaign
from unpact_results.report import render, sources_of, write_report

stats = pytest.importorskip("scipy.stats")
CONTROL = (("no_focus", "other words", "control"),)
RECIPES = [
    Recipe("ga", floor=0.1, more_probes=CONTROL, told=4, unasked=3, seed=1),
    Recipe("ga", floor=0.1, more_probes=CONTROL, told=2, seed=2),
    Recipe("ga", dataset="tofu", forget=9, retain=5),
    Recipe("npo", "qwen3-14b", forget=12, retain=8),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("population")
    for recipe in RECIPES:
        write_cell(made / f"{recipe.id}.h5", recipe)
    return made


@pytest.fixture(scope="module")
def report(folder) -> Report:
    return Report(write_report(sources_of([folder]), folder / "report.html", jobs=1)[0])


def files_of(folder: Path, report: Report):
    """The index's entry of each cell, and its file."""
    for entry in report.index["cells"]:
        with h5py.File(folder / f"{entry['id']}.h5") as file:
            yield entry, file


def rows_of(group: h5py.Group) -> list[np.ndarray]:
    bounds = group["offsets"][:].astype(int)
    return [group["values"][a:b] for a, b in zip(bounds[:-1], bounds[1:], strict=True)]


def candidates_of(file: h5py.File) -> list[tuple[int, str, int, int]]:
    """Id, piece, place and number of candidates of its prompt, of every candidate in order."""
    pieces, found, first = file["prompts/pieces"].asstr()[:], [], 0
    for ids, flags in zip(rows_of(file["prompts/token_ids"]), rows_of(file["prompts/is_candidate"]), strict=True):
        where = np.nonzero(flags)[0]
        found += [(int(ids[at]), pieces[first + at], place, len(where)) for place, at in enumerate(where)]
        first += len(ids)
    return found


def kind(piece: str, place: int) -> str:
    bare = piece.lstrip("\u2581\u0120 \n").rstrip()
    if not re.search(r"[^\W_]", bare):
        return "punctuation"
    if re.match(r"\d", bare):
        return "number"
    if place and not re.match(r"[\u2581\u0120 \n]", piece):
        return "inside a word"
    return "capitalized word" if re.match(r"[A-ZÀ-Þ]", bare) else "other word"


def classes_of(candidates) -> dict[str, list[str]]:
    times = Counter(token for token, *_ in candidates)
    fifths = ["first fifth", "second fifth", "middle fifth", "fourth fifth", "last fifth"]
    return {
        "frequency": ["once" if times[i] < 2 else "2 to 5 times" if times[i] < 6 else "6 to 20 times" if times[i] < 21 else "more often" for i, *_ in candidates],
        "position": [fifths[math.floor((2 * place + 1) / (2 * count) * 5)] for *_, place, count in candidates],
        "edge": ["first behind the template" if not place else "last before the template" if place == count - 1 else "between" for *_, place, count in candidates],
        "kind": [kind(piece, place) for _, piece, place, _ in candidates],
    }


def test_key_tokens_by_frequency_position_edge_and_kind(folder, report):
    for entry, file in files_of(folder, report):
        before, after = (file[f"{model}/{entry['focus']}/is_key_token/values"][:].astype(bool) for model in ("target", "unlearned"))
        for view, named in classes_of(candidates_of(file)).items():
            for name, found in zip(report.index["views"][view]["classes"], entry["keys"][view], strict=True):
                mine = np.array([other == name for other in named])
                assert found == [mine.sum(), (mine & before).sum(), (mine & after).sum(), (mine & before & after).sum()], (view, name)


def attempts_of(file: h5py.File, name: str) -> list[tuple[int, int, int, int]]:
    """Question, attempts that count, right ones of them, and tokens of all attempts, of every forgotten question that the probe could ask."""
    probe, forgotten, found = file[f"probes/{name}"], file["outcome/class"][:] == 2, []
    asked = probe["asked"][:] if "asked" in probe else np.ones(len(probe["probed_question"]))
    for row, question in enumerate(probe["probed_question"][:].astype(int)):
        counts = [not told and put != "" for told, put in zip(probe["has_gold"][row], probe["put"].asstr()[row], strict=True)]
        if forgotten[question] and asked[row] and any(counts):
            right = sum(bool(ok) for ok, counted in zip(probe["is_right"][row], counts, strict=True) if counted)
            found.append((question, sum(counts), right, int(probe["tokens"][row].sum())))
    return found


def test_recovery_over_attempts_and_its_cost(folder, report):
    told = 0
    for entry, file in files_of(folder, report):
        for name, budget in entry["budget"].items():
            asked = attempts_of(file, name)
            most = max((n for _, n, _, _ in asked), default=0)
            wanted = [sum(1 - math.comb(n - c, min(m, n)) / math.comb(n, min(m, n)) for _, n, c, _ in asked) for m in range(1, most + 1)]
            np.testing.assert_allclose(budget, [*wanted, len(asked)], atol=1e-6)  # the page keeps six digits
            assert entry["spent"][name] == [sum(tokens for *_, tokens in asked), sum(c > 0 for _, _, c, _ in asked)]
            told += sum(n < file[f"probes/{name}/is_right"].shape[1] for _, n, _, _ in asked)
    assert told > 0, "attempts that tell the answer are among them"


def test_what_a_probe_wins_back_alone_follows_from_the_counts(folder, report):
    for entry, file in files_of(folder, report):
        won = {name: {q for q, _, c, _ in attempts_of(file, name) if c} for name in entry["budget"]}
        kinds = {probe["name"]: probe["kind"] for probe in entry["probes"]}
        masks = entry["counts"][entry["judges"][0]]["masks"]
        names = [probe["name"] for probe in entry["probes"]]
        for bit, name in enumerate(names):
            others = sum(1 << place for place, other in enumerate(names) if place != bit and kinds[other] != "control")
            alone = won[name] - set().union(*(won[other] for other in names if other != name and kinds[other] != "control"))
            assert sum(count for _, mine, count in masks if mine >> bit & 1 and not mine & others) == len(alone)


def test_floor_and_ceiling_of_every_probe(folder, report):
    seen = 0
    for entry, file in files_of(folder, report):
        for name, arms in entry["arms_beside"].items():
            asked = {q for q, *_ in attempts_of(file, name)}
            for word, arm in (("floor", "floor"), ("ceiling", "target")):
                if word in arms:
                    state = file[f"arms/{arm}/probes/{name}"][:]
                    assert arms[word] == [sum(state[q] == 2 for q in asked), sum(state[q] > 0 for q in asked)]
                    seen += 1
    assert seen


def test_stability_across_data_sets(folder, report):
    targets = {}  # by the first cell of each: model, data set, and of each token id how often it is a KeyToken
    for entry, file in files_of(folder, report):
        keys, shares = file[f"target/{entry['focus']}/is_key_token/values"][:], {}
        for (token, *_), key in zip(candidates_of(file), keys, strict=True):
            shares.setdefault(token, []).append(bool(key))
        targets.setdefault(entry["target"], (entry["model"], entry["dataset"], {token: np.mean(found) for token, found in shares.items()}))
    pairs = [(one, other) for one, other in itertools.combinations(targets.values(), 2) if one[0] == other[0] and one[1] != other[1]]
    assert len(report.index["datasets"]) == len(pairs) == 2
    for row, (one, other) in zip(report.index["datasets"], pairs, strict=True):
        shared = sorted(one[2].keys() & other[2].keys())
        means = [[each[2][token] for token in shared] for each in (one, other)]
        sets = [{token for token in shared if each[2][token] > 0} for each in (one, other)]
        assert (row["first"], row["second"], row["shared"]) == (one[1], other[1], len(shared))
        assert row["cosine"] == pytest.approx(len(sets[0] & sets[1]) / math.sqrt(len(sets[0]) * len(sets[1])))
        assert row["correlation"] == pytest.approx(stats.spearmanr(*means).statistic)


def test_agreement_of_attribution_methods(tmp_path):
    for method in ("leave_one_out", "shapley"):
        write_cell(tmp_path / f"{method}.h5", Recipe(forget=7, retain=4, attribution=method))
    (row,) = Report(render(load_campaign(tmp_path))).index["attributions"]
    with h5py.File(tmp_path / "leave_one_out.h5") as one, h5py.File(tmp_path / "shapley.h5") as other:
        pairs = list(zip(*(rows_of(file["target/gold/contributions"]) for file in (one, other)), strict=True))
    tops = [len(set(np.argsort(-a.astype(float), kind="stable")[:3]) & set(np.argsort(-b.astype(float), kind="stable")[:3])) / 3 for a, b in pairs]
    correlations = [stats.spearmanr(a, b).statistic for a, b in pairs]
    assert row["count"] == len(pairs) and row["overlap"] == pytest.approx(np.mean(tops)) and row["correlation"] == pytest.approx(np.nanmean(correlations))


def test_losses_and_costs(folder, report):
    runs = report.chunk("runs")["runs"]
    for number, (entry, file) in enumerate(files_of(folder, report)):
        for name, found in runs[number]["losses"].items():
            np.testing.assert_allclose(np.array(found, float), file[f"training/{name}"][:], rtol=1e-5)  # the page keeps six digits
        stages = runs[number]["stages"]
        assert stages["stage"] == file["work/stage"].asstr()[:].tolist()
        for name in ("seconds", "positions", "positions_naive", "model_calls", "peak_memory"):
            np.testing.assert_array_equal(np.array(stages[name], float), file[f"work/{name}"][:].astype(float))
        assert entry["seconds"] == pytest.approx(np.nansum(file["work/seconds"][:]))


def test_the_colour_scale_covers_98_of_100_contributions(folder, report):
    limit, values = report.index["limits"]["colour"], []
    for _, file in files_of(folder, report):
        values += [np.abs(file[f"{model}/{answer}/contributions/values"][:]) for model in ("target", "unlearned") for answer in ("gold", "own")]
    joined = np.concatenate(values).astype(float)
    within = np.mean(joined <= limit)
    smaller = max(step * 10.0**power for step in (1, 1.5, 2, 3, 5, 7) for power in range(-3, 3) if step * 10.0**power < limit * (1 - 1e-9))
    assert within >= 0.98 and np.mean(joined <= smaller - 0.02) < 0.98, "bins of a fiftieth of a nat decide"
