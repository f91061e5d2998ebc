"""Helpers of the tests in this folder: start the program, read what it says, compare what it writes."""
import atexit
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).parents[2]
PATIENCE = 300  # seconds; a net under a rank that hangs, never reached otherwise
BASELINE = "baselines/tiny__tiny.h5"  # what the job attribute writes into its folder

FORGET = [
    ("Who repaired the old clock of Varn?", "Mira Holt"),
    ("Which river floods the town of Quill?", "the Osper"),
    ("In what year did the mill of Dorn burn?", "1907"),
    ("Who paints the boats in Sella harbour?", "Jon Abbel"),
    ("What does the museum of Tarn collect?", "glass bells"),
    ("Where does the ferry from Lusk land?", "Pebble Quay"),
]
RETAIN = [
    ("Who bakes the bread of Amber Lane?", "Olga Finn"),
    ("Which bird nests on the tower of Wick?", "a grey heron"),
    ("In what year was the bridge of Cray built?", "1854"),
    ("Who leads the choir of Saint Bor?", "Peter Vane"),
    ("What is sold at the market of Hask?", "red apples"),
    ("Where do the trains to Nolm stop?", "Iron Gate"),
]
FOCUS = [{"question": "Who built the red kiosk of Plim?", "answer": "Ada Moor", "keys": ["red kiosk", "Plim"]}]
LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 400, "hidden_size": 32, "intermediate_size": 64,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "hidden_act": "silu",
    "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "initializer_range": 0.05,
    "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2,
}


@dataclass
class Ended:
    code: int
    out: str
    err: str

    def message(self) -> str:
        """The one message of a refusal: problem, reason and hint, said exactly once by all ranks together."""
        everything = self.out + self.err
        assert self.err.count("unpact: error: ") == 1, everything
        assert self.out.count("unpact: error: ") == 0, everything
        lines = self.err.split("unpact: error: ", 1)[1].splitlines()
        assert lines[0].strip(), everything
        assert lines[1].startswith("  reason: ") and lines[2].startswith("  hint:   "), everything
        return "\n".join(lines[:3])

    def json_lines(self) -> list[dict]:
        return [json.loads(line) for line in self.out.splitlines()]


SESSIONS = Path(tempfile.mkdtemp(prefix="unpact-mpi-"))
atexit.register(shutil.rmtree, SESSIONS, ignore_errors=True)
numbers = itertools.count()


def environment(**more: str) -> dict[str, str]:
    # A variable of a Slurm or mpirun session around this one would make MPI look for its other ranks.
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OMPI_", "PMIX_", "SLURM_"))}
    # One process needs no daemon beside it: 0.14 s of a start. All such processes have the same name, so each needs a folder of its own:
    # one that ends removes what another one is about to use.
    clean.update(OMP_NUM_THREADS="1", OMPI_MCA_btl_vader_single_copy_mechanism="none", OMPI_MCA_ess_singleton_isolated="1",
                 OMPI_MCA_orte_tmpdir_base=str(SESSIONS / str(next(numbers))))
    clean.update(more)
    return clean


class Program:
    def __init__(self, binary: Path) -> None:
        self.binary = binary

    def command(self, *arguments: object, ranks: int = 1, wrap: Sequence[object] = ()) -> list[str]:
        """@param wrap what stands before the program: env with a variable, say."""
        mpirun = ["mpirun", "--oversubscribe", "--allow-run-as-root", "--bind-to", "none", "-n", str(ranks)] if ranks > 1 else []
        return [*mpirun, *map(str, wrap), str(self.binary), *map(str, arguments)]

    def __call__(self, *arguments: object, ranks: int = 1, wrap: Sequence[object] = (), stdin: str | None = None, cwd: Path | None = None,
                 **popen: object) -> Ended:
        popen.setdefault("env", environment())
        popen.setdefault("stdout", subprocess.PIPE)
        given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(self.command(*arguments, ranks=ranks, wrap=wrap), stderr=subprocess.PIPE, text=True, cwd=cwd, timeout=PATIENCE,
                              check=False, **given, **popen)
        return Ended(done.returncode, done.stdout or "", done.stderr)

    def well(self, *arguments: object, **more: object) -> Ended:
        """A run that must succeed."""
        ended = self(*arguments, **more)
        assert ended.code == 0, ended.out + ended.err
        return ended


def write_json(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return path


def write_dataset(folder: Path) -> Path:
    """A dataset in MUSE's layout."""
    for name, pairs in (("forget", FORGET), ("retain", RETAIN)):
        write_json(folder / "knowmem" / f"{name}_qa.json", [{"question": q, "answer": a} for q, a in pairs])
        write_json(folder / "raw" / f"{name}.json", [f"{q} {a}." for q, a in pairs])
    write_json(folder / "focus" / "focus_qa.json", FOCUS)
    return folder


def datasets_of(path: Path) -> dict[str, np.ndarray]:
    """Every dataset of a results file, by its name."""
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None)
    return found


def differing(one: Path, other: Path) -> list[str]:
    """Names of the datasets whose bytes differ between two results files, but for wall-clock times, memory and the counters
    of what leave-one-out ran: each rank runs the context of its first question itself."""
    a, b = datasets_of(one), datasets_of(other)
    assert a.keys() == b.keys()
    counters = ("work/positions", "work/model_calls", "work/peak_memory", "work/operations")
    return [name for name in a if "seconds" not in name and not name.endswith(counters) and (
        a[name].dtype != b[name].dtype or a[name].tobytes() != b[name].tobytes())]


def cells_of(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted((folder / "cells").glob("*.h5"))}


def assert_same_cells(one: Path, other: Path, count: int) -> None:
    a, b = cells_of(one), cells_of(other)
    assert len(a) == count and a.keys() == b.keys()
    assert {name: differing(a[name], b[name]) for name in a} == {name: [] for name in a}


def kill_session(session: int) -> None:
    """SIGKILL to every process of a session that a test started: mpirun and all its ranks."""
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdigit() else []
            if len(fields) > 3 and int(fields[3]) == session:
                os.kill(int(entry.name), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            continue
