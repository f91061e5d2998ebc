"""The validator: right files pass, every planted fault is named."""

import h5py
import numpy as np
import pytest
from pages import Report
from synthetic import Recipe, write_cell
from synthetic_campaign import RECIPES, as_of_1_3, write_campaign

from unpact_results.__main__ import main
from unpact_results.model import Verification
from unpact_results import load_campaign, load_cell
from unpact_results.recompute import ORIGINS_MARK
from unpact_results.report import render
from unpact_results.validate import validate_all, validate_file


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return write_cell(tmp_path_factory.mktemp("good") / "cell.h5").read_bytes()


def put(file, path, change):
    """Change the content of a dataset."""
    data = file[path][:]
    change(data)
    file[path][...] = data


def add(file, path, row, value):
    put(file, path, lambda data: data.__setitem__(row, data[row] + value))


def store(file, path, data, **options):
    """Replace a dataset, keeping its attributes but not its scales."""
    old = {name: value for name, value in file[path].attrs.items() if name not in ("DIMENSION_LIST", "CLASS", "NAME", "REFERENCE_LIST")}
    del file[path]
    file.create_dataset(path, data=data, **options).attrs.update(old)


def flip(file, path, row=0):
    put(file, path, lambda data: data.__setitem__(row, 1 - data[row]))


FAULTS = {
    "no attribute": (lambda f: f.attrs.__delitem__("judge"), "attribute judge is missing"),
    "attribute type": (lambda f: f.attrs.__setitem__("seed", 1.5), "attribute seed is no int64"),
    "text attribute": (lambda f: f.attrs.__setitem__("model", 7), "attribute model is no UTF-8 string"),
    "time": (lambda f: f.attrs.__setitem__("started", "yesterday"), "attribute started is no ISO 8601"),
    "devices": (lambda f: f.attrs.__setitem__("devices", "cpu"), "attribute devices is no JSON array"),
    "checksum": (lambda f: f.attrs.__setitem__("tokenizer_checksum", "12"), "tokenizer_checksum is no SHA-256"),
    "fingerprint": (lambda f: f.attrs.__setitem__("fingerprint", "0" * 64), "fingerprint does not follow"),
    "schema version": (lambda f: f.attrs.__setitem__("schema_version", "3.0.0"), "schema_version '3.0.0'"),
    "no dataset": (lambda f: f.__delitem__("target/score"), "/target/score: dataset is missing"),
    "no group": (lambda f: f.__delitem__("probes"), "/probes: group is missing"),
    "dtype": (lambda f: store(f, "target/score", f["target/score"][:].astype("f4")), "/target/score: is float32, expected float64"),
    "shape": (lambda f: store(f, "target/score", np.zeros((48, 2))), "/target/score: has 2 axes"),
    "length": (lambda f: store(f, "target/score", np.zeros(47)), "axis 0 is 47 long"),
    "no unit": (lambda f: f["work/seconds"].attrs.__delitem__("unit"), "/work/seconds: attribute unit is missing"),
    "wrong units": (lambda f: f["work/seconds"].attrs.__setitem__("units", "ms"), "attribute units is 'ms', expected 's'"),
    "no long_name": (lambda f: f["outcome/class"].attrs.__delitem__("long_name"), "/outcome/class: attribute long_name is missing"),
    "flags": (lambda f: f["outcome/class"].attrs.__setitem__("flag_meanings", "a b c d e"), "attribute flag_meanings"),
    "flag values": (lambda f: add(f, "outcome/class", 0, 50), "values that flag_values does not name"),
    "scale": (lambda f: f["target/score"].dims[0].detach_scale(f["question"]), "dimension scale /question is not attached"),
    "counter": (lambda f: add(f, "question", 3, 1), "/question: does not hold 0, 1, 2"),
    "checksum filter": (lambda f: store(f, "target/score", f["target/score"][:], chunks=True, shuffle=True, compression="gzip"), "stored without fletcher32"),
    "no filters": (lambda f: store(f, "target/score", f["target/score"][:]), "stored without chunks, shuffle, gzip 4, fletcher32"),
    "strings": (lambda f: store(f, "target/answer", np.array(["x"] * 48, dtype=h5py.string_dtype())), "strings are not fixed-length UTF-8"),
    "offsets fall": (lambda f: put(f, "prompts/token_ids/offsets", lambda d: d.__setitem__(2, 1)), "/prompts/token_ids/offsets: offsets fall"),
    "first offset": (lambda f: put(f, "target/own/answer_ids/offsets", lambda d: d.__setitem__(0, 1)), "first offset is 1"),
    "last offset": (lambda f: put(f, "target/gold/contributions/offsets", lambda d: d.__setitem__(-1, d[-2])), "last offset is"),
    "contribution": (lambda f: add(f, "unlearned/gold/contributions/values", 4, 0.001), "/unlearned/gold/contributions: differs from log_probabilities"),
    "log-probability": (lambda f: add(f, "target/own/log_probabilities/values", 0, 9.0), "has a value that is above 0"),
    "key token": (lambda f: flip(f, "target/own/is_key_token/values"), "/target/own/is_key_token: does not follow from"),
    "candidates": (lambda f: flip(f, "prompts/is_candidate/values"), "has not one value for each candidate"),
    "outcome": (lambda f: put(f, "outcome/class", lambda d: d.__setitem__(-1, 7 - d[-1])), "class does not follow from is_right"),
    "cosine": (lambda f: put(f, "focus_shift/set_cosine", lambda d: d.__setitem__(0, 0.123)), "/focus_shift/set_cosine: does not follow"),
    "contribution cosine": (lambda f: put(f, "focus_shift/contribution_cosine", lambda d: d.__setitem__(0, 0.123)), "contribution_cosine: does not follow"),
    "rate value": (lambda f: add(f, "rates/value", 2, 0.01), "/rates[destructive]: value is"),
    "interval": (lambda f: add(f, "rates/low", 0, -0.01), "/rates[recovery_focus_on_key]: low is"),
    "rate counts": (lambda f: add(f, "rates/total", 1, np.uint64(1)), "but the questions give"),
    "probed": (lambda f: put(f, "probes/probab/probed_question", lambda d: d.__setitem__(0, 4000)), "points past the last question"),
    "peak memory": (lambda f: f.__delitem__("work/peak_memory"), "/work/peak_memory: dataset is missing"),
    "peak memory's unit": (lambda f: f["work/peak_memory"].attrs.__setitem__("unit", "MiB"), "attribute unit is 'MiB', expected 'byte'"),
    "no verification": (lambda f: f.__delitem__("verification"), "/verification/model: dataset is missing"),
    "verified questions": (lambda f: put(f, "verification/questions", lambda d: d.__setitem__(0, 4000)), "/verification[target]: has 4000 questions of 48"),
    "worst question": (lambda f: put(f, "verification/worst_question", lambda d: d.__setitem__(0, 48)), "/verification[target]: worst_question points past"),
    "verified difference": (lambda f: put(f, "verification/largest_difference", lambda d: d.__setitem__(0, np.nan)), "/verification[target]: largest_difference is nan"),
    "verified model": (lambda f: put(f, "verification/model", lambda d: d.__setitem__(0, b"tarxxx")), "/verification[tarxxx]: is neither target nor unlearned"),
    "turned verdicts": (lambda f: put(f, "verification/turned", lambda d: d.__setitem__(0, 10)), "/verification[target]: 10 of 9 verdicts turn"),
    "no turned verdicts": (lambda f: f.__delitem__("verification/turned"), "/verification/turned: dataset is missing"),
    "no dtype": (lambda f: f.attrs.__delitem__("compute_dtype"), "compute_dtype is missing"),
    "dtype": (lambda f: f.attrs.__setitem__("compute_dtype", "fp8"), "attribute compute_dtype is 'fp8'"),
    "verified in words": (lambda f: f.attrs.__setitem__("attribution_settings", "{}"), "/verification[target]: attribution_settings does not tell it"),
    "no halves": (lambda f: f.__delitem__("questions/half"), "/questions/half: dataset is missing"),
    "half of the forget set": (lambda f: add(f, "questions/half", 0, 2), "/questions/half: is given to a question of the forget set"),
    "half": (lambda f: put(f, "questions/half", lambda d: d.__setitem__(slice(24, None), 2)), "/rates[destructive_held_out]: is"),
    "knowledge": (lambda f: put(f, "knowledge/state", lambda d: d.__setitem__(-1, 4)), "/knowledge/state: does not follow"),
    "probe set": (lambda f: f["knowledge"].attrs.__setitem__("probes", '["focus_on_key"]'), "/knowledge: attribute probes is"),
    "not asked": (lambda f: put(f, "probes/probab/asked", lambda d: d.__setitem__(slice(None), 0)), "is 0 for a question with a right attempt"),
    "how asked": (lambda f: f["probes/probab/asked"].attrs.__setitem__("flag_meanings", "a b c"), "/probes/probab/asked: attribute flag_meanings"),
    "order": (lambda f: flip(f, "questions/split"), "forget questions do not come first"),
}


def test_right_files_have_no_faults(campaign_file, capsys):
    assert validate_all([campaign_file.parent]) == []
    assert main(["validate", str(campaign_file)]) == 0
    assert "no faults" in capsys.readouterr().out


@pytest.mark.parametrize("name", FAULTS)
def test_planted_fault_is_found(name, good, tmp_path):
    plant, expected = FAULTS[name]
    path = tmp_path / "cell.h5"
    path.write_bytes(good)
    with h5py.File(path, "r+") as file:
        plant(file)
    faults = validate_file(path)
    assert any(expected in fault for fault in faults), faults


def test_only_what_stands_above_the_origins_of_the_inputs_is_in_the_fingerprint(good, tmp_path):
    """Also in files without that line, whose whole configuration counts."""
    path = tmp_path / "cell.h5"
    path.write_bytes(good)
    with h5py.File(path, "r+") as file:
        file.attrs["config_resolved"] += "path = /elsewhere\n"
    assert not any("fingerprint" in fault for fault in validate_file(path))
    with h5py.File(path, "r+") as file:
        file.attrs["config_resolved"] = file.attrs["config_resolved"].split(ORIGINS_MARK)[0]
    assert not any("fingerprint" in fault for fault in validate_file(path))
    with h5py.File(path, "r+") as file:
        file.attrs["config_resolved"] += "path = /elsewhere\n"
    assert any("fingerprint does not follow" in fault for fault in validate_file(path))


def test_one_line_a_fault_and_exit_code(good, tmp_path, capsys):
    path = tmp_path / "cell.h5"
    path.write_bytes(good)
    with h5py.File(path, "r+") as file:
        del file.attrs["judge"], file.attrs["compiler"]
    assert main(["validate", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert sum("is missing" in line for line in lines) == 2 and all(line.startswith(f"{path}: /") for line in lines)


def test_damaged_bytes_are_noticed(good, tmp_path):
    path = tmp_path / "cell.h5"
    path.write_bytes(good)
    with h5py.File(path) as file:
        chunk = file["target/own/log_probabilities/values"].id.get_chunk_info(0)
    damaged = bytearray(good)
    damaged[chunk.byte_offset + chunk.size // 2] ^= 0xFF
    path.write_bytes(damaged)
    assert validate_file(path)
    path.write_bytes(good[: len(good) // 2])
    assert "cannot be opened" in validate_file(path)[0]
    path.write_bytes(b"hello")
    assert "cannot be opened" in validate_file(path)[0]


def test_small_cells_are_valid(tmp_path):
    assert validate_file(write_cell(tmp_path / "a.h5", Recipe(forgotten=0, destroyed=0, steps=0))) == []
    assert validate_file(write_cell(tmp_path / "b.h5", Recipe(focus_answer="gold"))) == []


def test_a_file_of_version_1_1_is_still_valid(good, tmp_path):
    path = tmp_path / "cell.h5"
    path.write_bytes(good)
    with h5py.File(path, "r+") as file:
        del file["work/peak_memory"], file["work/operations"], file["verification"]
        file.attrs["schema_version"] = "1.1.0"
    assert validate_file(path) == []
    assert load_cell(path).verification == {}
    render(load_campaign(path))  # the report shows a dash


def test_a_file_of_version_1_4_is_still_valid(good, tmp_path):
    path = tmp_path / "cell.h5"
    path.write_bytes(good)
    with h5py.File(path, "r+") as file:
        del file["verification/candidates"], file["verification/turned"], file.attrs["compute_dtype"]
        file.attrs["schema_version"] = "1.4.0"
    assert validate_file(path) == []
    cell = load_cell(path)
    assert cell.compute_dtype == "fp32" and cell.verification["target"].candidates == 0


def test_verification_and_memory_are_read(good, tmp_path):
    path = tmp_path / "cell.h5"
    path.write_bytes(good)
    cell = load_cell(path)
    assert cell.verification == {"target": Verification(2, pytest.approx(3e-6), 1, 9, 1)}
    assert cell.work["peak_memory"][2] == 5e9
    assert Report(render(load_campaign(path))).chunk("runs")["runs"][0]["stages"]["peak_memory"][2] == 5e9


def test_an_inexact_method_is_valid_and_said(tmp_path):
    path = write_cell(tmp_path / "cell.h5", Recipe(attribution="hierarchical"))
    assert validate_file(path) == []
    assert "hierarchical (inexact, keep_words 4)" in render(load_campaign(path))


LINK_FAULTS = {
    "link": (lambda f: f["cells"].__delitem__(RECIPES[0].id), "external link of a finished cell is missing"),
    "absolute": (lambda f: (f["cells"].__delitem__(RECIPES[0].id), f["cells"].__setitem__(RECIPES[0].id, h5py.ExternalLink("/tmp/x.h5", "/"))), "expected the relative path"),
    "state": (lambda f: put(f, "status/state", lambda d: d.__setitem__(0, 1)), "links a cell that is not finished"),
    "group": (lambda f: f.__delitem__("cells"), "/cells"),
    "version": (lambda f: f.attrs.__setitem__("schema_version", "1.4.0"), "/cells: is not part of this version"),
}


@pytest.mark.parametrize("name", LINK_FAULTS)
def test_planted_fault_in_the_links_of_an_older_campaign_is_found(name, tmp_path):
    path = as_of_1_3(write_campaign(tmp_path, RECIPES[:2], RECIPES[2:3]))
    assert validate_file(path) == []
    with h5py.File(path, "r+") as file:
        LINK_FAULTS[name][0](file)
    assert any(LINK_FAULTS[name][1] in fault for fault in validate_file(path)), validate_file(path)


CAMPAIGN_FAULTS = {
    "settings": (lambda f: put(f, "status/fingerprint", lambda d: d.__setitem__(0, b"0" * 64)), "another fingerprint than the plan"),
    "count": (lambda f: f.attrs.__setitem__("missing", np.int64(5)), "attribute missing is 5"),
    "digest": (lambda f: put(f, "status/sha256", lambda d: d.__setitem__(0, b"0" * 64)), "sha256 is not that of the file"),
    "metric": (lambda f: add(f, "metrics/destructive", 0, 0.25), "/metrics/destructive: row"),
    "shift": (lambda f: add(f, "metrics/focus_shift_forget_count", 0, np.uint64(1)), "/metrics/focus_shift_forget_count: row"),
    "column": (lambda f: f["metrics"].__delitem__("seconds_unlearn"), "/metrics/seconds_unlearn: column is missing"),
    "state": (lambda f: put(f, "status/state", lambda d: d.__setitem__(0, 1)), "attribute finished is 2, but /status has 1"),
    "dtype": (lambda f: put(f, "metrics/compute_dtype", lambda d: d.__setitem__(0, b"bf16")), "is bf16 with noise floor 0.0002, but the cell gives fp32"),
    "noise": (lambda f: add(f, "metrics/noise_floor", 0, 1e-3), "is fp32 with noise floor 0.0012, but the cell gives fp32"),
    "no dtype": (lambda f: f["metrics"].__delitem__("compute_dtype"), "/metrics/compute_dtype: dataset is missing"),
}


@pytest.mark.parametrize("name", CAMPAIGN_FAULTS)
def test_planted_campaign_fault_is_found(name, tmp_path):
    path = write_campaign(tmp_path, RECIPES[:2], RECIPES[2:3])
    assert validate_file(path) == []
    with h5py.File(path, "r+") as file:
        CAMPAIGN_FAULTS[name][0](file)
    faults = validate_file(path)
    assert any(CAMPAIGN_FAULTS[name][1] in fault for fault in faults), faults
