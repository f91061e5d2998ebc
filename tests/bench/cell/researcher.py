"""The work of one cell as researchers do it today: PyTorch and transformers, batch by batch, everything padded.

    python researcher.py TASK.json

TASK is what run.py writes: the target's folder, the questions, the training's settings and which questions each probe asks. A
line of JSON a stage: seconds and CPU seconds.

    unlearn              GA on the forget answers and cross-entropy on the retain answers: a batch of each set a step, padded; fused AdamW
    answers              greedy, generate() over batches of 64 prompts, longest first, padded on the left
    contributions        of every question's gold and own answer: all its removals in one batch (they are of one length), logits
                         of the answer alone (logits_to_keep)
    probe_focus_on_key   greedy answers to the given phrasings, as above
    probe_probab         multinomial samples by num_return_sequences
"""
import time

CPU, WALL = time.process_time(), time.perf_counter()  # before the imports

import json  # noqa: E402
import random  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import torch  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast  # noqa: E402

BATCH = 64


class Meter:
    """Prints what passed since the last stage."""

    def __init__(self) -> None:
        self.wall, self.cpu = WALL, CPU

    def stage(self, name: str) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        print(json.dumps({"stage": name, "seconds": wall - self.wall, "cpu_seconds": cpu - self.cpu}), flush=True)
        self.wall, self.cpu = wall, cpu


class Cell:
    def __init__(self, task: dict) -> None:
        self.task = task
        self.model = AutoModelForCausalLM.from_pretrained(task["model"], dtype=torch.float32).eval()
        self.tokenizer = PreTrainedTokenizerFast(tokenizer_file=task["tokenizer"])
        self.bos, self.eos = self.model.config.bos_token_id, self.model.config.eos_token_id

    def ids(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def context(self, part: str) -> str:
        """The in-context examples of a set."""
        return "".join(f"Question: {pair['question']}\nAnswer: {pair['answer']}\n\n" for pair in self.task["examples"][part])

    def prompt(self, question: str, context: str = "") -> list[int]:
        return [self.bos, *self.ids(f"{context}Question: {question}\nAnswer:")]

    def answer(self, text: str) -> list[int]:
        """As it goes on after the prompt."""
        return self.ids(f"Answer: {text}")[len(self.ids("Answer:")):]

    def batch(self, pairs: list[dict]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        rows = [(self.prompt(pair["question"]), [*self.answer(pair["answer"]), self.eos]) for pair in pairs]
        longest = max(len(prompt) + len(answer) for prompt, answer in rows)
        ids, labels, mask = (torch.full((len(rows), longest), fill) for fill in (0, -100, 0))
        for i, (prompt, answer) in enumerate(rows):
            end = len(prompt) + len(answer)
            ids[i, :end] = torch.tensor(prompt + answer)
            labels[i, len(prompt):end] = torch.tensor(answer)
            mask[i, :end] = 1
        return ids, labels, mask

    def loss(self, pairs: list[dict]) -> torch.Tensor:
        ids, labels, mask = self.batch(pairs)
        logits = self.model(ids, attention_mask=mask, use_cache=False).logits[:, :-1]
        return cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)

    def unlearn(self) -> None:
        task = self.task
        self.model.train()
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=task["learning_rate"], weight_decay=0.0, fused=True)
        draw = random.Random(1)
        forget: list[dict] = []
        retain: list[dict] = []
        for _ in range(task["steps"]):
            for pool, source in ((forget, task["train_forget"]), (retain, task["train_retain"])):
                while len(pool) < task["batch_size"]:
                    pool.extend(draw.sample(source, len(source)))
            chosen = [[pool.pop(0) for _ in range(task["batch_size"])] for pool in (forget, retain)]
            (-self.loss(chosen[0]) + self.loss(chosen[1])).backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.model.eval()

    @torch.inference_mode()
    def generate(self, prompts: list[list[int]], samples: int = 0) -> list[list[int]]:
        order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
        answers: list = [None] * len(prompts)
        rows = max(1, BATCH // max(1, samples))
        how = {"do_sample": True, "temperature": 1.0, "top_k": 0, "num_return_sequences": samples} if samples else {"do_sample": False}
        for first in range(0, len(order), rows):
            chosen = order[first:first + rows]
            longest = max(len(prompts[i]) for i in chosen)
            ids = torch.tensor([[0] * (longest - len(prompts[i])) + prompts[i] for i in chosen])
            mask = torch.tensor([[0] * (longest - len(prompts[i])) + [1] * len(prompts[i]) for i in chosen])
            out = self.model.generate(ids, attention_mask=mask, max_new_tokens=self.task["max_new_tokens"], pad_token_id=0,
                                      eos_token_id=self.eos, **how)
            for place, i in enumerate(chosen):
                new = out[place * max(1, samples), longest:].tolist()
                answers[i] = new[:new.index(self.eos)] if self.eos in new else new
        return answers

    @torch.inference_mode()
    def log_probabilities(self, prompts: list[list[int]], answer: list[int]) -> list[float]:
        """Mean log-probability of an answer after each prompt; all are of one length."""
        ids = torch.tensor([prompt + answer for prompt in prompts])
        logits = self.model(ids, use_cache=False, logits_to_keep=len(answer) + 1).logits[:, :-1].float()
        wanted = torch.tensor(answer).expand(len(prompts), -1).unsqueeze(2)
        return logits.log_softmax(2).gather(2, wanted).squeeze(2).mean(1).tolist()

    def contributions(self, question: str, context: str, answers: list[list[int]]) -> list[list[float]]:
        text = f"{context}Question: {question}\nAnswer:"
        coded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        prompt = [self.bos, *coded["input_ids"]]
        begin = len(context) + len("Question: ")
        end = begin + len(question)
        taken = [i + 1 for i, (first, last) in enumerate(coded["offset_mapping"]) if first < end and last > begin]
        removals = [prompt[:i] + prompt[i + 1:] for i in taken]
        found = []
        for answer in answers:
            if answer:
                whole = self.log_probabilities([prompt], answer)[0]
                found.append([whole - value for value in self.log_probabilities(removals, answer)])
        return found


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(task["threads"])
    torch.manual_seed(1)
    meter = Meter()
    cell = Cell(task)
    meter.stage("start")
    cell.unlearn()
    meter.stage("unlearn")
    asked = task["asked"]
    context = {part: cell.context(part) for part in task["examples"]}
    own = cell.generate([cell.prompt(pair["question"], context[pair["set"]]) for pair in asked])
    meter.stage("answers")
    values = [cell.contributions(pair["question"], context[pair["set"]], [cell.answer(pair["answer"]), answer])
              for pair, answer in zip(asked, own, strict=True)]
    meter.stage("contributions")
    cell.generate([cell.prompt(question, context["forget"]) for question in task["put"]])
    meter.stage("probe_focus_on_key")
    cell.generate([cell.prompt(question, context["forget"]) for question in task["probed"]], task["samples"])
    meter.stage("probe_probab")
    Path(sys.argv[1]).with_suffix(".out.json").write_text(json.dumps({"contributions": values, "answers": [cell.tokenizer.decode(ids) for ids in own]}))
    meter.stage("file")


if __name__ == "__main__":
    main()
