"""What version 1.8 added: the end of the answer, a judge's threshold, its errors beside its rates."""
import h5py
import numpy as np
import pytest
from synthetic import Recipe, write_cell

from unpact_results.web.entries import errors_of
from unpact_results import load_campaign, load_cell, table
from unpact_results.report import render
from unpact_results.validate import validate_file

ENDS = [f"{model}/{answer}/{name}" for model in ("target", "unlearned") for answer in ("gold", "own") for name in ("end_log_probabilities", "end_entry")]
CHECKED = Recipe(checked=True, second_judge=True)


def test_the_matrix_has_a_column_for_the_end(tmp_path):
    cell = load_cell(write_cell(tmp_path / "cell.h5"))
    row = next(row for row in range(len(cell.question)) if len(cell.target.gold.matrix(row)))
    matrix = cell.target.gold.matrix_with_end(row)
    np.testing.assert_array_equal(matrix[:, :-1], cell.target.gold.matrix(row))
    assert np.all(matrix[:, -1] == -0.5) and matrix.shape[0] == len(cell.target.gold.contributions[row]) + 1


def test_files_of_version_1_7_are_read(tmp_path):
    path = write_cell(tmp_path / "cell.h5", CHECKED)
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = "1.7.0"
        for name in (*ENDS, "judge_check/threshold", "judge_check/calibrated_on"):
            del file[name]
    cell = load_cell(path)
    assert cell.target.gold.matrix_with_end(0) is None
    assert np.isnan(cell.judge_check["rouge_l_recall"].threshold) and cell.judge_check["rouge_l_recall"].right == 40
    assert not validate_file(path)


def test_curves_and_depth_are_read(tmp_path):
    path = write_cell(tmp_path / "cell.h5")
    cell = load_cell(path)
    assert [(point.probe, point.arm, point.step, point.right, point.asked, point.loss) for point in cell.curves] == [
        ("relearn", "unlearned", 5, 2, 4, 1.5), ("relearn", "floor", 5, 1, 4, 2.5)]
    assert cell.depth is not None and cell.depth.log_probability.tolist() == [-0.5]
    assert cell.depth.drops["floor", "key_tokens"].tolist() == [[2.0, 2.0]] and cell.depth.drops["unlearned", "answer"].tolist() == [[1.0, 1.0]]
    assert not validate_file(path)
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = "1.8.0"
        del file["curves"], file["depth"]
    older = load_cell(path)
    assert older.curves == [] and older.depth is None and not validate_file(path)


def test_thresholds_are_read(tmp_path):
    path = write_cell(tmp_path / "cell.h5", CHECKED)
    with h5py.File(path, "r+") as file:
        file["judge_check/threshold"][0] = 0.75
        file["judge_check/calibrated_on"][0] = 12
    check = load_cell(path).judge_check["rouge_l_recall"]
    assert (check.threshold, check.calibrated_on, check.accepted) == (0.75, 12, 20)


@pytest.mark.parametrize(("path", "value", "said"), [("target/gold/end_log_probabilities/values", 0.5, "above 0 or not finite"),
                                                     ("rates/count", 7, "false_accept")])
def test_the_validator_sees_what_is_wrong(tmp_path, path, value, said):
    cell = write_cell(tmp_path / "cell.h5", CHECKED)
    with h5py.File(cell, "r+") as file:
        row = list(file["rates/name"].asstr()[:]).index("false_accept") if "rates" in path else 0
        file[path][row] = value
    assert any(said in fault for fault in validate_file(cell))


def test_errors_stand_beside_each_rate_that_the_judge_decides(tmp_path):
    errors = "judge accepts 10.0 % of wrong, rejects 75.0 % of right"
    cell = load_cell(write_cell(tmp_path / "cell.h5", CHECKED))
    row = table.row_of(cell, {probe.name: probe.label for probe in cell.probes.values()})
    assert row.judge_errors.replace("\u202f", " ").replace("\xa0", " ") == errors
    said = table.texts(row, {probe.name: probe.label for probe in cell.probes.values()})
    assert sum(row.judge_errors in part for part in said) == 4 + 2 + len(cell.probes) + 3
    plain = load_cell(write_cell(tmp_path / "plain.h5"))
    assert table.row_of(plain, {}).judge_errors == ""


def test_floor_and_ceiling_stand_beside_every_probe(tmp_path):
    cell = load_cell(write_cell(tmp_path / "cell.h5"))
    cell.rates |= {"retain_probab": cell.rates["destructive"]} if "destructive" in cell.rates else {}
    lines = table.arms_beside(cell, "probab")
    for name, rate in cell.rates.items():
        if name in ("floor_probab", "ceiling_probab") and rate.total:
            assert f"({rate.count}/{rate.total})" in lines[0]
    assert table.arms_beside(cell, "no_such_probe") == []


def test_the_report_shows_every_judge_with_its_errors(tmp_path):
    cell = load_cell(write_cell(tmp_path / "cell.h5", CHECKED))
    assert table.errors_beside(cell, "exact_match").startswith("judge accepts 10.0")
    assert "exact_match: accepts" in errors_of(cell)
