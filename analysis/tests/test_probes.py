"""Probes that only the file knows: their names, labels and kinds come through to table, claims, verdict and report."""

import csv
import io

import h5py
import pytest
from pages import Report
from synthetic import Recipe, write_cell

from unpact_results import load_campaign, load_cell, table
from unpact_results.claims import judge_claims
from unpact_results.dilemma import points
from unpact_results.report import render
from unpact_results.validate import validate_file

CRIB = ("a_crib", "The <crib>", "control")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_cell(tmp_path_factory.mktemp("probes") / "cell.h5", Recipe(more_probes=(CRIB,)))


def test_a_third_probe_is_read_in_its_place(path):
    cell = load_cell(path)
    assert list(cell.probes) == ["focus_on_key", "probab", "a_crib"], "in the order of the rates, not of the names"
    assert [(p.label, p.kind) for p in cell.probes.values()] == [("FocusOnKey", "probe"), ("Probab", "baseline"), ("The <crib>", "control")]
    assert cell.leading("control").name == "a_crib"
    assert not validate_file(path)


def test_a_third_probe_is_in_table_and_report(path):
    campaign = load_campaign(path)
    assert "recovery The \\<crib>" in table.markdown(campaign).splitlines()[0]
    (row,) = csv.DictReader(io.StringIO(table.csv_text(campaign)))
    assert row["recovery_a_crib_total"] == row["recovery_focus_on_key_total"] != "0"
    report = Report(render(campaign))
    assert report.index["cells"][0]["probes"][2]["label"] == "The <crib>" and report.chunk("c0")["probes"][2]["name"] == "a_crib"
    assert "The <crib>" not in report.html and "The \\u003ccrib>" in report.html


def test_verdicts_and_claims_go_by_kind(tmp_path):
    path = write_cell(tmp_path / "cell.h5")
    with h5py.File(path, "r+") as file:
        for name, label, kind in (("focus_on_key", "Mine", "baseline"), ("probab", "Yours", "probe")):
            file[f"probes/{name}"].attrs["label"], file[f"probes/{name}"].attrs["kind"] = label, kind
    campaign = load_campaign(path)
    (point,) = points(campaign)
    cell = campaign.cells[0]
    assert point.probe == "Yours" and point.recovered.count == cell.rates["recovery_probab"].count
    assert [name for name, _ in judge_claims(campaign)[1].findings[0].numbers[:2]] == ["Yours", "Mine"]


def test_a_cell_without_probes_is_shown(tmp_path):
    path = write_cell(tmp_path / "cell.h5")
    with h5py.File(path, "r+") as file:
        del file["probes/focus_on_key"], file["probes/probab"]
    campaign = load_campaign(path)
    assert "recovery" not in table.markdown(campaign)
    report = Report(render(campaign))
    assert report.index["cells"][0]["verdict"] and report.chunk("c0")["probes"] == []


def test_older_files_are_read(tmp_path):
    path = write_cell(tmp_path / "cell.h5", Recipe(more_probes=(CRIB,)))
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = "1.2.0"
        for group in file["probes"].values():
            del group.attrs["label"], group.attrs["kind"]
            for name in ("asked", "put", "has_gold", "gold_share", "new_words", "echo_right", "judges"):
                del group[name]
        ends = [f"{model}/{answer}/{name}" for model in ("target", "unlearned") for answer in ("gold", "own") for name in ("end_log_probabilities", "end_entry")]
        for name in ("knowledge", "questions/half", "judges", "judge_check", "arms", "trajectory", "mix", *ends):
            del file[name]
        del file.attrs["halves"]
    assert [(p.label, p.kind) for p in load_cell(path).probes.values()] == [("FocusOnKey", "probe"), ("Probab", "baseline"), ("a_crib", "probe")]
    assert not validate_file(path)


@pytest.mark.parametrize(("name", "value", "said"), [("label", None, "label is missing"), ("label", "", "label is missing"), ("kind", "guess", "kind is 'guess'")])
def test_the_validator_wants_label_and_kind(tmp_path, name, value, said):
    path = write_cell(tmp_path / "cell.h5")
    with h5py.File(path, "r+") as file:
        del file["probes/probab"].attrs[name]
        if value is not None:
            file["probes/probab"].attrs[name] = value
    assert [fault for fault in validate_file(path) if fault.startswith("/probes/probab: ") and said in fault]
