"""Two folders compared: equal runs, one changed bit, files and datasets of one side."""

import shutil

import h5py
import numpy as np
import pytest

from unpact_results.__main__ import main
from unpact_results.compare import compare_folders


@pytest.fixture()
def folders(campaign_file, tmp_path):
    for name in ("a", "b"):
        shutil.copytree(campaign_file.parent, tmp_path / name)
    return tmp_path / "a", tmp_path / "b"


def first_cell(folder):
    return sorted(path for path in folder.rglob("*.h5") if path.name != "campaign.h5")[0]


def test_equal_folders_have_no_difference(folders, capsys):
    found = compare_folders(*folders)
    assert found.differences == [] and found.files > 1 and found.datasets > 50
    assert main(["compare", *map(str, folders)]) == 0
    assert "equal" in capsys.readouterr().out


def test_one_last_bit_is_one_ulp_in_the_datasets_unit(folders, capsys):
    with h5py.File(first_cell(folders[1]), "r+") as file:
        values = file["target/gold/contributions/values"]
        values[0] = np.nextafter(values[0], np.float32(9), dtype=np.float32)
    found = compare_folders(*folders)
    assert len(found.differences) == 1
    assert "target/gold/contributions/values differs in 1 of" in found.differences[0]
    assert "at most 1 ulp" in found.differences[0] and "nat/token" in found.differences[0]
    assert main(["compare", *map(str, folders)]) == 1
    assert "1 ulp" in capsys.readouterr().out


def test_ulps_count_across_zero(folders):
    tiny = np.float32(1e-45)
    for folder, value in zip(folders, (tiny, -tiny), strict=True):
        with h5py.File(first_cell(folder), "r+") as file:
            file["target/gold/contributions/values"][0] = value
    assert "at most 2 ulp" in compare_folders(*folders).differences[0]


def test_nan_equals_nan_and_nothing_else(folders):
    for folder in folders:
        with h5py.File(first_cell(folder), "r+") as file:
            file["focus_shift/set_cosine"][0] = np.nan
    assert compare_folders(*folders).differences == []
    with h5py.File(first_cell(folders[1]), "r+") as file:
        file["focus_shift/set_cosine"][0] = 0.5
    assert "1 finite in one alone" in compare_folders(*folders).differences[0]


def test_files_texts_attributes_and_missing_datasets(folders):
    cell = first_cell(folders[1])
    with h5py.File(cell, "r+") as file:
        file["target/answer"][0] = "something else"
        file.attrs["seed"] = 77
        del file["focus_shift/set_cosine"]
    (folders[1] / "extra.h5").write_bytes(cell.read_bytes())
    text = "\n".join(compare_folders(*folders).differences)
    for part in ("extra.h5: only in", "target/answer differs in 1", "attribute seed is", "set_cosine only in the first"):
        assert part in text


def test_time_and_place_do_not_count(folders):
    with h5py.File(first_cell(folders[1]), "r+") as file:
        file["work/seconds"][...] = 99.0
        file.attrs["ended"] = "2001-01-01T00:00:00Z"
    assert compare_folders(*folders).differences == []


def test_an_attribute_of_a_newer_version_is_a_remark(folders):
    for version, found in (("1.2.0", "differences"), ("1.3.0", "remarks")):
        with h5py.File(first_cell(folders[1]), "r+") as file:
            file.attrs["brand_new"], file.attrs["schema_version"] = 1, version
        with h5py.File(first_cell(folders[0]), "r+") as file:
            file.attrs["schema_version"] = "1.2.0"
        assert any("brand_new" in line for line in getattr(compare_folders(*folders), found)), version


def test_a_folder_that_is_not_there_is_an_error(folders, capsys):
    assert main(["compare", str(folders[0]), str(folders[0] / "nowhere")]) == 1
    assert "no such folder" in capsys.readouterr().err
