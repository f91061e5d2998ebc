"""How ranks leave: which exit code each returns, what the log says of the job and its end, and what is refused or pointed out before work."""
import json
import time
from pathlib import Path

import h5py
import pytest
from unlearn_runs import arguments
from unpact_program import Ended, Program, environment

RECORD = 'file=$1; shift; "$@"; code=$?; echo "$OMPI_COMM_WORLD_RANK $code" >> "$file"; exit $code'


def codes(unpact: Program, folder: Path, *given: object, ranks: int = 3) -> tuple[Ended, dict[int, int]]:
    """What mpirun returns, and what each rank returned."""
    file = folder / "codes"
    ended = unpact(*given, ranks=ranks, wrap=["sh", "-c", RECORD, "sh", file])
    return ended, {int(rank): int(code) for rank, code in (line.split() for line in file.read_text().splitlines())}


def test_rank_0_alone_tells_of_a_stop(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    ended, each = codes(unpact, tmp_path, *arguments(home, tmp_path, "--run.time_limit", "0.1"))
    assert ended.code == 75 and each == {0: 75, 1: 0, 2: 0}, ended.out + ended.err


@pytest.mark.parametrize("wrong", [("--unlearn.no_such_key", "1"), ("--dataset.path", "no/such/folder")], ids=["before the job", "in the job"])
def test_rank_0_alone_tells_of_an_error_of_all(unpact: Program, home: Path, target: Path, tmp_path: Path, wrong: tuple[str, str]) -> None:
    ended, each = codes(unpact, tmp_path, *arguments(home, tmp_path, *wrong))
    assert ended.code == 1 and each == {0: 1, 1: 0, 2: 0}, ended.out + ended.err
    ended.message()


def in_slurm(folder: Path, squeue: str, **more: str) -> dict[str, str]:
    """The environment of a job, and a squeue of our own."""
    tool = folder / "bin/squeue"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\n{squeue}\n")
    tool.chmod(0o755)
    clean = environment()
    return clean | {"SLURM_JOB_ID": "4711", "SLURM_RESTART_COUNT": "2", "SLURM_JWT": "secret", "PATH": f"{tool.parent}:{clean['PATH']}"} | more


def test_the_log_says_who_it_was_and_when_it_stops(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    end = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() + 7200))
    given = ["attribute", "--config", home / "configs/tiny.ini", "--output", tmp_path / "out"]
    ended = unpact.well(*given, env=in_slurm(tmp_path, f"echo {end}"))
    assert f"stops by {end.replace('T', ' ')}" in ended.out and "at the latest (Slurm)" in ended.out
    assert "Started by Slurm: host " in ended.out and ", job 4711, started again 2 time(s)" in ended.out
    log = (tmp_path / "out/logs/job-4711/rank-0000.log").read_text()
    assert not (tmp_path / "out/logs/rank-0000.log").exists(), "jobs that share the folder do not share their logs"
    assert "environment: SLURM_JOB_ID=4711" in log and "secret" not in log and "rank 0 of 1" in log
    with h5py.File(tmp_path / "out/baselines/tiny__tiny.h5") as file:
        assert "job 4711" in json.loads(file.attrs["processes"])[0]
        found = json.loads(file.attrs["environment"])
    assert found["SLURM_JOB_ID"] == "4711" and "SLURM_JWT" not in found and "PATH" not in found


def test_an_end_that_squeue_does_not_know(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    """And a job of several tasks that one rank does not use."""
    given = ["unlearn", "--config", home / "configs/tiny.ini", "--method", "ga_gd", "--output", tmp_path, "--method.max_steps", "1"]
    ended = unpact.well(*given, env=in_slurm(tmp_path, "echo N/A", SLURM_NTASKS="4"))
    assert "Slurm does not say when this job ends: squeue says 'N/A'" in ended.out
    assert ended.err.count("this batch job has 4 tasks, and one rank of unpact") == 1


@pytest.mark.parametrize("task", ["0", "1"])
def test_tasks_that_are_alone_are_refused(unpact: Program, home: Path, tmp_path: Path, task: str) -> None:
    """srun started four, and MPI finds one in each."""
    env = environment(SLURM_STEP_NUM_TASKS="4", SLURM_PROCID=task)
    ended = unpact("unlearn", "--config", home / "configs/tiny.ini", "--output", tmp_path / "out", env=env)
    assert ended.code == (1 if task == "0" else 0), ended.out + ended.err
    assert "each of them is alone" in ended.message() if task == "0" else ended.err == ""
    assert not (tmp_path / "out").exists()


def test_more_groups_than_cells_are_pointed_out(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    given = ["reproduce", "--config", home / "configs/tiny.ini", "--output", tmp_path, "--campaign.methods", "ga", "--run.time_limit", "0.05"]
    assert unpact(*given, ranks=2).err.count("2 groups of 1 rank(s) for 1 cell(s): 1 have nothing to do") == 1


def test_claims_that_cannot_be_written_are_refused(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    (tmp_path / "claims").write_text("no folder")
    ended = unpact("reproduce", "--config", home / "configs/tiny.ini", "--output", tmp_path, "--campaign.methods", "ga", ranks=2)
    assert ended.code == 1 and str(tmp_path / "claims") in ended.message(), ended.out + ended.err
