"""Validator of cell and campaign files; one line a fault."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from . import schema
from .metrics import campaign_row
from .model import Cell, Outcome, Split
from .campaigns import STATES, folder_of
from .reading import ResultsError, load_cell, minor_of, plain, strings, unit_of_contributions
from .recompute import check_cell
from .structure import Report, check_attributes, check_csr, check_field, check_groups, check_storage, check_units


def validate_file(path: str | os.PathLike[str]) -> list[str]:
    """Faults of a cell or campaign file, each as "PATH IN FILE: problem"; empty when it is right."""
    faults: list[str] = []

    def report(where: str, problem: str) -> None:
        faults.append(f"{where}: {problem}")

    try:
        with h5py.File(path, "r") as file:
            if plain(file.attrs.get("schema_name", "")) == schema.CAMPAIGN:
                _validate_campaign(file, Path(path), report)
                return faults
            if plain(file.attrs.get("schema_name", "")) == schema.TUNING:
                _validate_tuning(file, report)
                return faults
            structure_ok = _validate_cell_structure(file, report)
    except OSError as error:
        return [f"/: cannot be opened or read: {error}"]
    if structure_ok:
        try:
            check_cell(load_cell(path), report)
        except ResultsError as error:
            report("/", f"content was not checked: {error}")
    return faults


def validate_all(paths: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Faults of files; a folder stands for every .h5 file in it."""
    faults = []
    for path in map(Path, paths):
        files = sorted(p for p in path.rglob("*.h5") if not p.name.startswith(".")) if path.is_dir() else [path]
        if not files:
            faults.append(f"{path}: no .h5 file in this folder")
        for file in files:
            faults += [f"{file}: {fault}" for fault in validate_file(file)]
    return faults


def _validate_cell_structure(file: h5py.File, report: Report) -> bool:
    """Structure of a cell; returns whether its content can be loaded."""
    minor = minor_of(file)
    check_attributes(file, schema.cell_attributes_of(minor), schema.CELL, report)
    method = str(plain(file.attrs.get("attribution_method", schema.LEAVE_ONE_OUT)))
    if method not in schema.METHODS:
        report("/", f"attribute attribution_method is {method!r}, which is no method of the format")
    _check_dtype(file, report)
    check_groups(file, schema.CELL_GROUPS, report)
    unit = unit_of_contributions(file)
    if unit not in ((schema.NATS,) if method == schema.LEAVE_ONE_OUT else (schema.NATS, schema.SHARES)):
        report("/", f"contributions of {method} are in the unit {unit!r}, which is none of theirs")
    fields = schema.fields_of(minor, unit)
    probes = file.get("/probes")
    if isinstance(probes, h5py.Group):
        fields += [field for name in probes for field in schema.probe_fields(f"/probes/{name}") if field.since <= minor]
        if minor >= 3:
            _check_probes(probes, report)
    if minor >= 7:
        fields += _evidence_fields(file, report)
    if minor >= 10:
        _check_texts(file, report)
    thoughts = [f"/{model}/thought" for model in ("target", "unlearned") if f"/{model}/thought" in file]
    fields += [field for group in thoughts for field in schema.thought_fields(group)]
    usable = {field.path for field in fields if check_field(file, field, report)}
    _check_counters(file, usable, report)
    groups = schema.csr_groups_of(minor) + [path for group in thoughts for path in schema.thought_csr(group)]
    good = check_csr(file, groups, usable, report)
    return len(usable) == len(fields) and len(good) == len(groups)


def _evidence_fields(file: h5py.File, report: Report) -> list[schema.Field]:
    """Datasets of further judges and of arms, which the file names."""
    check_groups(file, schema.CELL_GROUPS_SINCE_1_7, report)
    fields = []
    for name, group in (file["judges"].items() if "judges" in file else ()):
        fields += schema.judge_fields(f"/judges/{name}")
        if not plain(group.attrs.get("description", "")):
            report(f"/judges/{name}", "attribute description is missing")
    for name, group in (file["arms"].items() if "arms" in file else ()):
        fields += schema.arm_fields(f"/arms/{name}", list(group.get("probes", ())))
        if not plain(group.attrs.get("model", "")):
            report(f"/arms/{name}", "attribute model is missing")
    for name, group in (file["probes"].items() if "probes" in file else ()):
        fields += [field for judge in group.get("judges", ()) for field in schema.verdict_fields(f"/probes/{name}", judge)]
    return fields


def _check_texts(file: h5py.File, report: Report) -> None:
    """What the groups of 1.10 say of themselves."""
    for name, attributes in (("trajectory", schema.TRAJECTORY_ATTRIBUTES), ("mix", schema.MIX_ATTRIBUTES)):
        for attribute in attributes:
            if name in file and attribute not in file[name].attrs:
                report(f"/{name}", f"attribute {attribute} is missing")


def _check_dtype(file: h5py.File, report: Report) -> None:
    """What the model was asked in, as files since 1.5 say."""
    dtype = str(plain(file.attrs.get("compute_dtype", schema.DTYPES[0])))
    if dtype not in schema.DTYPES:
        report("/", f"attribute compute_dtype is {dtype!r}, expected one of {', '.join(schema.DTYPES)}")


def _check_probes(probes: h5py.Group, report: Report) -> None:
    """What every probe says of itself."""
    for name, group in probes.items():
        said = {key: plain(group.attrs.get(key)) for key in schema.PROBE_ATTRIBUTES_SINCE_1_3}
        for key, value in said.items():
            if not isinstance(value, str) or not value:
                report(f"/probes/{name}", f"attribute {key} is missing or no text")
            elif key == "kind" and value not in schema.PROBE_KINDS:
                report(f"/probes/{name}", f"attribute kind is {value!r}, expected one of {', '.join(schema.PROBE_KINDS)}")


def _check_counters(file: h5py.File, usable: set[str], report: Report) -> None:
    """Scales without a meaning of their own hold 0, 1, 2, ..."""
    plain_scales = [f.path for f in schema.CELL_FIELDS if f.is_scale and f.kind == "uint64"]
    for path in plain_scales:
        if path in usable and not np.array_equal(file[path][:], np.arange(len(file[path]))):
            report(path, "does not hold 0, 1, 2, ...")
    if {"/question", "/question_bound"} <= usable and len(file["/question_bound"]) != len(file["/question"]) + 1:
        report("/question_bound", "is not one longer than /question")


def _validate_tuning(file: h5py.File, report: Report) -> None:
    since = schema.TUNING_ATTRIBUTES_SINCE_1_5 if minor_of(file) >= 5 else {}
    check_attributes(file, schema.TUNING_ATTRIBUTES | since, schema.TUNING, report)
    _check_dtype(file, report)
    objective = str(plain(file.attrs.get("objective", "")))
    if objective not in schema.TUNING_COLUMNS:
        report("/", f"attribute objective is {objective!r}, expected {' or '.join(schema.TUNING_COLUMNS)}")
        return
    fields = schema.tuning_fields(objective)
    if not all([check_field(file, field, report) for field in fields]):
        return
    alphas, betas = file["/alpha"][:], file["/beta"][:]
    for name, axis in (("alpha", alphas), ("beta", betas)):
        if np.any(np.diff(axis) <= 0):
            report(f"/{name}", "does not rise")
    for half in ("tuned", "held_out"):
        found, first, second = (file[f"/{half}/{name}"][:] for name in schema.TUNING_COLUMNS[objective][:3])
        if np.any((first < 0) | (first > 1) | (second < 0) | (second > 1)):
            report(f"/{half}", "has shares outside 0..1")
        made = first - second if objective == "effect" else np.where(first + second > 0, 2 * first * second / np.where(first + second > 0, first + second, 1), 0)
        if not np.allclose(found, made, atol=1e-9):
            report(f"/{half}/objective", "does not follow from the other columns")
    chosen = np.isclose(alphas, plain(file.attrs["best_alpha"]))[:, None] & np.isclose(betas, plain(file.attrs["best_beta"]))
    objectives = file["/tuned/objective"][:]
    if not chosen.any() or not np.isclose(objectives[chosen].max(initial=-np.inf), objectives.max(initial=-np.inf), atol=1e-9):
        report("/", "best_alpha and best_beta are not where /tuned/objective is largest")


def _validate_campaign(file: h5py.File, path: Path, report: Report) -> None:
    minor = minor_of(file)
    check_attributes(file, schema.campaign_attributes_of(minor), schema.CAMPAIGN, report)
    check_groups(file, schema.CAMPAIGN_GROUPS_BEFORE_1_4 if minor < 4 else (), report)
    if minor >= 4 and "/cells" in file:
        report("/cells", "is not part of this version")
    fields = schema.campaign_fields_of(minor)
    if not all([check_field(file, field, report) for field in fields]):
        return
    status = {name: file[f"/status/{name}"] for name in ("id", "file", "sha256")}
    ids, files, digests = (strings(item) for item in status.values())
    states = file["/status/state"][:]
    if ids != sorted(ids):
        report("/status/id", "is not sorted")
    for number, name in enumerate(STATES if minor >= 4 else STATES[:3]):
        stored, found = int(file.attrs.get(name, -1)), int(np.count_nonzero(states == number))
        if stored != found:
            report("/", f"attribute {name} is {stored}, but /status has {found}")
    finished = {}
    for cell_id, name, digest, state in zip(ids, files, digests, states, strict=True):
        if state == 0:
            cell = _check_finished(cell_id, folder_of(path), name, digest, report)
            if cell is not None:
                finished[cell_id] = cell
    if minor >= 4:
        _check_settings(finished, dict(zip(ids, strings(file["/status/fingerprint"]), strict=True)), report)
    _check_links(file, dict(zip(ids, files, strict=True)), {i for i, s in zip(ids, states, strict=True) if s == 0}, report)
    _check_metrics(file, finished, {i for i, s in zip(ids, states, strict=True) if s == 0}, report)


def _check_settings(finished: dict[str, Cell], planned: dict[str, str], report: Report) -> None:
    """A table holds what one configuration computed: every cell with its fingerprint, and of one model and dataset only cells
    that compare with the same answers of the target."""
    baselines: dict[tuple[str, str], dict[str, str]] = {}
    for cell_id, cell in finished.items():
        if str(cell.attributes.get("fingerprint", "")) != planned[cell_id]:
            report(f"/status[{cell_id}]", "the file has another fingerprint than the plan: it was made with other settings")
        baseline = str(cell.attributes.get("baseline_fingerprint", ""))
        baselines.setdefault((cell.model, cell.dataset), {}).setdefault(baseline, cell_id)
    for (model, dataset), found in baselines.items():
        if len(found) > 1:
            report("/status", f"cells of {model} and {dataset} compare with different answers of the target: {', '.join(found.values())}")


def _check_links(file: h5py.File, files: dict[str, str], finished: set[str], report: Report) -> None:
    """Before 1.4 a campaign linked its finished cells; now a link would lead where netCDF's readers cannot follow."""
    if minor_of(file) >= 4:
        return
    for cell_id, name in files.items():
        where = f"/cells/{cell_id}"
        link = file["/cells"].get(cell_id, getlink=True) if "/cells" in file and cell_id in file["/cells"] else None
        if cell_id not in finished:
            if link is not None:
                report(where, "links a cell that is not finished")
        elif not isinstance(link, h5py.ExternalLink):
            report(where, "external link of a finished cell is missing")
        elif os.path.isabs(link.filename) or os.path.normpath(link.filename) != os.path.normpath(name):
            report(where, f"links {link.filename!r}, expected the relative path {name!r}")


def _check_finished(cell_id: str, folder: Path, name: str, digest: str, report: Report) -> Cell | None:
    where = f"/status[{cell_id}]"
    target = folder / name
    if os.path.isabs(name) or not target.is_file():
        report(where, f"file {name!r} is not there or not relative")
        return None
    if hashlib.sha256(target.read_bytes()).hexdigest() != digest:
        report(where, "sha256 is not that of the file")
    try:
        return load_cell(target)
    except ResultsError as error:
        report(where, str(error))
        return None


def column_name(text: str) -> str:
    """A rate or stage as a column name of /metrics."""
    return re.sub(r"[^A-Za-z0-9_]", "_", text)


def expected_metrics(cell: Cell) -> dict[str, float]:
    """The row of /metrics that follows from a cell."""
    row: dict[str, float] = {}
    for name, rate in cell.rates.items():
        base = column_name(name)
        row |= {base: rate.value, f"{base}_low": rate.low, f"{base}_high": rate.high, f"{base}_count": rate.count, f"{base}_total": rate.total}
    for stage, seconds in zip(cell.work["stage"], cell.work["seconds"], strict=True):
        row[f"seconds_{column_name(stage)}"] = float(seconds)
    row |= campaign_row(cell)
    masks = {split.name: cell.split == split for split in Split} | {o.name: cell.outcome == o for o in Outcome}
    masks["unknown"] = masks["unknown"] & masks["forget"]
    for kind, cosine in (("focus", cell.set_cosine), ("contribution", cell.contribution_cosine)):
        for name in schema.SHIFT_CLASSES:
            values = 1 - cosine[masks[name] & ~np.isnan(cosine)]
            row[f"{kind}_shift_{name}"] = float(values.mean()) if len(values) else np.nan
            row[f"{kind}_shift_{name}_count"] = len(values)
    return row


def _check_metrics(file: h5py.File, finished: dict[str, Cell], planned: set[str], report: Report) -> None:
    table = file["/metrics"]
    ids = strings(table["id"])
    if ids != sorted(ids):
        report("/metrics/id", "is not sorted")
    if set(ids) != planned:
        report("/metrics/id", "is not the set of the finished cells")
    for name, column in table.items():
        check_units(column, "s" if name.startswith("seconds_") else schema.NATS if name == "noise_floor" else "1", report)
        check_storage(column, report)
    for row, cell_id in enumerate(ids):
        for name, value in (expected_metrics(finished[cell_id]) if cell_id in finished else {}).items():
            if name not in table:
                report(f"/metrics/{name}", "column is missing")
            elif not np.isclose(table[name][row], value, rtol=1e-6, atol=1e-9, equal_nan=True):
                report(f"/metrics/{name}", f"row {cell_id} is {table[name][row]:.6g}, but the cell gives {value:.6g}")
    if minor_of(file) >= 5:
        for cell_id, dtype, noise in zip(ids, strings(table["compute_dtype"]), table["noise_floor"][:], strict=True):
            cell = finished.get(cell_id)
            if cell is not None and (dtype, noise) != (cell.compute_dtype, cell.noise_floor):
                report("/metrics/compute_dtype", f"row {cell_id} is {dtype} with noise floor {noise:.6g}, but the cell gives "
                                                 f"{cell.compute_dtype} and {cell.noise_floor:.6g}")
