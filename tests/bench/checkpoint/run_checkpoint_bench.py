#!/usr/bin/env python3
"""Loads a generated checkpoint by unpact and by the safetensors package, beside the plain reading of its files.

    python tests/bench/checkpoint/run_checkpoint_bench.py --program build/default/tests/bench/checkpoint/checkpoint_bench \
        --folder DIR [--blocks 6] [--rounds 5] [--cold] [--together 2]

Each measurement is a process of its own; rounds alternate the candidates, medians are compared. Warm: the files are in
the page cache. --cold drops them from it before each measurement (posix_fadvise), so that the disk is read. --together N instead
starts N processes at once that all load the checkpoint, as the ranks of a node do, after the files were dropped, and says how often
they were read from the disk, all processes together.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

PYTHON = """
import json, resource, sys, time
from pathlib import Path
import torch
from safetensors import safe_open
def rss(key):
    return next(1024 * int(l.split()[1]) for l in open("/proc/self/status") if l.startswith(key + ":"))
before, start, tensors = rss("VmRSS"), time.perf_counter(), {}
for path in sorted(Path(sys.argv[1]).glob("*.safetensors")):
    with safe_open(path, "pt") as file:
        for name in file.keys():
            tensor = file.get_tensor(name)
            tensors[name] = tensor.clone() if sys.argv[2] == "copy" else tensor
            if sys.argv[2] == "touch":
                assert torch.isfinite(tensor.view(-1)[::2048]).all()  # one number a page
seconds = time.perf_counter() - start
size = sum(t.nbytes for t in tensors.values())
print(json.dumps({"seconds": seconds, "bytes": size, "rss_before": before, "rss_peak": rss("VmHWM")}))
"""


def drop(folder: Path) -> None:
    for path in folder.glob("*.safetensors"):
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def load_together(options: argparse.Namespace) -> None:
    """Blocks that really came from the disk (ru_inblock, 512 bytes each), against the size of the files."""
    files = sum(path.stat().st_size for path in options.folder.glob("*.safetensors"))
    for count in (1, options.together):
        for _ in range(options.rounds):
            drop(options.folder)
            begin = time.perf_counter()
            processes = [subprocess.Popen([options.program, "load", options.folder, "bf16"], stdout=subprocess.DEVNULL) for _ in range(count)]
            usages = [os.wait4(process.pid, 0) for process in processes]
            if any(status != 0 for _, status, _ in usages):
                sys.exit("a process failed")
            read = sum(512 * usage.ru_inblock for _, _, usage in usages)
            print(f"{count} process(es): {time.perf_counter() - begin:.2f} s, read from the disk {read / files:.3f} times {files / 1e9:.2f} GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--together", type=int, default=0)
    options = parser.parse_args()
    folder = options.folder
    if not (folder / "config.json").exists():
        subprocess.run([options.program, "generate", folder, str(options.blocks)], check=True)
    if options.together:
        return load_together(options)
    commands = {
        "read()": [options.program, "read", folder],
        "read(), kept in new memory": [options.program, "keep", folder],
        "unpact bf16": [options.program, "load", folder, "bf16"],
        "unpact fp32": [options.program, "load", folder, "fp32"],
        "safetensors, tensors copied": [sys.executable, "-c", PYTHON, folder, "copy"],
        "safetensors, pages touched": [sys.executable, "-c", PYTHON, folder, "touch"],
    }
    runs: dict[str, list[dict]] = {name: [] for name in commands}
    for _ in range(options.rounds + 1):  # the first round warms up
        for name, command in commands.items():
            if options.cold:
                drop(folder)
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            runs[name].append(json.loads(out.splitlines()[-1]))
    files = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    base = statistics.median(run["seconds"] for run in runs["read()"][1:])
    print(f"{files / 1e9:.2f} GB of files, {options.rounds} rounds, {'cold' if options.cold else 'warm'}; "
          f"read() {files / base / 1e9:.2f} GB/s")
    for name, each in runs.items():
        seconds = [run["seconds"] for run in each[1:]]
        peak = max(run["rss_peak"] - run["rss_before"] for run in each[1:])
        print(f"{name:30s} rate / read() = {base / statistics.median(seconds):5.2f} "
              f"(spread {base / max(seconds):.2f}..{base / min(seconds):.2f})   "
              f"peak memory / bytes of the weights = {peak / each[1]['bytes']:5.3f}")


if __name__ == "__main__":
    main()
