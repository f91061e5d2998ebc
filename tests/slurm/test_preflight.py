"""The two minutes before, with the program as scripts/bundle packs it, and a job that waits for them."""
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from slurm_jobs import ENVIRONMENT, METHODS, Site
from unpact_program import ROOT, assert_same_cells


@pytest.fixture(scope="module")
def bundle(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if missing := [tool for tool in ("patchelf", "xz", "ompi_info") if shutil.which(tool) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("bundle")
    build = site.unpact.binary.parent
    done = subprocess.run([ROOT / "scripts/bundle", folder / "packed.tar.xz"], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env=os.environ | {"UNPACT_BUILD_DIR": str(build), "UNPACT_PRESET": build.name})
    assert done.returncode == 0, done.stdout + done.stderr
    with tarfile.open(folder / "packed.tar.xz") as packed:
        packed.extractall(folder, filter="data")
    return folder / "unpact-bundle"


def test_two_nodes_pass_and_the_job_follows(site: Site, bundle: Path, reference: Path, tmp_path: Path) -> None:
    file = site.write(PROGRAM="unpact", environment=f"{ENVIRONMENT}; export UNPACT_PYTHON={sys.executable}; source {bundle}/environment")
    done = site.cluster(bundle / "slurm/submit", "--preflight", "--nodes", 2, "--per-node", 1, *site.campaign(tmp_path / "out"), UNPACT_SITE=str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    preflight, job = re.search(r"^submitted: (\d+) (\d+);", done.stdout, re.MULTILINE).groups()
    states = site.cluster.finish_all([preflight, job], 240)
    log = (tmp_path / f"out/logs/slurm-{preflight}.out").read_text()
    assert states == {preflight: "COMPLETED", job: "COMPLETED"}, log
    assert log.endswith("preflight: all is well\n") and "FAILED" not in log
    for what in ("versions of the program", "shared folder", "clocks", "/dev/shm", "2 ranks know each other", "all ranks: at least", "SIGUSR1 stops it", "a cell of"):
        assert re.search(rf"^ok +.*{re.escape(what)}", log, re.MULTILINE), f"{what}: {log}"
    assert_same_cells(reference, tmp_path / "out", len(METHODS))
    assert str(bundle) in (tmp_path / f"out/jobs/{job}.0/environment.txt").read_text()


def test_what_is_too_slow_fails_and_the_job_does_not_start(site: Site, tmp_path: Path) -> None:
    file = site.write(NETWORK_GBPS="1000000")
    done = site.run("--preflight", "--nodes", 2, "--per-node", 1, *site.campaign(tmp_path / "out"), site=file)
    assert done.returncode == 0, done.stderr
    preflight, job = re.search(r"^submitted: (\d+) (\d+);", done.stdout, re.MULTILINE).groups()
    states = site.cluster.finish_all([preflight, job], 240)
    assert states == {preflight: "FAILED", job: "CANCELLED"}
    log = (tmp_path / f"out/logs/slurm-{preflight}.out").read_text()
    assert re.search(r"^FAILED +all ranks: .* GB/s, the site file promises 1000000$", log, re.MULTILINE) and log.count("FAILED") == 1, log
