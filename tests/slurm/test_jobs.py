"""Campaigns on a real Slurm: they end as they should, whatever happens to signals, ranks, nodes and other jobs."""
import json
import os
import re
import shutil
import signal
import socket
import time
from pathlib import Path

import pytest
from campaign_folder import failures_in, litter_in
from cluster import until
from slurm_jobs import METHODS, Job, Site, wait_for_steps
from unpact_program import ROOT, assert_same_cells

OFTEN = ("--train.checkpoint_every", "4")
MPIRUN = {"LAUNCH": "mpirun", "LAUNCH_ARGS": "(--oversubscribe --bind-to none)"}
LAUNCHES = pytest.mark.parametrize("launch", ["srun", "mpirun"])


def cells_by_rank(job: Job) -> list[int]:
    """How many cells each rank of each job began."""
    return [len(set(re.findall(r"Cell (tiny__tiny__\w+?)\n", path.read_text()))) for path in sorted(job.output.glob("logs/**/rank-*.log"))]


def ranks_of(job: Job) -> list[int]:
    """Process numbers of the ranks of a running job on this host, by their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "exe").resolve().name == "unpact":
                variables = (entry / "environ").read_bytes().split(b"\0")
                if f"SLURM_JOB_ID={job.id}".encode() in variables:
                    found.append(int(entry.name))
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
    return sorted(found)


def assert_done_as(reference: Path, job: Job) -> None:
    assert_same_cells(reference, job.output, len(METHODS))
    assert not litter_in(job.output)


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
    before = site.cluster.said("squeue", "-h", "-t", "all", "-o", "%i")
    done = site.run("--dry-run", "--nodes", 2, *site.campaign(tmp_path / "out"))
    assert done.returncode == 0 and "nothing was submitted" in done.stdout, done.stderr
    assert site.cluster.said("squeue", "-h", "-t", "all", "-o", "%i") == before and not list(tmp_path.glob("out/jobs/*"))
    cells = json.loads((straight.output / "plan.json").read_text())["cells"]
    ranks = len(list(straight.output.glob("logs/**/rank-*.log")))
    assert f"cells: {len(cells)} planned, 0 finished, 0 failed, {len(cells)} left" in done.stdout
    assert f"1 job(s) of 2 node(s) x 2 rank(s) = {ranks} rank(s); {ranks} group(s) a job, 1 rank(s) a cell" in done.stdout
    script, line = done.stdout.index("#!/usr/bin/env bash"), done.stdout.index("sbatch --parsable")
    assert line < script and "scontrol requeue" in done.stdout[script:]


@LAUNCHES
def test_a_signal_stops_it_and_the_requeued_job_ends_the_same(site: Site, reference: Path, tmp_path: Path, launch: str) -> None:
    job = site.submit(["--nodes", 2, "--per-node", 1], site.campaign(tmp_path / "out"), site=site.write(**(MPIRUN if launch == "mpirun" else {})))
    wait_for_steps(job.output, 4)
    site.cluster.said("scancel", "--signal=USR1", job.id)
    assert site.cluster.finish(job.id) == "COMPLETED", job.log
    assert job.verdicts == ["75: stopped in time, with progress; requeues", "0: done"], job.log
    assert_done_as(reference, job)
    assert (job.output / f"jobs/{job.id}.1/job.txt").exists() and "restart 1" in job.log


def test_a_preempted_job_ends_the_same(site: Site, reference: Path, tmp_path: Path) -> None:
    job = site.submit(["--nodes", 2, "--per-node", 1], site.campaign(tmp_path / "out"), site=site.write(SBATCH_ARGS="(--nodelist=n[1-2])"))
    wait_for_steps(job.output, 4)
    urgent = site.cluster.said("sbatch", "--parsable", "-p", "urgent", "--nodelist=n[1-2]", "--exclusive", "-o", "/dev/null", "--wrap", "true").strip()
    assert site.cluster.finish(job.id) == "COMPLETED", job.log
    assert site.cluster.finish(urgent) == "COMPLETED"
    assert job.verdicts == ["75: stopped in time, with progress; requeues", "0: done"], job.log
    assert_done_as(reference, job)


@LAUNCHES
def test_a_killed_rank_ends_the_job_soon_and_it_starts_again(site: Site, reference: Path, tmp_path: Path, launch: str) -> None:
    job = site.submit(["--nodes", 2, "--per-node", 1], site.campaign(tmp_path / "out", *OFTEN), site=site.write(**(MPIRUN if launch == "mpirun" else {})))
    wait_for_steps(job.output, 10)
    os.kill(ranks_of(job)[-1], signal.SIGKILL)
    began = time.monotonic()
    until(lambda: job.verdicts, 40, "an end of the job")
    assert time.monotonic() - began < 5 + 15, "the 5 s of --wait, and what two busy cores need"
    assert not job.verdicts[0].startswith("75")
    assert site.cluster.finish(job.id) == "COMPLETED", job.log
    assert re.fullmatch(r"(2|137|143): failure 1 of at most 3, after progress; requeues", job.verdicts[0]) and job.verdicts[1:] == ["0: done"], job.log
    assert_done_as(reference, job)


def kill_node(site: Site, name: str, job: Job) -> None:
    """slurmd, the steps' daemons, and the ranks of one node die at once."""
    run = site.cluster.run / name
    victims = [int((run / "slurmd.pid").read_text())]
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"SLURMD_NODENAME={name}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                victims.append(int(entry.name))
            elif entry.name.isdigit() and (entry / "cmdline").read_bytes().startswith(f"slurmstepd: [{job.id}.".encode()):
                children = (entry / f"task/{entry.name}/children").read_text().split()
                if any(int(child) in victims or f"SLURMD_NODENAME={name}".encode() in Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
                       for child in children):
                    victims.append(int(entry.name))
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
    for victim in victims:
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            continue


def test_a_dead_node_is_survived(site: Site, reference: Path, tmp_path: Path) -> None:
    """Slurm itself requeues the job, on other nodes."""
    plain = site.submit(["--nodes", 2, "--per-node", 1], site.campaign(tmp_path / "plain", *OFTEN))
    wait_for_steps(plain.output, 10)
    batch = site.cluster.fact(plain.id, "BatchHost")
    other = next(name for name in site.cluster.said("scontrol", "show", "hostnames", site.cluster.fact(plain.id, "NodeList")).split() if name != batch)
    kill_node(site, other, plain)
    try:
        until(lambda: site.cluster.fact(plain.id, "Restarts") == "1", 60, "requeued by Slurm")
        assert site.cluster.finish(plain.id) == "COMPLETED", plain.log
        assert_done_as(reference, plain)
    finally:
        site.cluster.start_node(other)


def test_jobs_share_a_folder(site: Site, reference: Path, tmp_path: Path) -> None:
    """An array of three, and the same command once more."""
    first = site.submit(["--array", 3, "--per-node", 1], site.campaign(tmp_path / "out"))
    second = site.submit(["--per-node", 1], site.campaign(tmp_path / "out"))
    jobs = [line.split()[1] for line in site.cluster.said("squeue", "-h", "-j", first.id, "-r", "-o", "%i %A").splitlines()] or [first.id]
    for job in {*jobs, second.id}:
        assert site.cluster.finish(job) == "COMPLETED", second.log
    logs = sorted(first.output.glob("logs/slurm-*.out"))
    assert len(logs) == 4 and all("exit code 0: done" in log.read_text() for log in logs), [log.read_text() for log in logs]
    text = "".join(log.read_text() for log in logs)
    for method in METHODS:
        assert len(re.findall(rf"Cell tiny__tiny__{method}__seed3\n", text)) == 1, f"{method} once: {text}"
    assert_done_as(reference, second)


def test_a_failing_cell_leaves_the_others(site: Site, reference: Path, home: Path, tmp_path: Path) -> None:
    wrecked = home / "configs/methods/wrecked.ini"
    wrecked.write_text("[method]\nname = wrecked\nforget = ga\nretain = none\nlearning_rate = 1e39\nmax_steps = 1\n")
    job = site.submit([], site.campaign(tmp_path / "out", methods=["wrecked", "ga"]))
    assert site.cluster.finish(job.id) == "FAILED"
    assert site.cluster.fact(job.id, "ExitCode") == "2:0" and job.verdicts == ["2: every cell is finished or failed; not started again"], job.log
    assert failures_in(job.output) == ["tiny__tiny__wrecked__seed3.failed.json"] and (job.output / "cells/tiny__tiny__ga__seed3.h5").exists()
    said = site.cluster(ROOT / "slurm/status", job.output, UNPACT_SITE=str(job.submission / "site.sh"))
    assert re.search(r"failed:\n +\S*wrecked", said.stdout), said.stdout + said.stderr


def test_the_end_of_the_job_is_known_without_a_signal(site: Site, tmp_path: Path) -> None:
    """Slurm 22.05 sets no SLURM_JOB_END_TIME. With a minute left no cell is begun, but the target's answers are kept."""
    file = site.write(SBATCH_ARGS="(--time=1 --signal=CONT@1)")
    job = site.submit(["--per-node", 1, "--chain", 1], site.campaign(tmp_path / "out"), site=file)
    assert site.cluster.finish(job.id) == "FAILED"
    assert site.cluster.fact(job.id, "ExitCode") == "75:0" and "the next job of the chain goes on" in job.log, job.log


def test_a_signal_during_attribution_stops_it_within_a_page(site: Site, tmp_path: Path) -> None:
    job = site.submit(["--per-node", 1, "--chain", 1],
                      site.campaign(tmp_path / "out", "--attribution.save_every", 1, "--attribution.method", "shapley", methods=["ga"]))
    until(lambda: list(job.output.glob("baselines/*.unfinished/attributions-*.page")), 90, "a page of contributions")
    site.cluster.said("scancel", "--signal=USR1", job.id)
    began = time.monotonic()
    assert site.cluster.finish(job.id) == "FAILED" and site.cluster.fact(job.id, "ExitCode") == "75:0", job.log
    assert time.monotonic() - began < 20 and not list(job.output.glob("baselines/*.h5"))
