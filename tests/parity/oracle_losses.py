"""Unlearning losses and their gradients by autograd, written from the formulas (make_fixtures.py, B)."""
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn.functional import logsigmoid, log_softmax
from transformers import LlamaForCausalLM, get_scheduler

from oracle_models import load_llama, random_llama, random_rows

BETA, C, ALPHA, LAYER, VOCABULARY = 0.1, 2.0, 5.0, 1, 97
TRAINING = {"steps": 20, "lr": 1e-3, "weight_decay": 0.01, "warmup": 3, "clip": 1.0, "clip_terms": 0.5, "gamma": 0.2}
SHAPE = dict(vocab_size=VOCABULARY, hidden_size=32, intermediate_size=80, num_attention_heads=4, num_key_value_heads=2)


class Batch:
    """Right-padded sequences; has_loss[b, t] marks token t as a target."""

    def __init__(self, seed: int, lengths: list[int], prompts: list[int]):
        self.ids = random_rows(seed, VOCABULARY, lengths)
        self.lengths = torch.tensor(lengths)
        steps = torch.arange(max(lengths))[None]
        self.real = steps < self.lengths[:, None]
        # The first prompt[b] tokens carry no loss, nor does one token in the middle of the longest row.
        self.has_loss = self.real & (steps >= torch.tensor(prompts)[:, None])
        longest = int(self.lengths.argmax())
        self.has_loss[longest, lengths[longest] - 4] = False
        assert not self.has_loss[:, 0].any() and self.has_loss.any(1).all()


class Outputs:
    """One forward of a padded batch; attention is causal, so padding on the right reaches no real position."""

    def __init__(self, model: LlamaForCausalLM, batch: Batch, layer: int = LAYER):
        kept = []
        hook = model.model.layers[layer].register_forward_hook(lambda _m, _i, out: kept.append(out))
        self.logits = model(batch.ids, use_cache=False).logits
        hook.remove()
        self.hidden = kept[0][0] if isinstance(kept[0], tuple) else kept[0]
        self.log_p = log_softmax(self.logits, -1)
        self.batch = batch

    def target_nll(self) -> torch.Tensor:
        """-log p of every token but the first, [B, T-1]."""
        return -self.log_p[:, :-1].gather(-1, self.batch.ids[:, 1:, None]).squeeze(-1)

    def targets(self) -> torch.Tensor:
        return self.batch.has_loss[:, 1:]

    def cross_entropy(self) -> torch.Tensor:
        return self.target_nll()[self.targets()].mean()

    def sequence_nll(self) -> torch.Tensor:
        return (self.target_nll() * self.targets()).sum(1)


def npo(theta: torch.Tensor, ref: torch.Tensor) -> torch.Tensor:
    return -2 / BETA * logsigmoid(BETA * (theta - ref)).mean()


def kl(theta: Outputs, ref: Outputs) -> torch.Tensor:
    each = (ref.log_p.exp() * (ref.log_p - theta.log_p)).sum(-1)
    return each[:, :-1][theta.targets()].mean()


def kl_muse_logit(theta: Outputs, ref: Outputs) -> torch.Tensor:
    each = (ref.logits.exp() * (ref.logits - theta.logits)).sum(-1)
    return each[theta.batch.real].sum() / len(theta.batch.ids)


def weighted(theta: Outputs, weight: torch.Tensor) -> torch.Tensor:
    return -(weight[:, 1:] * theta.target_nll()).sum() / weight.sum()


def misdirection(theta: Outputs, u: torch.Tensor) -> torch.Tensor:
    return (theta.hidden - C * u)[theta.batch.real].pow(2).mean()


def drift(theta: Outputs, ref: Outputs) -> torch.Tensor:
    return (theta.hidden - ref.hidden)[theta.batch.real].pow(2).mean()


def all_losses(model, reference, forget: Batch, retain: Batch, weight, u) -> dict:
    """Every loss as a function, so that each gets a graph of its own."""
    with torch.no_grad():
        f_ref, r_ref = Outputs(reference, forget), Outputs(reference, retain)
    count = forget.has_loss.sum(1)

    def f() -> Outputs:
        return Outputs(model, forget)

    def r() -> Outputs:
        return Outputs(model, retain)

    return {
        "ga": lambda: -f().cross_entropy(),
        "ga_weighted": lambda: weighted(f(), weight),
        "gd": lambda: r().cross_entropy(),
        "kl": lambda: kl(r(), r_ref),
        "kl_muse_logit": lambda: kl_muse_logit(r(), r_ref),
        "npo": lambda: npo(f().sequence_nll(), f_ref.sequence_nll()),
        "npo_length_norm": lambda: npo(f().sequence_nll() / count, f_ref.sequence_nll() / count),
        "npo_token_mean": lambda: npo(f().cross_entropy(), f_ref.cross_entropy()),
        "npo_muse_logit": lambda: npo(f_ref.logits[forget.real], f().logits[forget.real]),
        "rmu": lambda: misdirection(f(), u) + ALPHA * drift(r(), r_ref),
        "rmu_forget": lambda: misdirection(f(), u),
        "rmu_retain": lambda: drift(r(), r_ref),
    }


def gradients(model: LlamaForCausalLM, name: str, loss) -> dict[str, torch.Tensor]:
    model.zero_grad(set_to_none=True)
    value = loss()
    value.backward()
    tensors = {f"{name}.value": value.detach().reshape(1)}
    for key, parameter in model.named_parameters():  # a shared matrix comes once
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        tensors[f"{name}.grad.{key}"] = gradient.clone()
    return tensors


def write_training_by_terms(out: Path, batches: dict[str, Batch]) -> None:
    """The same loss, each term's gradient clipped alone before its coefficient."""
    model = load_llama(out / "losses_theta").train()
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=TRAINING["lr"], weight_decay=TRAINING["weight_decay"], foreach=False, fused=False)
    rows = []
    for _ in range(TRAINING["steps"]):
        terms = [Outputs(model, batches[name]).cross_entropy() for name in ("forget", "retain")]
        norms, total = [], [torch.zeros_like(parameter) for parameter in parameters]
        for term, coefficient in zip(terms, (-TRAINING["gamma"], 1.0), strict=True):
            optimizer.zero_grad(set_to_none=True)
            term.backward()
            norms.append(torch.nn.utils.clip_grad_norm_(parameters, TRAINING["clip_terms"]).item())
            for summed, parameter in zip(total, parameters, strict=True):
                summed += coefficient * parameter.grad
        for summed, parameter in zip(total, parameters, strict=True):
            parameter.grad = summed
        optimizer.step()
        rows.append({"terms": [term.item() for term in terms], "norms": norms})
    (out / "training_by_terms.json").write_text(json.dumps({**TRAINING, "rows": rows}, indent=1) + "\n")


def write_training(out: Path, batches: dict[str, Batch]) -> None:
    """A plain loop: one term on the forget set against one on the retain set, all examples in each step."""
    losses, rates = [], []
    for folder in ("losses_theta", "losses_tied"):
        model = load_llama(out / folder).train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=TRAINING["lr"], weight_decay=TRAINING["weight_decay"], foreach=False, fused=False)
        steps = TRAINING["steps"]
        scheduler = get_scheduler("linear", optimizer, num_warmup_steps=TRAINING["warmup"], num_training_steps=steps)
        for _ in range(steps):
            forget, retain = (Outputs(model, batches[name]).cross_entropy() for name in ("forget", "retain"))
            loss = retain - TRAINING["gamma"] * forget
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), TRAINING["clip"])
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
            rates.append([forget.item(), retain.item()])
    (out / "training.json").write_text(json.dumps({**TRAINING, "losses": losses, "terms": rates}, indent=1) + "\n")


def write(out: Path) -> None:
    for name, seed, tied in (("losses_theta", 21, False), ("losses_ref", 22, False), ("losses_tied", 23, True)):
        random_llama(seed, tie_word_embeddings=tied, **SHAPE).save_pretrained(out / name)
    model, reference, tied_model = (load_llama(out / f"losses_{kind}") for kind in ("theta", "ref", "tied"))
    forget = Batch(31, lengths=[9, 14, 5], prompts=[3, 1, 4])
    retain = Batch(32, lengths=[12, 6, 10, 8], prompts=[1, 2, 5, 7])
    write_training(out, {"forget": forget, "retain": retain})
    write_training_by_terms(out, {"forget": forget, "retain": retain})
    weight = torch.rand(forget.ids.shape, generator=torch.Generator().manual_seed(33)) * forget.has_loss
    u = torch.rand(SHAPE["hidden_size"], generator=torch.Generator().manual_seed(34))
    u /= u.norm()

    tensors = {"forget.weight": weight, "rmu.u": u}
    for name, batch in (("forget", forget), ("retain", retain)):
        tensors.update({f"{name}.ids": batch.ids, f"{name}.lengths": batch.lengths,
                        f"{name}.has_loss": batch.has_loss.to(torch.uint8)})
    with torch.no_grad():
        tensors["forget.nll_theta"] = Outputs(model, forget).sequence_nll()
        tensors["forget.nll_ref"] = Outputs(reference, forget).sequence_nll()
    for name, loss in all_losses(model, reference, forget, retain, weight, u).items():
        tensors.update(gradients(model, name, loss))
    tensors.update(gradients(tied_model, "tied_gd", lambda: Outputs(tied_model, retain).cross_entropy()))

    save_file(tensors, out / "losses.safetensors")
    values = {key.removesuffix(".value"): tensor.item() for key, tensor in tensors.items() if key.endswith(".value")}
    settings = {"beta": BETA, "c": C, "alpha": ALPHA, "layer": LAYER, "pad_id": 0, "losses": values}
    (out / "losses.json").write_text(json.dumps(settings, indent=1) + "\n")
