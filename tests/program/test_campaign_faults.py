"""Campaigns that never lie and never lose: tables of one configuration alone, cells that fail, several groups and jobs."""
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from unpact_program import Ended, Program, assert_same_cells, cells_of, datasets_of, differing, environment

Reproduce = Callable[..., Ended]
Tool = Callable[..., subprocess.CompletedProcess]

# One step that no number survives: the loss before it is finite, so that only the evaluation finds the wreck.
WRECKED = "[method]\nname = wrecked\nforget = ga\nretain = none\nlearning_rate = 1e39\nmax_steps = 1\n"
FINISHED, MISSING, BROKEN, FAILED, OTHER = range(5)


def states_of(folder: Path) -> dict[str, int]:
    with h5py.File(folder / "campaign.h5") as file:
        return dict(zip(file["status/id"].asstr()[:], file["status/state"][:].tolist(), strict=True))


def reasons_of(folder: Path) -> dict[str, str]:
    with h5py.File(folder / "campaign.h5") as file:
        return dict(zip(file["status/id"].asstr()[:], file["status/reason"].asstr()[:], strict=True))


def assert_valid(folder: Path, results_tool: Tool) -> None:
    checked = results_tool("validate", folder / "campaign.h5")
    assert checked.returncode == 0, checked.stdout


@pytest.fixture(scope="module")
def wreckable(home: Path, target: Path) -> Path:
    """The tiny campaign with a method that wrecks its model."""
    configs = Path(shutil.copytree(home / "configs", home / "configs_wrecked"))
    (configs / "methods/wrecked.ini").write_text(WRECKED)
    return configs / "tiny.ini"


@pytest.mark.parametrize(("ranks", "ranks_per_cell"), [(1, 1), (2, 1), (2, 2), (4, 2)])
def test_a_wrecked_model_loses_its_own_cell_alone(campaign: Path, unpact: Program, wreckable: Path, tmp_path: Path, results_tool: Tool,
                                                  ranks: int, ranks_per_cell: int) -> None:
    folder = tmp_path / "out"
    command = ("reproduce", "--config", wreckable, "--output", folder, "--campaign.methods", "wrecked,npo,ga",
               "--campaign.ranks_per_cell", str(ranks_per_cell))
    ended = unpact(*command, ranks=ranks)
    assert ended.code == 2, ended.out + ended.err
    assert "cell tiny__tiny__wrecked__seed3 has no result" in ended.err and "2 cell(s) finished, 0 missing, 0 broken, 1 failed" in ended.out
    assert states_of(folder) == {"tiny__tiny__ga__seed3": FINISHED, "tiny__tiny__npo__seed3": FINISHED, "tiny__tiny__wrecked__seed3": FAILED}
    failure = json.loads((folder / "cells/tiny__tiny__wrecked__seed3.failed.json").read_text())
    assert failure["problem"] and "rank" in failure["where"]
    assert failure["problem"] in reasons_of(folder)["tiny__tiny__wrecked__seed3"]
    assert_valid(folder, results_tool)
    if ranks_per_cell == 1:
        for name, path in cells_of(folder).items():
            assert differing(path, campaign / "cells" / name) == []
    again = unpact(*command, ranks=ranks)
    assert again.code == 2 and "failed before" in again.err and "Cell tiny__tiny__wrecked__seed3\n" not in again.out, "not run into again"


def test_a_failed_cell_is_tried_again_when_asked(unpact: Program, wreckable: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    command = ("reproduce", "--config", wreckable, "--output", folder, "--campaign.methods", "wrecked")
    assert unpact(*command).code == 2
    record = folder / "cells/tiny__tiny__wrecked__seed3.failed.json"
    first = json.loads(record.read_text())
    again = unpact(*command, "--retry-failed")
    assert again.code == 2 and "Cell tiny__tiny__wrecked__seed3\n" in again.out
    assert json.loads(record.read_text())["run"] != first["run"]
    mended = unpact("reproduce", "--config", wreckable, "--output", folder, "--campaign.methods", "wrecked", "--method.learning_rate", "1e-3")
    assert mended.code == 0, "with other settings it is another cell"
    assert not record.exists() and states_of(folder) == {"tiny__tiny__wrecked__seed3": FINISHED}


def test_a_table_holds_cells_of_its_configuration_alone(campaign: Path, unpact: Program, wreckable: Path, tmp_path: Path, results_tool: Tool) -> None:
    """The same folder, an option changed, and then a cell that fails: what stood there under its id is not taken for it."""
    folder = tmp_path / "out"
    command = ("reproduce", "--config", wreckable, "--output", folder, "--campaign.methods", "ga,npo")
    assert unpact(*command).code == 0
    before = datasets_of(cells_of(folder)["tiny__tiny__npo__seed3.h5"])
    ended = unpact(*command, "--unlearn.learning_rate", "1e39", "--unlearn.max_steps", "1")
    assert ended.code == 2 and "0 cell(s) finished, 0 missing, 0 broken, 2 failed, 2 of other settings" in ended.out
    states = states_of(folder)
    assert states["tiny__tiny__ga__seed3"] == states["tiny__tiny__npo__seed3"] == FAILED
    assert sorted(states.values()) == [FAILED, FAILED, OTHER, OTHER]
    with h5py.File(folder / "campaign.h5") as file:
        assert len(file["metrics/id"]) == 0, "nothing is counted"
    assert_valid(folder, results_tool)
    assert "of other settings" in unpact.well("collect", "--output", folder).out
    again = unpact.well(*command)
    assert again.out.count("is finished already") == 2, "nothing was lost"
    after = datasets_of(cells_of(folder)["tiny__tiny__npo__seed3.h5"])
    assert before.keys() == after.keys() and all(before[key].tobytes() == after[key].tobytes() for key in before)


def test_results_of_other_settings_are_kept_and_found_again(campaign: Path, reproduce: Reproduce, tmp_path: Path, results_tool: Tool) -> None:
    folder = tmp_path / "out"
    chosen = ("--campaign.methods", "ga,npo")
    reproduce(folder, *chosen)
    reproduce(folder, *chosen, "--unlearn.max_steps", "2", ranks=2)
    assert len(list((folder / "other").glob("*.h5"))) == 2
    states = states_of(folder)
    assert sorted(states.values()) == [FINISHED, FINISHED, OTHER, OTHER]
    assert len(datasets_of(cells_of(folder)["tiny__tiny__ga__seed3.h5"])["training/step"]) == 2
    back = reproduce(folder, *chosen).out
    assert back.count("is finished already") == 2 and "2 cell(s) finished" in back
    with h5py.File(folder / "campaign.h5") as file:
        files = dict(zip(file["status/id"].asstr()[:], file["status/file"].asstr()[:], strict=True))
    assert differing(folder / files["tiny__tiny__npo__seed3"], campaign / "cells/tiny__tiny__npo__seed3.h5") == []
    assert_valid(folder, results_tool)


def test_validate_finds_a_table_of_two_settings(reproduce: Reproduce, tmp_path: Path, results_tool: Tool) -> None:
    folder = tmp_path / "out"
    chosen = ("--campaign.methods", "ga,npo")
    reproduce(folder, *chosen)
    mixed = tmp_path / "mixed"
    reproduce(mixed, *chosen, "--judge.threshold", "0.75")
    shutil.copy(cells_of(folder)["tiny__tiny__npo__seed3.h5"], mixed / "cells")
    checked = results_tool("validate", mixed / "campaign.h5")
    assert checked.returncode != 0
    assert "another fingerprint than the plan" in checked.stdout and "different answers of the target" in checked.stdout


# What several nodes without RDMA leave of Open MPI: messages over TCP, no shared memory, and one of several one-sided components.
TRANSPORTS = [("^sm", "tcp,self"), ("pt2pt", "tcp,self"), ("^sm,rdma,pt2pt,ucx", "tcp,self")]


@pytest.mark.parametrize(("one_sided", "messages"), TRANSPORTS)
def test_groups_get_cells_on_every_transport(campaign: Path, unpact: Program, home: Path, target: Path, tmp_path: Path, methods: list[str],
                                             one_sided: str, messages: str) -> None:
    folder = tmp_path / "out"
    command = ["mpirun", "--oversubscribe", "--allow-run-as-root", "--bind-to", "none", "--mca", "osc", one_sided, "--mca", "btl", messages, "-n", "2",
               str(unpact.binary), "reproduce", "--config", str(home / "configs/tiny.ini"), "--output", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment(), stdin=subprocess.DEVNULL, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert_same_cells(campaign, folder, len(methods))
    own = [sum(f"Cell tiny__tiny__{method}__seed3\n" in log.read_text() for method in methods) for log in sorted((folder / "logs").glob("rank-*.log"))]
    assert sum(own) == len(methods) and min(own) >= 1, own


def test_two_jobs_in_one_folder_share_the_work(campaign: Path, unpact: Program, home: Path, target: Path, tmp_path: Path, methods: list[str],
                                               results_tool: Tool) -> None:
    folder = tmp_path / "out"
    command = unpact.command("reproduce", "--config", home / "configs/tiny.ini", "--output", folder, "--unlearn.epochs", "12", ranks=1)
    jobs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(), stdin=subprocess.DEVNULL)
            for _ in range(3)]
    said = [job.communicate(timeout=300)[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0, 0], "\n".join(said)
    for method in methods:
        line = f"Cell tiny__tiny__{method}__seed3\n"
        assert sum(text.count(line) for text in said) == 1, f"{method}: each cell is run by one of them"
    assert sum("Asking the target" in text for text in said) == 1, "the target is asked once"
    assert sorted(states_of(folder).values()) == [FINISHED] * len(methods)
    assert not list((folder / "claims").iterdir())
    assert_valid(folder, results_tool)


def test_the_claim_of_a_dead_job_is_taken_over(campaign: Path, reproduce: Reproduce, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    claim = {"host": "elsewhere", "job": "17", "restart": 0, "run": "x", "pid": 1, "process": "another boot", "started": "2026-01-01T00:00:00Z",
             "beat": 3, "step": 0, "stage": "unlearn"}
    (folder / "claims").mkdir(parents=True)
    for name in ("baseline.tiny__tiny.claim.1", "tiny__tiny__ga__seed3.claim.4"):
        (folder / "claims" / name).write_text(json.dumps(claim))
    text = reproduce(folder, "--campaign.methods", "ga", "--campaign.stale_after", "2").out
    assert "Waiting for baseline.tiny__tiny, which another job makes (elsewhere, job 17, process 1" in text
    assert states_of(folder) == {"tiny__tiny__ga__seed3": FINISHED} and not list((folder / "claims").iterdir())
    assert differing(cells_of(folder)["tiny__tiny__ga__seed3.h5"], campaign / "cells/tiny__tiny__ga__seed3.h5") == []


def test_evaluate_keeps_the_cells_of_other_models(unpact: Program, home: Path, target: Path, tmp_path: Path, results_tool: Tool) -> None:
    """Two models of one method side by side, with the baseline that a campaign in the folder has made."""
    config, folder = home / "configs/tiny.ini", tmp_path / "out"
    for steps in ("1", "2"):
        unpact.well("unlearn", "--config", config, "--method", "npo", "--unlearn.max_steps", steps, "--output", tmp_path / steps)
    unpact.well("reproduce", "--config", config, "--output", folder, "--campaign.methods", "npo")
    made = cells_of(folder)["tiny__tiny__npo__seed3.h5"].stat().st_mtime_ns
    for steps in ("1", "2", "1"):
        said = unpact.well("evaluate", "--config", config, "--unlearned", tmp_path / steps / "model", "--output", folder).out
        assert "Using the target's answers" in said, "the baseline is there"
    assert cells_of(folder)["tiny__tiny__npo__seed3.h5"].stat().st_mtime_ns == made
    assert len(cells_of(folder)) == 3 and sorted(states_of(folder).values()) == [FINISHED] * 3
    assert_valid(folder, results_tool)


def test_a_pair_that_fails_leaves_the_others(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    """A target whose every answer is not finite: its cells are missing with the reason, the other target's are there."""
    configs = tmp_path / "configs"
    broken = Path(shutil.copytree(target, tmp_path / "broken"))
    from safetensors.numpy import load_file, save_file
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"] = weights["model.norm.weight"] * 0 + 3e38
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    (configs / "models").mkdir(parents=True)
    (configs / "models/good.ini").write_text(f"[model]\nname = good\npath = {target}\n")
    (configs / "models/broken.ini").write_text(f"[model]\nname = broken\npath = {broken}\n")
    (configs / "c.ini").write_text(f"[campaign]\nmodels = broken, good\n[dataset]\nname = tiny\npath = {home}/tiny\n[run]\ndevice = cpu\nthreads = 1\n"
                                   "[method]\nforget = npo\nretain = gd\n[unlearn]\nmax_steps = 1\n[generation]\nmax_new_tokens = 4\n")
    ended = unpact("reproduce", "--config", configs / "c.ini", "--output", tmp_path / "out", ranks=2)
    assert ended.code == 2, ended.out + ended.err
    states, reasons = states_of(tmp_path / "out"), reasons_of(tmp_path / "out")
    assert sorted(states.values()) == [FINISHED, MISSING]
    lost = next(cell for cell, state in states.items() if state == MISSING)
    assert lost.startswith("broken__") and reasons[lost].startswith("its target failed: ")


@pytest.mark.parametrize("job", ["unlearn", "finetune", "attribute"])
def test_a_second_job_on_one_output_is_refused_by_name_of_the_first(unpact: Program, home: Path, target: Path, tmp_path: Path, job: str) -> None:
    """The first is this test's own process, which lives; a claim of a process that is dead is taken over."""
    folder = tmp_path / "out"
    (folder / "claims").mkdir(parents=True)
    stat = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    holder = {"host": socket.gethostname(), "job": "", "restart": 0, "run": "x", "pid": os.getpid(), "started": "2026-01-01T00:00:00Z", "beat": 0,
              "process": f"{boot} {os.readlink('/proc/self/ns/pid')} {stat[19]}"}
    claim = folder / f"claims/the output of {job}.claim.1"
    claim.write_text(json.dumps(holder))
    config = home / ("configs/finetune.ini" if job == "finetune" else "configs/tiny.ini")
    command = (job, "--config", config, "--output", folder, *(("--finetune.epochs", "1") if job == "finetune" else ()))
    for ranks in (1, 2):
        refused = unpact(*command, ranks=ranks)
        assert refused.code == 1 and f"process {os.getpid()}" in refused.message() and "is being made by another job" in refused.message()
    claim.write_text(json.dumps(holder | {"process": f"{boot} {os.readlink('/proc/self/ns/pid')} 1"}))
    unpact.well(*command)
    assert not list((folder / "claims").iterdir())


def test_collect_without_any_cell_of_the_plan_says_so(reproduce: Reproduce, unpact: Program, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    reproduce(folder, "--campaign.methods", "ga")
    before = (folder / "campaign.h5").read_bytes()
    cells_of(folder)["tiny__tiny__ga__seed3.h5"].unlink()
    for ranks in (1, 2):
        ended = unpact("collect", "--output", folder, ranks=ranks)
        assert ended.code == 2 and "all of them are missing" in ended.message()
    assert (folder / "campaign.h5").read_bytes() == before


def test_a_claim_that_the_dead_left_on_a_finished_cell_does_not_keep_from_collecting(
        reproduce: Reproduce, campaign: Path, tmp_path: Path) -> None:
    """A job killed between a cell's file and the end of its claim, on a host that nobody can ask."""
    folder = Path(shutil.copytree(campaign, tmp_path / "copy"))
    (folder / "campaign.h5").unlink()
    claim = folder / "claims" / "tiny__tiny__ga__seed3.claim.1"
    claim.parent.mkdir(exist_ok=True)
    claim.write_text('{"host": "gone", "pid": 1}'.ljust(1024))
    ended = reproduce(folder)
    assert (folder / "campaign.h5").exists() and "8 cell(s) finished, 0 missing" in ended.out, ended.out + ended.err
