"""Whether two results folders hold the same numbers, dataset by dataset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from .reading import ResultsError

# What two runs of the same program differ in: when, where and how fast they ran, and checksums of files that say so.
MEASURED_DATASETS = ("work/seconds", "work/peak_memory", "work/operations", "status/sha256")
MEASURED_COLUMN = "seconds_"  # of the campaign's table of metrics
MEASURED_ATTRIBUTES = {"started", "ended", "collected", "devices", "library_versions", "processes", "environment", "world_size", "group_size", "software_version",
                       "git_commit", "unpact_version"}


@dataclass
class Comparison:
    """Differences as lines of text, and how much was looked at."""

    differences: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    files: int = 0
    datasets: int = 0


def compare_folders(left: Path, right: Path) -> Comparison:
    """Compares every results file that either folder holds, by its path inside the folder."""
    found = Comparison()
    for folder in (left, right):
        if not folder.is_dir():
            raise ResultsError(f"{folder}: there is no such folder")
    names = sorted({path.relative_to(folder) for folder in (left, right) for path in folder.rglob("*.h5")})
    if not names:
        raise ResultsError(f"neither {left} nor {right} holds a results file")
    for name in names:
        if not (left / name).exists() or not (right / name).exists():
            found.differences.append(f"{name}: only in {left if (left / name).exists() else right}")
            continue
        found.files += 1
        with h5py.File(left / name) as a, h5py.File(right / name) as b:
            _compare_files(str(name), a, b, found)
    return found


def _compare_files(name: str, a: h5py.File, b: h5py.File, found: Comparison) -> None:
    of_two_versions = not _same_attribute(a.attrs.get("schema_version"), b.attrs.get("schema_version"))
    for key in sorted({*a.attrs, *b.attrs} - MEASURED_ATTRIBUTES):
        one, two = a.attrs.get(key), b.attrs.get(key)
        if not _same_attribute(one, two):
            # Options that came or went change the text of a configuration and no number.
            # A new version of the format may bring attributes.
            is_new = of_two_versions and (one is None or two is None)
            where = found.remarks if is_new or key in ("config_resolved", "fingerprint", "schema_version") else found.differences
            where.append(f"{name}: attribute {key} {'differs' if len(str(one)) > 40 else f'is {one} and {two}'}")
    left, right = dict(_datasets(a)), dict(_datasets(b))
    for path in sorted({*left, *right}):
        if path in MEASURED_DATASETS or path.rsplit("/", 1)[-1].startswith(MEASURED_COLUMN):
            continue
        if path not in left or path not in right:
            found.differences.append(f"{name}: {path} only in the {'first' if path in left else 'second'}")
            continue
        found.datasets += 1
        difference = _difference(left[path], right[path])
        if difference:
            found.differences.append(f"{name}: {path} {difference}")


def _datasets(file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """Of the file itself: links to other files are compared where they lead to."""
    def visit(group: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
        for key in group:
            if isinstance(group.get(key, getlink=True), h5py.ExternalLink):
                continue
            item = group[key]
            if isinstance(item, h5py.Group):
                yield from visit(item)
            else:
                yield item.name.lstrip("/"), item
    yield from visit(file)


def _same_attribute(one: object, two: object) -> bool:
    if one is None or two is None:
        return False
    if isinstance(one, float | np.floating) and isinstance(two, float | np.floating):
        return bool(one == two) or bool(np.isnan(one) and np.isnan(two))
    return bool(np.array_equal(np.asarray(one), np.asarray(two)))


def _difference(a: h5py.Dataset, b: h5py.Dataset) -> str:
    """Empty when every element is equal (NaN to NaN), else the largest difference."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"has shape {a.shape} of {a.dtype} and {b.shape} of {b.dtype}"
    one, two = a[()], b[()]
    if not np.issubdtype(a.dtype, np.floating):
        unequal = np.count_nonzero(one != two)
        return f"differs in {unequal} of {one.size} elements" if unequal else ""
    unequal = ~((one == two) | (np.isnan(one) & np.isnan(two)))
    if not unequal.any():
        return ""
    finite = unequal & np.isfinite(one) & np.isfinite(two)
    odd = int(np.count_nonzero(unequal & ~finite))
    text = f"differs in {np.count_nonzero(unequal)} of {one.size} elements"
    if finite.any():
        unit = a.attrs.get("unit", "1")
        unit = "" if unit == "1" else f" {unit}"
        text += f", at most {_ulps(one[finite], two[finite])} ulp and {np.max(np.abs(one[finite] - two[finite])):.3g}{unit}"
    return text + (f", {odd} finite in one alone" if odd else "")


def _ulps(a: np.ndarray, b: np.ndarray) -> int:
    """The largest distance in representable numbers: neighbours are neighbouring integers once the sign is unfolded."""
    kind = {4: np.int32, 8: np.int64}[a.dtype.itemsize]

    def ordered(values: np.ndarray) -> list[int]:
        bits = values.view(kind).astype(object)
        return np.where(bits < 0, -(bits + 2 ** (8 * a.dtype.itemsize - 1)), bits)

    return int(np.max(np.abs(ordered(np.ascontiguousarray(a)) - ordered(np.ascontiguousarray(b)))))
