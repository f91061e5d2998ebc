"""Loads cell files (docs/results-format.md) into the classes of model.py; campaigns.py loads folders of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .lengths import contradiction
from .model import Arm, Cell, Contribution, CurvePoint, Depth, Judge, JudgeCheck, Metric, Mix, ModelResult, Probe, Ragged, Rate, Thought, Trajectory, Verification
from .schema import LEAVE_ONE_OUT, NATS
from .statistics import set_cosines

KNOWN_MAJOR = "1"
RECOVERY = "recovery_"  # then the name of a probe: the name of its rate
WITHOUT_ECHO = "without_echo_"
RETAIN = "retain_"  # the same of the unlearned model on retain questions
HELD_OUT = "held_out_"  # its recovery rate in phrasings alone that no training has seen
ASKED = "asked_"  # the same of the share of questions that it could ask
BEFORE_1_3 = {"focus_on_key": ("FocusOnKey", "probe"), "probab": ("Probab", "baseline")}  # label and kind, which files did not hold


class ResultsError(Exception):
    """A file that is no results file, is broken, or has a version that this package does not know."""


def load_cell(path: str | os.PathLike[str], lazy: bool = False) -> Cell:
    """Read a cell file. Raises ResultsError with the path and the reason.

    With `lazy`, contributions and log-probabilities, most of a file, are read dataset by dataset when they are first used.
    """
    path = Path(path)
    try:
        with h5py.File(path, "r") as file:
            check_schema(file, "unpact-cell")
            return _cell(file, path, lazy)
    except ResultsError as error:
        raise ResultsError(f"{path}: {error}") from error
    except (OSError, KeyError, ValueError, AttributeError, IndexError, TypeError) as error:
        raise ResultsError(f"{path}: cannot be read: {error}") from error


def schema_of(path: str | os.PathLike[str]) -> str:
    """Schema name of a file, empty where it has none."""
    try:
        with h5py.File(path, "r") as file:
            return str(plain(file.attrs.get("schema_name", "")))
    except OSError as error:
        raise ResultsError(f"{path}: is no HDF5 file: {error}") from error


def plain(value: Any) -> Any:
    """An attribute as a plain Python value."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if isinstance(value, np.generic) else value


def strings(dataset: h5py.Dataset) -> list[str]:
    """A string dataset of one axis as a list."""
    return [str(value) for value in dataset.asstr(errors="replace")[:]]


def ragged(group: h5py.Group) -> Ragged:
    """A CSR group; refuses offsets that do not fit the values."""
    values, offsets = group["values"][:], group["offsets"][:]
    rising = len(offsets) > 0 and offsets[0] == 0 and bool(np.all(offsets[1:] >= offsets[:-1]))
    if not rising or offsets[-1] != len(values):
        raise ResultsError(f"{group.name}: offsets do not fit the values")
    return Ragged(values, offsets)


def check_schema(file: h5py.File, name: str) -> None:
    """Refuse a file of another kind, or of a major version that is not known."""
    found, version = plain(file.attrs.get("schema_name", "")), str(plain(file.attrs.get("schema_version", "")))
    if found != name:
        raise ResultsError(f"schema is {found!r}, expected {name!r}")
    if version.split(".")[0] != KNOWN_MAJOR:
        raise ResultsError(f"schema version {version!r} is not known here (this package reads {KNOWN_MAJOR}.x)")


def minor_of(file: h5py.File) -> int:
    """The minor version of a file; 0 where it cannot be read."""
    return minor_of_version(str(plain(file.attrs.get("schema_version", ""))))


def minor_of_version(version: str) -> int:
    """The minor part of MAJOR.MINOR.PATCH; 0 where it is none."""
    parts = version.split(".")
    return int(parts[1]) if len(parts) == 3 and parts[1].isdigit() else 0


def _contribution(group: h5py.Group) -> Contribution:
    made = [ragged(group[name]) for name in ("answer_ids", "log_probabilities", "contributions", "is_key_token")]
    count = len(made[0])
    if "key_token_uncertain" in group:  # since 1.1
        numbers = [group[name][:] for name in ("mean_log_probability", "completeness_error", "surrogate_r2")]
        end = ragged(group["end_log_probabilities"]) if "end_log_probabilities" in group else None  # since 1.8
        return Contribution(*made, ragged(group["standard_errors"]), ragged(group["key_token_uncertain"]), *numbers, end)
    empty = np.zeros(count + 1, np.uint64)
    part = Contribution(*made, Ragged(np.zeros(0, np.float32), empty), Ragged(np.zeros(0, np.uint8), empty), *(np.full(count, np.nan) for _ in range(3)))
    for question in range(count):
        if len(matrix := part.matrix(question)):
            part.mean_log_probability[question] = matrix[0].mean(dtype=np.float64)
    return part


class LazyContribution(Contribution):
    """Contributions of a file since 1.1 whose datasets are read when they are first used: log-probabilities alone, the others together."""

    RAGGED = {"answer_ids": "answer_ids", "log_probabilities": "log_probabilities", "contributions": "contributions", "is_key_token": "is_key_token",
              "standard_errors": "standard_errors", "is_uncertain": "key_token_uncertain"}
    FLAT = ("mean_log_probability", "completeness_error", "surrogate_r2")

    def __init__(self, path: Path, group: str, questions: int) -> None:
        self._path, self._group, self._questions = path, group, questions

    @property
    def end_log_probabilities(self) -> Ragged | None:  # type: ignore[override]
        """Since 1.8; read each time, as few want it."""
        with h5py.File(self._path, "r") as file:
            return ragged(file[self._group]["end_log_probabilities"]) if "end_log_probabilities" in file[self._group] else None

    def __getattr__(self, name: str) -> Any:
        if name not in self.RAGGED and name not in self.FLAT:
            raise AttributeError(name)
        whole = ("log_probabilities",)  # most of a file: read alone
        wanted = whole if name in whole else tuple(other for other in (*self.RAGGED, *self.FLAT) if other not in whole)
        try:
            with h5py.File(self._path, "r") as file:
                group = file[self._group]
                found = {other: ragged(group[self.RAGGED[other]]) if other in self.RAGGED else group[other][:] for other in wanted}
        except (OSError, KeyError, ResultsError) as error:
            raise ResultsError(f"{self._path}: {self._group} cannot be read: {error}") from error
        bad = [other for other, value in found.items() if len(value) != self._questions]
        if bad:
            raise ResultsError(f"{self._path}: {self._group}/{bad[0]} disagrees about the number of questions")
        vars(self).update(found)
        return found[name]


def _model(group: h5py.Group, path: Path, lazy: bool) -> ModelResult:
    answers = strings(group["answer"])
    lazy = lazy and "key_token_uncertain" in group["gold"]
    parts = [LazyContribution(path, f"{group.name}/{name}", len(answers)) if lazy else _contribution(group[name]) for name in ("gold", "own")]
    return ModelResult(answers, group["score"][:], group["is_right"][:].astype(bool), *parts, _thought(group))


def _thought(model: h5py.Group) -> Thought | None:
    """Of a model that thinks, since 1.10."""
    if "thought" not in model:
        return None
    group = model["thought"]
    shares, contributions = ({answer: read(group[answer]) for answer in ("gold", "own")}
                             for read in (lambda part: part["trace_share"][:], lambda part: ragged(part["contributions"])))
    return Thought(strings(group["trace"]), group["forced"][:].astype(bool), group["is_right"][:].astype(bool), shares, contributions)


def _probe(name: str, group: h5py.Group) -> Probe:
    answers = group["answer"].asstr(errors="replace")[:]
    asked = group["asked"][:] if "asked" in group else None  # since 1.7
    label, kind = BEFORE_1_3.get(name, (name, "probe"))
    return Probe(name, strings(group["attempt"]), group["probed_question"][:], [[str(a) for a in row] for row in answers],
                 group["score"][:], group["is_right"][:].astype(bool), str(plain(group.attrs.get("label", label))), str(plain(group.attrs.get("kind", kind))), asked, **_injection(group),
                 trained=group["trained"][:].astype(bool) if "trained" in group else None)


def _injection(group: h5py.Group) -> dict[str, Any]:
    """What files since 1.7 say of the question of each attempt, and verdicts of further judges."""
    if "put" not in group:
        return {}
    put = [[str(a) for a in row] for row in group["put"].asstr(errors="replace")[:]]
    return {"put": put, "has_gold": group["has_gold"][:].astype(bool), "gold_share": group["gold_share"][:], "new_words": group["new_words"][:],
            "echo_right": group["echo_right"][:].astype(bool), "judged": {name: part["is_right"][:].astype(bool) for name, part in group["judges"].items()}, **_spent(group)}


def _spent(group: Any) -> dict[str, Any]:
    if "tokens" not in group:
        return {}
    return {"tokens": group["tokens"][:], "gold": [[str(a) for a in row] for row in group["gold"].asstr(errors="replace")[:]]}


def _evidence(file: h5py.File, cell: Cell) -> None:
    """Halves, knowledge left, judges and arms: since 1.7."""
    cell.half, cell.halves = file["questions/half"][:], str(cell.attributes.get("halves", ""))
    cell.knowledge = file["knowledge/state"][:]
    cell.knowledge_probes = tuple(json.loads(str(plain(file["knowledge"].attrs["probes"]))))
    cell.judges = {name: Judge(name, str(plain(part.attrs["description"])), part["target_is_right"][:].astype(bool), part["unlearned_is_right"][:].astype(bool))
                   for name, part in file["judges"].items()}
    check = table_of(file["judge_check"])
    none = [0] * len(check["judge"])  # before version 1.8
    columns = [check.get(name, none) for name in ("judge", "right", "rejected", "wrong", "accepted", "calibrated_on")]
    thresholds = check.get("threshold", [float("nan")] * len(none))
    cell.judge_check = {name: JudgeCheck(*map(int, counts), float(threshold)) for (name, *counts), threshold in zip(zip(*columns, strict=True), thresholds, strict=True)}
    cell.arms = {name: Arm(name, str(plain(part.attrs["model"])), part["is_right"][:].astype(bool), {probe: item[:] for probe, item in part["probes"].items()})
                 for name, part in file["arms"].items()}


def _weights(file: h5py.File, cell: Cell) -> None:
    """Curves of probes that train, and depth: since 1.9."""
    table = table_of(file["curves"])
    rows = zip(*(table[name] for name in ("probe", "arm", "step", "right", "asked", "loss")), strict=True)
    cell.curves = [CurvePoint(probe, arm, int(step), int(right), int(asked), float(loss)) for probe, arm, step, right, asked, loss in rows]
    depth = file["depth"]
    drops = {(source, part): depth[source][part][:] for source in ("floor", "unlearned") for part in ("answer", "key_tokens", "others")}
    cell.depth = Depth(depth["probed_question"][:], depth["log_probability"][:], drops)


def _points(file: h5py.File, cell: Cell) -> None:
    """Points of the unlearning, and mixing: since 1.10."""
    group, mix = file["trajectory"], file["mix"]
    texts = {name: str(plain(group.attrs[name])) for name in ("rule", "why", "selected_step")}
    table = {name: item[:] for name, item in group.items() if item.ndim == 1 and name != "role"}
    if len(table["step"]) or np.any(group["role"][:]):
        cell.trajectory = Trajectory(table, group["is_right"][:].astype(bool), group["gold_log_probability"][:], group["extraction_strength"][:],
                                     group["role"][:], texts["rule"], texts["why"], int(texts["selected_step"]))
    if len(mix["share"]):
        counts = [mix[name][:].tolist() for name in ("share", "retain_right", "retain_asked", "forget_right", "forget_asked")]
        numbers = [json.loads(str(plain(mix.attrs[name]))) for name in ("chosen_share", "keep", "target_right")]
        cell.mix = Mix(*counts, float(numbers[0]), float(numbers[1]), int(numbers[2]))


def _probes(group: h5py.Group, rates: dict[str, Rate]) -> dict[str, Probe]:
    """All probes; groups of a file come by name, the rates tell the order."""
    places = {name: place for place, name in enumerate(rates)}
    return {name: _probe(name, group[name]) for name in sorted(group, key=lambda name: places.get(RECOVERY + name, len(places)))}


def _rates(group: h5py.Group) -> dict[str, Rate]:
    columns = [group[name][:].tolist() for name in ("count", "total", "value", "low", "high")]
    return {name: Rate(*row, name) for name, *row in zip(strings(group["name"]), *columns, strict=True)}


def table_of(group: h5py.Group) -> dict[str, Any]:
    """A table of the format: a list or an array a column."""
    return {name: strings(item) if h5py.check_string_dtype(item.dtype) else item[:]
            for name, item in group.items() if isinstance(item, h5py.Dataset)}


def _verification(file: h5py.File) -> dict[str, Verification]:
    if "verification" not in file:
        return {}  # before version 1.2
    table = table_of(file["verification"])
    none = [0] * len(table["model"])  # before version 1.5
    columns = [table[name] for name in ("model", "questions", "largest_difference", "worst_question")]
    rows = zip(*columns, table.get("candidates", none), table.get("turned", none), strict=True)
    return {model: Verification(int(questions), float(difference), int(worst), int(candidates), int(turned))
            for model, questions, difference, worst, candidates, turned in rows}


def _metrics(file: h5py.File) -> dict[str, Metric]:
    if "metrics" not in file:
        return {}  # before version 1.7
    group = file["metrics"]
    table = table_of(group)
    values = {model: list(zip(*(table[f"{model}{end}"].tolist() for end in ("", "_low", "_high")), strict=True)) for model in ("target", "unlearned")}
    items = [ragged(group[f"{model}_items"]) for model in ("target", "unlearned")]
    if any(len(part) != len(table["name"]) for part in items):
        raise ResultsError("/metrics: items and names differ in number")
    rows = zip(table["name"], table["label"], table["larger_says"], table["count"].tolist(), values["target"], values["unlearned"], *items, strict=True)
    return {row[0]: Metric(*row) for row in rows}


def unit_of_contributions(file: h5py.File) -> str:
    """The unit that a cell's file gives its contributions: of all of them where it is right."""
    dataset = file.get("/target/gold/contributions/values")
    return str(plain(dataset.attrs.get("unit", NATS))) if isinstance(dataset, h5py.Dataset) else NATS


def _cell(file: h5py.File, path: Path, lazy: bool) -> Cell:
    attributes = {name: plain(value) for name, value in file.attrs.items()}
    target, unlearned, rates = _model(file["target"], path, lazy), _model(file["unlearned"], path, lazy), _rates(file["rates"])
    cell = Cell(
        path=path, id=attributes["cell_id"], model=attributes["model"], dataset=attributes["dataset"], method=attributes["method"],
        seed=int(attributes["seed"]), attributes=attributes,
        split=file["questions/split"][:], question=strings(file["questions/text"]), gold_answer=strings(file["questions/gold_answer"]),
        prompt=strings(file["prompts/text"]), token_ids=ragged(file["prompts/token_ids"]), is_candidate=ragged(file["prompts/is_candidate"]),
        pieces=strings(file["prompts/pieces"]), target=target, unlearned=unlearned, outcome=file["outcome/class"][:],
        set_cosine=file["focus_shift/set_cosine"][:], contribution_cosine=file["focus_shift/contribution_cosine"][:],
        probes=_probes(file["probes"], rates), rates=rates, training=table_of(file["training"]), work=table_of(file["work"]),
        alpha=float(attributes["alpha"]), beta=float(attributes["beta"]), noise_floor=float(attributes["noise_floor"]),
        compute_dtype=str(attributes.get("compute_dtype", "fp32")), judge=str(attributes["judge"]), focus_answer="own", attribution_method=str(attributes.get("attribution_method", LEAVE_ONE_OUT)),
        contribution_unit=unit_of_contributions(file),
        attribution_settings=json.loads(str(attributes.get("attribution_settings", "{}"))), verification=_verification(file), metrics=_metrics(file),
    )
    if "knowledge" in file:  # since 1.7
        _evidence(file, cell)
    if "curves" in file:  # since 1.9
        _weights(file, cell)
    if "trajectory" in file:  # since 1.10
        _points(file, cell)
    if problem := contradiction(cell):
        raise ResultsError(problem)
    cell.focus_answer = focus_answer(cell)
    return cell


def focus_answer(cell: Cell) -> str:
    """Which answer's KeyTokens ("own" or "gold") the stored focus shift was made from."""
    for which in ("own", "gold"):
        if np.allclose(set_cosines(cell, which), cell.set_cosine, atol=1e-6, equal_nan=True):
            return which
    return "own"
