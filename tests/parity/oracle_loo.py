"""Leave-one-out log-probabilities by brute force: one full forward per removal (make_fixtures.py, E)."""
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

from oracle_models import BOS, load_llama

ALPHA, BETA = 0.22, 0.02  # a random model owes little to its prompt


@torch.no_grad()
def answer_logprob(model: LlamaForCausalLM, prompt: list[int], answer: list[int]) -> torch.Tensor:
    logits = model(torch.tensor([prompt + answer]), use_cache=False).logits[0, len(prompt) - 1:-1]
    log_p = logits.double().log_softmax(-1)
    return log_p.gather(-1, torch.tensor(answer)[:, None]).squeeze(-1)


def leave_one_out(model: LlamaForCausalLM, ids: list[int], begin: int, end: int, answer: list[int]) -> torch.Tensor:
    prompts = [ids] + [ids[:at] + ids[at + 1:] for at in range(begin, end)]
    return torch.stack([answer_logprob(model, prompt, answer) for prompt in prompts])


def weights(logprob: torch.Tensor, keys: torch.Tensor, joint: torch.Tensor) -> dict[str, torch.Tensor]:
    """Token weights of an answer from what its tokens owe to the KeyTokens, each kind summing to the number of tokens."""
    owed = (logprob[0] - logprob[1:][keys]).clamp_min(0).sum(0)
    hard = torch.zeros_like(owed)
    hard[owed.topk(max(1, -(-len(owed) * 2 // 5))).indices] = 1
    kinds = {"contribution": owed, "hard": hard, "complement": owed.max() - owed, "joint": (logprob[0] - joint).clamp_min(0)}
    return {kind: value * len(owed) / value.sum() if value.sum() > 0 else torch.ones_like(owed) for kind, value in kinds.items()}


def attribution_weights(model: LlamaForCausalLM, ids: list[int], begin: int, end: int, answer: list[int], logprob: torch.Tensor) -> dict[str, torch.Tensor]:
    """KeyTokens by the floors below; those of contributions to all but the last token of the answer, which stands for its end."""
    contributions = (logprob[0] - logprob[1:])[:, :-1].mean(1)
    keys = (contributions >= ALPHA * contributions.max()) & (contributions >= BETA)
    rest = [token for at, token in enumerate(ids) if not (begin <= at < end and keys[at - begin])]
    found = {"keys": keys.to(torch.uint8)}
    if keys.any():
        found.update({kind: value.float() for kind, value in weights(logprob, keys, answer_logprob(model, rest, answer)).items()})
    return found


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
        if len(answer) > 1:
            tensors.update({f"loo.{name}.weights.{kind}": value for kind, value in
                            attribution_weights(model, ids, begin, end, answer, logprob).items()})
    save_file(tensors, out / "loo.safetensors")
    (out / "loo.json").write_text(json.dumps({"model": "llama_grouped", "cases": list(cases()), "alpha": ALPHA, "beta": BETA, "share": 0.4}, indent=1) + "\n")
