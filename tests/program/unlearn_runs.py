"""Runs of the job unlearn that tests disturb: start them, look at them while they run, compare what they leave behind."""
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from unpact_program import PATIENCE, Program, environment

STEPS = 200
DEADLINE = 15  # seconds in which a job with a dead rank must have ended


def arguments(home: Path, folder: Path, *more: str, every: int = 25) -> list[object]:
    return ["unlearn", "--config", home / "configs/tiny.ini", "--method", "ga_gd", "--output", folder, "--unlearn.max_steps", str(STEPS),
            "--method.max_steps", str(STEPS), "--unlearn.learning_rate", "1e-5", "--train.checkpoint_every", str(every), *more]


def weights(folder: Path) -> bytes:
    return (folder / "model/model.safetensors").read_bytes()


def steps_done(folder: Path) -> int:
    log = folder / "model.train.jsonl"
    return len(log.read_text().splitlines()) if log.exists() else 0


def checkpoints(folder: Path) -> list[str]:
    """Everything in the folder of checkpoints, the newest last."""
    return sorted(path.name for path in (folder / "model.training").iterdir())


def wait_until(true: Callable[[], object], running: subprocess.Popen) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert running.poll() is None and time.monotonic() < end, running.communicate()
        time.sleep(0.01)


def ranks_of(binary: Path, session: int) -> list[int]:
    """The processes of this program in a session, oldest first."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdigit() else []
            if len(fields) > 3 and int(fields[3]) == session and fields[0] != "Z" and (entry / "exe").resolve() == binary:
                found.append(int(entry.name))
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
    return sorted(found)


def spawn(unpact: Program, given: list[object], ranks: int, wrap: Sequence[object] = ()) -> subprocess.Popen:
    """Starts a run in a session of its own."""
    return subprocess.Popen(unpact.command(*given, ranks=ranks, wrap=wrap), env=environment(), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, start_new_session=True)


def start(unpact: Program, given: list[object], ranks: int, steps: int, folder: Path, wrap: Sequence[object] = ()) -> subprocess.Popen:
    """The same, and returns when it has done some steps."""
    running = spawn(unpact, given, ranks, wrap)
    wait_until(lambda: steps_done(folder) >= steps, running)
    return running


def assert_none_left(unpact: Program, session: int) -> None:
    """No rank outlives its job; the kernel may take a moment to bury them."""
    end = time.monotonic() + PATIENCE
    while ranks_of(unpact.binary, session) and time.monotonic() < end:
        time.sleep(0.05)
    assert ranks_of(unpact.binary, session) == []


def with_faults(unpact: Program, library: str, **variables: object) -> list[str]:
    """What stands before the program so that its disk or its MPI fails (tests/support)."""
    path = unpact.binary.parent / "tests" / f"libunpact_{library}_faults.so"
    if not path.is_file():
        pytest.skip(f"the library of faults is not built: no {path}")
    return ["env", f"LD_PRELOAD={path}", *(f"UNPACT_{name}={value}" for name, value in variables.items())]
