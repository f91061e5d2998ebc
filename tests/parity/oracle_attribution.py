"""The attributions beside leave-one-out, straight from their definitions with transformers and PyTorch
(make_fixtures.py, F). Scores are in float64 where the model's float32 logits allow it."""
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import PreTrainedModel

from oracle_models import BOS, load_model

FINE_MODELS = ["llama_grouped", "mistral", "qwen2", "qwen3_bias_window", "gpt2"]  # with another rule for the integral
MODELS = [*FINE_MODELS, "phi", "phi3_longrope", "gpt_neox", "gemma", "gemma2", "gemma3", "olmo2", "opt", "gpt_neo", "mixtral"]
BASELINE = 7
STEPS, FINE_STEPS, AT_ONCE = 50, 1000, 100


def answer_scores(logits: torch.Tensor, prompt: int, answer: list[int]) -> torch.Tensor:
    """LP of the answer, given the logits of a batch of sequences (float64)."""
    rows = logits[:, prompt - 1:prompt - 1 + len(answer)].double().log_softmax(-1)
    return rows.gather(-1, torch.tensor(answer)[None, :, None].expand(len(rows), -1, -1)).mean((1, 2))


def answer_score(logits: torch.Tensor, prompt: int, answer: list[int]) -> torch.Tensor:
    return answer_scores(logits, prompt, answer)[0]


@torch.no_grad()
def score_of_ids(model: PreTrainedModel, ids: list[int], answer: list[int]) -> torch.Tensor:
    return answer_score(model(torch.tensor([ids + answer]), use_cache=False).logits, len(ids), answer)


@torch.no_grad()
def masked_score(model: PreTrainedModel, ids: list[int], answer: list[int], at: int) -> torch.Tensor:
    """The padding mask hides position `at` from every query; position ids stay as they are."""
    length = len(ids) + len(answer)
    mask = torch.ones(1, length, dtype=torch.int64)
    mask[0, at] = 0
    out = model(torch.tensor([ids + answer]), attention_mask=mask, position_ids=torch.arange(length)[None], use_cache=False)
    return answer_score(out.logits, len(ids), answer)


def gradient(model: PreTrainedModel, points: torch.Tensor, ids: list[int], answer: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """LP of each of a batch of embedded sequences, and its derivative by the input embeddings (B, S, D)."""
    x = points.clone().requires_grad_(True)
    scores = answer_scores(model(inputs_embeds=x, use_cache=False).logits, len(ids), answer)
    return scores.detach(), torch.autograd.grad(scores.sum(), x)[0].double()


def integrated(model: PreTrainedModel, embeddings: torch.Tensor, start: torch.Tensor, ids: list[int], answer: list[int],
               points: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Integrated gradients along the line from `start` to `embeddings` by a rule on [0, 1]; one value a position."""
    total = torch.zeros(embeddings.shape, dtype=torch.float64)
    for share, weight in zip(points.split(AT_ONCE), weights.split(AT_ONCE)):
        slopes = gradient(model, start + share[:, None, None].float() * (embeddings - start), ids, answer)[1]
        total += (weight[:, None, None] * slopes).sum(0)
    return ((embeddings - start).double() * total).sum(-1)


def gauss(steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    points, weights = np.polynomial.legendre.leggauss(steps)
    return torch.tensor((points + 1) / 2), torch.tensor(weights / 2)


def midpoints(steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    return (torch.arange(steps, dtype=torch.float64) + 0.5) / steps, torch.full((steps,), 1 / steps, dtype=torch.float64)


@torch.no_grad()
def rollout(model: PreTrainedModel, ids: list[int], answer: list[int]) -> torch.Tensor:
    """Abnar & Zuidema: product of (A + I) / 2 over the layers, A the mean of the heads; mean of the rows that predict."""
    attentions = model(torch.tensor([ids + answer[:-1]]), output_attentions=True, use_cache=False).attentions
    matrix = torch.eye(attentions[0].shape[-1], dtype=torch.float64)
    for layer in attentions:
        mean = layer[0].double().mean(0)
        matrix = (0.5 * mean + 0.5 * torch.eye(len(mean), dtype=torch.float64)) @ matrix
    return matrix[len(ids) - 1:].mean(0)


def cases(vocabulary: int) -> dict[str, tuple[list[int], int, int, list[int]]]:
    generator = torch.Generator().manual_seed(52)

    def draw(count: int) -> list[int]:
        return torch.randint(3, vocabulary, (count,), generator=generator).tolist()

    return {"n11_t4": ([BOS] + draw(3) + draw(11) + draw(2), 4, 15, draw(4)), "n3_t1": ([BOS] + draw(3) + draw(1), 1, 4, draw(1))}


def describe(model: PreTrainedModel, ids: list[int], begin: int, end: int, answer: list[int], fine: bool) -> dict[str, torch.Tensor]:
    chosen = slice(begin, end)
    whole = score_of_ids(model, ids, answer)
    removed = [ids[:at] + ids[at + 1:] for at in range(begin, end)]
    replaced = [ids[:at] + [BASELINE] + ids[at + 1:] for at in range(begin, end)]
    embeddings = model.get_input_embeddings()(torch.tensor(ids + answer)).detach()
    found = {"score": whole.reshape(1),
             "leave_one_out": whole - torch.stack([score_of_ids(model, other, answer) for other in removed]),
             "in_place_mask": whole - torch.stack([masked_score(model, ids, answer, at) for at in range(begin, end)]),
             "baseline": whole - torch.stack([score_of_ids(model, other, answer) for other in replaced]),
             "gradient_x_input": (embeddings.double() * gradient(model, embeddings[None], ids, answer)[1][0]).sum(-1)[chosen],
             "rollout": rollout(model, ids, answer)[chosen]}
    for name, vector in (("zero", torch.zeros(embeddings.shape[1])), ("id", model.get_input_embeddings()(torch.tensor(BASELINE)).detach())):
        start = embeddings.clone()
        start[chosen] = vector
        found[f"integrated_{name}"] = integrated(model, embeddings, start, ids, answer, *gauss(STEPS))[chosen]
        if fine and name == "id":  # from the zero vector the path turns too sharply at its start, where norms divide by little
            found["integrated_id_fine"] = integrated(model, embeddings, start, ids, answer, *midpoints(FINE_STEPS))[chosen]
        found[f"integrated_{name}_gain"] = whole - gradient(model, start[None], ids, answer)[0]
    return found


def write(out: Path) -> None:
    tensors, names = {}, []
    for folder in MODELS:
        model = load_model(out / folder)
        for case, (ids, begin, end, answer) in cases(model.config.vocab_size).items():
            name = f"{folder}.{case}"
            names.append(name)
            tensors.update({f"{name}.ids": torch.tensor(ids), f"{name}.candidates": torch.tensor([begin, end]), f"{name}.answer": torch.tensor(answer)})
            described = describe(model, ids, begin, end, answer, folder in FINE_MODELS)
            tensors.update({f"{name}.{kind}": value.float() for kind, value in described.items()})
    save_file(tensors, out / "attribution.safetensors")
    (out / "attribution.json").write_text(json.dumps({"baseline": BASELINE, "cases": names, "fine": FINE_MODELS}, indent=1) + "\n")
