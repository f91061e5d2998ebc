"""Generation beside transformers' generate on the same weights, prompts, dtype and threads.

    python tests/bench/generation/run.py --program build/default/tests/bench/generation/generation_bench \
        [--python PYTHON] [--threads 2] [--cases NAME,...] [--batches 32,80] [--out FILE.json] [--work DIR]

PYTHON has transformers (requirements.txt beside tests/bench/attribution). Prints one table a case: median seconds and seconds of
CPU time (what counts on a machine that others use), as multiples of ours; which part that is of the operations and bytes that the
machine does in this time, reckoned for all from what ours counts; and how many greedy tokens agree.
docs/benchmarks/generation.md explains the numbers.
"""
import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TOKENS = 32
# name: prompts, tokens of the context, samples, top-p of the samples
KINDS = {"muse": (80, 300, 0, 1.0), "plain": (80, 1, 0, 1.0), "muse-samples": (8, 300, 20, 1.0), "plain-samples": (16, 1, 20, 1.0),
         "plain-nucleus": (16, 1, 20, 0.9)}
# Of models that take long on a CPU; and what shows how much of a GPU's bandwidth is reached.
FEW = {"muse": (20, 300, 0, 1.0), "plain": (40, 1, 0, 1.0), "muse-samples": (2, 300, 20, 1.0), "plain-samples": (4, 1, 20, 1.0),
       "plain-nucleus": (4, 1, 20, 0.9)}
BATCHES = {f"batch-{size}": (size, 1, 0, 1.0) for size in (1, 32, 256)}
MODELS = {"25m-32k": KINDS, "25m-152k": FEW, "110m-32k": FEW, "110m-152k": FEW, "1b": KINDS | BATCHES, "8b": KINDS | BATCHES}
CASES = {f"{model}-{kind}": (model, *shape) for model, kinds in MODELS.items() for kind, shape in kinds.items()}


def lines_of(command: list, threads: int) -> list[dict]:
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, env=environment)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed with {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def measure(name: str, options: argparse.Namespace) -> list[dict]:
    """Ours and theirs in turn, so that what else the machine does meets both."""
    model, prompts, context, samples, top_p = CASES[name]
    arguments = [options.program, model, options.dtype, options.device, prompts, context, samples, TOKENS, options.rounds, top_p]
    folder = options.work / name
    shutil.rmtree(folder, ignore_errors=True)
    if options.python:
        lines_of(arguments + ["--save", folder], options.threads)
    runs = []
    for _ in range(options.repeat):
        runs += lines_of(arguments, options.threads)
        for batch in options.batches.split(",") if options.python else []:
            runs += lines_of([options.python, Path(__file__).with_name("competitor.py"), folder,
                              "whole,prefix" if context > 1 and not options.whole_only else "whole",
                              "--batch", batch, "--device", options.device, "--dtype",
                              {"fp32": "float32", "bf16": "bfloat16"}[options.dtype]], options.threads)
    shutil.rmtree(folder, ignore_errors=True)
    return [run | {"case": name} for run in runs if run["what"] == "machine" or run["round"] > 0]


def agreement(runs: list[dict], engine: str) -> float | None:
    """Share of greedy tokens that are ours, over the rounds that both ran."""
    ours = {run["round"]: run["answers"] for run in runs if run["engine"] == "unpact" and "answers" in run}
    pairs = [(a, b) for run in runs if run["engine"] == engine and "answers" in run
             for one, other in zip(run["answers"], ours[run["round"]], strict=True) for a, b in zip(one, other, strict=True)]
    return sum(a == b for a, b in pairs) / len(pairs) if pairs else None


def show(name: str, runs: list[dict], on_cpu: bool) -> None:
    machine = {key: max(run[key] for run in runs if run["what"] == "machine") for key in ("operations_a_second", "bytes_a_second")}
    runs = [run for run in runs if run["what"] == "run"]
    least = {key: next(run[key] for run in runs if run["engine"] == "unpact") for key in ("operations", "bytes")}
    print(f"{name}: {least['operations'] / 1e9:.0f} Gop, {least['bytes'] / 1e9:.1f} GB; a product does "
          f"{machine['operations_a_second'] / 1e9:.0f} Gop/s, a sum reads {machine['bytes_a_second'] / 1e9:.1f} GB/s")
    engines = dict.fromkeys(run["engine"] for run in runs)
    median = {(engine, key): statistics.median(run[key] for run in runs if run["engine"] == engine)
              for engine in engines for key in ("seconds", "cpu_seconds")}
    for engine in engines:
        same = agreement(runs, engine) if engine != "unpact" else None
        note = f"   {same:.1%} of the tokens agree" if same is not None else ""
        columns = [f"{median[engine, key]:8.3f} s {unit} {median[engine, key] / median['unpact', key]:6.2f} x ours"
                   for key, unit in (("seconds", "    "), ("cpu_seconds", "CPU,"))]
        taken = median[engine, "cpu_seconds" if on_cpu else "seconds"]
        shares = [f"{least[what] / taken / machine[rate]:4.0%} of {of}"
                  for what, rate, of in (("operations", "operations_a_second", "operations"), ("bytes", "bytes_a_second", "bytes"))]
        print(f"  {engine:32s} {'  '.join(columns)}  {', '.join(shares)}{note}")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--python", type=Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--dtype", default="fp32", choices=("fp32", "bf16"))
    parser.add_argument("--cases", default="25m-32k,25m-152k,110m-32k,110m-152k", help="names, or beginnings of names")
    parser.add_argument("--batches", default="80", help="of transformers")
    parser.add_argument("--rounds", type=int, default=1, help="of questions in each run")
    parser.add_argument("--repeat", type=int, default=2, help="runs of everything, in turn")
    parser.add_argument("--whole-only", action="store_true", help="leave transformers' prefix cache out")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "unpact-generation-bench")
    options = parser.parse_args()
    names = [name for key in options.cases.split(",") for name in CASES
             if name == key or (key not in CASES and name.startswith(key + "-"))]
    if not names:
        sys.exit(f"no case is called {options.cases}; there are {', '.join(CASES)}")
    print(f"{platform.processor() or platform.machine()}, {options.threads} threads, {options.device}, {options.dtype}")
    everything: list[dict] = []
    for name in dict.fromkeys(names):
        runs = measure(name, options)
        show(name, runs, options.device == "cpu")
        everything += runs
    if options.out:
        options.out.write_text(json.dumps(everything))


if __name__ == "__main__":
    main()
