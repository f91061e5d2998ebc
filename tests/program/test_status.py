"""`unpact status`: how a campaign stands, told from its folder alone, without MPI."""
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from unpact_program import PATIENCE, Program, environment

CELL = "tiny__tiny__{}__seed3"
NO_MPI = {"OMPI_MCA_pml": "nothing"}  # MPI_Init fails with it


def status_of(unpact: Program, folder: Path, *arguments: object, code: int = 0, **env: str) -> dict:
    ended = unpact("status", folder, "--json", *arguments, env=environment(**NO_MPI, **env))
    assert ended.code == code, ended.out + ended.err
    return json.loads(ended.out)


def item_of(status: dict, name: str) -> dict:
    return next(item for item in status["items"] if item["id"] == name)


def write_claim(folder: Path, name: str, generation: int = 1, **fields: object) -> Path:
    path = folder / "claims" / f"{name}.claim.{generation}"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"host": "node7", "job": "4711", "restart": 1, "run": "abc", "pid": 12, "process": "another boot",
                                "started": "2026-01-01T00:00:00Z", "beat": 3, "rank": 2, "ranks": 2, "held_seconds": 40, "stale_seconds": 180,
                                "doing": "npo: unlearn", "unit": "steps", "step": 110, "steps": 313, "step_seconds": 0.5, **fields}))
    return path


def fake_squeue(folder: Path, text: str) -> dict[str, str]:
    """A PATH whose squeue says this; what it was asked is kept beside it."""
    folder.mkdir()
    program = folder / "squeue"
    program.write_text(f"#!/bin/sh\necho \"$@\" >> {folder}/asked\n{text}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.fixture
def folder(campaign: Path, tmp_path: Path) -> Path:
    """A finished campaign of which some cells are lost."""
    copy = Path(shutil.copytree(campaign, tmp_path / "copy"))
    for method in ("npo", "ga"):
        (copy / f"cells/{CELL.format(method)}.h5").unlink()
    return copy


def test_a_finished_campaign(unpact: Program, campaign: Path, methods: list[str]) -> None:
    status = status_of(unpact, campaign)
    assert status["schema_name"] == "unpact-status" and status["settled"] and status["problems"] == []
    assert status["counts"]["cell"]["finished"] == len(methods) and status["counts"]["baseline"]["finished"] == 1
    assert status["work"]["measured_gpu_seconds"] > 0 and status["work"]["left_gpu_seconds"] == 0
    text = unpact.well("status", campaign, "--watch", "1", env=environment(**NO_MPI)).out  # settled: it does not wait
    assert f"cells: {len(methods)}, {len(methods)} finished" in text and "GPU-hours" in text


def test_who_works_on_what(unpact: Program, folder: Path, tmp_path: Path) -> None:
    write_claim(folder, CELL.format("npo"))
    before = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    queue = fake_squeue(tmp_path / "bin", "echo '4711|RUNNING|1:02:03|4:00:00|2|n[1-2]|unpact'")
    status = status_of(unpact, folder, **queue)
    running = item_of(status, CELL.format("npo"))
    assert running["state"] == "running" and running["seconds_left"] >= 90
    assert {key: running["worker"][key] for key in ("host", "job", "rank", "ranks", "doing", "step", "steps")} == {
        "host": "node7", "job": "4711", "rank": 2, "ranks": 2, "doing": "npo: unlearn", "step": 110, "steps": 313}
    lost = item_of(status, CELL.format("ga"))
    assert lost["state"] == "missing" and lost["expected_gpu_seconds"] > 0, "the other cells say how long one takes"
    assert status["slurm"]["jobs"][0]["state"] == "RUNNING" and "4711" in (tmp_path / "bin/asked").read_text()
    text = unpact("status", folder, env=environment(**queue)).out
    assert "npo: unlearn 110/313 steps" in text and "job 4711" in text and "RUNNING  1:02:03 of 4:00:00" in text
    assert sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*")) == before, "it looks on only"


@pytest.mark.parametrize(("squeue", "age", "state", "says"), [
    ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", 0, "stale", "job 4711"),
    ("echo 'Unable to contact slurm controller' >&2; exit 1", 0, "running", ""),
    ("exit 1", 400, "stale", "no sign of life"),
])
def test_a_claim_of_somebody_who_is_gone(unpact: Program, folder: Path, tmp_path: Path, squeue: str, age: float, state: str, says: str) -> None:
    claim = write_claim(folder, CELL.format("npo"))
    os.utime(claim, (time.time() - age, time.time() - age))
    item = item_of(status_of(unpact, folder, **fake_squeue(tmp_path / "bin", squeue)), CELL.format("npo"))
    assert item["state"] == state and says in item["reason"]
    assert claim.exists()


def test_failed_cells_and_what_waits(unpact: Program, folder: Path) -> None:
    plan = json.loads((folder / "plan.json").read_text())
    name = CELL.format("npo")
    fingerprint = next(cell["fingerprint"] for cell in plan["cells"] if cell["id"] == name)
    (folder / f"cells/{name}.failed.json").write_text(json.dumps({"cell_id": name, "fingerprint": fingerprint, "problem": "it diverged", "reason": "a\x1b[2J"}))
    (folder / "baselines/tiny__tiny.h5").unlink()
    status = status_of(unpact, folder)
    assert item_of(status, name)["state"] == "failed" and "it diverged" in item_of(status, name)["reason"]
    assert item_of(status, CELL.format("ga"))["state"] == "waiting" and not status["settled"]
    assert "\x1b" not in unpact("status", folder).out


def test_a_baseline_that_is_shared_under_another_name(unpact: Program, folder: Path) -> None:
    baselines = folder / "baselines"
    (baselines / "tiny__tiny.h5").rename(baselines / "other__tiny.h5")
    status = status_of(unpact, folder)
    assert item_of(status, "baseline.tiny__tiny")["state"] == "finished" and item_of(status, CELL.format("npo"))["state"] == "missing"
    shutil.copy(next(folder.glob("cells/*.h5")), baselines / "tiny__tiny.h5")  # what lies under its own name is something else
    assert item_of(status_of(unpact, folder), "baseline.tiny__tiny")["state"] == "finished"
    (baselines / "other__tiny.h5").unlink()
    status = status_of(unpact, folder)
    assert item_of(status, "baseline.tiny__tiny")["state"] == "missing" and item_of(status, CELL.format("npo"))["state"] == "waiting"


def test_broken_files_have_a_line_each(unpact: Program, folder: Path) -> None:
    claim = write_claim(folder, CELL.format("npo"))
    claim.write_text("{")
    os.utime(claim, (time.time() - 30, time.time() - 30))
    problems = status_of(unpact, folder, code=2)["problems"]
    assert len(problems) == 1 and str(claim) in problems[0]
    claim.unlink()
    for text in ("{", "[]", '{"cells": [5]}', '{"cells": [{"id": "x"}]}', "\0" * 100):
        (folder / "plan.json").write_text(text)
        status = status_of(unpact, folder, code=2)
        assert len(status["problems"]) == 1 and "plan.json" in status["problems"][0]
        assert status["counts"]["cell"]["finished"] == 6, "what lies there is still told"


def test_no_campaign(unpact: Program, tmp_path: Path) -> None:
    for arguments, says in ((["status", tmp_path], "no campaign in"), (["status", tmp_path / "nowhere"], "there is no folder"), (["status"], "no folder was given"),
                            (["status", tmp_path, "--watch=-1"], "status.watch"), (["status", tmp_path, "more"], "options cannot be read")):
        ended = unpact(*arguments)
        assert ended.code == 1 and says in ended.message(), ended.err


def test_a_running_job_says_its_step(unpact: Program, home: Path, target: Path, folder: Path) -> None:
    job = subprocess.Popen(unpact.command("reproduce", "--config", home / "configs/tiny.ini", "--output", folder, "--campaign.methods", "npo", "--unlearn.epochs", "100000",
                                          "--campaign.stale_after", "1.8"), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + PATIENCE / 5
        worker = None
        while not (worker and worker["step"] > 0) and time.monotonic() < end and job.poll() is None:
            time.sleep(0.2)
            worker = item_of(status_of(unpact, folder), CELL.format("npo"))["worker"]
        assert worker and worker["step"] > 0 and worker["steps"] == 100000 and worker["doing"] == "npo: unlearn" and worker["pid"] == job.pid
        job.send_signal(signal.SIGUSR1)
        assert job.wait(PATIENCE / 5) == 75
    finally:
        job.kill()
        job.wait()
