"""Writes a campaign of the study's own size: 3 models x 3 datasets x 8 methods x 3 seeds = 216 cells.

python analysis/tests/synthetic_study.py FOLDER [QUESTIONS]
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

import h5py
import numpy as np
from synthetic import Recipe, write_cell

MODELS = ("llama-2-7b", "llama-3.1-8b-instruct", "qwen3-14b")
DATASETS = ("muse-news", "muse-books", "wmdp")
METHODS = {  # forgotten, destroyed, recovered, sampled
    "ga": (0.95, 0.9, 0.08, 0.05),
    "ga_gd": (0.7, 0.25, 0.4, 0.15),
    "ga_kl": (0.75, 0.35, 0.35, 0.15),
    "npo": (0.8, 0.6, 0.3, 0.15),
    "npo_gd": (0.55, 0.15, 0.5, 0.25),
    "npo_kl": (0.5, 0.15, 0.5, 0.25),
    "tv": (0.3, 0.1, 0.55, 0.3),
    "rmu": (0.6, 0.5, 0.35, 0.2),
}
SEEDS = (1, 2, 3)
SYLLABLES = "ka lo mi tan ver ris en do pal ner su be tor gu lin hav ost er win dar".split()


def bank_of(count: int) -> tuple[tuple[str, str], ...]:
    """Questions of 10 to 22 invented words, so that texts compress no better than real ones."""
    rng = np.random.default_rng(11)
    words = ["".join(rng.choice(SYLLABLES, rng.integers(1, 4))) for _ in range(1500)]

    def text(size: int) -> str:
        return " ".join(word.capitalize() if rng.random() < 0.2 else word for word in rng.choice(words, size))

    return tuple((f"What did {text(int(rng.integers(8, 20)))}?", text(int(rng.integers(2, 8)))) for _ in range(count))


def write_study(folder: Path, questions: int = 200, answer_tokens: int = 7) -> Path:
    """The cells of one model and dataset are written; those of the others are copies with names and checksums of their own."""
    cells = folder / "cells"
    bank = bank_of(questions)
    for method, (forgotten, destroyed, recovered, sampled) in METHODS.items():
        for seed in SEEDS:
            made = Recipe(
                method,
                MODELS[0],
                DATASETS[0],
                seed,
                questions // 2,
                questions - questions // 2,
                forgotten=forgotten,
                destroyed=destroyed,
                recovered=recovered,
                sampled=sampled,
                second_judge=True,
                bank=bank,
                answer_tokens=answer_tokens,
                more_probes=(("no_focus", "other words", "control"),),
            )
            first = write_cell(cells / f"{made.id}.h5", made)
            for model in MODELS:
                for dataset in DATASETS:
                    if (model, dataset) != (MODELS[0], DATASETS[0]):
                        _copy(first, cells, model, dataset, method, seed)
    return folder


def _copy(first: Path, cells: Path, model: str, dataset: str, method: str, seed: int) -> None:
    name = f"{model}.{dataset}.{method}.s{seed}"
    path = cells / f"{name}.h5"
    shutil.copyfile(first, path)
    with h5py.File(path, "r+") as file:
        for key, value in {"cell_id": name, "model": model, "dataset": dataset}.items():
            file.attrs[key] = value
        file.attrs["baseline_fingerprint"] = hashlib.sha256(f"{model}{dataset}{seed}".encode()).hexdigest()


if __name__ == "__main__":
    write_study(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200)
