"""The demonstration data set keeps its own rules."""
import json
import subprocess
import sys
from pathlib import Path


def test_demo_data_set_passes_its_checker():
    checker = Path(__file__).with_name("check_demo.py")
    run = subprocess.run([sys.executable, str(checker)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_reasoning_set_is_what_its_script_writes(tmp_path):
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, str(root / "scripts/reasoning_set.py"), str(tmp_path)], check=True)
    for name in ("forget.jsonl", "retain.jsonl"):
        assert (tmp_path / name).read_bytes() == (root / "configs/datasets/reasoning" / name).read_bytes(), name
    rows = [json.loads(line) for name in ("forget", "retain") for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
    for row in rows:
        assert set(row) == {"task_id", "question", "answer", "cot", "subject"}
        assert row["answer"] in row["cot"] and row["answer"] not in row["question"], row
    answers = [{row["answer"] for row in part if not row["answer"].isdigit()} for part in (rows[:64], rows[64:])]
    assert not answers[0] & answers[1], "one set would teach the other"
