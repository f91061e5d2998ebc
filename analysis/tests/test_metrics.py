"""The field's metrics: read, recomputed, shown; faults are found."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from pages import Report
from synthetic import Recipe, write_cell
from synthetic_campaign import write_campaign

from unpact_results import load_campaign, load_cell
from unpact_results.metrics import auc, harmonic_mean, leak_at, tables
from unpact_results.report import render
from unpact_results.table import csv_text
from unpact_results.validate import validate_file


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cell(tmp_path_factory.mktemp("metrics") / "cell.h5", Recipe("ga"))


def test_they_are_read_with_items_and_intervals(good: Path) -> None:
    metrics = load_cell(good).metrics
    assert list(metrics) == ["extraction_strength_forget", "min_k_forget", "min_k_holdout", "min_k_auc"]
    strength = metrics["extraction_strength_forget"]
    assert strength.count == len(strength.target_items) and strength.target[0] == pytest.approx(strength.target_items.mean())
    assert math.isnan(metrics["min_k_auc"].unlearned[1]) and metrics["min_k_auc"].larger_says == "remembered"


def test_a_file_before_1_7_has_none(good: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.h5"
    old.write_bytes(good.read_bytes())
    with h5py.File(old, "r+") as file:
        file.attrs["schema_version"] = "1.6.0"
        del file["metrics"]
    assert load_cell(old).metrics == {} and validate_file(old) == []


def _put(path: str, row: int, value: object) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file[path][row] = value
    return change


@pytest.mark.parametrize(("change", "fault"), [
    (_put("/metrics/unlearned", 0, 0.9), "follows"),
    (_put("/metrics/target", 3, 0.123), "follows"),
    (_put("/metrics/unlearned_high", 0, 5.0), "is not that of its items"),
    (_put("/metrics/count", 1, 5), "items of the target and the count 5"),
    (_put("/metrics/larger_says", 0, b"nothing"), "larger_says"),
])
def test_faults_are_found(good: Path, tmp_path: Path, change: Callable[[h5py.File], None], fault: str) -> None:
    bad = tmp_path / "bad.h5"
    bad.write_bytes(good.read_bytes())
    assert validate_file(bad) == []
    with h5py.File(bad, "r+") as file:
        change(file)
    assert any("/metrics" in line and fault in line for line in validate_file(bad)), validate_file(bad)


def test_formulas_by_hand() -> None:
    assert auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.5, 0.35, 0.9, 0.7])) == 0.71875
    assert harmonic_mean([1, 0.5]) == pytest.approx(2 / 3) and harmonic_mean([1, 0]) == 0
    assert leak_at(200, 1, 128) == pytest.approx(0.64) and leak_at(2, 1, 3) == 0


def test_report_and_table_show_them(tmp_path: Path) -> None:
    path = write_campaign(tmp_path, [Recipe("ga"), Recipe("ga_gd")])
    assert validate_file(path) == []
    campaign = load_campaign(path)
    made = tables(campaign)
    assert [table.columns for table in made] == [["target", "ga, seed 1", "ga_gd, seed 1"]] and len(made[0].rows) == 4
    shown = Report(render(campaign)).chunk("runs")["runs"][0]["metrics"]
    assert {"name": "min_k_forget", "label": "Min-K %", "count": 6}.items() <= shown[1].items() and shown[1]["says"] == "forgotten"
    row = next(csv.DictReader(csv_text(campaign).splitlines()))
    assert float(row["metric_min_k_auc_target"]) == pytest.approx(campaign.cells[0].metrics["min_k_auc"].target[0])
