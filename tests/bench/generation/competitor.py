"""transformers' generate on a checkpoint and the prompts that generation_bench --save wrote.

    python competitor.py FOLDER NAMES [--batch 80] [--device cpu] [--dtype float32]

NAMES, comma-separated:
    whole   generate() on whole prompts, padded on the left, in batches; every sample by num_return_sequences
    prefix  the same after keys and values of the common context (past_key_values), which are computed once a batch size
            and copied for each batch

One line of JSON a run: seconds, and the answers where nothing is sampled.
"""
import argparse
import copy
import json
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, DynamicCache


def padded(prompts: list[list[int]], device) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(p)) + p for p in prompts], device=device)
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=device)
    return ids, mask


def context_cache(model, context: list[int]) -> DynamicCache:
    cache = DynamicCache()
    model(torch.tensor([context], device=model.device), past_key_values=cache, use_cache=True, logits_to_keep=1)
    return cache


@torch.inference_mode()
def answer(model, prompts: list[list[int]], case: dict, batch: int, with_prefix: bool) -> list[list[int]]:
    samples, context = max(1, case["samples"]), case["context"]
    batch = max(1, batch // samples)
    cache = context_cache(model, prompts[0][:context]) if with_prefix and context else None
    order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
    answers: list = [None] * len(prompts)
    for first in range(0, len(order), batch):
        chosen = order[first:first + batch]
        if cache is None:
            ids, mask = padded([prompts[i] for i in chosen], model.device)
            more = {}
        else:
            tails, tail_mask = padded([prompts[i][context:] for i in chosen], model.device)
            front = torch.tensor([prompts[0][:context]], device=model.device).expand(len(chosen), -1)
            ids, mask = torch.cat([front, tails], 1), torch.cat([torch.ones_like(front), tail_mask], 1)
            more = {"past_key_values": copy.deepcopy(cache)}
            more["past_key_values"].batch_repeat_interleave(len(chosen) * samples)
        sampling = {"do_sample": True, "temperature": 1.0, "top_p": case["top_p"], "top_k": 0, "num_return_sequences": samples}
        out = model.generate(ids, attention_mask=mask, max_new_tokens=case["tokens"], min_new_tokens=case["tokens"],
                             pad_token_id=0, eos_token_id=None, **(sampling if case["samples"] else {"do_sample": False}), **more)
        for place, i in enumerate(chosen):
            answers[i] = out[place * samples, ids.shape[1]:].tolist()
    return answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names")
    parser.add_argument("--batch", type=int, default=80)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    options = parser.parse_args()
    model = AutoModelForCausalLM.from_pretrained(options.folder, dtype=getattr(torch, options.dtype)).to(options.device).eval()
    case = json.loads((options.folder / "prompts.json").read_text())
    for name in options.names.split(","):
        for number, prompts in enumerate(case["rounds"]):
            if options.device != "cpu":
                torch.cuda.synchronize()
            start, cpu = time.perf_counter(), time.process_time()
            answers = answer(model, prompts, case, options.batch, name == "prefix")
            seconds = time.perf_counter() - start
            print(json.dumps({"what": "run", "engine": f"transformers {name}, batch {options.batch}", "round": number, "seconds": seconds,
                              "cpu_seconds": time.process_time() - cpu, "threads": torch.get_num_threads()} | ({} if case["samples"] else {"answers": answers})))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
