"""Leave-one-out attribution beside other implementations on the same weights, prompts, dtype and threads.

    python tests/bench/attribution/run.py --program build/default/tests/bench/attribution/attribution_bench \
        [--python PYTHON] [--threads 2] [--cases NAME,...] [--out FILE.json] [--work DIR]
        [--device cuda --dtype bf16 --cases 1b,7b,8b]

PYTHON has transformers and captum (requirements.txt beside this file); without it the Python competitors are left out.
Prints one table a case and writes every measurement to FILE. docs/benchmarks/attribution.md explains the numbers.
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

CAPTUM = "captum_tokens,captum_sequence,cached_loop"
# name: model, n, T, context, rounds, engines, Python competitors
CASES = {
    "25m-32": ("25m", 32, 8, 1, 5, "shared,batched", CAPTUM),
    "25m-128": ("25m", 128, 16, 1, 3, "shared,batched", CAPTUM),
    "25m-1024": ("25m", 1024, 32, 1, 1, "shared,batched", ""),
    "110m-1024": ("110m", 1024, 32, 1, 1, "shared,batched", ""),
    "25m-muse": ("25m", 20, 8, 300, 5, "shared,batched", "captum_sequence,cached_loop"),
    "110m-32": ("110m", 32, 8, 1, 3, "shared,batched", CAPTUM),
    "110m-128": ("110m", 128, 16, 1, 2, "shared,batched", CAPTUM),
    "110m-muse": ("110m", 20, 8, 300, 3, "shared,batched", "cached_loop"),
}
CUDA_SIZES = [(32, 8, 1), (128, 16, 1), (1024, 32, 1), (20, 8, 300)]
for _model in ("1b", "7b", "8b"):
    for _n, _T, _context in CUDA_SIZES:
        # Others' code runs the smallest model alone: the larger ones would first have to be written to a disk and read again.
        _others = CAPTUM if _n == 32 else "captum_sequence,cached_loop" if _n < 1000 else ""
        CASES[f"{_model}-{'muse' if _context > 1 else _n}"] = (_model, _n, _T, _context, 1 if _n > 1000 else 5, "shared,batched",
                                                              _others if _model == "1b" else "")


def lines_of(command: list, threads: int) -> list[dict]:
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, env=environment)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed with {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def arguments(case: tuple, options: argparse.Namespace, engines: str, rounds: int) -> list:
    model, n, T, context = case[:4]
    return [options.program, model, options.dtype, options.device, n, T, context, engines, rounds,
            "--every", options.every if n >= 1000 else 1]


def measure(name: str, options: argparse.Namespace) -> list[dict]:
    case = CASES[name]
    rounds, engines, others = case[4:]
    runs = lines_of(arguments(case, options, engines + ",gemm", rounds) + ["--batched-budget", 4096 if options.device == "cpu" else 32768],
                    options.threads)
    if others and options.python:
        folder = options.work / name
        shutil.rmtree(folder, ignore_errors=True)
        lines_of(arguments(case, options, "shared", rounds) + ["--save", folder], options.threads)
        command = [options.python, Path(__file__).with_name("competitors.py"), folder, others, "--device", options.device, "--dtype",
                   {"fp32": "float32", "bf16": "bfloat16"}[options.dtype]]
        runs += lines_of(command, options.threads)
        runs += lines_of(arguments(case, options, "shared", 1), options.threads)  # once more, after the others
        shutil.rmtree(folder)
    return [run | {"case": name} for run in runs if run["what"] == "gemm" or run["round"] > 0]


def median(runs: list[dict], engine: str, key: str) -> float | None:
    values = [run[key] for run in runs if run.get("engine") == engine]
    return statistics.median(values) if values else None


def largest_difference(runs: list[dict], engine: str) -> float | None:
    """Between an engine's and our contributions, over the rounds that both ran."""
    ours = {run["round"]: run["contributions"] for run in runs if run.get("engine") == "shared" and "contributions" in run}
    found = [abs(a - b) for run in runs if run.get("engine") == engine and run.get("contributions") and run["round"] in ours
             for a, b in zip(run["contributions"], ours[run["round"]], strict=True)]
    return max(found) if found else None


def show(name: str, runs: list[dict], key: str) -> None:
    model, n, T, context = CASES[name][:4]
    ours = median(runs, "shared", key)
    gemm = next((run["rates"] for run in runs if run["what"] == "gemm"), {})
    bound = next((run.get("bound_operations") for run in runs if run.get("engine") == "shared"), None)
    print(f"\n{model}, n = {n}, T = {T}, context = {context}")
    for engine in dict.fromkeys(run["engine"] for run in runs if run["what"] == "run"):
        seconds = [run[key] for run in runs if run.get("engine") == engine]
        difference = largest_difference(runs, engine) if engine != "shared" else None
        note = f"   largest difference {difference:.1e}" if difference is not None else ""
        print(f"  {engine:16s} {statistics.median(seconds):9.3f} s ({min(seconds):.3f}..{max(seconds):.3f}, {len(seconds)})"
              f"   {statistics.median(seconds) / ours:7.2f} x ours{note}")
    rates = ", ".join(f"{key} {value / 1e9:.0f}" for key, value in gemm.items())
    share = f"; ours {bound / ours / 1e9:.0f} = {bound / ours / max(gemm.values()):.0%} of the best" if bound else ""
    print(f"  matrix products, Gop/s: {rates}{share}")


def scaling(options: argparse.Namespace) -> dict:
    """Two processes of one thread each beside one: the removals of four prompts, dealt out by cost."""
    case = ("25m", 128, 16, 1)
    base = arguments(case + (4, "", ""), options, "shared", 4)
    alone = lines_of(base + ["--rank", 0, "--ranks", 1], 1)[0]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    both = [subprocess.Popen([str(p) for p in base + ["--rank", rank, "--ranks", 2]], stdout=subprocess.PIPE, text=True, env=environment)
            for rank in (0, 1)]
    halves = [json.loads(process.communicate()[0].splitlines()[-1]) for process in both]
    speedup = alone["seconds"] / max(half["seconds"] for half in halves)
    print(f"\ntwo ranks of one thread against one: {speedup:.2f} x "
          f"(positions {alone['positions']} against {' + '.join(str(half['positions']) for half in halves)})")
    return {"what": "scaling", "alone": alone, "halves": halves, "speedup": speedup}


def memory(options: argparse.Namespace) -> dict:
    run = lines_of(arguments(("110m", 1024, 32, 1), options, "shared", 0) + ["--every", 1, "--parts", 3], options.threads)[0]
    print(f"\n110m, n = 1024, T = 32: peak memory beyond the weights {run['peak_bytes_beyond'] / 2**30:.2f} GiB (first passes)")
    return {"what": "memory", "run": run}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--python", type=Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--dtype", default="fp32", choices=("fp32", "bf16"))
    parser.add_argument("--cases", default=",".join(name for name in CASES if name.startswith(("25m", "110m")) and name != "110m-1024"))
    parser.add_argument("--every", type=int, default=8, help="prompts of 1024 tokens remove each K-th alone: what they cost, in less time")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "unpact-attribution-bench")
    options = parser.parse_args()
    names = [name for key in options.cases.split(",") for name in CASES if name == key or (key in ("1b", "7b", "8b") and name.startswith(key + "-"))]
    if not names:
        sys.exit(f"no case is called {options.cases}; there are {', '.join(CASES)}")
    print(f"{platform.processor() or platform.machine()}, {options.threads} threads, {options.device}, {options.dtype}")
    everything: list[dict] = []
    for name in names:
        runs = measure(name, options)
        show(name, runs, "cpu_seconds" if options.device == "cpu" else "seconds")  # others may use a CPU as well
        sys.stdout.flush()
        everything += runs
    if options.device == "cpu":
        everything += [scaling(options), memory(options)]
    if options.out:
        options.out.write_text(json.dumps(everything))


if __name__ == "__main__":
    main()
