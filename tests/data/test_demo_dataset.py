"""The demonstration data set keeps its own rules."""
import subprocess
import sys
from pathlib import Path


def test_demo_data_set_passes_its_checker():
    checker = Path(__file__).with_name("check_demo.py")
    run = subprocess.run([sys.executable, str(checker)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
