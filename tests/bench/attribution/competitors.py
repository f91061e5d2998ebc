"""Other people's leave-one-out on transformers, on a checkpoint and the requests that attribution_bench --save wrote.

    python competitors.py FOLDER NAMES [--device cpu] [--dtype float32] [--rounds 1]

NAMES, comma-separated:
    captum_tokens    captum.attr.LLMAttribution with FeatureAblation, one model call an answer token (its default)
    captum_sequence  the same, one model call a removal (forward_in_tokens=False)
    cached_loop      as AttriBoT (arXiv 2411.15102) does it: keys and values of the whole prompt once, cut to the first
                     differing token for each removal, one removal at a time

One line of JSON a run: seconds and the contributions, mean log-probability of the answer with all tokens minus without
token i.
"""
import argparse
import json
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, DynamicCache


class NoTokenizer:
    """Captum names tokens in its result; ids are enough."""

    def encode(self, text, **_):
        return [int(part) for part in text.split()]

    def decode(self, ids, **_):
        return " ".join(str(int(i)) for i in (ids if hasattr(ids, "__iter__") else [ids]))

    def convert_ids_to_tokens(self, ids):
        return [str(int(i)) for i in ids]

    def __call__(self, text, return_offsets_mapping=False, **_):
        offsets, at = [], 0
        for part in text.split():
            offsets.append((at, at + len(part)))
            at += len(part) + 1
        return {"input_ids": self.encode(text), "offset_mapping": offsets}


def captum(model, request, begin, in_tokens):
    from captum.attr import FeatureAblation, LLMAttribution, TextTokenInput

    class WithoutTokens(TextTokenInput):
        """Takes the ids of absent tokens out of the sequence, where Captum's own class replaces them."""

        def __init__(self, ids, first):
            self.inp_tensor = torch.tensor([ids], device=model.device)
            self.itp_tensor = self.inp_tensor[:, first:]
            self.itp_mask, self.skip_tokens, self.baselines, self.first = None, None, 0, first
            self.tokenizer = NoTokenizer()
            self.values = [f"{i}:{v}" for i, v in enumerate(self.itp_tensor[0].tolist())]
            self.n_itp_features = len(self.values)

        def to_model_input(self, perturbed_tensor=None):
            if perturbed_tensor is None:
                return self.inp_tensor
            kept = torch.cat([torch.ones(self.first, dtype=torch.bool, device=model.device), perturbed_tensor[0] == 1])
            return self.inp_tensor[:, kept]

    inputs = WithoutTokens(request["prompt"], begin)
    method = LLMAttribution(FeatureAblation(model), NoTokenizer())
    target = torch.tensor(request["answer"], device=model.device)
    result = method.attribute(inputs, target=target, forward_in_tokens=in_tokens)
    return (result.seq_attr / len(request["answer"])).tolist()


@torch.inference_mode()
def cached_loop(model, request, begin):
    prompt, answer = request["prompt"], request["answer"]
    T = len(answer)
    targets = torch.tensor(answer, device=model.device)

    def score(ids, cache):
        out = model(torch.tensor([ids], device=model.device), past_key_values=cache, use_cache=True, logits_to_keep=T)
        return out.logits[0].float().log_softmax(-1)[torch.arange(T), targets].mean().item(), out.past_key_values

    base, cache = score(prompt + answer[:-1], DynamicCache())
    kept = [(layer.keys, layer.values) for layer in cache.layers]
    contributions = []
    for i in range(begin, len(prompt)):
        ids = prompt[:i] + prompt[i + 1:] + answer[:-1]
        first = min(i, len(ids) - T)  # the token that predicts the answer's first is always run
        cut = DynamicCache()
        for layer, (keys, values) in enumerate(kept):
            cut.update(keys[:, :, :first], values[:, :, :first], layer)
        contributions.append(base - score(ids[first:], cut)[0])
    return contributions


RUNS = {
    "captum_tokens": lambda model, request, begin: captum(model, request, begin, True),
    "captum_sequence": lambda model, request, begin: captum(model, request, begin, False),
    "cached_loop": cached_loop,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    model = AutoModelForCausalLM.from_pretrained(options.folder, dtype=getattr(torch, options.dtype)).to(options.device).eval()
    cases = json.loads((options.folder / "requests.json").read_text())
    begin = cases["removals_begin"]
    for name in options.names.split(","):
        short = {"prompt": cases["requests"][0]["prompt"][: begin + 2], "answer": cases["requests"][0]["answer"][:2]}
        RUNS[name](model, short, begin)  # warm
        for number in range(1, 1 + options.rounds):
            request = cases["requests"][number]
            if options.device != "cpu":
                torch.cuda.synchronize()
            start, cpu = time.perf_counter(), time.process_time()
            contributions = RUNS[name](model, request, begin)
            print(json.dumps({"what": "run", "engine": name, "round": number, "seconds": time.perf_counter() - start,
                              "cpu_seconds": time.process_time() - cpu, "threads": torch.get_num_threads(), "contributions": contributions}))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
