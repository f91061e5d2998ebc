"""scripts/check-headers on a small project: what needs something from outside is named, what passed is not compiled again."""
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    compiler = shutil.which("c++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    write(tmp_path, "include/unpact/core/words.hpp", "#pragma once\n#include <string>\n#include <vector>\nusing Words = std::vector<std::string>;\n")
    write(tmp_path, "src/core/inner.hpp", '#pragma once\n#include "unpact/core/words.hpp"\nint count(const Words& words);\n')
    write(tmp_path, "src/core/inner.cpp", '#include "inner.hpp"\n')
    source = tmp_path / "src/core/inner.cpp"
    command = f"{compiler} -I{tmp_path}/include -std=c++20 -Wall -Werror -include {tmp_path}/build/cmake_pch.hxx -o inner.o -c {source}"
    write(tmp_path, "build/compile_commands.json", json.dumps([{"directory": str(tmp_path), "file": str(source), "command": command}]))
    write(tmp_path, "build/CMakeCache.txt", f"CMAKE_CXX_COMPILER:FILEPATH={compiler}\n")
    # What the build's precompiled header has must not help.
    write(tmp_path, "build/cmake_pch.hxx", "#include <map>\n")
    return tmp_path


def write(project: Path, name: str, text: str) -> None:
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text(text)


def check(project: Path, *options: str) -> tuple[int, str]:
    ended = subprocess.run([sys.executable, ROOT / "scripts/check-headers", "--source", project, "--build", project / "build", *options],
                           capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def test_headers_that_include_what_they_need(project: Path) -> None:
    assert check(project) == (0, "headers: 2, each compiles alone (2 compiled, the others unchanged)\n")


def test_what_passed_is_compiled_again_only_when_something_changed(project: Path) -> None:
    check(project)
    assert "(0 compiled" in check(project)[1]
    assert "(2 compiled" in check(project, "--all")[1]
    write(project, "src/core/other.hpp", "#pragma once\n")
    assert "(1 compiled" in check(project)[1]
    write(project, "include/unpact/core/words.hpp", "#pragma once\nstruct Words {};\n")
    assert "(2 compiled" in check(project)[1], "itself and who includes it"


@pytest.mark.parametrize("text", ["inline std::vector<int> numbers;\n", '#include "unpact/core/words.hpp"\ninline std::map<int, int> numbers;\n',
                                  '#include "no_such.hpp"\n'])
def test_a_header_that_needs_something_from_outside_is_named_every_time(project: Path, text: str) -> None:
    write(project, "src/core/bad.hpp", "#pragma once\n" + text)
    for _ in range(2):
        status, said = check(project)
        assert status == 1
        assert "src/core/bad.hpp: does not compile alone" in said
        assert "1 do not compile alone" in said
        assert "words.hpp: does not" not in said


def test_precompiling_helps_nobody_who_does_not_include_it(project: Path) -> None:
    """Enough headers reach <filesystem> for it to be precompiled for them; another one does not see it."""
    for number in range(4):
        write(project, f"src/core/path{number}.hpp", f"#pragma once\n#include <filesystem>\ninline std::filesystem::path path{number};\n")
    write(project, "src/core/bad.hpp", "#pragma once\n#include <string>\ninline std::filesystem::path none;\n")
    status, said = check(project)
    assert status == 1
    assert (project / "build/checked-headers/filesystem.hpp.gch").is_file()
    assert said.count("does not compile alone\n") == 1
    assert "src/core/bad.hpp: does not" in said


def test_without_a_build_it_says_what_to_do(tmp_path: Path) -> None:
    status, said = check(tmp_path)
    assert status == 2
    assert "hint" in said
