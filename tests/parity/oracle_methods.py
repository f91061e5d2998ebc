"""Further unlearning losses, and weights after some steps of every method, by autograd and torch.optim (make_fixtures.py, G)."""
import copy
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn.functional import logsigmoid, one_hot

from oracle_losses import (ALPHA, BETA, LAYER, SHAPE, VOCABULARY, Batch, C, Outputs, drift, gradients, kl, kl_muse_logit, misdirection,
                           npo)
from oracle_models import load_llama

SIMNPO, DELTA, UNDIAL, WGA, SATIMP, SKIPPED = 2.5, 0.5, 10.0, 0.5, (5.0, 1.0), 1
STEPS, LEARNING_RATE, EPSILON = 4, 1e-3, 1e-5
PDU = {"weight": 2.0, "limit": 3.0, "rate": 0.5}
TV, WHP, RETAIN = 1.5, 2.0, 3.0
REFUSAL = [11, 7]
FLATTENED = 5
LONG = {"palu": 20, "reinforced_kl": 20, "jensun": 20, "npo_token": 20, "etw": 20}  # steps of these; the others take STEPS


def simnpo(nll: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    return -2 / SIMNPO * logsigmoid(SIMNPO * (nll / count - DELTA)).mean()


def dpo(theta: Outputs, ref: Outputs, other: Outputs, other_ref: Outputs) -> torch.Tensor:
    """The margin: how much more the original answer's NLL rose than that of the answer to be preferred."""
    margin = (theta.sequence_nll() - ref.sequence_nll()) - (other.sequence_nll() - other_ref.sequence_nll())
    return -2 / BETA * logsigmoid(BETA * margin).mean()


def jensen_shannon(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """By the definition; 0 log 0 = 0."""
    p, q = log_p.exp(), log_q.exp()
    middle = ((p + q) / 2).log()
    each = torch.where(p > 0, p * (log_p - middle), 0) + q * (log_q - middle)
    return each.sum(-1) / 2


def towards_refusal(theta: Outputs) -> torch.Tensor:
    """Target k of a row gets token k of the refusal, cyclically."""
    number = (theta.targets().cumsum(1) - 1).clamp_min(0)
    wanted = one_hot(torch.tensor(REFUSAL)[number % len(REFUSAL)], VOCABULARY).float().log()
    return jensen_shannon(wanted, theta.log_p[:, :-1])[theta.targets()].mean()


def npo_by_token(theta: Outputs, ref: Outputs) -> torch.Tensor:
    return npo(theta.target_nll()[theta.targets()], ref.target_nll()[theta.targets()])


def next_token(outputs: Outputs) -> torch.Tensor:
    return one_hot(outputs.batch.ids[:, 1:], VOCABULARY).float()


def undial(theta: Outputs, ref: Outputs) -> torch.Tensor:
    teacher = (ref.logits[:, :-1] - UNDIAL * next_token(ref)).softmax(-1)
    return -(teacher * theta.log_p[:, :-1]).sum(-1)[theta.targets()].mean()


def ceu(theta: Outputs) -> torch.Tensor:
    wanted = theta.logits[:, :-1].detach().masked_fill(next_token(theta) > 0, -torch.inf).softmax(-1)
    late = theta.targets() & (theta.targets().cumsum(1) > SKIPPED)
    return -(wanted * theta.log_p[:, :-1]).sum(-1)[late].mean()


def flatness(theta: Outputs) -> torch.Tensor:
    logits = theta.logits[:, :-1][theta.targets()]
    return (logits.max(-1).values - logits.mean(-1)).pow(2).mean()


def flat_top(theta: Outputs, ref: Outputs, weight: torch.Tensor) -> torch.Tensor:
    """PALU: the logits that the reference has largest are pulled to their mean."""
    logits = theta.logits[:, :-1]
    chosen = logits.gather(-1, ref.logits[:, :-1].topk(FLATTENED, -1).indices)
    each = (chosen - chosen.mean(-1, keepdim=True)).pow(2).mean(-1)
    weight = weight * theta.targets()
    return (weight * each).sum() / weight.sum()


def confidence(theta: Outputs, power: float, complement: float) -> torch.Tensor:
    p = (-theta.target_nll()).exp().detach()
    return p.pow(power) * (1 - p).pow(complement)


def confident_ascent(theta: Outputs, power: float, complement: float) -> torch.Tensor:
    return -(confidence(theta, power, complement) * theta.target_nll())[theta.targets()].mean()


def entropy_ascent(theta: Outputs) -> torch.Tensor:
    """ETW: weights in proportion to the entropy, those of a row summing to its number of targets."""
    log_p = theta.log_p[:, :-1].detach()
    return -(balanced(-(log_p.exp() * log_p).sum(-1), theta) * theta.target_nll())[theta.targets()].mean()


def balanced(weight: torch.Tensor, outputs: Outputs) -> torch.Tensor:
    """Weights of a row's targets, scaled to sum to their number."""
    weight = weight * outputs.targets()
    return weight * (outputs.targets().sum(1) / weight.sum(1))[:, None]


def weighted_nll(outputs: Outputs, weight: torch.Tensor) -> torch.Tensor:
    return (balanced(weight, outputs) * outputs.target_nll()).sum(1)


def fading_nll(outputs: Outputs, weight: torch.Tensor) -> torch.Tensor:
    return (weight * outputs.targets() * outputs.target_nll()).sum(1)


def kl_all_positions(theta: Outputs, ref: Outputs) -> torch.Tensor:
    return (ref.log_p.exp() * (ref.log_p - theta.log_p)).sum(-1)[theta.batch.real].mean()


def by_sequence(square: torch.Tensor, batch: Batch) -> torch.Tensor:
    mask = batch.has_loss
    return ((square.mean(-1) * mask).sum(1) / mask.sum(1)).mean()


def all_losses(model, reference, sets: dict[str, Batch], weight: torch.Tensor, u: torch.Tensor) -> dict:
    forget, retain, alternate = sets["forget"], sets["retain"], sets["alternate"]
    with torch.no_grad():
        f_ref, r_ref, a_ref = (Outputs(reference, batch) for batch in (forget, retain, alternate))
    count = forget.has_loss.sum(1)

    def f() -> Outputs:
        return Outputs(model, forget)

    def npo_weighted(given, nll=weighted_nll) -> torch.Tensor:
        outputs = f()
        chosen = given(outputs)
        return npo(nll(outputs, chosen), nll(f_ref, chosen))

    def simnpo_weighted(nll) -> torch.Tensor:
        outputs = f()
        return simnpo(nll(outputs, confidence(outputs, *SATIMP)), count)

    return {
        "simnpo": lambda: simnpo(f().sequence_nll(), count),
        "simnpo_satimp": lambda: simnpo_weighted(fading_nll),
        "simnpo_satimp_balanced": lambda: simnpo_weighted(weighted_nll),
        "dpo": lambda: dpo(f(), f_ref, Outputs(model, alternate), a_ref),
        "jensun": lambda: towards_refusal(f()),
        "jsd": lambda: jensen_shannon(r_ref.log_p[:, :-1], Outputs(model, retain).log_p[:, :-1])[retain.has_loss[:, 1:]].mean(),
        "npo_token": lambda: npo_by_token(f(), f_ref),
        "undial": lambda: undial(f(), f_ref),
        "ceu": lambda: ceu(f()),
        "pdu": lambda: flatness(f()),
        "palu": lambda: flat_top(f(), f_ref, torch.ones_like(weight[:, 1:])),
        "palu_weighted": lambda: flat_top(f(), f_ref, weight[:, 1:]),
        "wga": lambda: confident_ascent(f(), WGA, 0.0),
        "satimp": lambda: confident_ascent(f(), *SATIMP),
        "etw": lambda: entropy_ascent(f()),
        "npo_weighted": lambda: npo_weighted(lambda _: weight[:, 1:]),
        "npo_wga": lambda: npo_weighted(lambda outputs: confidence(outputs, WGA, 0.0), fading_nll),
        "npo_wga_balanced": lambda: npo_weighted(lambda outputs: confidence(outputs, WGA, 0.0)),
        "kl_all_positions": lambda: kl_all_positions(Outputs(model, retain), r_ref),
        "rmu_forget_sequences": lambda: by_sequence((f().hidden - C * u).pow(2), forget),
        "rmu_retain_sequences": lambda: by_sequence((Outputs(model, retain).hidden - r_ref.hidden).pow(2), retain),
    }


class Run:
    """One method from the model at `folder`, which is its own reference, on all examples in every step."""

    def __init__(self, folder: Path, sets: dict[str, Batch], u: torch.Tensor):
        self.model, self.sets, self.u, self.dual = load_llama(folder), sets, u, PDU["weight"]
        self.reference = copy.deepcopy(self.model)
        with torch.no_grad():
            self.f_ref, self.r_ref, self.a_ref = (Outputs(self.reference, sets[name]) for name in ("forget", "retain", "alternate"))

    def f(self) -> Outputs:
        return Outputs(self.model, self.sets["forget"])

    def r(self) -> Outputs:
        return Outputs(self.model, self.sets["retain"])

    def count(self) -> torch.Tensor:
        return self.sets["forget"].has_loss.sum(1)

    def pdu(self) -> torch.Tensor:
        retain = self.r().cross_entropy()
        loss = flatness(self.f()) + self.dual * retain
        self.dual = max(0.0, self.dual + PDU["rate"] * (retain.item() - PDU["limit"]))
        return loss

    def losses(self) -> dict:
        real = self.sets["forget"].real
        return {
            "ga": lambda: -self.f().cross_entropy(),
            "ga_gd": lambda: -self.f().cross_entropy() + self.r().cross_entropy(),
            "ga_kl": lambda: -self.f().cross_entropy() + kl(self.r(), self.r_ref),
            "ga_kl_all_positions": lambda: -self.f().cross_entropy() + kl_all_positions(self.r(), self.r_ref),
            "ga_kl_muse_logit": lambda: -self.f().cross_entropy() + kl_muse_logit(self.r(), self.r_ref),
            "npo": lambda: npo(self.f().sequence_nll(), self.f_ref.sequence_nll()),
            "npo_gd": lambda: npo(self.f().sequence_nll(), self.f_ref.sequence_nll()) + self.r().cross_entropy(),
            "npo_kl": lambda: npo(self.f().sequence_nll(), self.f_ref.sequence_nll()) + kl(self.r(), self.r_ref),
            "npo_token_mean": lambda: npo(self.f().cross_entropy(), self.f_ref.cross_entropy()),
            "npo_muse_logit": lambda: npo(self.f_ref.logits[real], self.f().logits[real]),
            "simnpo": lambda: simnpo(self.f().sequence_nll(), self.count()) + self.r().cross_entropy(),
            "dpo": lambda: dpo(self.f(), self.f_ref, Outputs(self.model, self.sets["alternate"]), self.a_ref) + self.r().cross_entropy(),
            "undial": lambda: undial(self.f(), self.f_ref),
            "ceu": lambda: ceu(self.f()),
            "wga": lambda: confident_ascent(self.f(), WGA, 0.0) + self.r().cross_entropy(),
            "satimp": lambda: confident_ascent(self.f(), *SATIMP) + self.r().cross_entropy(),
            "pdu": self.pdu,
            "rmu": lambda: misdirection(self.f(), self.u) + ALPHA * drift(self.r(), self.r_ref),
            "jensun": lambda: towards_refusal(self.f()) + jensen_shannon(
                self.r_ref.log_p[:, :-1], self.r().log_p[:, :-1])[self.sets["retain"].has_loss[:, 1:]].mean(),
            "npo_token": lambda: npo_by_token(self.f(), self.f_ref) + self.r().cross_entropy(),
            "etw": lambda: entropy_ascent(self.f()) + self.r().cross_entropy(),
            "palu": lambda: flat_top(self.f(), self.f_ref, torch.ones_like(self.sets["forget"].ids[:, 1:])) + self.r().cross_entropy(),
            "reinforced_kl": lambda: self.f().cross_entropy() + RETAIN * kl(self.r(), self.r_ref),
            "reinforced": lambda: self.f().cross_entropy(),
        }

    def trained(self, name: str) -> list[torch.nn.Parameter]:
        if name != "rmu":
            return list(self.model.parameters())
        return [self.model.model.layers[layer].mlp.down_proj.weight for layer in range(LAYER + 1)]

    def weights_after(self, name: str) -> dict[str, torch.Tensor]:
        loss = self.losses()[name]
        optimizer = torch.optim.AdamW(self.trained(name), lr=LEARNING_RATE, eps=EPSILON, weight_decay=0.0, foreach=False, fused=False)
        for _ in range(LONG.get(name, STEPS)):
            self.model.zero_grad(set_to_none=True)
            loss().backward()
            optimizer.step()
        return {f"steps.{name}.{key}": parameter.detach().clone() for key, parameter in self.model.named_parameters()}


def after_steps(folder: Path, sets: dict[str, Batch], u: torch.Tensor) -> dict[str, torch.Tensor]:
    tensors = {}
    for name in Run(folder, sets, u).losses():
        run = Run(folder, sets, u)
        tensors.update(run.weights_after(name))
        if name == "pdu":
            tensors["steps.pdu.dual"] = torch.tensor([run.dual])
        if name == "reinforced_kl":
            tensors.update(task_vector(run, "tv_kl"))
        if name == "reinforced":
            tensors.update(answers_of_pairs(run, sets["forget"]))
    return tensors


@torch.no_grad()
def task_vector(run: Run, name: str) -> dict[str, torch.Tensor]:
    start = dict(run.reference.named_parameters())
    return {f"steps.{name}.{key}": start[key] - TV * (moved - start[key]) for key, moved in run.model.named_parameters()}


@torch.no_grad()
def answers_of_pairs(run: Run, batch: Batch) -> dict[str, torch.Tensor]:
    """tv's weights, and the logits by which whp answers."""
    tensors = task_vector(run, "tv")
    base, moved = Outputs(run.reference, batch).logits, Outputs(run.model, batch).logits
    tensors["whp.logits"] = (base - WHP * torch.relu(moved - base))[batch.real].contiguous()
    return tensors


def write(out: Path) -> None:
    model, reference = (load_llama(out / f"losses_{kind}") for kind in ("theta", "ref"))
    sets = {"forget": Batch(31, lengths=[9, 14, 5], prompts=[3, 1, 4]), "retain": Batch(32, lengths=[12, 6, 10, 8], prompts=[1, 2, 5, 7]),
            "alternate": Batch(36, lengths=[7, 11, 8], prompts=[3, 1, 4])}
    # forget[2] has a single target, which ceu skips.
    weight = torch.rand(sets["forget"].ids.shape, generator=torch.Generator().manual_seed(33)) * sets["forget"].has_loss
    u = torch.rand(SHAPE["hidden_size"], generator=torch.Generator().manual_seed(34))
    u /= u.norm()
    tensors = {}
    for name, batch in sets.items():
        tensors.update({f"{name}.ids": batch.ids, f"{name}.lengths": batch.lengths, f"{name}.has_loss": batch.has_loss.to(torch.uint8)})
    for name, loss in all_losses(model, reference, sets, weight, u).items():
        tensors.update(gradients(model, name, loss))
    tensors.update(after_steps(out / "losses_theta", sets, u))
    save_file(tensors, out / "methods.safetensors")
    settings = {"simnpo": SIMNPO, "delta": DELTA, "undial": UNDIAL, "wga": WGA, "satimp": SATIMP, "skipped": SKIPPED, "pdu": PDU, "tv": TV,
                "whp": WHP, "refusal": REFUSAL, "flattened": FLATTENED, "retain": RETAIN, "long": LONG, "steps": STEPS, "learning_rate": LEARNING_RATE, "epsilon": EPSILON}
    (out / "methods.json").write_text(json.dumps(settings, indent=1) + "\n")
