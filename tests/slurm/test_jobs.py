"""Campaigns on a real Slurm: they end as they should, whatever happens to signals, ranks, nodes and other jobs."""
import json
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from happenings import MPIRUN, assert_done_as
from slurm_jobs import METHODS, Job, Site
from unpact_program import ROOT

LAUNCHES = pytest.mark.parametrize("launch", ["srun", "mpirun"])


def cells_by_rank(job: Job) -> list[int]:
    """How many cells each rank of each job began."""
    return [len(set(re.findall(r"Cell (tiny__tiny__\w+?)\n", path.read_text()))) for path in sorted(job.output.glob("logs/**/rank-*.log"))]


@pytest.fixture(scope="session", params=["srun", "mpirun"])
def straight(request: pytest.FixtureRequest, site: Site, reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Two nodes of two ranks, nothing happens. The target's answers are there: four ranks that write one file together on two cores spend
    a minute in Open MPI's busy waits; the other jobs' two ranks on two nodes write it, too."""
    file = site.write(**(MPIRUN if request.param == "mpirun" else {}))
    output = tmp_path_factory.mktemp(f"straight_{request.param}") / "out"
    shutil.copytree(reference / "baselines", output / "baselines")
    job = site.submit(["--nodes", 2], site.campaign(output), site=file)
    assert site.cluster.finish(job.id) == "COMPLETED", job.log
    return job


def test_every_group_of_two_nodes_computes_a_cell(straight: Job, reference: Path) -> None:
    assert_done_as(reference, straight)
    assert cells_by_rank(straight) == [1, 1, 1, 1], straight.log
    assert straight.verdicts == ["0: done"]


def test_no_setting_of_open_mpi_is_needed(straight: Job) -> None:
    environment = (straight.output / f"jobs/{straight.id}.0/environment.txt").read_text()
    assert re.findall(r"^OMPI_MCA_.*", environment, re.MULTILINE) == ["OMPI_MCA_btl=self,tcp"]


def test_what_ran_stands_beside_the_results(straight: Job) -> None:
    records = straight.output / f"jobs/{straight.id}.0"
    assert f"JobId={straight.id}" in (records / "job.txt").read_text()
    assert "unpact 0." in (records / "versions.txt").read_text() and "slurm: slurm" in (records / "versions.txt").read_text()
    assert (straight.submission / "sbatch.txt").read_text() in straight.said
    assert {path.name for path in straight.submission.iterdir()} >= {"job.sbatch", "lib.sh", "site.sh", "settings.sh", "plan.json", "plan.txt"}
    assert re.search(rf"job {straight.id}: restart 0, on n\[?\d.*until 20\d\d-", straight.log), straight.log


def test_every_log_says_whose_it_is(straight: Job, site: Site) -> None:
    for log in straight.output.glob("logs/**/rank-*.log"):
        head = log.read_text().split("\n", 1)[0]
        assert socket.gethostname() in head and f"job {straight.id}" in head, head
    said = site.cluster(ROOT / "slurm/status", straight.output, "--json", UNPACT_SITE=str(straight.submission / "site.sh"))
    assert said.returncode == 0 and json.loads(said.stdout)["counts"]["cell"]["finished"] == len(METHODS), said.stderr


def test_a_dry_run_submits_nothing_and_says_what_the_job_does(straight: Job, site: Site, tmp_path: Path) -> None:
    done = site.run("--dry-run", "--nodes", 2, *site.campaign(tmp_path / "out"))
    assert done.returncode == 0 and "nothing was submitted" in done.stdout, done.stderr
    assert not site.queued(tmp_path / "out") and not list(tmp_path.glob("out/jobs/*"))
    cells = json.loads((straight.output / "plan.json").read_text())["cells"]
    ranks = len(list(straight.output.glob("logs/**/rank-*.log")))
    assert f"cells: {len(cells)} planned, 0 finished, 0 failed, {len(cells)} left" in done.stdout
    assert f"1 job(s) of 2 node(s) x 2 rank(s) = {ranks} rank(s); {ranks} group(s) a job, 1 rank(s) a cell" in done.stdout
    script, line = done.stdout.index("#!/usr/bin/env bash"), done.stdout.index("sbatch --parsable")
    assert line < script and "scontrol requeue" in done.stdout[script:]


@LAUNCHES
def test_a_signal_stops_it_and_the_requeued_job_ends_the_same(happened: Callable[[], None], launch: str) -> None:  # noqa: ARG001
    happened()


def test_a_preempted_job_ends_the_same(happened: Callable[[], None]) -> None:
    happened()


@LAUNCHES
def test_a_killed_rank_ends_the_job_soon_and_it_starts_again(happened: Callable[[], None], launch: str) -> None:  # noqa: ARG001
    happened()


def test_a_dead_node_is_survived(happened: Callable[[], None]) -> None:
    happened()


def test_jobs_share_a_folder(happened: Callable[[], None]) -> None:
    happened()


def test_a_failing_cell_leaves_the_others(happened: Callable[[], None]) -> None:
    happened()


def test_the_end_of_the_job_is_known_without_a_signal(happened: Callable[[], None]) -> None:
    happened()


def test_a_signal_during_attribution_stops_it_within_a_page(happened: Callable[[], None]) -> None:
    happened()
