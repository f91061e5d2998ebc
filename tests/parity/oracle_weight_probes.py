"""Probes that look into a model's weights or states, by PyTorch: section H of make_fixtures.py."""
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from oracle_losses import load_llama

SETTINGS = {"steps": 20, "vectors": 3, "start": [5, 40, 96], "lr": 1e-2, "relearn_lr": 1e-3, "weight_decay": 0.01, "clip": 1.0}
# Prompts with the candidates' range and answers; ids below 97.
QUESTIONS = [([1, 7, 12, 30, 44, 8], (2, 5), [61, 9, 33]), ([1, 19, 80, 3], (1, 4), [22]), ([1, 50, 51, 52, 53, 54, 55, 56], (3, 8), [11, 90, 2, 77])]
KEYS = [[1, 0, 1], [0, 0, 0], [0, 1, 0, 0, 1]]


def log_probability(logits: torch.Tensor, answer: list[int]) -> torch.Tensor:
    """LP of an answer whose last token is not in the sequence of these logits."""
    rows = logits[-len(answer):].log_softmax(-1)
    return rows[torch.arange(len(answer)), torch.tensor(answer)].mean()


def soft_prompt(out: Path) -> tuple[dict[str, torch.Tensor], list[float]]:
    model = load_llama(out / "losses_theta").requires_grad_(False)
    table = model.get_input_embeddings().weight
    vectors = table[torch.tensor(SETTINGS["start"])].clone().requires_grad_(True)
    optimizer = torch.optim.Adam([vectors], lr=SETTINGS["lr"])
    losses = []
    for _ in range(SETTINGS["steps"]):
        loss = torch.zeros(())
        for prompt, (begin, _), answer in QUESTIONS:
            embedded = table[torch.tensor(prompt + answer[:-1])]
            whole = torch.cat([embedded[:begin], vectors, embedded[begin:]])
            loss = loss - log_probability(model(inputs_embeds=whole[None]).logits[0], answer) / len(QUESTIONS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    answers = {}
    with torch.no_grad():
        for i, (prompt, (begin, _), answer) in enumerate(QUESTIONS):
            embedded = table[torch.tensor(prompt + answer[:-1])]
            whole = torch.cat([embedded[:begin], vectors, embedded[begin:]])
            answers[f"soft.score.{i}"] = log_probability(model(inputs_embeds=whole[None]).logits[0], answer).reshape(1)
    return {"soft.vectors": vectors.detach().clone(), **answers}, losses


def depth(out: Path) -> dict[str, torch.Tensor]:
    """States of losses_ref behind a block in the place of those of losses_theta, by hooks; in float64."""
    target, source = load_llama(out / "losses_theta").double().eval(), load_llama(out / "losses_ref").double().eval()
    tensors = {}
    with torch.no_grad():
        for i, ((prompt, (begin, end), answer), keys) in enumerate(zip(QUESTIONS, KEYS, strict=True)):
            ids = torch.tensor([prompt + answer[:-1]])
            predicting = list(range(len(prompt) - 1, len(prompt) - 1 + len(answer)))
            classes = [predicting, [begin + k for k in range(end - begin) if keys[k]], [begin + k for k in range(end - begin) if not keys[k]]]
            whole = log_probability(target(ids).logits[0], answer)
            tensors[f"depth.score.{i}"] = whole.reshape(1)
            states = source(ids, output_hidden_states=True).hidden_states  # the last one is normalized: hooks take the blocks' own
            taken: list[torch.Tensor] = []
            hooks = [block.register_forward_hook(lambda _m, _i, o: taken.append((o[0] if isinstance(o, tuple) else o).clone())) for block in source.model.layers]
            source(ids)
            for hook in hooks:
                hook.remove()
            assert torch.equal(taken[0], states[1])
            drops = torch.full((3, len(taken)), float("nan"), dtype=torch.float64)
            for k, rows in enumerate(classes):
                for layer, block in enumerate(target.model.layers):
                    def patch(_module, _inputs, output, rows=rows, layer=layer):
                        hidden = (output[0] if isinstance(output, tuple) else output).clone()
                        hidden[0, rows] = taken[layer][0, rows]
                        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden
                    if not rows:
                        continue
                    hook = block.register_forward_hook(patch)
                    drops[k, layer] = whole - log_probability(target(ids).logits[0], answer)
                    hook.remove()
            tensors[f"depth.drops.{i}"] = drops
    return tensors


def lens(model: torch.nn.Module, ids: list[int]) -> list[torch.Tensor]:
    """What the final norm and the head make of each block's output, taken by hooks: logits [S,V] a block."""
    taken: list[torch.Tensor] = []
    hooks = [block.register_forward_hook(lambda _m, _i, o: taken.append((o[0] if isinstance(o, tuple) else o).clone())) for block in model.model.layers]
    with torch.no_grad():
        own = model(torch.tensor([ids])).logits[0]
        for hook in hooks:
            hook.remove()
        seen = [model.lm_head(model.model.norm(states[0])) for states in taken]
    assert torch.allclose(seen[-1], own, atol=1e-6), "behind the last block stands what the model says"
    return seen


def logit_lens(out: Path) -> tuple[dict[str, torch.Tensor], list[list[int]]]:
    """The likeliest tokens behind each hidden block in the places of the answers, and answers that are what the last hidden block says."""
    model = load_llama(out / "losses_theta").eval()
    known = []
    for prompt, _, answer in QUESTIONS:
        said: list[int] = []
        for _ in answer:
            said.append(int(lens(model, prompt + said)[-2][-1].argmax()))
        known.append(said)
    tensors = {}
    for name, answers in (("gold", [answer for _, _, answer in QUESTIONS]), ("known", known)):
        for i, ((prompt, _, _), answer) in enumerate(zip(QUESTIONS, answers, strict=True)):
            seen = lens(model, prompt + answer[:-1])[:-1]
            tensors[f"lens.{name}.{i}"] = torch.stack([logits[-len(answer):].argmax(-1) for logits in seen])
    return tensors, known


def relearning(out: Path) -> tuple[dict[str, torch.Tensor], list[float]]:
    """The recipe of the probe relearn: AdamW, a constant rate, clipping, all examples in each step; the mean over targets. In float64.

    From losses_ref, where float32 can follow: AdamW's first step is lr g / (|g| + 1e-8), so a gradient below 1e-8, of which float32 rounds away as much,
    sends its weight anywhere within a step. One of the 38,688 of losses_theta is such (4e-9; PyTorch's own float32 is off by 1.3e-4 there).
    """
    model = load_llama(out / "losses_ref").double().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=SETTINGS["relearn_lr"], weight_decay=SETTINGS["weight_decay"], foreach=False, fused=False)
    losses = []
    targets = sum(len(answer) for _, _, answer in QUESTIONS)
    for _ in range(SETTINGS["steps"]):
        loss = torch.zeros((), dtype=torch.float64)
        for prompt, _, answer in QUESTIONS:
            logits = model(torch.tensor([prompt + answer])).logits[0]
            rows = logits[len(prompt) - 1:-1].log_softmax(-1)
            loss = loss - rows[torch.arange(len(answer)), torch.tensor(answer)].sum() / targets
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), SETTINGS["clip"])
        least = min(float(parameter.grad.abs()[parameter.grad != 0].min()) for parameter in model.parameters())
        assert losses or least > 1e-8, f"a first gradient is {least}: choose other questions"
        optimizer.step()
        losses.append(loss.item())
    tensors = {f"relearn.{name}": parameter.detach().clone() for name, parameter in model.named_parameters()}
    with torch.no_grad():
        for i, (prompt, _, answer) in enumerate(QUESTIONS):
            tensors[f"relearn.score.{i}"] = log_probability(model(torch.tensor([prompt + answer[:-1]])).logits[0], answer).reshape(1)
    return tensors, losses


def write(out: Path) -> None:
    soft, soft_losses = soft_prompt(out)
    relearned, relearn_losses = relearning(out)
    looked, known = logit_lens(out)
    save_file({**soft, **depth(out), **looked, **relearned}, out / "weight_probes.safetensors")
    questions = [{"prompt": prompt, "candidates": candidates, "answer": answer, "keys": keys, "known": said}
                 for (prompt, candidates, answer), keys, said in zip(QUESTIONS, KEYS, known, strict=True)]
    listing = {**SETTINGS, "questions": questions, "soft_losses": soft_losses, "relearn_losses": relearn_losses}
    (out / "weight_probes.json").write_text(json.dumps(listing, indent=1) + "\n")
