"""scripts/check-format: names what differs, mends it when asked, and passes with a remark without clang-format 14."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = "int one() { return 1; }\n"


def check(*arguments: object, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run([ROOT / "scripts/check-format", *arguments], capture_output=True, text=True, check=False,
                          env={**os.environ, **environment})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if "not checked" in check(ROOT / "include/unpact/core/clock.hpp").stdout:
        pytest.skip("clang-format 14 is not installed")
    shutil.copy(ROOT / ".clang-format", tmp_path)
    (tmp_path / "good.cpp").write_text(GOOD)
    (tmp_path / "bad.cpp").write_text("int  one( ){return 1 ;}\n")
    return tmp_path


def test_what_differs_is_named(folder: Path) -> None:
    ended = check(folder / "good.cpp", folder / "bad.cpp")
    assert ended.returncode == 1
    assert f"{folder}/bad.cpp: not formatted" in ended.stdout
    assert "good.cpp" not in ended.stdout
    assert (folder / "bad.cpp").read_text() != GOOD, "checking changes nothing"


def test_fix_formats(folder: Path) -> None:
    assert check("--fix", folder / "bad.cpp").returncode == 0
    assert (folder / "bad.cpp").read_text() == GOOD
    assert check(folder / "good.cpp", folder / "bad.cpp").returncode == 0


def test_without_the_program_it_says_so_and_passes(tmp_path: Path) -> None:
    for name in ("bash", "env", "dirname", "grep", "find", "sort", "sed", "xargs"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / name).symlink_to(found)
    ended = check(PATH=str(tmp_path), UNPACT_CLANG_FORMAT="")
    assert ended.returncode == 0, ended.stderr
    assert "not checked" in ended.stdout
