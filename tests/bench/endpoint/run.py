"""Contributions over HTTP: `unpact attribute` beside a plain Python loop with one sequence and one request at a time, both on the
same stand-in server (tests/endpoint/stand_in.py) with the same model, questions and sequences. docs/benchmarks/endpoint.md."""
import argparse
import http.client
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).parents[3]


def sequences_of(file: Path) -> list[tuple[list[int], int]]:
    """Every removal's ids with the answer behind them, and how many of them the answer is: what the definition scores."""
    def rows(group: h5py.Group) -> list[list[int]]:
        bounds = group["offsets"][:]
        return [group["values"][first:last].tolist() for first, last in zip(bounds[:-1], bounds[1:], strict=True)]
    found = []
    with h5py.File(file) as cell:
        prompts, candidates = rows(cell["prompts/token_ids"]), rows(cell["prompts/is_candidate"])
        answers = [rows(cell[f"target/{kind}/answer_ids"]) for kind in ("gold", "own")]
    for q, (prompt, flags) in enumerate(zip(prompts, candidates, strict=True)):
        for answer in (answers[0][q], answers[1][q]):
            if not answer:
                continue
            shorter = [prompt] + [prompt[:i] + prompt[i + 1:] for i, is_candidate in enumerate(flags) if is_candidate]
            found += [(ids + answer, len(answer)) for ids in shorter]
    return found


def plain_loop(port: int, prefix: str, sequences: list[tuple[list[int], int]], batch: int = 1) -> tuple[float, list[float]]:
    """One connection, one request at a time, of `batch` sequences. @return seconds, and the sum of the answer's log-probabilities of each."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else every request waits 40 ms for an acknowledgement
    sums, begin = [], time.monotonic()
    for first in range(0, len(sequences), batch):
        some = sequences[first:first + batch]
        body = json.dumps({"model": "model", "prompt": [ids for ids, _ in some], "max_tokens": 1, "temperature": 0, "prompt_logprobs": 0})
        connection.request("POST", prefix + "/v1/completions", body, {"Content-Type": "application/json"})
        for (ids, scored), choice in zip(some, json.loads(connection.getresponse().read())["choices"], strict=True):
            sums.append(sum(choice["prompt_logprobs"][i][str(ids[i])]["logprob"] for i in range(len(ids) - scored, len(ids))))
    return time.monotonic() - begin, sums


def sums_of(file: Path) -> list[float]:
    """What unpact stored of the same sequences, in the same order."""
    sums = []
    with h5py.File(file) as cell:
        both = [cell[f"target/{kind}"] for kind in ("gold", "own")]
        for q in range(len(cell["target/answer"])):
            for group in both:
                values, bounds = group["log_probabilities/values"], group["log_probabilities/offsets"][:]
                tokens = int(np.diff(group["answer_ids/offsets"][:])[q])
                if tokens:
                    sums += values[bounds[q]:bounds[q + 1]].reshape(-1, tokens).sum(1).tolist()
    return sums


def seconds_of(file: Path, stage: str) -> float:
    with h5py.File(file) as cell:
        names = [name.decode() if isinstance(name, bytes) else name for name in cell["work/stage"][:]]
        return float(cell["work/seconds"][:][[stage in name for name in names]].sum())


def cpu_of(server: subprocess.Popen) -> float:
    """CPU seconds of the server so far."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--program", type=Path, default=ROOT / "build/default/unpact")
    options.add_argument("--model", type=Path, required=True, help="folder of a small model with tokenizer.model")
    options.add_argument("--config", type=Path, default=ROOT / "configs/demo.ini")
    options.add_argument("--limit", type=int, default=20, help="questions of each set")
    options.add_argument("--wait", type=float, default=0, help="seconds that every request takes longer, as behind a network and a queue")
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    server = subprocess.Popen([sys.executable, ROOT / "tests/endpoint/stand_in.py", f"model={given.model}"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    assert server.stdin and server.stdout
    port = int(server.stdout.readline().split()[0])
    prefix = f"/wait={given.wait}" if given.wait else ""
    rounds = []
    for _ in range(given.repeat):
        with tempfile.TemporaryDirectory() as folder:
            before = cpu_of(server) + cpu_of_children()
            subprocess.run([given.program, "attribute", "--config", given.config, "--dataset", "demo", "--model.endpoint", f"http://127.0.0.1:{port}{prefix}",
                            "--model.tokenizer", given.model, "--dataset.limit", str(given.limit), "--output", folder, "--run.threads", "1",
                            "--attribution.score_end", "false", "--evaluation.metrics", "none"],
                           check=True, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
            (file,) = (Path(folder) / "baselines").glob("*.h5")
            our_cpu = cpu_of(server) + cpu_of_children() - before  # of the whole job: its start, answers and noise floor, too
            sequences = sequences_of(file)
            ours = seconds_of(file, "attribut")
            before, client = cpu_of(server), time.process_time()
            theirs, sums = plain_loop(port, prefix, sequences)
            server_cpu, client_cpu = cpu_of(server) - before, time.process_time() - client
            their_cpu = server_cpu + client_cpu
            before = cpu_of(server)
            plain_loop(port, prefix, sequences, 64)
            batched_cpu = cpu_of(server) - before
            largest = float(np.abs(np.array(sums) - np.array(sums_of(file))).max())
        rounds.append({"sequences": len(sequences), "unpact_s": ours, "loop_s": theirs, "ratio": theirs / ours, "unpact_cpu_s": our_cpu, "loop_cpu_s": their_cpu,
                       "server_alone_cpu_s": server_cpu, "server_batched_cpu_s": batched_cpu, "loop_client_cpu_s": client_cpu,
                       "largest_difference": largest})
        print(f"{len(sequences)} sequences: unpact {len(sequences) / ours:.0f}/s, loop {len(sequences) / theirs:.0f}/s, "
              f"{theirs / ours:.1f} x; CPU of both sides {our_cpu:.1f} s (the whole job), {their_cpu:.1f} s, {their_cpu / our_cpu:.1f} x; "
              f"largest difference of an answer's log p {largest:.1e} nat")
        each = 1000 / len(sequences)
        print(f"   ms of CPU a sequence: server {each * server_cpu:.2f} alone, {each * batched_cpu:.2f} in requests of 64; loop {each * client_cpu:.2f}: "
              f"no client that only waits for this server can be more than {(server_cpu + client_cpu) / batched_cpu:.1f} x the loop")
    server.stdin.close()
    if given.out:
        given.out.write_text(json.dumps(rounds, indent=1) + "\n")


if __name__ == "__main__":
    main()
