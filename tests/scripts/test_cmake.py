"""What CMake refuses, without configuring anything."""
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def check_pcre2(folder: Path, header: str) -> subprocess.CompletedProcess:
    if shutil.which("cmake") is None:
        pytest.skip("no cmake")
    (folder / "pcre2.h").write_text(header)
    return subprocess.run(["cmake", f"-DPCRE2_INCLUDE_DIR={folder}", "-P", ROOT / "cmake/UnpactPcre2.cmake"], capture_output=True, text=True,
                          check=False)


def header(major: int, minor: int) -> str:
    return f"/* comment */\n#define PCRE2_MAJOR           {major}\n#define PCRE2_MINOR           {minor}\n#define PCRE2_PRERELEASE\n"


@pytest.mark.parametrize("version", [(10, 40), (10, 42), (11, 0)])
def test_pcre2_of_these_versions_will_do(tmp_path: Path, version: tuple[int, int]) -> None:
    assert check_pcre2(tmp_path, header(*version)).returncode == 0


@pytest.mark.parametrize("version", [(10, 39), (10, 9), (9, 99)])
def test_an_older_pcre2_is_refused(tmp_path: Path, version: tuple[int, int]) -> None:
    ended = check_pcre2(tmp_path, header(*version))
    assert ended.returncode != 0
    message = " ".join(ended.stderr.split())
    assert f"PCRE2 {version[0]}.{version[1]} was found" in message
    assert "10.40 or later is needed" in message
    assert "Hint:" in message


def test_a_header_without_a_version_is_refused(tmp_path: Path) -> None:
    ended = check_pcre2(tmp_path, "#define SOMETHING 1\n")
    assert ended.returncode != 0
    assert "does not say which version" in " ".join(ended.stderr.split())


def test_this_machine_s_own_is_what_the_project_uses() -> None:
    """The check is part of the build: otherwise the tests above say nothing."""
    text = (ROOT / "cmake/UnpactDependencies.cmake").read_text()
    assert "unpact_check_pcre2(${PCRE2_INCLUDE_DIR})" in text
