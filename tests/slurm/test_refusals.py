"""What is wrong is said in one message, before anything waits in a queue."""
import re
from pathlib import Path

import pytest
from slurm_jobs import Site

STUBS = {
    "srun_without_pmix": ("srun", "echo 'MPI plugin types are...'; echo none; echo pmi2"),
    "clock": ("sdiag", 'echo "sdiag output at whenever ($(($(date +%s) - 3600)))"'),
    "accounts": ("sacctmgr", "echo physics; echo chemistry"),
    "gpus": ("sinfo", "case $* in *%G*) echo gpu:h100:2 ;; *) echo main ;; esac"),
    "empty_image": ("apptainer", "exit 255"),
}


@pytest.fixture
def stub(tmp_path: Path):  # noqa: ANN201
    def make(name: str) -> str:
        program, body = STUBS[name]
        (tmp_path / "stubs").mkdir(exist_ok=True)
        (tmp_path / "stubs" / program).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / "stubs" / program).chmod(0o755)
        return str(tmp_path / "stubs")
    return make


SITES = {
    "unknown_key": ({"PARTITON": "main"}, "unknown key", "PARTITON"),
    "missing_key": ({"MAX_TIME": None}, "lacks a key", "MAX_TIME is not set"),
    "no_ranks": ({"TASKS_PER_NODE": None}, "wrong value", "TASKS_PER_NODE is '0'"),
    "gpu_without_name": ({"GPUS_PER_NODE": "4"}, "lacks a key", "GPU is not set"),
    "wrong_number": ({"CPUS_PER_TASK": "many"}, "wrong value", "CPUS_PER_TASK is 'many'"),
    "wrong_time": ({"MAX_TIME": "tomorrow"}, "wrong value", "MAX_TIME is 'tomorrow'"),
    "wrong_launch": ({"LAUNCH": "ssh"}, "wrong value", "LAUNCH is 'ssh'"),
    "no_list": ({"SBATCH_ARGS": "--exclusive"}, "wrong value", "a list"),
    "single_ranks": ({"SRUN_MPI": "none"}, "wrong value", "N programs of one rank each"),
    "no_image": ({"CONTAINER_RUNTIME": "apptainer"}, "lacks a key", "CONTAINER is not set"),
    "image_not_there": ({"CONTAINER_RUNTIME": "apptainer", "CONTAINER": "/nowhere.sif"}, "the container is not there", "/nowhere.sif"),
    "unknown_partition": ({"PARTITION": "fast"}, "no such partition", "there are: main urgent"),
    "program_not_there": ({"PROGRAM": "/nowhere/unpact"}, "the program is not there", "/nowhere/unpact"),
    "environment_fails": ({"environment": "false"}, "site_environment() failed", "status 1"),
}


@pytest.mark.parametrize("name", SITES)
def test_a_wrong_site_file_is_refused(site: Site, tmp_path: Path, name: str) -> None:
    keys, problem, reason = SITES[name]
    said = site.refused(*site.campaign(tmp_path / "out"), site=site.write(**keys))
    assert problem in said.splitlines()[0] and reason in said, said


def test_a_site_file_that_is_none(site: Site, tmp_path: Path) -> None:
    assert "there is no site file" in site.refused(*site.campaign(tmp_path / "out"), site=tmp_path / "none.sh")
    assert "is no bash" in site.refused(*site.campaign(tmp_path / "out"), site=site.write("PARTITION=(main"))


OPTIONS = {
    "no_job": ((), "nothing to submit"),
    "unknown_option": (("--gpus", "4"), "does not know --gpus"),
    "no_value": (("--nodes",), "lacks its value"),
    "no_number": (("--array", "x"), "wrong value"),
    "two_shapes": (("--chain", "2", "--array", "2"), "exclude each other"),
    "too_long": (("--time", "1-00:00:00"), "too long"),
    "too_short": (("--time", "2"), "too short"),
    "more_nodes": (("--nodes", "99"), "Slurm would refuse the job"),
    "unknown_job_before": (("--after", "x"), "wrong value"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_wrong_options_are_refused(site: Site, tmp_path: Path, name: str) -> None:
    options, problem = OPTIONS[name]
    said = site.run(*options, *([] if name in ("no_job", "no_value") else site.campaign(tmp_path / "out")))
    assert said.returncode == 1 and said.stderr.count("error: ") == 1 and problem in said.stderr.split("error: ")[1].splitlines()[0], said.stderr


def test_spare_nodes_need_srun(site: Site, tmp_path: Path) -> None:
    file = site.write(LAUNCH="mpirun", LAUNCH_ARGS="()")
    assert "--spare needs LAUNCH=srun" in site.refused("--spare", 1, *site.campaign(tmp_path / "out"), site=file)


def test_more_gpus_than_a_node_has(site: Site, tmp_path: Path, stub) -> None:  # noqa: ANN001
    file = site.write(GPUS_PER_NODE="4", TASKS_PER_NODE="4", GPU="h100")
    assert "not so many GPUs" in site.refused("--per-node", 8, *site.campaign(tmp_path / "out"), site=file)
    assert "nodes of main have 2" in site.refused(*site.campaign(tmp_path / "out"), site=file, path=stub("gpus"))


def test_what_the_batch_system_lacks(site: Site, tmp_path: Path, stub) -> None:  # noqa: ANN001
    job = site.campaign(tmp_path / "out")
    assert "srun cannot start MPI programs by pmix" in site.refused(*job, path=stub("srun_without_pmix"))
    (tmp_path / "stubs/srun").unlink()
    assert "there are: chemistry physics" in site.refused(*job, site=site.write(ACCOUNT="biology"), path=stub("accounts"))
    (tmp_path / "stubs/sacctmgr").unlink()
    assert "clocks differ" in site.refused(*job, path=stub("clock"))


def test_a_container_without_the_bundle(site: Site, tmp_path: Path, stub) -> None:  # noqa: ANN001
    (tmp_path / "image.sif").touch()
    file = site.write(CONTAINER_RUNTIME="apptainer", CONTAINER=str(tmp_path / "image.sif"), PROGRAM="unpact")
    assert "the container is without the bundle" in site.refused(*site.campaign(tmp_path / "out"), site=file, path=stub("empty_image"))


def test_a_folder_that_cannot_be_written(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot be written" in site.refused(*site.campaign(tmp_path / "file/out"))


def test_a_plan_that_does_not_hold(site: Site, tmp_path: Path) -> None:
    done = site.run(*site.campaign(tmp_path / "out", "--dataset.path", "/nowhere"))
    assert done.returncode == 1 and "the plan does not hold" in done.stderr and "/nowhere" in done.stderr, done.stderr
    done = site.run(*site.campaign(tmp_path / "out", "--unlearn.epoch", "3"))
    assert done.returncode == 1 and "the program refuses these arguments" in done.stderr and "unlearn.epoch" in done.stderr
    said = site.refused("--per-node", 2, *site.campaign(tmp_path / "out", "--campaign.ranks_per_cell", 3))
    assert "ranks would be left over" in said


def test_what_is_odd_is_warned_of(site: Site, tmp_path: Path) -> None:
    done = site.run("--dry-run", "--array", 3, *site.campaign(tmp_path / "out"))
    assert "6 groups for 4 cell(s): 2 will have nothing to do; --array 2 is enough" in done.stderr
    short = site.write(PLAN_ARGS="(--plan.peak_tflops 100)")
    done = site.run("--dry-run", "--array", 4, "--per-node", 1, *site.campaign(tmp_path / "out"), site=short)
    assert re.search(r"4 groups with cells of 0 s would ask the file system for more than 50 operations a second: --array 1$", done.stderr, re.MULTILINE), done.stderr
    done = site.run("--dry-run", "--nodes", 2, "--per-node", 3, *site.campaign(tmp_path / "out", "--campaign.ranks_per_cell", 2))
    assert "span nodes of 3 needlessly" in done.stderr


def test_an_image_is_planned_and_started_by_apptainer(site: Site, tmp_path: Path) -> None:
    """A stand-in: it runs the command that follows the image on the host."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/apptainer").write_text('#!/bin/bash\nwhile [[ $1 != *.sif ]]; do shift; done; shift; exec "$@"\n')
    (tmp_path / "bin/apptainer").chmod(0o755)
    (tmp_path / "image.sif").touch()
    file = site.write(CONTAINER_RUNTIME="apptainer", CONTAINER=str(tmp_path / "image.sif"), CONTAINER_MOUNTS="/scratch", LAUNCH="mpirun", LAUNCH_ARGS="()")
    done = site.run("--dry-run", *site.campaign(tmp_path / "out"), site=file, path=str(tmp_path / "bin"))
    assert done.returncode == 0 and "4 planned" in done.stdout, done.stderr
