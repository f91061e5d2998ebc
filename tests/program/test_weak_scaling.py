"""scripts/weak-scaling on the tiny model: work grows with the ranks, and the page says what was measured."""
import subprocess
import sys
from pathlib import Path

import pytest
from unpact_program import ROOT, Program, environment


def measure(unpact: Program, *options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, ROOT / "scripts/weak-scaling", "--program", unpact.binary, *map(str, options)],
                          capture_output=True, text=True, env=environment(), timeout=300)


def test_twice_the_ranks_do_twice_the_work(unpact: Program, home: Path, target: Path, tmp_path: Path):
    page = tmp_path / "page.md"
    ended = measure(unpact, "--config", home / "configs/tiny.ini", "--model", target, "--ranks", "1,2", "--questions", 2,
                    "--examples", 2, "--steps", 3, "--out", tmp_path / "out", "--page", page)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert page.read_text() == ended.stdout.rstrip("\n") + "\n"
    rows = {cells[1].strip(): [cell.strip() for cell in cells[2:-1]]
            for line in ended.stdout.splitlines() if len(cells := line.split("|")) == 9}
    one, two = float(rows["unlearn"][1]), float(rows["unlearn"][4])
    assert two == pytest.approx(2 * one, rel=0.2), "questions differ in length"
    assert rows["unlearned_answers"][2] == "1.00" and float(rows["all"][5]) > 0


@pytest.mark.parametrize(("options", "said"), [(["--ranks", "one"], "numbers with commas between"),
                                               (["--ranks", "0,2"], "at least 1"),
                                               (["--launch", "false {ranks}", "--ranks", "3"], "on 3 ranks ended with exit code 1")])
def test_what_cannot_run_is_refused(options: list[str], said: str, unpact: Program, tmp_path: Path):
    ended = measure(unpact, "--out", tmp_path / "out", *options)
    assert ended.returncode != 0 and said in ended.stderr
