"""Low-rank adapters by PyTorch: a loss with its gradients, and merged weights after some steps (make_fixtures.py, H). The
arithmetic is peft's: W x + alpha / r B (A x), A uniform within 1 / sqrt(inputs), B zero at first, W + alpha / r B A at the end."""
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn.functional import linear

from oracle_losses import Batch, Outputs, npo
from oracle_models import load_llama

RANK, ALPHA, TARGETS, SEED = 4, 6.0, ["q_proj", "v_proj", "down_proj"], 17
STEPS, LEARNING_RATE, EPSILON = 20, 5e-3, 1e-5


class Adapted(torch.nn.Module):
    def __init__(self, base: torch.nn.Linear, generator: torch.Generator):
        super().__init__()
        self.base = base.requires_grad_(False)
        bound = base.in_features ** -0.5
        self.down = torch.nn.Parameter(torch.empty(RANK, base.in_features).uniform_(-bound, bound, generator=generator))
        self.up = torch.nn.Parameter(torch.zeros(base.out_features, RANK))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + ALPHA / RANK * linear(linear(x, self.down), self.up)

    def merged(self) -> torch.Tensor:
        return self.base.weight + ALPHA / RANK * self.up @ self.down


def adapt(folder: Path) -> tuple[torch.nn.Module, dict[str, Adapted]]:
    """The model of a folder with adapters, and these by the names of their modules."""
    model = load_llama(folder).requires_grad_(False)
    generator, adapters = torch.Generator().manual_seed(SEED), {}
    for i, layer in enumerate(model.model.layers):
        for part, name in (("self_attn", "q_proj"), ("self_attn", "v_proj"), ("mlp", "down_proj")):
            owner = getattr(layer, part)
            adapters[f"model.layers.{i}.{part}.{name}"] = adapted = Adapted(getattr(owner, name), generator)
            setattr(owner, name, adapted)
    return model, adapters


def gradients(folder: Path, retain: Batch) -> dict[str, torch.Tensor]:
    model, adapters = adapt(folder)
    generator, tensors = torch.Generator().manual_seed(SEED + 1), {}
    with torch.no_grad():  # at first B is zero, and A would have no gradient
        for name, adapter in adapters.items():
            adapter.up.normal_(0, 0.2, generator=generator)
            tensors[f"start.{name}.lora_A.weight"] = adapter.down.detach().clone()
            tensors[f"start.{name}.lora_B.weight"] = adapter.up.detach().clone()
    loss = Outputs(model, retain).cross_entropy()
    loss.backward()
    tensors["gd.value"] = loss.detach().reshape(1)
    for name, adapter in adapters.items():
        tensors[f"gd.grad.{name}.lora_A.weight"] = adapter.down.grad.clone()
        tensors[f"gd.grad.{name}.lora_B.weight"] = adapter.up.grad.clone()
    return tensors


def after_steps(folder: Path, forget: Batch, retain: Batch) -> dict[str, torch.Tensor]:
    """npo with gd; the reference is the model without its adapters."""
    reference = load_llama(folder)
    model, adapters = adapt(folder)
    with torch.no_grad():
        nll_ref = Outputs(reference, forget).sequence_nll()
    parameters = [p for adapter in adapters.values() for p in (adapter.down, adapter.up)]
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, eps=EPSILON, weight_decay=0.0, foreach=False, fused=False)
    for _ in range(STEPS):
        optimizer.zero_grad(set_to_none=True)
        (npo(Outputs(model, forget).sequence_nll(), nll_ref) + Outputs(model, retain).cross_entropy()).backward()
        optimizer.step()
    tensors = {f"merged.{name}.weight": adapter.merged().detach().clone() for name, adapter in adapters.items()}
    for name, adapter in adapters.items():
        tensors[f"steps.{name}.lora_A.weight"] = adapter.down.detach().clone()
        tensors[f"steps.{name}.lora_B.weight"] = adapter.up.detach().clone()
    return tensors


def write(out: Path) -> None:
    forget = Batch(31, lengths=[9, 14, 5], prompts=[3, 1, 4])
    retain = Batch(32, lengths=[12, 6, 10, 8], prompts=[1, 2, 5, 7])
    folder = out / "losses_theta"
    save_file({**gradients(folder, retain), **after_steps(folder, forget, retain)}, out / "lora.safetensors")
    settings = {"rank": RANK, "alpha": ALPHA, "targets": TARGETS, "seed": SEED, "steps": STEPS, "learning_rate": LEARNING_RATE,
                "epsilon": EPSILON}
    (out / "lora.json").write_text(json.dumps(settings, indent=1) + "\n")
