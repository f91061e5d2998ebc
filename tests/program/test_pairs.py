"""Campaigns of several pairs: groups that do not wait for each other, targets made once, jobs that plan different cells."""
import json
import re
import subprocess
from pathlib import Path

import h5py
import pytest
from unpact_program import Program, assert_same_cells, cells_of, differing, environment


@pytest.fixture(scope="module")
def pairs(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models whose targets are made, by two methods."""
    configs = tmp_path_factory.mktemp("pairs")
    (configs / "models").mkdir()
    (configs / "methods").mkdir()
    for name, steps in (("a", 12), ("b", 13)):
        (configs / f"models/{name}.ini").write_text(
            f"[model]\nname = {name}\nmake_target = true\nconfig = {home}/llama\nvocabulary_size = 400\n[finetune]\nmax_steps = {steps}\n")
    for name in ("ga", "npo"):
        (configs / f"methods/{name}.ini").write_text((home / f"configs/methods/{name}.ini").read_text())
    (configs / "c.ini").write_text(
        f"[campaign]\nmodels = a, b\nmethods = ga, npo\n[dataset]\nname = tiny\npath = {home}/tiny\n[run]\ndevice = cpu\nthreads = 1\nseed = 3\n"
        "[finetune]\nbatch_size = 12\nmicro_batch = 6\nlearning_rate = 1e-2\n[unlearn]\nmax_steps = 2\nbatch_size = 6\nmicro_batch = 3\n"
        "[generation]\nmax_new_tokens = 4\n")
    return configs / "c.ini"


@pytest.fixture(scope="module")
def one_rank(unpact: Program, pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one_rank")
    unpact.well("reproduce", "--config", pairs, "--output", folder)
    return folder


def test_numbers_of_pairs_do_not_depend_on_the_number_of_groups(unpact: Program, pairs: Path, one_rank: Path, tmp_path: Path) -> None:
    """Targets that are made, too: a group makes each. And each group begins with a target of its own."""
    unpact.well("reproduce", "--config", pairs, "--output", tmp_path, ranks=2)
    assert_same_cells(one_rank, tmp_path, 4)
    for name in ("a__tiny", "b__tiny"):
        assert differing(one_rank / f"baselines/{name}.h5", tmp_path / f"baselines/{name}.h5") == []
    logs = [(tmp_path / f"logs/rank-{rank:04}.log").read_text() for rank in (0, 1)]
    assert ["Asking the target" in log for log in logs] == [True, True], "one of the pairs each"


def test_targets_alone_then_cells_by_two_jobs(unpact: Program, pairs: Path, one_rank: Path, tmp_path: Path) -> None:
    command = ("reproduce", "--config", pairs, "--output", tmp_path)
    said = unpact.well(*command, "--stage", "targets", ranks=2).out
    assert "2 target(s) with their answers are there" in said and not cells_of(tmp_path)
    made = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("baselines/*.h5")}
    assert len(made) == 2
    status = json.loads(unpact.well("status", tmp_path, "--json").out)
    assert status["counts"]["cell"]["missing"] == 4 and status["counts"]["baseline"]["finished"] == status["counts"]["target"]["finished"] == 2
    refused = unpact("collect", "--output", tmp_path)
    assert refused.code != 0 and "Traceback" not in refused.err
    first = unpact.well(*command, "--campaign.methods", "ga").out
    assert "2 cell(s) finished, 2 missing" in first, "the other job's cells are planned"
    jobs = [subprocess.Popen(unpact.command(*command, "--campaign.methods", method), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for method in ("npo", "ga")]
    assert [(job.communicate()[0], job.returncode)[1] for job in jobs] == [0, 0]
    said = unpact.well("collect", "--output", tmp_path).out
    assert "4 cell(s) finished, 0 missing" in said
    assert_same_cells(one_rank, tmp_path, 4)
    assert made == {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("baselines/*.h5")}, "made once"
    with h5py.File(tmp_path / "campaign.h5") as file:
        assert len(file["metrics/id"]) == 4
    cells_of(tmp_path)["a__tiny__npo__seed3.h5"].unlink()
    assert "3 cell(s) finished, 1 missing" in unpact.well("collect", "--output", tmp_path).out
    assert not list((tmp_path / "claims").iterdir())


def test_a_stage_that_is_none_is_refused(unpact: Program, pairs: Path, tmp_path: Path) -> None:
    ended = unpact("reproduce", "--config", pairs, "--output", tmp_path / "out", "--stage", "cells")
    assert ended.code == 1 and re.search("campaign.stage|--stage", ended.message()), ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_target_that_fails_is_tried_once_a_job_and_shown(unpact: Program, pairs: Path, tmp_path: Path, ranks: int) -> None:
    command = ("reproduce", "--config", pairs, "--output", tmp_path, "--campaign.methods", "ga")
    wreck = tmp_path / "models/a__tiny.tokenizer"
    wreck.parent.mkdir()
    wreck.write_text("a file where a folder should be")
    ended = unpact(*command, ranks=ranks)
    assert ended.code == 2 and ended.err.count("have no result: its target failed") == 1, ended.out + ended.err
    assert "a__tiny" not in " ".join(cells_of(tmp_path)) and len(cells_of(tmp_path)) == 1
    status = json.loads(unpact.well("status", tmp_path, "--json").out)
    failed = [item for item in status["items"] if item["state"] == "failed"]
    assert {item["id"] for item in failed} == {"target.a__tiny", "baseline.a__tiny", "a__tiny__ga__seed3"}
    assert all("its target failed" in item["reason"] for item in failed)
    wreck.unlink()
    unpact.well(*command, ranks=ranks)
    assert len(cells_of(tmp_path)) == 2
