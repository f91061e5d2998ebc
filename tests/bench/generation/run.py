"""Generation beside transformers' generate on the same weights, prompts, dtype and threads.

    python tests/bench/generation/run.py --program build/default/tests/bench/generation/generation_bench \
        [--python PYTHON] [--threads 2] [--cases NAME,...] [--batches 32,80] [--out FILE.json] [--work DIR]

PYTHON has transformers (requirements.txt beside tests/bench/attribution). Prints one table a case: median seconds
and seconds of CPU time (what counts on a machine that others use), as multiples of ours, and how many greedy tokens agree. docs/benchmarks/generation.md explains the numbers.
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
# name: prompts, tokens of the context, samples, rounds
KINDS = {"muse": (80, 300, 0, 1), "plain": (80, 1, 0, 1), "muse-samples": (8, 300, 20, 1), "plain-samples": (16, 1, 20, 1)}
CASES = {f"{model}-{kind}": (model, *KINDS[kind])
         for model in ("25m-32k", "25m-152k", "110m-32k", "110m-152k", "1b", "8b") for kind in KINDS}


def lines_of(command: list, threads: int) -> list[dict]:
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, env=environment)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed with {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def measure(name: str, options: argparse.Namespace) -> list[dict]:
    model, prompts, context, samples, rounds = CASES[name]
    arguments = [options.program, model, options.dtype, options.device, prompts, context, samples, TOKENS, rounds]
    runs = lines_of(arguments, options.threads)
    if options.python:
        folder = options.work / name
        shutil.rmtree(folder, ignore_errors=True)
        lines_of(arguments + ["--save", folder], options.threads)
        for batch in options.batches.split(","):
            runs += lines_of([options.python, Path(__file__).with_name("competitor.py"), folder, "whole,prefix" if context > 1 else "whole",
                              "--batch", batch, "--device", options.device, "--dtype",
                              {"fp32": "float32", "bf16": "bfloat16"}[options.dtype]], options.threads)
        runs += lines_of(arguments, options.threads)  # once more, after the others
        shutil.rmtree(folder)
    return [run | {"case": name} for run in runs if run["round"] > 0]


def agreement(runs: list[dict], engine: str) -> float | None:
    """Share of greedy tokens that are ours, over the rounds that both ran."""
    ours = {run["round"]: run["answers"] for run in runs if run["engine"] == "unpact" and "answers" in run}
    pairs = [(a, b) for run in runs if run["engine"] == engine and "answers" in run
             for one, other in zip(run["answers"], ours[run["round"]], strict=True) for a, b in zip(one, other, strict=True)]
    return sum(a == b for a, b in pairs) / len(pairs) if pairs else None


def show(name: str, runs: list[dict]) -> None:
    model, prompts, context, samples, _ = CASES[name]
    engines = dict.fromkeys(run["engine"] for run in runs)
    median = {(engine, key): statistics.median(run[key] for run in runs if run["engine"] == engine)
              for engine in engines for key in ("seconds", "cpu_seconds")}
    for engine in engines:
        same = agreement(runs, engine) if engine != "unpact" else None
        note = f"   {same:.1%} of the tokens agree" if same is not None else ""
        columns = [f"{median[engine, key]:8.3f} s {unit} {median[engine, key] / median['unpact', key]:6.2f} x ours"
                   for key, unit in (("seconds", "    "), ("cpu_seconds", "CPU,"))]
        print(f"  {engine:32s} {'  '.join(columns)}{note}")
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
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "unpact-generation-bench")
    options = parser.parse_args()
    names = [name for key in options.cases.split(",") for name in CASES if name == key or name.startswith(key + "-")]
    if not names:
        sys.exit(f"no case is called {options.cases}; there are {', '.join(CASES)}")
    print(f"{platform.processor() or platform.machine()}, {options.threads} threads, {options.device}, {options.dtype}")
    everything: list[dict] = []
    for name in dict.fromkeys(names):
        runs = measure(name, options)
        show(name, runs)
        everything += runs
    if options.out:
        options.out.write_text(json.dumps(everything))


if __name__ == "__main__":
    main()
