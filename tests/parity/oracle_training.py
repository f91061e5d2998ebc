"""AdamW, gradient clipping and schedules by PyTorch and transformers (make_fixtures.py, C and D)."""
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import get_scheduler

ADAMW = {"lr": 1e-3, "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.1}
SHAPES = {"matrix": (7, 5), "vector": (11,), "cube": (3, 2, 4), "scalar": (1,)}
STEPS, CLIP = 10, {"tight": 0.5, "loose": 1000.0}


def write_adamw(out: Path) -> None:
    generator = torch.Generator().manual_seed(41)
    parameters = {name: torch.nn.Parameter(torch.randn(shape, generator=generator)) for name, shape in SHAPES.items()}
    tensors = {f"init.{name}": parameter.detach().clone() for name, parameter in parameters.items()}
    optimizer = torch.optim.AdamW(parameters.values(), lr=ADAMW["lr"], betas=tuple(ADAMW["betas"]), eps=ADAMW["eps"],
                                  weight_decay=ADAMW["weight_decay"], foreach=False, fused=False)
    for step in range(STEPS):
        for name, parameter in parameters.items():
            scale = 10.0 ** (step - 6) if name == "scalar" else 1.0
            parameter.grad = scale * torch.randn(parameter.shape, generator=generator)
            tensors[f"grad.{step}.{name}"] = parameter.grad.clone()
        optimizer.step()
        tensors.update({f"param.{step}.{name}": parameter.detach().clone() for name, parameter in parameters.items()})
    for name, parameter in parameters.items():
        for moment in ("exp_avg", "exp_avg_sq"):
            tensors[f"{moment}.{name}"] = optimizer.state[parameter][moment].clone()

    for case, max_norm in CLIP.items():
        for name, parameter in parameters.items():
            parameter.grad = tensors[f"grad.0.{name}"].clone()
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), max_norm)
        assert CLIP["tight"] < norm < CLIP["loose"]
        tensors["clip.norm"] = norm.reshape(1)
        tensors.update({f"clip.{case}.{name}": parameter.grad.clone() for name, parameter in parameters.items()})
    save_file(tensors, out / "adamw.safetensors")
    settings = {**ADAMW, "steps": STEPS, "clip": CLIP, "parameters": list(SHAPES)}
    (out / "adamw.json").write_text(json.dumps(settings, indent=1) + "\n")


def schedule(name: str, warmup: int, total: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=total)
    factors = []
    for _ in range(min(30, total)):  # past its end transformers' cosine rises again
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return factors


def write_schedules(out: Path) -> None:
    cases = [("constant", 0, 30), ("constant_with_warmup", 0, 30), ("constant_with_warmup", 5, 30)]
    cases += [(name, warmup, total) for name in ("linear", "cosine") for warmup, total in ((0, 30), (5, 30), (1, 12))]
    entries = [{"name": n, "warmup": w, "total": t, "factor": schedule(n, w, t)} for n, w, t in cases]
    (out / "schedules.json").write_text(json.dumps(entries, indent=1) + "\n")


def write(out: Path) -> None:
    write_adamw(out)
    write_schedules(out)
