"""One whole cell of unpact beside the same work in Python, and where our own time goes.

    python tests/bench/cell/run.py --program build/default/unpact [--python PYTHON] [--tokenizer DIR] \
        [--cases 25m,110m] [--examples 0] [--rounds 1] [--threads 1] [--ranks 1,2] [--work DIR] [--out FILE.json]

A cell: a target is unlearned by ga_gd, asked all questions, contributions of every question's gold and own answer, FocusOnKey and
Probab on what was forgotten, its results file. The target is trained once by unpact, on the demonstration's questions. PYTHON
(with torch and transformers) runs researcher.py on the same target with the same settings, forgotten questions and phrases.

Candidates run in turn. CPU seconds of a whole process, all threads and ranks, are what counts on a machine that others use; the
log files have them by stage (StageMeter). docs/benchmarks/cell.md explains the numbers.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import h5py

ROOT = Path(__file__).resolve().parents[3]
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "max_position_embeddings": 512,
         "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "initializer_range": 0.02, "tie_word_embeddings": True, "vocab_size": 32000,
         "bos_token_id": 1, "eos_token_id": 2}
# name: shape, questions of each set, epochs of the target's training, learning rate of unlearning
CASES = {
    "tiny": (dict(hidden_size=64, intermediate_size=160, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2), 20, 20, 1e-3),
    "25m": (dict(hidden_size=384, intermediate_size=1024, num_hidden_layers=7, num_attention_heads=6, num_key_value_heads=6), 100, 30, 4e-5),
    "110m": (dict(hidden_size=768, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=12, num_key_value_heads=12), 24, 30, 4e-5),
}
EPOCHS, BATCH, NEW_TOKENS, ATTEMPTS = 5, 16, 16, 5
STAGES = {"unlearn": "unlearn", "reshard": "unlearn", "unlearned_answers": "answers", "unlearned_attribution": "contributions",
          "probe_focus_on_key": "probe_focus_on_key", "probe_probab": "probe_probab", "file": "file"}
LINE = re.compile(r" stage (\w+): (\S+) s, (\S+) s of CPU time")


def environment(threads: int) -> dict[str, str]:
    names = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return {**os.environ, **names, "TOKENIZERS_PARALLELISM": "false"}


def timed(command: list, threads: int, log: Path) -> tuple[float, float]:
    """Seconds and CPU seconds of a process and all that it started."""
    begin = time.perf_counter()
    with log.open("w") as out:
        process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=subprocess.STDOUT, env=environment(threads))
        _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command[0]} failed, see {log}:\n{log.read_text()[-2000:]}")
    return time.perf_counter() - begin, usage.ru_utime + usage.ru_stime


class Bench:
    def __init__(self, name: str, options: argparse.Namespace) -> None:
        self.options, self.name = options, name
        self.shape, self.questions, self.epochs, self.rate = CASES[name]
        self.questions, self.rate = options.questions or self.questions, options.rate or self.rate
        self.folder = options.work / name
        self.campaign = self.folder / "campaign"
        self.folder.mkdir(parents=True, exist_ok=True)

    def unpact(self, ranks: int, threads: int, *more: str) -> tuple[float, float]:
        launcher = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] if ranks > 1 else []
        return timed([*launcher, self.options.program, "reproduce", "--config", ROOT / "configs/demo.ini", "--run.output", self.campaign,
                      "--campaign.models", self.folder / "model", "--campaign.datasets", self.folder / "data", "--campaign.methods", "ga_gd",
                      "--campaign.ranks_per_cell", ranks, "--probe.use", "focus_on_key, probab", "--probe.arms", "false", "--evaluation.metrics", "none",
                      "--finetune.parts", "questions", "--finetune.loss_on", "answer", "--finetune.epochs", self.epochs, "--finetune.batch_size", 16,
                      "--finetune.learning_rate", 1e-3, "--finetune.warmup_steps", 20, "--unlearn.epochs", EPOCHS, "--unlearn.batch_size", BATCH,
                      "--unlearn.micro_batch", BATCH, "--unlearn.learning_rate", self.rate, "--generation.max_new_tokens", NEW_TOKENS, *more],
                     threads, self.folder / "unpact.log")

    @staticmethod
    def examples(part: str) -> list[dict]:
        return json.loads((ROOT / f"configs/datasets/demo/knowmem/{part}_qa_icl.json").read_text())

    def make_target(self) -> None:
        """Inputs, the target and its answers, once a work folder."""
        for part in ("forget", "retain"):
            questions = json.loads((ROOT / f"configs/datasets/demo/knowmem/{part}_qa.json").read_text())[:self.questions]
            (self.folder / "data/knowmem").mkdir(parents=True, exist_ok=True)
            (self.folder / f"data/knowmem/{part}_qa.json").write_text(json.dumps(questions))
            (self.folder / f"data/knowmem/{part}_qa_icl.json").write_text(json.dumps(self.examples(part)))
        (self.folder / "data.ini").write_text(
            f"[dataset]\nname = demo\nkind = muse\npath = data\n[prompt]\nexamples = {self.options.examples}\n")
        (self.folder / "shape").mkdir(exist_ok=True)
        (self.folder / "shape/config.json").write_text(json.dumps(LLAMA | self.shape))
        words = f"tokenizer = {self.options.tokenizer.resolve()}" if self.options.tokenizer else "vocabulary_size = 1500"
        (self.folder / "model.ini").write_text(f"[model]\nname = {self.name}\nconfig = shape\n{words}\nmake_target = true\n")
        self.unpact(1, self.options.threads, "--campaign.stage", "targets")

    def run_unpact(self, ranks: int) -> dict:
        for part in ("cells", "training", "logs", "claims", "plan.json", "campaign.h5"):
            path = self.campaign / part
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        wall, cpu = self.unpact(ranks, self.options.threads)
        stages: dict[str, list[float]] = {}
        for log in (self.campaign / "logs").glob("*.log"):
            for name, seconds, own in LINE.findall(log.read_text()):
                if name in STAGES:
                    total = stages.setdefault(STAGES[name], [0.0, 0.0])
                    total[0] += float(seconds) / ranks
                    total[1] += float(own)
        rest = [wall - sum(s for s, _ in stages.values()), cpu - sum(c for _, c in stages.values())]
        return {"who": f"unpact, {ranks} rank(s)", "stages": {"start and rest": rest, **stages}, "all": [wall, cpu]}

    def task(self) -> dict:
        """What the other side has to do: from the cell that was just made."""
        cell = next((self.campaign / "cells").glob("*.h5"))
        model = next(path.parent for path in (self.campaign / "models").glob("*/config.json"))
        with h5py.File(cell) as file:
            def text(name: str) -> list[str]:
                return list(file[name].asstr()[...].ravel())

            split, half = file["questions/split"][:], file["questions/half"][:]
            asked = [{"question": q, "answer": a, "set": ("forget", "retain")[s]}
                     for q, a, s in zip(text("questions/text"), text("questions/gold_answer"), split, strict=True)]
            put = [question for question in text("probes/focus_on_key/put") if question]
            probed = text("probes/probab/put")[::ATTEMPTS]
        forget = [pair for pair, s in zip(asked, split, strict=True) if s == 0]
        retain = [pair for pair, s, h in zip(asked, split, half, strict=True) if s == 1 and h != 2]
        return {"model": str(model), "tokenizer": str((self.options.tokenizer or model) / "tokenizer.json"),
                "examples": {part: self.examples(part)[:self.options.examples] for part in ("forget", "retain")}, "asked": asked, "put": put, "probed": probed, "samples": ATTEMPTS, "max_new_tokens": NEW_TOKENS, "train_forget": forget,
                "train_retain": retain, "batch_size": BATCH, "steps": -(-EPOCHS * len(forget) // BATCH), "learning_rate": self.rate}

    def run_python(self, threads: int) -> dict:
        task = self.task() | {"threads": threads}
        file = self.folder / "task.json"
        file.write_text(json.dumps(task))
        log = self.folder / "python.log"
        wall, cpu = timed([self.options.python, Path(__file__).with_name("researcher.py"), file], threads, log)
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        return {"who": f"Python, {threads} thread(s)", "stages": {line["stage"].replace("start", "start and rest"): [line["seconds"], line["cpu_seconds"]] for line in lines},
                "all": [wall, cpu], "asked": len(task["asked"]), "probed": len(task["probed"]), "put": len(task["put"]), "steps": task["steps"]}


def middle(runs: list[dict], who: str, stage: str, column: int) -> float:
    return statistics.median((run["all"] if stage == "all" else run["stages"].get(stage, [0.0, 0.0]))[column] for run in runs if run["who"] == who)


def show(name: str, runs: list[dict]) -> None:
    names = list(dict.fromkeys(run["who"] for run in runs))
    stages = [*dict.fromkeys(stage for run in runs for stage in run["stages"]), "all"]
    print(f"\n{name}: CPU seconds (share of all; wall seconds)\n| stage | " + " | ".join(names) + " | ratio |\n|---|" + "---|" * (len(names) + 1))
    for stage in stages:
        cells = [f"{middle(runs, who, stage, 1):.2f} ({middle(runs, who, stage, 1) / middle(runs, who, 'all', 1):.0%}; {middle(runs, who, stage, 0):.2f})" for who in names]
        python = [who for who in names if who.startswith("Python")]
        own = middle(runs, names[0], stage, 1)
        cells.append(f"{middle(runs, python[0], stage, 1) / own:.2f}" if python and own > 0 else "")
        print(f"| {stage} | " + " | ".join(cells) + " |")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--python", type=Path)
    parser.add_argument("--tokenizer", type=Path, help="folder of a tokenizer.json with 32,000 pieces (Llama-2's); by default one of 1,500 is trained")
    parser.add_argument("--cases", default="25m,110m")
    parser.add_argument("--questions", type=int, help="of each set, instead of the case's own")
    parser.add_argument("--examples", type=int, default=0, help="in-context examples in front of every question that is asked (10: MUSE's and the study's)")
    parser.add_argument("--rate", type=float, help="learning rate of unlearning, instead of the case's own: some questions must be forgotten")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of each rank, and of Python")
    parser.add_argument("--ranks", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2])
    parser.add_argument("--work", type=Path, default=Path("/tmp/unpact-cell-bench"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    options.program = options.program.resolve()
    everything = {}
    for name in options.cases.split(","):
        bench = Bench(name, options)
        bench.make_target()
        runs = []
        for _ in range(options.rounds):
            for ranks in options.ranks:
                runs.append(bench.run_unpact(ranks))
            if options.python:
                runs.append(bench.run_python(options.threads))
        show(name, runs)
        everything[name] = runs
    if options.out:
        options.out.write_text(json.dumps(everything))


if __name__ == "__main__":
    main()
