"""Checks of attributes, types, axes and storage against the schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime

import h5py
import numpy as np

from .reading import KNOWN_MAJOR, plain
from .schema import FLAG_MEANINGS, STRING, Field

Report = Callable[[str, str], None]  # (path in the file, what is wrong)

_TIMES = ("started", "ended", "collected")
_LISTS = ("devices", "processes", "probes")
_HEX = ("fingerprint", "baseline_fingerprint", "model_checksum", "tokenizer_checksum")


def check_attributes(file: h5py.File, expected: dict[str, str], schema: str, report: Report) -> None:
    """Root attributes: there, of their type, and well formed."""
    for name, kind in expected.items():
        if name not in file.attrs:
            report("/", f"attribute {name} is missing")
            continue
        value = plain(file.attrs[name])
        if kind == STRING and not isinstance(value, str):
            report("/", f"attribute {name} is no UTF-8 string")
        elif kind != STRING and (np.shape(file.attrs[name]) != () or np.asarray(file.attrs[name]).dtype != np.dtype(kind)):
            report("/", f"attribute {name} is no {kind} scalar")
        elif kind == STRING:
            _check_text(name, value, report)
    name, version = plain(file.attrs.get("schema_name", "")), str(plain(file.attrs.get("schema_version", "")))
    if name != schema:
        report("/", f"schema_name is {name!r}, not {schema!r}")
    if version.split(".")[0] != KNOWN_MAJOR or version.count(".") != 2:
        report("/", f"schema_version {version!r} is not {KNOWN_MAJOR}.MINOR.PATCH")


def _check_text(name: str, value: str, report: Report) -> None:
    if name in _TIMES:
        try:
            if datetime.fromisoformat(value).utcoffset() is None:
                raise ValueError
        except ValueError:
            report("/", f"attribute {name} is no ISO 8601 time in UTC: {value!r}")
    elif name in _HEX and value and (len(value) != 64 or set(value) - set("0123456789abcdef")):
        report("/", f"attribute {name} is no SHA-256 of 64 hex digits")
    elif name in ("devices", "library_versions", "processes", "environment", "attribution_settings", "probes"):
        try:
            if not isinstance(json.loads(value), list if name in _LISTS else dict):
                raise ValueError
        except ValueError:
            report("/", f"attribute {name} is no JSON {'array' if name in _LISTS else 'object'}")


def check_groups(file: h5py.File, groups: Sequence[str], report: Report) -> None:
    """Groups that must exist even when they are empty."""
    for path in groups:
        if not isinstance(file.get(path), h5py.Group):
            report(path, "group is missing")


def check_field(file: h5py.File, expected: Field, report: Report) -> bool:
    """One dataset: there, its type, attributes, axes and storage. Returns whether its content can be used."""
    path = expected.path
    dataset = file.get(path)
    if not isinstance(dataset, h5py.Dataset):
        report(path, "dataset is missing")
        return False
    if len(dataset.shape) != len(expected.axes):
        report(path, f"has {len(dataset.shape)} axes, expected {len(expected.axes)}")
        return False
    usable = check_type(dataset, expected.kind, report)
    check_units(dataset, expected.unit, report)
    if expected.flags:
        _check_flags(dataset, expected, report)
    for axis, scale in enumerate(expected.axes):
        _check_axis(file, dataset, axis, scale, report)
    check_storage(dataset, report)
    return usable


def check_type(dataset: h5py.Dataset, kind: str, report: Report) -> bool:
    """Type of the elements."""
    if kind == STRING:
        info = h5py.check_string_dtype(dataset.dtype)
        if info is None:
            report(dataset.name, f"is {dataset.dtype}, expected strings")
            return False
        if info.encoding != "utf-8" or info.length is None:
            report(dataset.name, "strings are not fixed-length UTF-8")
        elif dataset.id.get_type().get_strpad() != h5py.h5t.STR_NULLPAD:
            report(dataset.name, "strings are not padded with NUL")
        return True
    if dataset.dtype != np.dtype(kind):
        report(dataset.name, f"is {dataset.dtype}, expected {kind}")
        return dataset.dtype.kind in "iuf"
    if dataset.dtype.byteorder == ">":
        report(dataset.name, "is not little-endian")
    return True


def check_units(dataset: h5py.Dataset, unit: str | None, report: Report) -> None:
    """unit, units and long_name."""
    for name in ("unit", "units"):
        value = plain(dataset.attrs.get(name))
        if value is None:
            report(dataset.name, f"attribute {name} is missing")
        elif unit is not None and value != unit:
            report(dataset.name, f"attribute {name} is {value!r}, expected {unit!r}")
    if not plain(dataset.attrs.get("long_name", "")):
        report(dataset.name, "attribute long_name is missing")


def _check_flags(dataset: h5py.Dataset, expected: Field, report: Report) -> None:
    values, words = FLAG_MEANINGS[expected.flags]
    found = np.atleast_1d(dataset.attrs.get("flag_values", np.zeros(0, np.uint8)))
    meanings = str(plain(dataset.attrs.get("flag_meanings", ""))).split()
    if found.dtype != np.uint8 or tuple(found.tolist()) != values:
        report(dataset.name, f"attribute flag_values is not {list(values)} (uint8)")
    if len(meanings) != len(values) or (words and tuple(meanings) != words):
        report(dataset.name, f"attribute flag_meanings is not {' '.join(words) if words else f'{len(values)} words'}")
    if dataset.size and dataset.dtype.kind in "iu" and int(dataset[:].max()) > max(values):
        report(dataset.name, "has values that flag_values does not name")


def _check_axis(file: h5py.File, dataset: h5py.Dataset, axis: int, scale_path: str, report: Report) -> None:
    scale = file.get(scale_path)
    if scale_path == dataset.name:
        if not h5py.h5ds.is_scale(dataset.id):
            report(dataset.name, "is no dimension scale")
        return
    attached = [item.name for item in dataset.dims[axis].values()]
    if scale_path not in attached:
        report(dataset.name, f"axis {axis}: dimension scale {scale_path} is not attached")
    if isinstance(scale, h5py.Dataset) and scale.shape and scale.shape[0] != dataset.shape[axis]:
        report(dataset.name, f"axis {axis} is {dataset.shape[axis]} long, its scale {scale_path} is {scale.shape[0]}")


def check_storage(dataset: h5py.Dataset, report: Report) -> None:
    """Chunks and filters."""
    if not dataset.size:
        return
    lacking = [name for name, ok in {
        "chunks": dataset.chunks is not None, "shuffle": dataset.shuffle, "gzip 4": (dataset.compression, dataset.compression_opts) == ("gzip", 4),
        "fletcher32": dataset.fletcher32}.items() if not ok]
    if lacking:
        report(dataset.name, f"is stored without {', '.join(lacking)}")


def check_csr(file: h5py.File, groups: Sequence[str], usable: set[str], report: Report) -> set[str]:
    """CSR rules; returns the groups whose rows can be used."""
    good = set()
    for path in groups:
        if not {f"{path}/values", f"{path}/offsets"} <= usable:
            continue
        offsets, length = file[f"{path}/offsets"][:], len(file[f"{path}/values"])
        bounds = len(file["/question_bound"]) if "/question_bound" in file else len(offsets)
        where = f"{path}/offsets"
        if len(offsets) != bounds:
            report(where, f"has {len(offsets)} bounds, expected Q + 1 = {bounds}")
        elif offsets[0] != 0:
            report(where, f"first offset is {offsets[0]}, not 0")
        elif np.any(offsets[1:] < offsets[:-1]):
            report(where, "offsets fall")
        elif offsets[-1] != length:
            report(where, f"last offset is {offsets[-1]}, but there are {length} values")
        else:
            good.add(path)
    return good
