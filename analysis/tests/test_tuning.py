"""The validator on tuning files."""

import hashlib
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from synthetic import Writer

from unpact_results.schema import DTYPES, TUNING_ATTRIBUTES, TUNING_ATTRIBUTES_SINCE_1_5, TUNING_COLUMNS
from unpact_results.validate import validate_file

TEXTS = {"schema_name": "unpact-tuning", "schema_version": "1.11.0", "compute_dtype": DTYPES[2], "devices": json.dumps(["cpu"]), "library_versions": "{}",
         "started": "2026-01-31T12:00:00Z", "ended": "2026-01-31T12:40:00Z", "model_checksum": hashlib.sha256(b"m").hexdigest(),
         "tokenizer_checksum": hashlib.sha256(b"t").hexdigest()}


def write_tuning(path: Path, objective: str) -> Path:
    """A grid of 3 x 4 points, best at (0.2, 0.3)."""
    alphas, betas = np.array([0.1, 0.2, 0.4]), np.array([0.0, 0.1, 0.3, 0.6])
    with h5py.File(path, "w") as file:
        for name, kind in (TUNING_ATTRIBUTES | TUNING_ATTRIBUTES_SINCE_1_5).items():
            file.attrs[name] = TEXTS.get(name, name) if kind == "string" else np.dtype(kind).type(6)
        file.attrs["objective"], file.attrs["best_alpha"], file.attrs["best_beta"] = objective, 0.2, 0.3
        out = Writer(file)
        out.scale("/alpha", alphas)
        out.scale("/beta", betas, "nat/token")
        first = 0.9 - np.abs(alphas[:, None] - 0.2) - np.abs(betas - 0.3)
        second = np.full(first.shape, 0.25)
        made = first - second if objective == "effect" else 2 * first * second / (first + second)
        for half in ("tuned", "held_out"):
            for name, values in zip(TUNING_COLUMNS[objective], (made, first, second, 4 * second, np.zeros(first.shape)), strict=True):
                out.put(f"/{half}/{name}", values, ["/alpha", "/beta"])
    return path


@pytest.mark.parametrize("objective", ["labels", "effect"])
def test_a_right_file_has_no_fault(objective: str, tmp_path: Path) -> None:
    assert validate_file(write_tuning(tmp_path / "tuning.h5", objective)) == []


@pytest.mark.parametrize(("change", "fault"), [
    (lambda f: f["tuned/objective"].__setitem__((0, 0), 0.9), "does not follow from the other columns"),
    (lambda f: f["held_out/cost"].__setitem__((0, 0), 1.5), "outside 0..1"),
    (lambda f: f["alpha"].__setitem__(0, 0.3), "/alpha: does not rise"),
    (lambda f: f.attrs.__setitem__("best_beta", 0.1), "not where /tuned/objective is largest"),
    (lambda f: f.attrs.__setitem__("best_beta", 0.15), "not where /tuned/objective is largest"),
    (lambda f: f.attrs.__setitem__("objective", "luck"), "expected labels or effect"),
    (lambda f: f.__delitem__("held_out/key_tokens"), "dataset is missing"),
    (lambda f: f.attrs.__delitem__("tuned_prompts"), "attribute tuned_prompts is missing"),
])
def test_a_fault_is_found(change, fault: str, tmp_path: Path) -> None:
    path = write_tuning(tmp_path / "tuning.h5", "effect")
    with h5py.File(path, "r+") as file:
        change(file)
    assert any(fault in line for line in validate_file(path)), validate_file(path)
