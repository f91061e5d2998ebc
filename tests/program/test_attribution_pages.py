"""Jobs that are killed with SIGKILL while they attribute: the rest is done with any number of ranks, from pages that still hold."""
import json
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from unpact_program import BASELINE, PATIENCE, Program, differing, environment, kill_session, write_dataset, write_json

ONE_BY_ONE = ["--attribution.save_every", "1"]


def pages_of(folder: Path) -> list[Path]:
    return sorted((folder / "baselines/tiny__tiny.unfinished").glob("*.page"))


def run_until(command: list[str], enough: Callable[[], bool]) -> bool:
    """Starts the program and kills it with SIGKILL as soon as `enough`; returns whether it was still running then."""
    job = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + PATIENCE
        while job.poll() is None and not enough():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return job.poll() is None
    finally:
        kill_session(job.pid)
        job.wait()


@pytest.mark.parametrize("method", ["leave_one_out", "shapley"])
def test_a_killed_job_does_the_rest_with_any_number_of_ranks(method: str, attribute: Callable[..., Path], unpact: Program, home: Path, tmp_path: Path) -> None:
    options = ["--attribution.method", method, *(["--attribution.permutations", "16"] if method == "shapley" else []), *ONE_BY_ONE]
    whole = attribute(tmp_path / "whole", *options)
    folder = tmp_path / "killed"
    chance = random.Random(method)
    killed = 0
    for attempt in range(6):
        wanted = len(pages_of(folder)) + chance.randint(1, 5)
        command = unpact.command("attribute", "--config", home / "configs/tiny.ini", "--output", folder, *options, ranks=1 + attempt % 3)
        alive = run_until(command, lambda: len(pages_of(folder)) >= wanted or (folder / BASELINE).exists())
        killed += alive and not (folder / BASELINE).exists()
        if (folder / BASELINE).exists():
            break
    assert killed >= 2, "otherwise this tests nothing"
    done = len(pages_of(folder))
    ended = unpact.well("attribute", "--config", home / "configs/tiny.ini", "--output", folder, *options, ranks=2)
    if done and killed == attempt + 1:  # else the last one ended before it was killed
        assert "prompts were finished already" in ended.out + ended.err
    assert differing(folder / BASELINE, whole) == []
    assert pages_of(folder) == [] and not (folder / "baselines/tiny__tiny.unfinished").exists()


def test_a_changed_configuration_or_dataset_does_not_use_old_pages(attribute: Callable[..., Path], unpact: Program, home: Path, target: Path,
                                                                  tmp_path: Path) -> None:
    folder = tmp_path / "out"
    data = write_dataset(tmp_path / "data")
    base = ["attribute", "--config", home / "configs/tiny.ini", "--output", folder, "--dataset.path", data, *ONE_BY_ONE]

    def leave_some(*more: object) -> None:
        enough = len(pages_of(folder)) + 3
        assert run_until(unpact.command(*base, *more), lambda: len(pages_of(folder)) >= enough), "it must not have finished"

    leave_some()
    ended = unpact.well(*base, "--attribution.beta", "0.1")
    assert "another configuration, model or dataset" in ended.out + ended.err
    (folder / BASELINE).unlink()
    leave_some()
    pairs = json.loads((data / "knowmem/forget_qa.json").read_text())
    pairs[0]["answer"] = "Someone else"
    write_json(data / "knowmem/forget_qa.json", pairs)
    ended = unpact.well(*base)
    assert "another configuration, model or dataset" in ended.out + ended.err
    with h5py.File(folder / BASELINE) as file:
        assert file["questions/gold_answer"].asstr()[0] == "Someone else"


def cell_pages(folder: Path) -> list[Path]:
    return sorted((folder / "cells").glob("*.unfinished/*.page"))


def cell_files(folder: Path) -> list[Path]:
    return sorted((folder / "cells").glob("*.h5"))


def kill_cell(command: list[str], folder: Path, chance: random.Random) -> bool:
    """Kills a job when it has stored some pages of a cell; whether it was killed before the cell's file was there."""
    wanted = len(cell_pages(folder)) + chance.randint(1, 4)
    alive = run_until(command, lambda: len(cell_pages(folder)) >= wanted or bool(cell_files(folder)))
    return alive and not cell_files(folder)


def test_a_killed_evaluation_does_the_rest_with_any_number_of_ranks(unpact: Program, home: Path, unlearned: Path, tmp_path: Path) -> None:
    base = ["evaluate", "--config", home / "configs/tiny.ini", "--unlearned", unlearned, *ONE_BY_ONE, "--output"]
    unpact.well(*base, tmp_path / "whole")
    folder, chance, killed = tmp_path / "killed", random.Random(5), 0
    for attempt in range(3):
        killed += kill_cell(unpact.command(*base, folder, ranks=1 + attempt), folder, chance)
    assert killed >= 2 and len(cell_pages(folder)) >= 2, "otherwise this tests nothing"
    ended = unpact.well(*base, folder, ranks=2)
    said = ended.out + ended.err
    assert "prompts were finished already" in said and "is not used" not in said
    assert differing(cell_files(folder)[0], cell_files(tmp_path / "whole")[0]) == []
    assert not list((folder / "cells").glob("*.unfinished"))


def test_pages_of_other_weights_are_not_used(unpact: Program, home: Path, unlearned: Path, target: Path, tmp_path: Path) -> None:
    """The configuration says where the unlearned model lies, not what it is: other weights under the same path."""
    place = tmp_path / "model"
    base = ["evaluate", "--config", home / "configs/tiny.ini", "--unlearned", place, *ONE_BY_ONE, "--output", tmp_path / "out"]
    shutil.copytree(unlearned, place)
    assert kill_cell(unpact.command(*base), tmp_path / "out", random.Random(1)), "it must not have finished"
    shutil.copy(target / "model.safetensors", place)
    ended = unpact.well(*base)
    assert "another configuration, model or dataset" in ended.out + ended.err
    with h5py.File(cell_files(tmp_path / "out")[0]) as file:
        for name in ("gold", "own"):
            np.testing.assert_array_equal(file[f"unlearned/{name}/contributions/values"][:], file[f"target/{name}/contributions/values"][:])


def test_a_killed_cell_of_a_campaign_uses_its_pages(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    """The unlearning is done again; on one rank it is deterministic, so its weights and pages are the same."""
    base = ["reproduce", "--config", home / "configs/tiny.ini", "--campaign.methods", "ga_gd", *ONE_BY_ONE, "--output"]
    unpact.well(*base, tmp_path / "whole")
    folder = tmp_path / "killed"
    assert kill_cell(unpact.command(*base, folder), folder, random.Random(2)), "it must not have finished"
    ended = unpact.well(*base, folder)
    assert "prompts were finished already" in ended.out + ended.err
    assert differing(cell_files(folder)[0], cell_files(tmp_path / "whole")[0]) == []
    leftover = next((folder / "cells").glob("*.h5")).with_suffix(".unfinished")
    leftover.mkdir()  # as of a job that is killed between the file and the removal of its pages
    unpact.well(*base, folder)
    assert not leftover.exists()
