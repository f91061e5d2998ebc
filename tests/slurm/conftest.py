"""Real Slurm for the tests of this folder: a throw-away cluster, the tiny campaign of tests/program, and jobs by slurm/submit."""
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAM_TESTS = HERE.parent / "program"
sys.path[:0] = [str(HERE), str(PROGRAM_TESTS)]
from cluster import Cluster, missing_tools  # noqa: E402
from happenings import Happenings  # noqa: E402
from slurm_jobs import LONG, STEPS, Site  # noqa: E402
from unpact_program import Program  # noqa: E402

spec = importlib.util.spec_from_file_location("program_conftest", PROGRAM_TESTS / "conftest.py")
program_tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program_tests)
unpact, home, target = program_tests.unpact, program_tests.home, program_tests.target

ORDER = ["test_refusals.py", "test_preflight.py", "test_jobs.py", "test_decisions.py"]  # last who waits for jobs that run meanwhile


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: ORDER.index(item.path.name) if item.path.parent == HERE else -1)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if missing := missing_tools():
        pytest.skip(f"no Slurm: not installed: {', '.join(missing)} (Debian: slurmctld slurmd slurm-client)")
    one = Cluster(tmp_path_factory.mktemp("slurm"), nodes=5)
    try:
        one.start()
    except (OSError, subprocess.SubprocessError, AssertionError) as error:  # a container that lets no daemons run, say
        one.stop()
        pytest.skip(f"no Slurm: it does not start here: {error}")
    yield one
    one.stop()


@pytest.fixture(scope="session")
def site(cluster: Cluster, unpact: Program, home: Path, target: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(cluster, unpact, home, tmp_path_factory.mktemp("sites"))


def undisturbed(site: Site, folder: Path, steps: int) -> Path:
    """The campaign on one rank without Slurm."""
    done = subprocess.run([str(site.unpact.binary), *site.campaign(folder, steps=steps)], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env={key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "OMPI_"))} | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def reference(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return undisturbed(site, tmp_path_factory.mktemp("reference") / "out", STEPS)


@pytest.fixture(scope="session")
def long_reference(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return undisturbed(site, tmp_path_factory.mktemp("long_reference") / "out", LONG)


@pytest.fixture(scope="session", autouse=True)
def happenings(request: pytest.FixtureRequest, site: Site, long_reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Happenings]:
    wanted = {item.name for item in request.session.items if item.path.parent == HERE}
    if any(item.path.name == "test_decisions.py" for item in request.session.items):
        wanted.add("decided")
    all_of_them = Happenings(site, long_reference, tmp_path_factory.mktemp("happenings"), wanted)
    yield all_of_them
    all_of_them.stop()


@pytest.fixture
def happened(request: pytest.FixtureRequest, happenings: Happenings) -> Callable[[], None]:
    """The end of what happens under the test's name, with its assertions."""
    return happenings.futures[request.node.name].result
