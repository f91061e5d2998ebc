"""Whole cells of five methods against a loop of PyTorch and transformers that shares nothing with the program but the checkpoint, the token ids
of the questions, and the documented order of examples.

What may differ is float32's rounding, which training makes larger from step to step. How much that is, is measured here: the loop runs in float64,
in whole batches, and in float32, each batch in three pieces, back to front. The program, whose sums run in yet another order, must not be further
from the float64 loop than ten times what the float32 loop is, or 2e-5 nats a token where that is less: rounding of log-probabilities of a few nats
alone. The loops move them by 0.5 to 3 nats.
"""
import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
from unpact_program import LLAMA, ROOT, Ended, Program, cells_of, write_json

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
scorer = pytest.importorskip("rouge_score.rouge_scorer")
logsigmoid = torch.nn.functional.logsigmoid

SEED, EPOCHS, BATCH, RATE, WARMUP, NEW_TOKENS = 3, 4, 6, 3e-3, 2, 8
POINTS = "1, 1e, 7"
PLACES = "Varn Quill Dorn Sella Tarn Lusk Wick Cray Bor Hask Nolm Plim Orrin Fesk Umber Galt Yarrow Tove Midd Kesh".split()
MAKERS = "Holt Abbel Finn Vane Moor Ruun Sorrel Pike Dace Ferrow".split()
NAMES = "Mira Jon Olga Peter Ada Tam Lise Corin".split()
FORGET = [(f"Who keeps the lamp of {place}?", f"{NAMES[i % 8]} {MAKERS[i * 3 % 10]}") for i, place in enumerate(PLACES)]
RETAIN = [(f"What is sold in {place} on Mondays?", f"{MAKERS[i * 7 % 10].lower()} and {NAMES[i * 5 % 8].lower()}")
          for i, place in enumerate(PLACES)]
METHODS = ["ga_gd", "npo_gd", "simnpo_gd", "wga_gd", "tv"]
CELLS = ["ga_gd-clip-sum", "ga_gd-clip-terms", *METHODS[1:]]
HELD_OUT, FORGOTTEN, DESTROYED = 2, 2, 4  # as results have them


# --- the order of examples: docs/training.md, "Batches", and SplitMix64's finalizer ---
def mixed(z: int) -> int:
    z = (z + 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    return z ^ z >> 31


def bits(seed: int, stream: int, counter: int) -> int:
    return mixed(mixed(mixed(seed) ^ stream) ^ counter)


def stream(name: str) -> int:
    number = 0xCBF29CE484222325
    for byte in name.encode():
        number = (number ^ byte) * 0x100000001B3 % 2**64
    return number


def shuffled(count: int, seed: int, epoch: int) -> list[int]:
    order, of_epoch = list(range(count)), bits(stream("epoch"), 0, epoch)
    for i in range(count, 1, -1):
        other = bits(seed, of_epoch, i) * i >> 64
        order[i - 1], order[other] = order[other], order[i - 1]
    return order


def batches(examples: list[list[int]], term: int, positions: int) -> Iterator[list[list[int]]]:
    """A term's examples of every step, `positions` examples in all."""
    seed, count = bits(SEED, stream("sampler"), term), len(examples)
    drawn = [examples[i] for epoch in range(math.ceil(positions / count)) for i in shuffled(count, seed, epoch)][:positions]
    return (drawn[begin:begin + BATCH] for begin in range(0, positions, BATCH))


# --- the loop ---
@dataclass
class Questions:
    """As the cell's file has them."""

    prompt: list[list[int]]
    gold: list[list[int]]
    forget: np.ndarray
    held_out: np.ndarray
    answers: list[str]
    known: np.ndarray

    @classmethod
    def of(cls, file: h5py.File) -> "Questions":
        def rows(name: str) -> list[list[int]]:
            bounds = file[f"{name}/offsets"][:]
            return [file[f"{name}/values"][a:b].tolist() for a, b in zip(bounds, bounds[1:], strict=False)]

        return cls(rows("prompts/token_ids"), rows("target/gold/answer_ids"), file["questions/split"][:] == 0, file["questions/half"][:] == HELD_OUT,
                   list(file["questions/gold_answer"].asstr()[:]), file["target/is_right"][:] == 1)

    def trained(self, chosen: np.ndarray) -> list[tuple[list[int], int]]:
        """Tokens of an example with its end, and where its targets begin."""
        return [([*self.prompt[q], *self.gold[q], LLAMA["eos_token_id"]], len(self.prompt[q])) for q in np.flatnonzero(chosen)]


def log_probabilities(model, rows: list[tuple[list[int], int]]) -> list:
    """Of each row's targets."""
    width = max(len(ids) for ids, _ in rows)
    padded = torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in rows])  # causal: padding on the right reaches nothing
    all_log_p = torch.log_softmax(model(padded, use_cache=False).logits[:, :-1], -1).gather(-1, padded[:, 1:, None])[..., 0]
    return [row[begin - 1:len(ids) - 1] for row, (ids, begin) in zip(all_log_p, rows, strict=True)]


def forget_sum(method: str, model, target, rows: list) -> object:
    """The sum of a forget term, its numbers those of configs/methods, and what each example adds to the divisor: its targets, or 1."""
    log_p = log_probabilities(model, rows)
    if method == "ga_gd":
        return torch.cat(log_p).sum(), [len(row) for row in log_p]
    if method == "wga_gd":
        return sum((row.exp().detach() * row).sum() for row in log_p), [len(row) for row in log_p]
    if method == "tv":
        return -torch.cat(log_p).sum(), [len(row) for row in log_p]
    if method == "npo_gd":
        with torch.no_grad():
            before = log_probabilities(target, rows)
        margins = [ref.sum() - row.sum() for row, ref in zip(log_p, before, strict=True)]
        return sum(-2 / 0.1 * logsigmoid(0.1 * margin) for margin in margins), [1] * len(rows)
    return sum(-2 / 4.5 * logsigmoid(-4.5 * row.mean()) for row in log_p), [1] * len(rows)


def retain_sum(model, rows: list) -> object:
    log_p = log_probabilities(model, rows)
    return -torch.cat(log_p).sum(), [len(row) for row in log_p]


def gradients(model, rows: list, pieces: int, sum_of: Callable) -> list:
    """Of a term's mean over a batch that goes through the model in pieces, the last one first."""
    model.zero_grad()
    size, total = math.ceil(len(rows) / pieces), 0
    for begin in reversed(range(0, len(rows), size)):
        value, divides = sum_of(rows[begin:begin + size])
        value.backward()
        total += sum(divides)
    return [weight.grad / total for weight in model.parameters()]


@dataclass
class Seen:
    log_probability: np.ndarray
    answers: list[str]
    sure: np.ndarray  # whether no token of the answer was nearly another one


def look(model, questions: Questions, decode: Callable | None) -> Seen:
    with torch.no_grad():
        count = len(questions.prompt)
        gold = log_probabilities(model, [(p + g, len(p)) for p, g in zip(questions.prompt, questions.gold, strict=True)])
        rows, ended, gap = [list(p) for p in questions.prompt], [False] * count, np.full(count, np.inf)
        for _ in range(NEW_TOKENS if decode else 0):
            width = max(map(len, rows))
            logits = model(torch.tensor([row + [0] * (width - len(row)) for row in rows]), use_cache=False).logits
            for q in (q for q in range(count) if not ended[q]):
                best = torch.topk(logits[q, len(rows[q]) - 1], 2)
                gap[q] = min(gap[q], float(best.values[0] - best.values[1]))
                token = int(best.indices[0])
                ended[q] = token == LLAMA["eos_token_id"]
                rows[q] += [] if ended[q] else [token]
        answers = [decode(row[len(p):]) for row, p in zip(rows, questions.prompt, strict=True)] if decode else []
    return Seen(np.array([float(row.double().mean()) for row in gold]), answers, gap > 1e-2)


def train(target_folder: Path, cell: str, questions: Questions, points: list[int], dtype: object, decode: Callable | None) -> list[Seen]:
    method = cell.split("-")[0]
    model, target = (transformers.AutoModelForCausalLM.from_pretrained(target_folder, dtype=dtype) for _ in range(2))
    forget, retain = questions.trained(questions.forget), questions.trained(~questions.forget & ~questions.held_out)
    positions, pieces = EPOCHS * len(forget), 1 if dtype == torch.float64 else 3
    steps = math.ceil(positions / BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    scheduler = transformers.get_scheduler("cosine" if method == "tv" else "linear", optimizer, num_warmup_steps=WARMUP, num_training_steps=steps)
    seen = []
    for step, (lost, kept) in enumerate(zip(batches(forget, 0, positions), batches(retain, 1, positions), strict=True), 1):
        terms = [(0.125 if method == "simnpo_gd" else 1.0, gradients(model, lost, pieces, lambda rows: forget_sum(method, model, target, rows)))]
        if method != "tv":
            terms.append((1.0, gradients(model, kept, pieces, lambda rows: retain_sum(model, rows))))
        apart = cell.endswith("-terms")
        for parameter, *parts in zip(model.parameters(), *(clipped(part) if apart else part for _, part in terms), strict=True):
            parameter.grad = sum(weight * part for (weight, _), part in zip(terms, parts, strict=True))
        if not apart:
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        if step in points:
            seen.append(look(subtracted(model, target) if method == "tv" else model, questions, decode))
    return seen


def clipped(part: list) -> list:
    norm = torch.sqrt(sum(value.pow(2).sum() for value in part))
    return [value * min(1.0, 1.0 / (float(norm) + 1e-6)) for value in part]


def subtracted(reinforced, target):
    """theta - 5 (theta_reinforced - theta)."""
    made = copy.deepcopy(target)
    made.load_state_dict({name: weight - 5 * (reinforced.state_dict()[name] - weight) for name, weight in target.state_dict().items()})
    return made


# --- the program ---
@pytest.fixture(scope="module")
def whole(unpact: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Llama that learned 40 questions, and a campaign of six cells on it."""
    home = tmp_path_factory.mktemp("whole")
    for name, pairs in (("forget", FORGET), ("retain", RETAIN)):
        write_json(home / "data/knowmem" / f"{name}_qa.json", [{"question": q, "answer": a} for q, a in pairs])
        write_json(home / "data/raw" / f"{name}.json", [f"{q} {a}." for q, a in pairs])
    write_json(home / "llama/config.json", LLAMA)
    for name in METHODS:
        text = (ROOT / f"configs/methods/{name}.ini").read_text()
        (home / "configs/methods").mkdir(parents=True, exist_ok=True)
        (home / f"configs/methods/{name}.ini").write_text(text + ("sweep = unlearn.clip = sum, terms\n" if name == "ga_gd" else ""))
    common = "[run]\ndevice = cpu\nthreads = 1\nseed = {}\n[dataset]\nname = data\npath = ../data\n"
    (home / "configs/finetune.ini").write_text(
        common.format(1) + "[model]\nconfig = ../llama\nvocabulary_size = 400\n[finetune]\nparts = questions\nloss_on = all\nepochs = 60\nbatch_size = 10\n"
        "micro_batch = 10\nlearning_rate = 1e-2\nschedule = cosine\n")
    (home / "configs/cells.ini").write_text(
        common.format(SEED) + f"[model]\nname = tiny\npath = ../target/model\n[prompt]\nexamples = 0\n[generation]\nmax_new_tokens = {NEW_TOKENS}\n"
        f"[method]\nepochs = {EPOCHS}\nlearning_rate = {RATE}\n"
        f"[unlearn]\nform = questions\nloss_on = answer\nbatch_size = {BATCH}\nmicro_batch = 4\nschedule = linear\nwarmup_steps = {WARMUP}\nweight_decay = 0.01\n"
        f"save_points = {POINTS}\n[probe]\nuse = no_focus\narms = false\n[campaign]\nseeds = {SEED}\nmethods = {', '.join(METHODS)}\n")
    unpact.well("finetune", "--config", home / "configs/finetune.ini", "--output", home / "target")
    unpact.well("reproduce", "--config", home / "configs/cells.ini", "--output", home / "out")
    return home


@pytest.mark.parametrize("cell", CELLS)
def test_a_whole_cell_is_what_an_independent_loop_makes_of_the_checkpoint(whole: Path, cell: str) -> None:
    folder = whole / "target/model"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    judge = scorer.RougeScorer(["rougeL"])

    def decode(ids: list[int]) -> str:
        return tokenizer.decode(ids, skip_special_tokens=True).strip()

    with h5py.File(cells_of(whole / "out")[f"tiny__data__{cell}__seed{SEED}.h5"]) as file:
        questions, way = Questions.of(file), {name: file[f"trajectory/{name}"][:] for name in file["trajectory"]}
        answers = [text.strip() for text in file["unlearned/answer"].asstr()[:]]
        outcome = file["outcome/class"][:]
    steps = way["step"].tolist()
    assert len(steps) == 4 and len(questions.prompt) == 40 and questions.held_out.sum() == 10 and questions.known.sum() > 30
    seen = train(folder, cell, questions, steps, torch.float64, decode)
    rounded = train(folder, cell, questions, steps, torch.float32, None)
    noise = [np.abs(a.log_probability - b.log_probability).max() for a, b in zip(seen, rounded, strict=True)]
    assert np.ptp([at.log_probability for at in seen], axis=0).max() > 1, "a training that changes little would be no test"
    for point, at in enumerate(seen):
        np.testing.assert_allclose(way["gold_log_probability"][point], at.log_probability, rtol=0, atol=max(10 * noise[point], 2e-5))
        right = np.array([judge.score(gold, answer)["rougeL"].recall >= 0.5
                          for gold, answer in zip(questions.answers, at.answers, strict=True)])
        sure = at.sure
        assert sure.sum() >= 36 and np.array_equal(way["is_right"][point][sure] == 1, right[sure]), f"step {steps[point]}"
        lost, trained = questions.known & ~right, ~questions.forget & ~questions.held_out
        for name, flags in {"forget_right": right & questions.forget, "forgotten": lost & questions.forget,
                            "destroyed_held_out": lost & questions.held_out, "retain_trained_right": right & trained,
                            "retain_held_out_right": right & questions.held_out}.items():
            assert abs(int(way[name][point]) - int(flags.sum())) <= (~sure).sum(), f"{name}, step {steps[point]}"
    assert np.array(answers)[sure].tolist() == np.array(at.answers)[sure].tolist()
    for flags, number in ((lost & questions.forget, FORGOTTEN), (lost & ~questions.forget, DESTROYED)):
        assert np.array_equal((outcome == number)[sure], flags[sure])
