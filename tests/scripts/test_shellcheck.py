"""Every shell script of ours passes shellcheck."""
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def is_shell(path: Path) -> bool:
    if path.suffix in (".sh", ".sbatch"):
        return True
    with path.open("rb") as file:
        return b"bash" in file.readline() and b"#!" in path.read_bytes()[:2]


def test_scripts_pass_shellcheck() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("not installed: shellcheck")
    scripts = sorted(path for folder in ("slurm", "scripts", ".ci") for path in (ROOT / folder).rglob("*") if path.is_file() and is_shell(path))
    assert {ROOT / name for name in ("slurm/submit", "slurm/job.sbatch", "slurm/site.example.sh", "scripts/test")} <= set(scripts)
    done = subprocess.run(["shellcheck", "-x", "-P", str(ROOT), *map(str, scripts)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
