"""What lies in a campaign's folder, read without the program."""
import hashlib
from pathlib import Path

import h5py
from unpact_program import datasets_of

SEAL = b"\nunpact-seal sha256:"
FINISHED, OTHER = 0, 4  # states of a campaign's table


def is_sealed(path: Path) -> bool:
    """Whether a results file is as it was written: its last line is the checksum of all before."""
    content, _, seal = path.read_bytes().rpartition(SEAL)
    return seal == hashlib.sha256(content).hexdigest().encode() + b"\n"


def results_in(folder: Path) -> set[tuple[str, str]]:
    """Cell and fingerprint of all intact results."""
    found = set()
    for path in filter(is_sealed, [*folder.glob("cells/*.h5"), *folder.glob("other/*.h5")]):
        with h5py.File(path) as file:
            found.add((file.attrs["cell_id"], file.attrs["fingerprint"]))
    return found


def torn_in(folder: Path) -> set[str]:
    """Results files under their final names that are not what was written."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*.h5") if not path.name.startswith(".") and not is_sealed(path)}


def table_of(folder: Path) -> dict[str, dict[str, object]]:
    """The rows of campaign.h5, by id."""
    with h5py.File(folder / "campaign.h5") as file:
        names = {name: file[f"status/{name}"].asstr()[:] for name in ("id", "file", "fingerprint", "reason")}
        states = file["status/state"][:]
    return {row: {"state": int(state), **{name: values[i] for name, values in names.items()}}
            for i, (row, state) in enumerate(zip(names["id"], states, strict=True))}


def finished_in(folder: Path) -> dict[str, dict[str, object]]:
    return {cell: row for cell, row in table_of(folder).items() if row["state"] == FINISHED}


def metrics_of(folder: Path) -> dict[str, bytes]:
    return {name: values.tobytes() for name, values in datasets_of(folder / "campaign.h5").items()
            if name.startswith("metrics/") and "seconds" not in name}


def failures_in(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "cells").glob("*.failed.json"))


def litter_in(folder: Path) -> set[str]:
    """Claims and files under a temporary name, but for checkpoints, which wait in training/ until their settings are run again."""
    found = [*folder.glob("claims/*.claim.*"), *folder.rglob(".*")]
    return {str(path.relative_to(folder)) for path in found if "training" not in path.relative_to(folder).parts}
