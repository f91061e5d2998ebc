"""Agreement of methods and stability across data sets."""

import math
from pathlib import Path

import h5py
import numpy as np
import pytest
from synthetic import Recipe, write_cell

from unpact_results import agreement, stability
from unpact_results.__main__ import main
from unpact_results.reading import ResultsError, load_cell
from unpact_results.statistics import key_tokens, uncertain_key_tokens
from unpact_results.validate import validate_file


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> list[Path]:
    """Outputs of `unpact attribute` by three methods on the same prompts."""
    root = tmp_path_factory.mktemp("methods")
    for method in ("leave_one_out", "shapley", "rollout"):
        write_cell(root / method / "baselines" / "cell.h5", Recipe(forget=6, retain=4, attribution=method))
    return [root / method for method in ("leave_one_out", "shapley", "rollout")]


@pytest.mark.parametrize("method", ["hierarchical", "in_place_mask", "baseline", "gradient_x_input", "integrated_gradients", "shapley", "lime", "rollout"])
def test_files_of_every_method_are_valid(method: str, tmp_path: Path) -> None:
    path = write_cell(tmp_path / "cell.h5", Recipe(forget=4, retain=3, attribution=method))
    assert validate_file(path) == []
    cell = load_cell(path)
    assert cell.attribution_method == method and cell.target.gold.matrix(0).size == 0
    assert np.isfinite(cell.target.gold.mean_log_probability).all()


def test_the_file_says_whether_its_contributions_are_nats(tmp_path: Path) -> None:
    """Whatever the method is called: the noise floor is nats and says nothing about shares."""
    path = write_cell(tmp_path / "cell.h5", Recipe(forget=4, retain=3, attribution="rollout"))
    assert load_cell(path).contribution_unit == "1" and load_cell(path).contribution_noise == 0
    with h5py.File(path, "r+") as file:
        file.attrs["attribution_method"] = "lime"
    assert load_cell(path).contribution_noise == 0 and validate_file(path) == []
    with h5py.File(path, "r+") as file:
        for attribute in ("unit", "units"):
            file["unlearned/own/contributions/values"].attrs[attribute] = "nat/token"
    assert any("/unlearned/own/contributions/values: attribute unit is 'nat/token', expected '1'" in fault for fault in validate_file(path))
    with h5py.File(path, "r+") as file:
        file.attrs["attribution_method"] = "leave_one_out"
    assert any("contributions of leave_one_out are in the unit '1'" in fault for fault in validate_file(path))
    nats = load_cell(write_cell(tmp_path / "nats.h5", Recipe(forget=4, retain=3, attribution="shapley")))
    assert nats.contribution_unit == "nat/token" and nats.contribution_noise == nats.noise_floor > 0


def spoil(path: Path, name: str, change) -> list[str]:
    with h5py.File(path, "r+") as file:
        values = file[name][:]
        change(values)
        file[name][:] = values
    return validate_file(path)


def test_what_does_not_follow_is_found(tmp_path: Path) -> None:
    def flip(values):
        values[0] = 1 - values[0]

    path = write_cell(tmp_path / "a.h5", Recipe(forget=4, retain=3))
    assert any("key_token_uncertain: does not follow" in fault for fault in spoil(path, "target/gold/key_token_uncertain/values", flip))
    path = write_cell(tmp_path / "b.h5", Recipe(forget=4, retain=3))
    assert any("mean_log_probability: is missing" in fault for fault in spoil(path, "target/own/mean_log_probability", lambda v: v.fill(-99)))
    path = write_cell(tmp_path / "c.h5", Recipe(forget=4, retain=3, attribution="shapley"))
    assert any("standard_errors" in fault for fault in spoil(path, "target/own/standard_errors/values", lambda v: v.fill(-1)))
    path = write_cell(tmp_path / "e.h5", Recipe(forget=4, retain=3, attribution="hierarchical"))
    assert any("is neither 0" in fault for fault in spoil(path, "target/own/standard_errors/values", lambda v: v.fill(0.1)))
    path = write_cell(tmp_path / "d.h5", Recipe(forget=4, retain=3))
    with h5py.File(path, "r+") as file:
        file.attrs["attribution_method"] = "lime"  # a matrix must not be there
    assert any("must be for lime" in fault for fault in validate_file(path))
    with h5py.File(path, "r+") as file:
        file.attrs["attribution_method"] = "magic"
    assert any("no method of the format" in fault for fault in validate_file(path))


def test_a_file_of_version_1_0_is_still_valid(tmp_path: Path) -> None:
    path = write_cell(tmp_path / "cell.h5", Recipe(forget=4, retain=3))
    with h5py.File(path, "r+") as file:
        for model in ("target", "unlearned"):
            for answer in ("gold", "own"):
                for name in ("standard_errors", "estimate", "key_token_uncertain", "mean_log_probability", "completeness_error", "surrogate_r2"):
                    del file[f"{model}/{answer}/{name}"]
        for name in ("attribution_method", "attribution_settings"):
            del file.attrs[name]
        del file["work/peak_memory"], file["work/operations"], file["verification"]
        file.attrs["schema_version"] = "1.0.0"
    assert validate_file(path) == []
    cell = load_cell(path)
    assert cell.attribution_method == "leave_one_out"
    assert cell.target.gold.mean_log_probability[0] == pytest.approx(cell.target.gold.matrix(0)[0].mean(), abs=1e-6)
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = "1.1.0"
    assert any("attribution_method is missing" in fault for fault in validate_file(path))


def test_runs_in_another_dtype_are_told_apart(tmp_path: Path) -> None:
    path = write_cell(tmp_path / "cell.h5", Recipe(forget=4, retain=3))
    assert agreement.name_of(load_cell(path)) == "leave_one_out"
    with h5py.File(path, "r+") as file:
        file.attrs["compute_dtype"] = "bf16"
    assert agreement.name_of(load_cell(path)) == "leave_one_out (bf16)" and validate_file(path) == []


def test_uncertain_verdicts_by_hand() -> None:
    flags = uncertain_key_tokens(np.array([0.5, 0.25, 0.23, 0.1]), np.zeros(0), 0.22, 0.24, 0.006)[0]
    assert flags.tolist() == [False, True, True, False]  # margins 0.26, 0.01, 0.01, 0.14 against 0.012
    flags = uncertain_key_tokens(np.array([2.0, 0.45, 0.40, 0.1]), np.array([0.1, 0.0, 0.0, 0.0]), 0.22, 0.24, 0.0)[0]
    assert flags.tolist() == [False, True, True, False]  # floor 0.44 +- 0.22 * 0.196; margins 0.01 and 0.04
    assert uncertain_key_tokens(np.array([1.0]), np.array([math.nan]), 0.22, 0.24, 0.0)[0].tolist() == [True]
    assert key_tokens(np.array([0.5, 0.25, 0.23]), 0.22, 0.24).tolist() == [True, True, False]


def test_ranks_and_correlations_by_hand() -> None:
    assert agreement.ranks(np.array([10, 20, 20, 5.0])).tolist() == [2, 3.5, 3.5, 1]
    assert agreement.spearman(np.array([1, 2, 3]), np.array([10, 30, 20])) == pytest.approx(0.5)
    assert agreement.spearman(np.array([1, 2, 3, 4]), np.array([4, 3, 2, 1])) == pytest.approx(-1)
    assert agreement.spearman(np.array([1, 2, 2, 4]), np.array([1, 3, 2, 4])) == pytest.approx(0.9486832980505138)  # scipy.stats.spearmanr
    assert math.isnan(agreement.spearman(np.array([1, 1]), np.array([1, 2]))) and math.isnan(agreement.spearman(np.array([1]), np.array([1])))
    assert agreement.top_overlap(np.array([5, 4, 1, 0]), np.array([5, 0, 1, 4]), 2) == 0.5
    assert agreement.top_overlap(np.array([5, 4]), np.array([1, 2]), 3) == 1


def test_agreement_of_methods(outputs: list[Path], tmp_path: Path, capsys) -> None:
    assert main(["agreement", *map(str, outputs), "--out", str(tmp_path / "a.html"), "--top", "2"]) == 0
    printed = capsys.readouterr().out
    assert "| shapley | leave_one_out |" in printed and printed.count("(n = 10)") == 6
    made = agreement.measure(agreement.load(outputs), "gold", 2)
    cells = agreement.load(outputs)
    pair = made.pairs[1, 0]
    again = [agreement.spearman(a, b) for a, b in zip(cells[1].target.gold.contributions, cells[0].target.gold.contributions)]
    assert pair.correlation.tolist() == again and np.mean(again) > 0.5
    page = (tmp_path / "a.html").read_text()
    assert page.count("<svg") == 1 and "http-equiv" in page and "<script" not in page
    assert {p.name for p in tmp_path.iterdir()} == {"a.html", "a.svg", "a.pdf", "a.png", "a.csv", "a.md", "a.tex"}
    assert (tmp_path / "a.csv").read_text().count("\n") == 4


def test_agreement_refuses_what_cannot_be_compared(outputs: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "other/baselines/cell.h5"
    write_cell(other, Recipe(forget=5, retain=4, attribution="lime"))
    with pytest.raises(ResultsError, match="different prompts"):
        agreement.measure(agreement.load([outputs[0], tmp_path / "other"]), "gold", 3)
    with pytest.raises(ResultsError, match="same method"):
        agreement.measure(agreement.load([outputs[0], outputs[0]]), "gold", 3)
    with pytest.raises(ResultsError, match="at least two"):
        agreement.measure(agreement.load(outputs[:1]), "gold", 3)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResultsError, match="expected one"):
        agreement.load([tmp_path / "empty"])
    assert main(["agreement", str(outputs[0]), str(tmp_path / "empty")]) == 1
    assert main(["agreement", *map(str, outputs), "--top", "0"]) == 1


def test_stability_across_data_sets(tmp_path: Path, capsys) -> None:
    folders = []
    for name in ("muse-news", "muse-books"):
        write_cell(tmp_path / name / "baselines/cell.h5", Recipe(dataset=name, forget=9, retain=6))
        folders.append(tmp_path / name)
    assert main(["stability", *map(str, folders)]) == 0
    printed = capsys.readouterr().out
    assert "## By position in the question" in printed and "capitalized word" in printed and "| muse-books | muse-news |" in printed
    made = stability.measure(agreement.load(folders), "gold")
    for cell, each in zip(agreement.load(folders), made.sets):
        keys = int(sum(row.sum() for row in cell.target.gold.is_key_token))
        total = sum(len(row) for row in cell.target.gold.is_key_token)
        assert (each.keys.count, each.keys.total) == (keys, total) and 0 < keys < total
        for classes in each.shares.values():
            assert (sum(s.count for s in classes.values()), sum(s.total for s in classes.values())) == (keys, total)
        assert sum(count for _, count in each.by_id.values()) == total
    assert made.overlaps[0].shared == len(made.sets[0].by_id) and 0 < made.overlaps[0].cosine <= 1  # the same questions
    assert (tmp_path / "muse-news/stability.html").read_text().count("<svg") == 1
    assert (tmp_path / "muse-news/stability.tex").read_text().count(r"\toprule") == 6 and (tmp_path / "muse-news/stability.pdf").read_bytes().startswith(b"%PDF")


def test_stability_by_hand() -> None:
    def token(piece: str, place: int) -> stability.Token:
        return stability.Token(5, piece, place, 4, True, False)

    kinds = [stability.kind_of(token(piece, place)) for piece, place in ((" Paris", 1), ("\u2581the", 1), ("ville", 2), ("Who", 0), (" 1907", 2), ("?", 3), (" ", 1))]
    assert kinds == ["capitalized word", "other word", "inside a word", "capitalized word", "number", "punctuation", "punctuation"]
    assert [stability.edge_of(token("x", place)) for place in range(4)] == [stability.EDGES[0], stability.EDGES[1], stability.EDGES[1], stability.EDGES[2]]
    assert [stability.frequency_of(n) for n in (1, 2, 5, 6, 20, 21)] == ["once", *["2 to 5 times"] * 2, *["6 to 20 times"] * 2, "more often"]
    one, other = (stability.DataSet(name, "t", "m", (0, 0), None, None, by_id=ids) for name, ids in (
        ("a", {1: (1, 2), 2: (0, 3), 3: (1, 1), 4: (1, 1)}), ("b", {1: (2, 2), 2: (1, 4), 3: (0, 2), 9: (1, 1)})))
    found = stability.overlap(one, other)
    assert (found.shared, found.cosine) == (3, pytest.approx(0.5))  # {1, 3} and {1, 2}
    other.tokenizer = "u"
    assert math.isnan(stability.overlap(one, other).cosine)
