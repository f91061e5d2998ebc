"""A disk that fills up while results or models are written: exit code 2, one message, no torn file under a final name."""
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from unpact_program import Ended, Program, environment

LITTLE = 60 * 1024  # bytes: less than a results file or the tiny model, more than what comes before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={LITTLE}", "tmpfs", str(folder)]
    try:
        mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("no small file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def final_names(folder: Path) -> list[str]:
    """What looks finished: everything but logs, the plan, files under temporary names, and pages kept for a restart."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*")
            if path.is_file() and path.suffix != ".log" and path.name not in ("campaign.ini", "plan.json") and not path.name.startswith(".")
            and path.parent.suffix != ".unfinished"]


def failed_on_the_disk(ended: Ended) -> None:
    assert ended.code == 2, ended.out + ended.err
    assert "disk" in ended.message() or "space" in ended.message(), ended.message()


@pytest.mark.parametrize("ranks", [1, 2])
def test_results_on_a_full_disk(unpact: Program, home: Path, target: Path, small_disk: Path, ranks: int) -> None:
    ended = unpact("reproduce", "--config", home / "configs/tiny.ini", "--output", small_disk / "out", ranks=ranks)
    failed_on_the_disk(ended)
    assert final_names(small_disk) == []


@pytest.mark.parametrize("ranks", [1, 2])
def test_model_on_a_full_disk(unpact: Program, home: Path, target: Path, small_disk: Path, ranks: int) -> None:
    ended = unpact("unlearn", "--config", home / "configs/tiny.ini", "--output", small_disk / "out", ranks=ranks)
    failed_on_the_disk(ended)
    assert not any(name.endswith((".safetensors", "config.json")) for name in final_names(small_disk)), final_names(small_disk)


def test_results_beyond_the_limit_of_a_file(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    """The same without mounting anything: a limit on the size of a file, as a quota sets it."""
    # Open MPI's own shared files would meet the limit first: one rank needs none of them.
    alone = environment(PMIX_MCA_gds="hash", OMPI_MCA_btl="self", OMPI_MCA_shmem="posix")
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LITTLE, LITTLE))  # noqa: E731
    machine = unpact("inspect", "machine", env=alone, preexec_fn=limit, restore_signals=False)
    if machine.code != 0:
        pytest.skip("Open MPI does not start under a limit on file sizes here")
    ended = unpact("reproduce", "--config", home / "configs/tiny.ini", "--output", tmp_path / "out", env=alone, preexec_fn=limit,
                   restore_signals=False)
    assert ended.code == 2, ended.out + ended.err
    ended.message()
    assert final_names(tmp_path) == []
