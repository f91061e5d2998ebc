"""How time and memory grow with the number of cells of a campaign and of questions of a cell.

    python tests/bench/scale/run.py --program build/default/unpact [--python PYTHON] [--cells 24,216,2160] \
        [--questions 200,2000,20000] [--work DIR] [--out FILE.json]

Cells: one real cell of a tiny random model is copied under other seeds and methods. Measured are the plan (`reproduce --dry-run`),
collecting (`unpact collect`), the table of `unpact inspect results`, and that of `python -m unpact_results table` (PYTHON).
Questions: one cell of a tiny random model with as many made-up questions, its target's answers included.

CPU seconds of a process, all threads, and its largest resident size. Growth is the exponent between two neighbouring sizes:
log(ratio of costs) / log(ratio of sizes); 1 is linear, less where the program's start counts. docs/benchmarks/scale.md has the numbers.
"""
import argparse
import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import h5py

ROOT = Path(__file__).resolve().parents[3]
SHAPE = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 400, "hidden_size": 16, "intermediate_size": 32,
         "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2, "hidden_act": "silu", "max_position_embeddings": 256,
         "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "initializer_range": 0.05, "tie_word_embeddings": True, "bos_token_id": 1, "eos_token_id": 2}
METHODS = ["ga", "ga_gd", "ga_kl", "npo", "npo_gd", "npo_kl", "simnpo_gd", "undial"]
SEAL = b"\nunpact-seal sha256:"
WORDS = "amber barge cedar dune elm fern glade harbour iron jetty kiln lantern mill north orchard pier quarry river salt tower".split()


def measured(command: list, log: Path) -> dict:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "analysis")}
    begin = time.perf_counter()
    with log.open("w") as out:
        process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=subprocess.STDOUT, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command} failed, see {log}:\n{log.read_text()[-2000:]}")
    found = {"cpu_seconds": usage.ru_utime + usage.ru_stime, "seconds": time.perf_counter() - begin, "peak_bytes": 1024 * usage.ru_maxrss}
    print(f"{' '.join(map(str, command[:3]))}: {found}", file=sys.stderr, flush=True)
    return found


class Bench:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.folder = options, options.work
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "shape").mkdir(exist_ok=True)
        (self.folder / "shape/config.json").write_text(json.dumps(SHAPE))
        (self.folder / "model.ini").write_text("[model]\nname = tiny\nconfig = shape\nvocabulary_size = 400\nmake_target = true\n")
        self.log = self.folder / "last.log"

    def dataset(self, questions: int) -> Path:
        """Half of them to forget; the answer's words stand in the question, so that the vocabulary has them."""
        data = self.folder / f"data-{questions}"
        (data / "knowmem").mkdir(parents=True, exist_ok=True)
        for part, begin in (("forget", 0), ("retain", questions // 2)):
            pairs = []
            for i in range(begin, begin + questions // 2):
                a, b, c = (WORDS[(i // 20**k + k) % 20] for k in range(3))
                pairs.append({"question": f"Who met the {a} of {b} at {c} number {i}?", "answer": f"{c} {a}"})
            (data / f"knowmem/{part}_qa.json").write_text(json.dumps(pairs))
        choice = self.folder / f"data-{questions}.ini"
        choice.write_text(f"[dataset]\nname = made{questions}\nkind = muse\npath = data-{questions}\n")
        return choice.with_suffix("")

    def command(self, campaign: Path, questions: int, methods: list[str], seeds: int, *more: object) -> list:
        return [self.options.program, "reproduce", "--config", ROOT / "configs/demo.ini", "--run.output", campaign, "--campaign.models", self.folder / "model",
                "--campaign.datasets", self.dataset(questions), "--campaign.methods", ", ".join(methods), "--campaign.seeds", ", ".join(map(str, range(1, seeds + 1))),
                "--finetune.parts", "questions", "--finetune.max_steps", 1, "--unlearn.max_steps", 2, "--generation.max_new_tokens", 4, *more]

    def copies(self, campaign: Path, cells: int) -> Path:
        """A campaign folder with so many finished cells."""
        folder = self.folder / f"cells-{cells}"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "cells").mkdir(parents=True)
        original = next((campaign / "cells").glob("*.h5"))
        content = original.read_bytes().rpartition(SEAL)[0]
        for i in range(cells):
            method, seed = METHODS[i % len(METHODS)], i // len(METHODS) + 1
            name = f"tiny__made__{method}__seed{seed}"
            path = folder / f"cells/{name}.h5"
            path.write_bytes(content)
            with h5py.File(path, "r+") as file:
                for key, value in (("cell_id", name), ("method", method), ("fingerprint", hashlib.sha256(name.encode()).hexdigest())):
                    file.attrs[key] = value
                file.attrs["seed"] = seed
            seal = hashlib.sha256(path.read_bytes()).hexdigest().encode()
            with path.open("ab") as file:
                file.write(SEAL + seal + b"\n")
        return folder

    def of_cells(self, cells: int, campaign: Path) -> dict[str, dict]:
        plan = measured(self.command(self.folder / "nothing", 24, METHODS, cells // len(METHODS), "--dry-run"), self.log)
        folder = self.copies(campaign, cells)
        found = {"plan": plan, "collect": measured([self.options.program, "collect", "--run.output", folder], self.log),
                 "inspect": measured([self.options.program, "inspect", "results", folder / "campaign.h5"], self.log)}
        if self.options.python:
            found["table"] = measured([self.options.python, "-m", "unpact_results", "table", folder / "campaign.h5", "--out", self.folder / "table.md"], self.log)
        shutil.rmtree(folder)
        return found

    def of_questions(self, questions: int) -> dict[str, dict]:
        campaign = self.folder / f"campaign-{questions}"
        shutil.rmtree(campaign, ignore_errors=True)
        first = measured(self.command(campaign, questions, ["ga_gd"], 1, "--campaign.stage", "targets"), self.log)
        cell = measured(self.command(campaign, questions, ["ga_gd"], 1), self.log)
        file = next((campaign / "cells").glob("*.h5"))
        collect = measured([self.options.program, "collect", "--run.output", campaign], self.log)
        inspect = measured([self.options.program, "inspect", "results", file], self.log)
        cell["file_bytes"] = file.stat().st_size
        cell["writing_cpu_seconds"] = sum(float(cpu) for log in (campaign / "logs").glob("*.log")
                                          for cpu in re.findall(r" stage file: \S+ s, (\S+) s of CPU time", log.read_text()))
        return {"target": first, "cell": cell, "collect": collect, "inspect": inspect}


def show(what: str, all_sizes: dict[int, dict[str, dict]]) -> None:
    sizes = list(all_sizes)
    print(f"\n| {what} | " + " | ".join(f"{size}: CPU s, peak MB" for size in sizes) + " | growth of time | of memory |\n|---|" + "---|" * (len(sizes) + 2))
    for step in all_sizes[sizes[0]]:
        cells = [f"{all_sizes[size][step]['cpu_seconds']:.2f}, {all_sizes[size][step]['peak_bytes'] / 1e6:.0f}" for size in sizes]
        for key in ("cpu_seconds", "peak_bytes"):
            values = [all_sizes[size][step][key] for size in sizes]
            growth = [f"{math.log(values[i + 1] / values[i]) / math.log(sizes[i + 1] / sizes[i]):.2f}" for i in range(len(sizes) - 1)]
            cells.append(", ".join(growth))
        print(f"| {step} | " + " | ".join(cells) + " |")
    if "cell" in all_sizes[sizes[0]]:
        steps = {size: all_sizes[size]["cell"] for size in sizes}
        print("The cell's file: " + "; ".join(f"{size}: {step['file_bytes'] / 1e6:.2f} MB, {step['writing_cpu_seconds']:.2f} CPU s to write and check" for size, step in steps.items()))
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--python", type=Path)
    parser.add_argument("--cells", type=lambda text: [int(part) for part in text.split(",") if part], default=[24, 216, 2160])
    parser.add_argument("--questions", type=lambda text: [int(part) for part in text.split(",") if part], default=[200, 2000, 20000])
    parser.add_argument("--work", type=Path, default=Path("/tmp/unpact-scale-bench"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    options.program = options.program.resolve()
    bench = Bench(options)
    found: dict[str, dict] = {}
    if options.cells:
        campaign = bench.folder / "campaign-24"
        shutil.rmtree(campaign, ignore_errors=True)
        measured(bench.command(campaign, 24, ["ga_gd"], 1), bench.log)
        found["cells"] = {size: bench.of_cells(size, campaign) for size in options.cells}
        show("cells", found["cells"])
    if options.questions:
        found["questions"] = {size: bench.of_questions(size) for size in options.questions}
        show("questions", found["questions"])
    if options.out:
        options.out.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
