"""Writes a campaign file beside synthetic cells."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from synthetic import Recipe, Writer, write_cell

RECIPES = [
    Recipe("ga", forgotten=0.95, destroyed=0.9, recovered=0.08, sampled=0.05),
    Recipe("ga_gd", forgotten=0.7, destroyed=0.25, recovered=0.4, sampled=0.15),
    Recipe("npo_kl", forgotten=0.5, destroyed=0.15, recovered=0.5, sampled=0.25),
    Recipe("tv", forgotten=0.3, destroyed=0.1, recovered=0.55, sampled=0.3),
    Recipe("rmu", forgotten=0.6, destroyed=0.5, recovered=0.35, sampled=0.2),
    Recipe("npo_gd", forgotten=0.0, destroyed=0.05),
    Recipe("ga_gd", "qwen3-14b", forgotten=0.65, destroyed=0.3, recovered=0.45, sampled=0.2),
    Recipe("npo_kl", "qwen3-14b", forgotten=0.5, destroyed=0.15, recovered=0.5, sampled=0.25),
]
OUTCOMES = {"forgotten": 2, "retained": 1, "kept": 3, "destroyed": 4}


def write_campaign(folder: Path, recipes: Sequence[Recipe] = RECIPES, missing: Sequence[Recipe] = ()) -> Path:
    """Cells in folder/cells and folder/campaign.h5; cells in `missing` are planned, not there."""
    for recipe in recipes:
        write_cell(folder / "cells" / f"{recipe.id}.h5", recipe)
    path = folder / "campaign.h5"
    planned = sorted([*recipes, *missing], key=lambda r: r.id)
    done = sorted(recipes, key=lambda r: r.id)
    with h5py.File(path, "w") as file:
        text = {"schema_name": "unpact-campaign", "schema_version": "1.11.0", "software": "unpact", "software_version": "0.1.0", "git_commit": "0123abcd",
                "build_type": "Release", "compiler": "GNU 12.2.0", "hdf5_version": "1.10.8", "collected": "2026-01-31T18:00:00Z",
                "probes": json.dumps([{"name": "focus_on_key", "label": "FocusOnKey", "kind": "probe"}, {"name": "probab", "label": "Probab", "kind": "baseline"}])}
        for name, value in text.items():
            file.attrs[name] = value
        for name, value in {"finished": len(recipes), "missing": len(missing), "broken": 0, "failed": 0, "other": 0}.items():
            file.attrs[name] = np.int64(value)
        out = Writer(file)
        _status(out, planned, folder)
        _metrics(out, done, folder)
    return path


def as_of_1_3(path: Path) -> Path:
    """The campaign file as it was before 1.4: with links to its finished cells."""
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = "1.3.0"
        del file.attrs["failed"], file.attrs["other"], file["status/fingerprint"], file["metrics/compute_dtype"], file["metrics/noise_floor"]
        file["status/state"].attrs["flag_values"] = np.array([0, 1, 2], np.uint8)
        file["status/state"].attrs["flag_meanings"] = "finished missing broken"
        cells = file.create_group("cells")
        for cell, name, state in zip(file["status/id"].asstr()[:], file["status/file"].asstr()[:], file["status/state"][:], strict=True):
            if state == 0:
                cells[cell] = h5py.ExternalLink(name, "/")
    return path


def _parts(out: Writer, group: str, recipes: Sequence[Recipe]) -> list[str]:
    axis = f"{group}/id"
    out.scale(axis, np.array([r.id.encode() for r in recipes] or np.zeros(0, "S1")))
    for name in ("model", "dataset", "method"):
        out.put(f"{group}/{name}", [getattr(r, name) for r in recipes], [axis])
    out.put(f"{group}/seed", np.array([r.seed for r in recipes], np.int64), [axis])
    return [axis]


def _fingerprint(path: Path) -> str:
    if not path.exists():
        return ""
    with h5py.File(path) as file:
        return file.attrs["fingerprint"]


def _status(out: Writer, recipes: Sequence[Recipe], folder: Path) -> None:
    axes = _parts(out, "/status", recipes)
    files = [folder / "cells" / f"{r.id}.h5" for r in recipes]
    out.put("/status/file", [f"cells/{f.name}" for f in files], axes)
    out.put("/status/state", np.array([0 if f.exists() else 1 for f in files], np.uint8), axes, flags="state")
    out.put("/status/sha256", [hashlib.sha256(f.read_bytes()).hexdigest() if f.exists() else "" for f in files], axes)
    out.put("/status/fingerprint", [_fingerprint(f) for f in files], axes)
    out.put("/status/reason", ["" if f.exists() else "no file" for f in files], axes)


def _metrics(out: Writer, recipes: Sequence[Recipe], folder: Path) -> None:
    axes = _parts(out, "/metrics", recipes)
    out.put("/metrics/compute_dtype", ["fp32" for _ in recipes], axes)
    out.put("/metrics/noise_floor", np.full(len(recipes), 2e-4), axes, "nat/token")
    columns: dict[str, list] = {}
    for recipe in recipes:
        with h5py.File(folder / "cells" / f"{recipe.id}.h5") as cell:
            for row, name in enumerate(cell["rates/name"].asstr()[:]):
                for column, suffix in {"value": "", "low": "_low", "high": "_high", "count": "_count", "total": "_total"}.items():
                    columns.setdefault(name + suffix, []).append(cell["rates"][column][row])
            for row, name in enumerate(cell["metrics/name"].asstr()[:]):
                for column, suffix in {"unlearned": "", "unlearned_low": "_low", "unlearned_high": "_high", "target": "_target", "count": "_count"}.items():
                    columns.setdefault(f"metric_{name}{suffix}", []).append(cell["metrics"][column][row])
            for row, stage in enumerate(cell["work/stage"].asstr()[:]):
                columns.setdefault("seconds_" + stage.replace(" ", "_"), []).append(cell["work/seconds"][row])
            for kind in ("set", "contribution"):
                _shifts(columns, "focus" if kind == "set" else "contribution", cell[f"focus_shift/{kind}_cosine"][:], cell)
    for name, values in columns.items():
        count = name.endswith(("_count", "_total"))
        out.put(f"/metrics/{name}", np.array(values, np.uint64 if count else float), axes, "s" if name.startswith("seconds_") else "1")


def _shifts(columns: dict[str, list], kind: str, cosine: np.ndarray, cell: h5py.File) -> None:
    split, outcome = cell["questions/split"][:], cell["outcome/class"][:]
    masks = {"forget": split == 0, "retain": split == 1, "unknown": (split == 0) & (outcome == 0)} | {n: outcome == c for n, c in OUTCOMES.items()}
    for name, mask in masks.items():
        values = 1 - cosine[mask & ~np.isnan(cosine)]
        columns.setdefault(f"{kind}_shift_{name}", []).append(values.mean() if len(values) else np.nan)
        columns.setdefault(f"{kind}_shift_{name}_count", []).append(len(values))
