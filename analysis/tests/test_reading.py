"""Loaders."""

import os
import shutil

import h5py
import numpy as np
import pytest
from synthetic import Recipe, write_cell
from synthetic_campaign import RECIPES, write_campaign

from unpact_results import Ragged, ResultsError, load_campaign, load_cell
from unpact_results import statistics as st
from unpact_results.validate import validate_file


def test_a_cell_comes_back_as_written(campaign_file):
    path = campaign_file.parent / "cells" / f"{RECIPES[1].id}.h5"
    cell = load_cell(path)
    assert (cell.model, cell.method, cell.seed, cell.focus_answer) == ("llama-2-7b", "ga_gd", 1, "own")
    assert len(cell.question) == 48 and cell.is_candidate[0].sum() == len(cell.target.gold.contributions[0])
    assert "".join(cell.pieces_of(0)) == cell.prompt[0]
    np.testing.assert_allclose(st.contributions(cell.target.gold.matrix(3)), cell.target.gold.contributions[3], atol=1e-5)
    assert cell.probes["focus_on_key"].is_right.shape == (len(cell.where(2)), 3)
    assert cell.work["stage"][2] == "unlearn" and len(cell.training["step"]) == 30
    assert cell.attributes["git_commit"] == "0123abcd"


def test_focus_answer_is_found_out(tmp_path):
    assert load_cell(write_cell(tmp_path / "a.h5", Recipe(focus_answer="gold"))).focus_answer == "gold"


def test_campaign_lists_what_is_missing(campaign_file):
    for path in (campaign_file, campaign_file.parent):
        campaign = load_campaign(path)
        assert len(campaign.cells) == 8
        assert [(s.method, s.status) for s in campaign.absent] == [("tv", "missing")]


def test_campaign_survives_a_broken_cell(tmp_path):
    path = write_campaign(tmp_path, RECIPES[:3])
    (tmp_path / "cells" / f"{RECIPES[0].id}.h5").write_bytes(b"not HDF5")
    campaign = load_campaign(path)
    assert len(campaign.cells) == 2
    assert [entry.status for entry in campaign.absent] == ["broken"] and "cannot be read" in campaign.absent[0].note


def test_loose_cells_and_single_cell(tmp_path, campaign_file):
    shutil.copytree(campaign_file.parent / "cells", tmp_path / "cells")
    assert len(load_campaign(tmp_path).cells) == 8
    assert len(load_campaign(tmp_path / "cells" / f"{RECIPES[0].id}.h5").cells) == 1


def test_a_campaign_cannot_point_outside_its_folder(tmp_path):
    path = write_campaign(tmp_path / "inside", RECIPES[:1])
    write_cell(tmp_path / "out.h5", RECIPES[0])
    with h5py.File(path, "r+") as file:
        file["status/file"][0] = b"../out.h5"
    assert "outside" in load_campaign(path).absent[0].note


def test_refusals_name_file_and_reason(tmp_path):
    with pytest.raises(ResultsError, match="no such file"):
        load_campaign(tmp_path / "none.h5")
    with pytest.raises(ResultsError, match="no campaign.h5"):
        load_campaign(tmp_path)
    path = write_cell(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = "2.0.0"
    with pytest.raises(ResultsError, match=r"a\.h5.*2\.0\.0"):
        load_cell(path)


def test_unknown_datasets_are_ignored(tmp_path):
    path = write_cell(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        file["work/new_column"] = np.arange(6)
        file["something_new"] = 1
    assert load_cell(path).method == "npo_gd"


def test_ragged_rows():
    ragged = Ragged(np.array([1, 2, 3]), np.array([0, 2, 2, 3], np.uint64))
    assert [row.tolist() for row in ragged] == [[1, 2], [], [3]] and ragged[-1].tolist() == [3]
    with pytest.raises(IndexError):
        ragged[3]


@pytest.mark.parametrize("name", ["campaign.h5", "other name.h5"])
def test_a_symbolic_link_stands_for_the_campaign(campaign_file, tmp_path, name):
    """The cells lie beside the file, not beside the link; one folder may hold links to several campaigns."""
    link = tmp_path / name
    link.symlink_to(campaign_file)
    through, direct = load_campaign(link), load_campaign(campaign_file)
    assert [cell.id for cell in through.cells] == [cell.id for cell in direct.cells] and through.absent == direct.absent
    assert validate_file(link) == []
    (tmp_path / "relative").mkdir()
    again = tmp_path / "relative" / "again.h5"
    again.symlink_to(os.path.relpath(link, again.parent))
    assert len(load_campaign(again).cells) == len(direct.cells), "a link to a link"


def test_a_link_to_a_folder_stands_for_it(campaign_file, tmp_path):
    link = tmp_path / "results"
    link.symlink_to(campaign_file.parent)
    assert len(load_campaign(link).cells) == len(load_campaign(link / "campaign.h5").cells) == 8


def test_xarray_opens_a_campaign_as_a_tree(campaign_file):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    with xarray.open_datatree(campaign_file, engine="h5netcdf") as tree:
        assert set(tree.children) == {"metrics", "status"}
        assert tree["metrics"].sizes == {"id": 8} and float(tree["metrics/destructive"][0]) >= 0


def test_a_lazy_campaign_holds_the_same_and_reads_when_asked(campaign_file):
    eager, lazy = load_campaign(campaign_file), load_campaign(campaign_file, lazy=True)
    assert lazy.absent == eager.absent and lazy.status == eager.status and len(lazy.cells) == len(eager.cells)
    for one, other in zip(eager.cells, lazy.cells, strict=True):
        assert "log_probabilities" not in vars(other.target.gold), "nothing was read before it was asked for"
        assert (one.id, one.focus_answer, one.question) == (other.id, other.focus_answer, other.question)
        np.testing.assert_array_equal(one.unlearned.own.matrix(4), other.unlearned.own.matrix(4))
        np.testing.assert_array_equal(one.target.gold.contributions.values, other.target.gold.contributions.values)
        assert "log_probabilities" in vars(other.unlearned.own)


def test_a_lazy_campaign_names_what_cannot_be_read(tmp_path):
    path = write_campaign(tmp_path, RECIPES[:3])
    (tmp_path / "cells" / f"{RECIPES[0].id}.h5").write_bytes(b"not HDF5")
    with h5py.File(tmp_path / "cells" / f"{RECIPES[1].id}.h5", "r+") as file:
        del file["unlearned/own/is_key_token"]
    campaign = load_campaign(path, lazy=True)
    assert [entry.status for entry in campaign.absent] == ["broken"] and len(campaign.cells) == 2
    with pytest.raises(ResultsError, match="is_key_token"):
        campaign.cells[[p.stem for p in campaign.cells.paths].index(RECIPES[1].id)]


def test_a_cell_that_was_finished_after_the_campaign_file_counts(tmp_path):
    path = write_campaign(tmp_path, RECIPES[:2])
    late = tmp_path / "cells" / f"{RECIPES[0].id}.h5"
    with h5py.File(path, "r+") as file:
        file["status/state"][sorted(r.id for r in RECIPES[:2]).index(RECIPES[0].id)] = 1
    assert len(load_campaign(path).cells) == 2 and not load_campaign(path).absent
    with h5py.File(late, "r+") as file:
        file.attrs["fingerprint"] = "of other settings"
    assert [entry.status for entry in load_campaign(path).absent] == ["missing"]
