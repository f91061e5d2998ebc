"""scripts/bundle: what it packs runs from another folder, by the libraries in it."""
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from unpact_program import ROOT

OURS = ("libmpi", "libopen-", "libhdf5", "libboost", "libsentencepiece", "libpcre2", "libcurl", "libutf8proc", "libcrypto", "libpmix", "libhwloc")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    missing = [tool for tool in ("patchelf", "xz", "ompi_info", "orterun") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("bundle")
    build = Path(os.environ["UNPACT_BINARY"]).parent
    done = subprocess.run([ROOT / "scripts/bundle", folder / "packed.tar.xz"], capture_output=True, text=True,
                          env=os.environ | {"UNPACT_BUILD_DIR": str(build), "UNPACT_PRESET": build.name})
    assert done.returncode == 0, done.stdout + done.stderr
    with tarfile.open(folder / "packed.tar.xz") as packed:
        packed.extractall(folder, filter="data")
    return folder / "unpact-bundle"


def inside(bundle: Path, command: str, **more: str) -> subprocess.CompletedProcess:
    environment = {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/"), "UNPACT_PYTHON": sys.executable, **more}
    return subprocess.run(["bash", "-c", f"source '{bundle}/environment' && {command}"], capture_output=True, text=True, env=environment)


def test_every_library_but_libtorch_comes_from_the_bundle(bundle: Path) -> None:
    for program in ("unpact", "orterun", "orted"):
        said = inside(bundle, f"ldd '{bundle}/bin/{program}'").stdout
        assert "not found" not in said, said
        for line in said.splitlines():
            name, _, where = line.strip().partition(" => ")
            assert not name.startswith(OURS) or where.startswith(str(bundle)), line
    assert str(ROOT).encode() not in (bundle / "bin/orterun").read_bytes()


def test_it_runs_on_two_ranks(bundle: Path) -> None:
    done = inside(bundle, "which mpirun unpact && mpirun --allow-run-as-root --oversubscribe -n 2 unpact inspect machine",
                  OMPI_MCA_btl_vader_single_copy_mechanism="none")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[:2] == [f"{bundle}/bin/mpirun", f"{bundle}/bin/unpact"]
    assert "ranks:                 2" in done.stdout, done.stdout
    assert done.stderr == "", "no plugin of another Open MPI was tried"


def test_a_strict_script_may_source_it(bundle: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/"), "UNPACT_PYTHON": sys.executable}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", f"source '{bundle}/environment'; unpact --version"], capture_output=True,
                          text=True, env=environment)
    assert done.returncode == 0 and done.stdout.startswith("unpact "), done.stdout + done.stderr
    assert (bundle / "gpu-check").is_file() and (bundle / "random_checkpoint.py").is_file()


def test_without_the_right_libtorch_it_says_so(bundle: Path, tmp_path: Path) -> None:
    done = inside(bundle, "unpact --version", UNPACT_TORCH=str(tmp_path))
    assert done.returncode != 0 and "no LibTorch was found" in done.stderr
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libtorch_cpu.so").touch()
    (tmp_path / "build-version").write_text("1.0.0+cpu")
    done = inside(bundle, "unpact --version", UNPACT_TORCH=str(tmp_path))
    assert done.returncode != 0 and "1.0.0" in done.stderr and "built with" in done.stderr
