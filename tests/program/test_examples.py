"""The programs of examples/ on the tiny target: they say what `unpact ask` says."""
import json
import subprocess
from pathlib import Path

import pytest
from unpact_program import FORGET, RETAIN, Program, environment


@pytest.fixture(scope="module")
def contributions(unpact: Program) -> Path:
    found = unpact.binary.parent / "examples" / "example_contributions"
    if not found.is_file():
        pytest.skip(f"{found} is not built")
    return found


def run(*command: object) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, env=environment(), check=False)


def question_with_key_tokens(unpact: Program, target: Path) -> dict:
    """The reply of `unpact ask` to a question whose answer hangs on some of its tokens."""
    lines = "".join(json.dumps({"prompt": question}) + "\n" for question, _ in FORGET + RETAIN)
    replies = unpact.well("ask", "--model", target, "--input", "-", "--json", stdin=lines).json_lines()
    return next(reply for reply in replies if any(reply["target"]["key_tokens"]))


def test_contributions_are_those_of_ask(contributions: Path, unpact: Program, target: Path) -> None:
    reply = question_with_key_tokens(unpact, target)
    ended = run(contributions, target, reply["prompt"])
    assert ended.returncode == 0, ended.stderr
    first, *lines, last = ended.stdout.splitlines()
    asked = reply["target"]
    assert first == f"answer: {asked['answer']}"
    expected = [(c, key) for c, key in zip(asked["contributions"], asked["key_tokens"], strict=True) if c is not None]
    assert len(lines) == len(expected)
    for line, (value, is_key) in zip(lines, expected, strict=True):
        assert float(line.split()[0]) == pytest.approx(value, abs=2e-3)
        assert line.endswith("  (KeyToken)") == is_key
    assert last.startswith("KeyTokens: [")


def test_a_wrong_folder_is_an_error_with_a_hint(contributions: Path, tmp_path: Path) -> None:
    ended = run(contributions, tmp_path / "nothing", "Why?")
    assert ended.returncode == 1
    assert "nothing" in ended.stderr


def test_without_arguments_it_says_how(contributions: Path) -> None:
    ended = run(contributions)
    assert ended.returncode == 1
    assert ended.stderr.startswith("usage: ")
