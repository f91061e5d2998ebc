"""scripts/dilemma around a program that does as it is told: which jobs run, and what a failed cell, a stop and an error make of the study.

What the program itself does with a folder that is begun is tested in tests/program (test_stops.py, test_rehearsal.py).
"""
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MPIRUN = '#!/bin/bash\nwhile [[ $1 != -n ]]; do shift; done\nshift 2\nexec "$@"\n'
# Says what it was asked; ends with the next line of `codes`, or waits for a signal where that is `wait`.
PROGRAM = """#!/bin/bash
here=$(dirname "$0")
printf '%s\\n' "$*" >>"$here/calls"
code=$(sed -n 1p "$here/codes")
sed -i 1d "$here/codes"
[[ $code != wait ]] && exit "${code:-0}"
trap 'exit 75' TERM INT
while true; do sleep 0.05; done
"""
PYTHON = '#!/bin/bash\nprintf "%s\\n" "$*" >>"$(dirname "$0")/../../calls"\n'
JOBS = [("ga_gd, npo_gd, simnpo_gd, wga_gd", "method.retain_weight = 1, 4, 16; unlearn.clip = sum, terms"),
        ("ga_gd, npo_gd, simnpo_gd", "unlearn.clip = terms; method.weighting = entropy"),
        ("ga_gd, npo_gd, simnpo_gd", "unlearn.clip = terms; method.weighting = attribution; method.attribution_weights = contribution, complement, random"),
        ("tv", "method.scale = 2, 5, 10")]


def heed_interrupts() -> None:
    """Whoever starts the tests in the background of a shell has them ignore SIGINT, and what they start as well."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Study:
    """A copy of the script beside such a program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("scripts", "bin", ".venv/bin"):
            (folder / name).mkdir(parents=True)
        for name in ("dilemma", "lib.sh"):
            shutil.copy(ROOT / "scripts" / name, folder / "scripts" / name)
        for path, text in (("bin/mpirun", MPIRUN), ("unpact", PROGRAM), (".venv/bin/python", PYTHON)):
            (folder / path).write_text(text)
            (folder / path).chmod(0o755)

    def start(self, codes: str, *arguments: str, targets: str = "demo") -> subprocess.Popen:
        (self.folder / "codes").write_text(codes.replace(" ", "\n"))
        (self.folder / "calls").write_text("")
        (self.folder / "results/dilemma").mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "UNPACT_BINARY": str(self.folder / "unpact"), "UNPACT_TARGETS": targets,
                                    "UNPACT_TEST_DATA": str(self.folder)}
        environment.pop("UNPACT_DRY_RUN", None)
        return subprocess.Popen([self.folder / "scripts/dilemma", *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                start_new_session=True, preexec_fn=heed_interrupts)

    def run(self, codes: str, *arguments: str, targets: str = "demo") -> tuple[int, str]:
        running = self.start(codes, *arguments, targets=targets)
        out, err = running.communicate(timeout=60)
        return running.returncode, out + err

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def asks_for(call: str, job: tuple[str, str]) -> bool:
    return call.startswith("reproduce --config configs/dilemma.ini --output results/dilemma/demo ") and all(
        f"--campaign.{key} {value}" in call for key, value in zip(("methods", "sweep"), job, strict=True))


def test_a_failed_cell_keeps_the_others(study: Study) -> None:
    code, said = study.run("2 0 2 0", "--campaign.seeds", "1")
    *jobs, report, ways = study.calls()
    assert code == 0 and len(jobs) == len(JOBS) and all(map(asks_for, jobs, JOBS)) and all(call.endswith(" --campaign.seeds 1") for call in jobs)
    assert report.startswith("-m unpact_results report results/dilemma/demo") and ways.startswith("-m unpact_results trajectories")
    assert "jobs with failed cells: 2" in said


@pytest.mark.parametrize("code", ["1", "75"])
def test_an_error_or_a_stop_ends_it_and_it_goes_on_with_the_same_jobs(study: Study, code: str) -> None:
    assert study.run(f"0 {code}")[0] == int(code)
    assert len(study.calls()) == 2 and all(map(asks_for, study.calls(), JOBS)), "no job behind it, and no report of half a study"
    assert study.run("")[0] == 0
    assert all(map(asks_for, study.calls(), JOBS)) and len(study.calls()) == len(JOBS) + 2


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_users_stop_reaches_the_program(study: Study, stop: signal.Signals) -> None:
    running = study.start("0 wait")
    wait_until(lambda: len(study.calls()) == 2 and not (study.folder / "codes").read_text())
    time.sleep(0.2)  # until its trap is set
    os.killpg(running.pid, stop)
    running.communicate(timeout=60)
    assert running.returncode != 0 and len(study.calls()) == 2


def test_targets_without_data_are_left_out_and_unknown_ones_refused(study: Study) -> None:
    code, said = study.run("", targets="muse-news demo")
    assert code == 0 and "muse-news is left out" in said and len(study.calls()) == len(JOBS) + 2
    code, said = study.run("", targets="muse")
    assert code == 1 and "there is no target 'muse'" in said and not study.calls()


def wait_until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
