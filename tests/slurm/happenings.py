"""What happens to jobs while tests of other things run: signals, preemption, dead ranks and nodes, other jobs. Each is one test of test_jobs.py."""
import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from campaign_folder import failures_in, litter_in
from cluster import until
from made_programs import CASES, made_job
from slurm_jobs import DANGEROUS, LONG, METHODS, Job, Site, wait_for_steps
from unpact_program import ROOT, assert_same_cells

OFTEN = ("--train.checkpoint_every", "4")
MPIRUN = {"LAUNCH": "mpirun", "LAUNCH_ARGS": "(--oversubscribe --bind-to none)"}
LAUNCHES = {"srun": {}, "mpirun": MPIRUN}


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


def a_signal(site: Site, reference: Path, folder: Path, launch: str) -> None:
    job = site.submit(["--nodes", 2, "--per-node", 1], site.campaign(folder / "out", steps=LONG), site=site.write(**LAUNCHES[launch]))
    wait_for_steps(job.output, 4)
    site.cluster.said("scancel", "--signal=USR1", job.id)
    assert site.cluster.finish(job.id) == "COMPLETED", job.log
    assert job.verdicts == ["75: stopped in time, with progress; requeues", "0: done"], job.log
    assert_done_as(reference, job)
    assert (job.output / f"jobs/{job.id}.1/job.txt").exists() and "restart 1" in job.log


def preemption(site: Site, reference: Path, folder: Path) -> None:
    job = site.submit(["--nodes", 2, "--per-node", 1], site.campaign(folder / "out", steps=LONG), site=site.write(SBATCH_ARGS="(--nodelist=n[3-4])"))
    wait_for_steps(job.output, 4)
    urgent = site.cluster.said("sbatch", "--parsable", "-p", "urgent", "--nodelist=n[3-4]", "--exclusive", "-o", "/dev/null", "--wrap", "true").strip()
    assert site.cluster.finish(job.id) == "COMPLETED", job.log
    assert site.cluster.finish(urgent) == "COMPLETED"
    assert job.verdicts == ["75: stopped in time, with progress; requeues", "0: done"], job.log
    assert_done_as(reference, job)


def a_killed_rank(site: Site, reference: Path, folder: Path, launch: str) -> None:
    job = site.submit(["--nodes", 2, "--per-node", 1], site.campaign(folder / "out", *OFTEN, steps=LONG), site=site.write(**LAUNCHES[launch]))
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


def a_dead_node(site: Site, reference: Path, folder: Path) -> None:
    """Slurm itself requeues the job, on other nodes."""
    plain = site.submit(["--nodes", 2, "--per-node", 1], site.campaign(folder / "plain", *OFTEN, steps=LONG), site=site.write(**DANGEROUS))
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


def a_shared_folder(site: Site, reference: Path, folder: Path) -> None:
    """An array of three, and the same command once more."""
    first = site.submit(["--array", 3, "--per-node", 1], site.campaign(folder / "out", steps=LONG))
    second = site.submit(["--per-node", 1], site.campaign(folder / "out", steps=LONG))
    jobs = [line.split()[1] for line in site.cluster.said("squeue", "-h", "-j", first.id, "-r", "-o", "%i %A").splitlines()] or [first.id]
    for job in {*jobs, second.id}:
        assert site.cluster.finish(job) == "COMPLETED", second.log
    logs = sorted(first.output.glob("logs/slurm-*.out"))
    assert len(logs) == 4 and all("exit code 0: done" in log.read_text() for log in logs), [log.read_text() for log in logs]
    text = "".join(log.read_text() for log in logs)
    for method in METHODS:
        assert len(re.findall(rf"Cell tiny__tiny__{method}__seed3\n", text)) == 1, f"{method} once: {text}"
    assert_done_as(reference, second)


def a_failing_cell(site: Site, reference: Path, folder: Path) -> None:
    wrecked = site.home / "configs/methods/wrecked.ini"
    wrecked.write_text("[method]\nname = wrecked\nforget = ga\nretain = none\nlearning_rate = 1e39\nmax_steps = 1\n")
    job = site.submit([], site.campaign(folder / "out", methods=["wrecked", "ga"]))
    assert site.cluster.finish(job.id) == "FAILED"
    assert site.cluster.fact(job.id, "ExitCode") == "2:0" and job.verdicts == ["2: every cell is finished or failed; not started again"], job.log
    assert failures_in(job.output) == ["tiny__tiny__wrecked__seed3.failed.json"] and (job.output / "cells/tiny__tiny__ga__seed3.h5").exists()
    said = site.cluster(ROOT / "slurm/status", job.output, UNPACT_SITE=str(job.submission / "site.sh"))
    assert re.search(r"failed:\n +\S*wrecked", said.stdout), said.stdout + said.stderr


def the_end_of_the_job(site: Site, reference: Path, folder: Path) -> None:
    """Slurm 22.05 sets no SLURM_JOB_END_TIME. With a minute left no cell is begun, but the target's answers are kept."""
    file = site.write(SBATCH_ARGS="(--time=1 --signal=CONT@1 --exclude=n[3-5])")
    job = site.submit(["--per-node", 1, "--chain", 1], site.campaign(folder / "out"), site=file)
    assert site.cluster.finish(job.id) == "FAILED"
    assert site.cluster.fact(job.id, "ExitCode") == "75:0" and "the next job of the chain goes on" in job.log, job.log


def a_signal_during_attribution(site: Site, reference: Path, folder: Path) -> None:
    job = site.submit(["--per-node", 1, "--chain", 1],
                      site.campaign(folder / "out", "--attribution.save_every", 1, "--attribution.method", "shapley", methods=["ga"]))
    until(lambda: list(job.output.glob("baselines/*.unfinished/attributions-*.page")), 90, "a page of contributions")
    site.cluster.said("scancel", "--signal=USR1", job.id)
    began = time.monotonic()
    assert site.cluster.finish(job.id) == "FAILED" and site.cluster.fact(job.id, "ExitCode") == "75:0", job.log
    assert time.monotonic() - began < 20 and not list(job.output.glob("baselines/*.h5"))


LANES: list[dict[str, Callable[[Site, Path, Path], object]]] = [  # by test; one after the other in a lane, lanes beside each other
    {
        "decided": lambda site, reference, folder: {name: made_job(site, folder / name, codes) for name, (codes, _, _) in CASES.items()},
        "test_a_signal_stops_it_and_the_requeued_job_ends_the_same[srun]": partial(a_signal, launch="srun"),
        "test_a_killed_rank_ends_the_job_soon_and_it_starts_again[srun]": partial(a_killed_rank, launch="srun"),
        "test_a_signal_stops_it_and_the_requeued_job_ends_the_same[mpirun]": partial(a_signal, launch="mpirun"),
        "test_a_killed_rank_ends_the_job_soon_and_it_starts_again[mpirun]": partial(a_killed_rank, launch="mpirun"),
    },
    {
        "test_a_dead_node_is_survived": a_dead_node,
        "test_a_preempted_job_ends_the_same": preemption,
        "test_jobs_share_a_folder": a_shared_folder,
        "test_a_failing_cell_leaves_the_others": a_failing_cell,
        "test_the_end_of_the_job_is_known_without_a_signal": the_end_of_the_job,
        "test_a_signal_during_attribution_stops_it_within_a_page": a_signal_during_attribution,
    },
]


class Happenings:
    """Most of their time jobs wait: for Slurm, or for each other. So those of different tests run beside each other."""

    def __init__(self, site: Site, reference: Path, folder: Path, wanted: set[str]) -> None:
        self.pools = [ThreadPoolExecutor(1) for _ in LANES]
        self.futures: dict[str, Future] = {}
        for pool, lane in zip(self.pools, LANES, strict=True):
            for name in (name for name in lane if name in wanted):
                place = folder / re.sub(r"\W+", "_", name)
                place.mkdir()
                self.futures[name] = pool.submit(lane[name], site, reference, place)

    def stop(self) -> None:
        for pool in self.pools:
            pool.shutdown(cancel_futures=True)
