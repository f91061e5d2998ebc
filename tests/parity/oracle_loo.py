"""Leave-one-out log-probabilities by brute force: one full forward per removal (make_fixtures.py, E)."""
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

from oracle_models import BOS, load_llama


@torch.no_grad()
def answer_logprob(model: LlamaForCausalLM, prompt: list[int], answer: list[int]) -> torch.Tensor:
    logits = model(torch.tensor([prompt + answer]), use_cache=False).logits[0, len(prompt) - 1:-1]
    log_p = logits.double().log_softmax(-1)
    return log_p.gather(-1, torch.tensor(answer)[:, None]).squeeze(-1)


def leave_one_out(model: LlamaForCausalLM, ids: list[int], begin: int, end: int, answer: list[int]) -> torch.Tensor:
    prompts = [ids] + [ids[:at] + ids[at + 1:] for at in range(begin, end)]
    return torch.stack([answer_logprob(model, prompt, answer) for prompt in prompts])


def cases() -> dict[str, tuple[list[int], int, int, list[int]]]:
    generator = torch.Generator().manual_seed(51)

    def draw(count: int) -> list[int]:
        return torch.randint(3, 300, (count,), generator=generator).tolist()

    found = {f"n{n}_t{t}": ([BOS] + draw(n), 1, n + 1, draw(t)) for n in (1, 2, 17) for t in (1, 5)}
    a, b, c = draw(3)
    found["repeated_t5"] = ([BOS, a, a, a, b, b, a, c, a, a], 1, 10, [a, b, b, c, a])
    found["same_t1"] = ([BOS] + [a] * 6, 1, 7, [a])
    found["context_t5"] = ([BOS] + draw(6) + draw(9) + draw(4), 7, 16, draw(5))
    return found


def write(out: Path) -> None:
    model = load_llama(out / "llama_grouped")
    tensors = {}
    for name, (ids, begin, end, answer) in cases().items():
        logprob = leave_one_out(model, ids, begin, end, answer)
        mean = logprob.mean(1)
        tensors.update({f"loo.{name}.ids": torch.tensor(ids), f"loo.{name}.candidates": torch.tensor([begin, end]),
                        f"loo.{name}.answer": torch.tensor(answer), f"loo.{name}.logprob": logprob.float(),
                        f"loo.{name}.contribution": (mean[0] - mean[1:]).float()})
    save_file(tensors, out / "loo.safetensors")
    (out / "loo.json").write_text(json.dumps({"model": "llama_grouped", "cases": list(cases())}, indent=1) + "\n")
