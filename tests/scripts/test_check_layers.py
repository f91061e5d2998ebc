"""scripts/check-layers on small projects: what the table allows passes, everything else is named with its line."""
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = "# name | may use | links | holds\ncore |  | |\nmodel | core | |\ntrain | core model | |\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, "src/layers.txt", TABLE)
    write(tmp_path, "include/unpact/core/text.hpp", "#include <string>\n")
    write(tmp_path, "include/unpact/model/weights.hpp", '#include "unpact/core/text.hpp"\n')
    write(tmp_path, "include/unpact/model/inner.hpp", "\n")
    write(tmp_path, "src/model/weights.cpp", '#include "unpact/model/weights.hpp"\n#include "unpact/model/inner.hpp"\n#include "rope.hpp"\n')
    write(tmp_path, "src/model/rope.hpp", "\n")
    write(tmp_path, "src/train/trainer.cpp", '#include "unpact/model/weights.hpp"\n')
    write(tmp_path, "tests/model/weights_test.cpp", '#include "unpact/model/inner.hpp"\n')
    return tmp_path


def write(project: Path, name: str, text: str) -> None:
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text(text)


def check(project: Path, *options: str) -> tuple[int, str]:
    ended = subprocess.run([sys.executable, ROOT / "scripts/check-layers", *options, project], capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def test_the_project_itself_passes() -> None:
    assert check(ROOT)[0] == 0


def test_what_the_table_allows_passes(project: Path) -> None:
    assert check(project) == (0, "layers: every include points up\n")


@pytest.mark.parametrize(("file", "include", "problem"), [
    ("src/model/weights.cpp", "unpact/train/trainer.hpp", "layer 'model' must not use layer 'train'"),
    ("include/unpact/core/log.hpp", "unpact/model/weights.hpp", "layer 'core' must not use layer 'model'"),
    ("src/train/trainer.cpp", "../model/rope.hpp", "layer 'train' must not leave its folder: '../model/rope.hpp'"),
    ("src/train/trainer.cpp", "src/model/rope.hpp", "layer 'train' must not use what layer 'model' keeps for itself"),
    ("include/unpact/train/t.hpp", "../model/inner.hpp", "layer 'train' must not leave its folder"),
    ("src/train/trainer.cpp", "jobs/job_table.hpp", "layer 'train' must not use the jobs"),
])
def test_other_includes_are_refused(project: Path, file: str, include: str, problem: str) -> None:
    write(project, file, f'// first line\n#include "{include}"\n')
    status, text = check(project)
    assert status == 1
    assert f"{file}:2: {problem}" in text


def test_a_folder_inside_a_layer_is_the_layer(project: Path) -> None:
    write(project, "src/model/attention/attention.hpp", '#include "../rope.hpp"\n#include "src/model/rope.hpp"\n')
    assert check(project)[0] == 0


def test_a_folder_without_a_layer_is_refused(project: Path) -> None:
    write(project, "src/odds/ends.cpp", "\n")
    assert "src/odds/: no layer of src/layers.txt" in check(project)[1]


def test_public_is_only_what_another_layer_includes(project: Path) -> None:
    status, text = check(project, "--headers")
    assert status == 1
    assert text == "include/unpact/model/inner.hpp: no other layer needs it: it belongs into src/model/\n", "its own test does not count"


@pytest.mark.parametrize("file", ["include/unpact/model/weights.hpp", "examples/first.cpp", "jobs/ask/ask.cpp", "tests/train/trainer_test.cpp",
                                  "tests/bench/speed.cpp", "src/train/trainer.cpp"])
def test_who_may_need_a_public_header(project: Path, file: str) -> None:
    old = (project / file).read_text() if (project / file).is_file() else ""
    write(project, file, old + '#include "unpact/model/inner.hpp"\n')
    assert check(project, "--headers")[0] == 0


def test_public_headers_that_need_only_each_other_are_refused(project: Path) -> None:
    write(project, "include/unpact/model/inner.hpp", '#include "unpact/model/innermost.hpp"\n')
    write(project, "include/unpact/model/innermost.hpp", "\n")
    assert check(project, "--headers")[1].count("no other layer needs it") == 2
