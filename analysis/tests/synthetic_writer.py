"""Writes datasets as docs/results-format.md asks for them: attributes, scales, filters."""

from __future__ import annotations

from dataclasses import dataclass, field

import h5py
import numpy as np

FLAGS = {"bool": ([0, 1], "no yes"), "right": ([0, 1], "wrong right"), "split": ([0, 1], "forget retain"),
         "class": ([0, 1, 2, 3, 4], "unknown retained forgotten kept destroyed"),
         "half": ([0, 1, 2], "whole trained held_out"), "knowledge": ([0, 1, 2, 3, 4], "retain unknown still_right recovered gone"),
         "role": ([0, 1, 2], "none choose report"), "asked": ([0, 1, 2], "no yes relative_floor"), "arm": ([0, 1, 2], "not_asked wrong right"), "state": ([0, 1, 2, 3, 4], "finished missing broken failed other")}


@dataclass
class Writer:
    """Datasets with the attributes, scales and filters that the format asks for."""

    file: h5py.File
    scales: dict[str, h5py.Dataset] = field(default_factory=dict)

    def put(self, path: str, data, axes=(), unit="1", flags=None, name=None) -> h5py.Dataset:
        if len(data) and isinstance(np.asarray(data).flat[0], str):
            data = as_bytes(data)
        elif isinstance(data, list) and not data:
            data = np.array([], dtype="S1")
        kind = h5py.string_dtype("utf-8", data.dtype.itemsize) if data.dtype.kind == "S" else data.dtype
        extra = {"chunks": True, "shuffle": True, "compression": "gzip", "compression_opts": 4, "fletcher32": True} if data.size else {}
        dataset = self.file.create_dataset(path, data=data.astype(kind), dtype=kind, **extra)
        dataset.attrs["unit"] = dataset.attrs["units"] = unit
        dataset.attrs["long_name"] = name or path.strip("/").replace("/", " ")
        if flags:
            dataset.attrs["flag_values"], dataset.attrs["flag_meanings"] = np.array(FLAGS[flags][0], np.uint8), FLAGS[flags][1]
        for axis, scale in enumerate(axes):
            if scale != path:
                dataset.dims[axis].attach_scale(self.scales[scale])
        return dataset

    def scale(self, path: str, data, unit="1") -> None:
        data = np.arange(data, dtype=np.uint64) if isinstance(data, int) else data
        self.scales[path] = self.put(path, data, (), unit)
        self.scales[path].make_scale(path.rsplit("/", 1)[-1])

    def csr(self, path: str, rows, dtype, axis: str, unit="1", flags=None) -> None:
        rows = [np.asarray(row, dtype=dtype).ravel() for row in rows]
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.uint64)
        if axis not in self.scales:
            self.scale(axis, int(offsets[-1]))
        self.put(f"{path}/values", np.concatenate(rows) if rows else np.zeros(0, dtype), [axis], unit, flags)
        self.put(f"{path}/offsets", offsets, ["/question_bound"])


def as_bytes(data) -> np.ndarray:
    """Texts as fixed-length UTF-8."""
    array = np.asarray(data, dtype=object)
    encoded = [str(value).encode() for value in array.ravel()]
    return np.array(encoded, dtype=f"S{max(1, max(map(len, encoded)))}").reshape(array.shape)
