"""Random models of every architecture and stories260K: logits, hidden states, greedy text, gradients by transformers
(make_fixtures.py, A)."""
import copy
import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy
from transformers import (AutoModelForCausalLM, Gemma2Config, Gemma3TextConfig, GemmaConfig, GPT2Config, GPTNeoConfig,
                          GPTNeoXConfig, LlamaConfig, LlamaForCausalLM, MistralConfig, MixtralConfig, Olmo2Config, OPTConfig,
                          Phi3Config, PhiConfig, PretrainedConfig, PreTrainedModel, Qwen2Config, Qwen3Config)

BOS, EOS = 1, 2
LENGTHS = [1, 7, 19, 32]
GREEDY = 64


USUAL = dict(vocab_size=300, hidden_size=64, intermediate_size=172, num_hidden_layers=3, num_attention_heads=8,
             num_key_value_heads=2, max_position_embeddings=256, rms_norm_eps=1e-5, tie_word_embeddings=False,
             initializer_range=0.1, bos_token_id=BOS, eos_token_id=EOS, attn_implementation="eager")
LAYER_NORM = {"rms_norm_eps": None, "layer_norm_eps": 1e-5}  # instead of an RMS norm
GPT2 = dict(vocab_size=300, n_embd=64, n_layer=3, n_head=4, n_positions=256, initializer_range=0.2, bos_token_id=BOS,
            eos_token_id=EOS, attn_implementation="eager")
OPT = dict(vocab_size=300, hidden_size=64, ffn_dim=100, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=256,
           init_std=0.1, bos_token_id=BOS, eos_token_id=EOS, pad_token_id=0, attn_implementation="eager")
GPT_NEO = dict(vocab_size=300, hidden_size=64, num_layers=3, num_heads=4, max_position_embeddings=256, initializer_range=0.1,
               window_size=7, attention_types=[[["global", "local", "global"], 1]], bos_token_id=BOS, eos_token_id=EOS,
               attn_implementation="eager")
OWN_SHAPES = {GPT2Config: GPT2, OPTConfig: OPT, GPTNeoConfig: GPT_NEO}


def random_model(seed: int, config: PretrainedConfig) -> PreTrainedModel:
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    if config.model_type == "mixtral":
        model.set_experts_implementation("eager")
    with torch.no_grad():  # norm weights of 1 and biases of 0 would hide one that is not applied
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def random_llama(seed: int, **shape) -> LlamaForCausalLM:
    return random_model(seed, LlamaConfig(**{**USUAL, **shape}))


def load_model(folder: Path) -> PreTrainedModel:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    if model.config.model_type == "mixtral":  # its default wants widths that a small model has not
        model.set_experts_implementation("eager")
    return model


def load_llama(folder: Path) -> LlamaForCausalLM:
    return load_model(folder)


def blocks(model: PreTrainedModel) -> torch.nn.ModuleList:
    if hasattr(model, "gpt_neox"):
        return model.gpt_neox.layers
    if hasattr(model, "model") and hasattr(model.model, "decoder"):
        return model.model.decoder.layers
    return model.transformer.h if hasattr(model, "transformer") else model.model.layers


def lens(model: PreTrainedModel, hidden: torch.Tensor) -> torch.Tensor:
    """What the model's own norm and head make of the states behind a block."""
    inner = next(getattr(model, name) for name in ("gpt_neox", "transformer", "model") if hasattr(model, name))
    inner = getattr(inner, "decoder", inner)
    norm = next((getattr(inner, name) for name in ("ln_f", "norm", "final_layernorm", "final_layer_norm") if getattr(inner, name, None)),
                torch.nn.Identity())  # an OPT that normalizes behind its blocks has none
    logits = model.get_output_embeddings()(norm(hidden))
    cap = getattr(model.config, "final_logit_softcapping", None)
    return torch.tanh(logits / cap) * cap if cap else logits


def random_rows(seed: int, vocabulary: int, lengths: list[int]) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.zeros(len(lengths), max(lengths), dtype=torch.int64)
    for row, length in zip(rows, lengths):
        row[:length] = torch.randint(3, vocabulary, (length,), generator=generator)
        row[0] = BOS
    return rows


@torch.no_grad()
def greedy(model: PreTrainedModel, ids: list[int], count: int) -> list[int]:
    out = model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=count, min_new_tokens=count,
                         eos_token_id=None, pad_token_id=0)
    assert out.shape[1] == len(ids) + count
    return out[0, len(ids):].tolist()


@torch.no_grad()
def greedy_gaps(model: PreTrainedModel, ids: list[int], continuation: list[int]) -> torch.Tensor:
    """Distance of the best logit to the second best at every step, recomputed without a cache."""
    logits = model(torch.tensor([ids + continuation]), use_cache=False).logits[0, len(ids) - 1:-1]
    best = logits.topk(2).values
    assert logits.argmax(-1).tolist() == continuation
    return best[:, 0] - best[:, 1]


@torch.no_grad()
def describe(model: PreTrainedModel, tokens: torch.Tensor, lengths: list[int]) -> dict[str, torch.Tensor]:
    logits, hidden = [], [[] for _ in blocks(model)]
    hooks = [layer.register_forward_hook(lambda _m, _i, out, at=at: hidden[at].append(
        (out[0] if isinstance(out, tuple) else out).reshape(-1, model.config.hidden_size)))
        for at, layer in enumerate(blocks(model))]
    for row, length in zip(tokens, lengths):
        logits.append(model(row[None, :length], use_cache=False).logits[0])
    for hook in hooks:
        hook.remove()
    rows = [row[:length].tolist() for row, length in zip(tokens, lengths)]
    continuations = [greedy(model, row, GREEDY) for row in rows]
    gaps = torch.stack([greedy_gaps(model, row, more) for row, more in zip(rows, continuations)])
    assert gaps.min() > 1e-3, f"a near-tie ({gaps.min():.1e}) would make greedy text a matter of rounding: other seed"
    return {"tokens": tokens, "lengths": torch.tensor(lengths), "logits": torch.cat(logits),
            **{f"hidden.{at}": torch.cat(parts) for at, parts in enumerate(hidden)},
            "lens": lens(model, torch.cat(hidden[0])),
            "greedy": torch.tensor(continuations), "greedy_gap": gaps}


def gradients(model: PreTrainedModel, tokens: torch.Tensor, lengths: list[int]) -> dict[str, torch.Tensor]:
    """Mean cross-entropy over all next tokens of all rows, and its gradient by every parameter."""
    model.zero_grad(set_to_none=True)
    rows = [row[:length] for row, length in zip(tokens, lengths) if length > 1]
    logits = torch.cat([model(row[None], use_cache=False).logits[0, :-1] for row in rows])
    loss = cross_entropy(logits, torch.cat([row[1:] for row in rows]))
    loss.backward()
    return {"loss": loss.detach().reshape(1),
            **{f"grad.{name}": tensor for name, tensor in as_in_files(model, lambda parameter: parameter.grad).items()}}


def as_in_files(model: PreTrainedModel, of: Callable[[torch.nn.Parameter], torch.Tensor]) -> dict[str, torch.Tensor]:
    """of(parameter) under the names, and in the pieces, of the checkpoint's files."""
    tensors = {}
    for name, parameter in model.named_parameters():
        value = of(parameter).detach().clone()
        if model.config.model_type == "gpt_neox" and name == "lm_head.weight":
            name = "embed_out.weight"
        if model.config.model_type == "mixtral" and ".mlp." in name:
            name = name.replace(".mlp.", ".block_sparse_moe.")
            if ".experts." in name:
                folder = name.rsplit(".", 1)[0]
                for expert, whole in enumerate(value):
                    gates = whole.chunk(2) if name.endswith("gate_up_proj") else ()
                    for key, piece in zip(("w1", "w3") if gates else ("w2",), gates or (whole,)):
                        tensors[f"{folder}.{expert}.{key}.weight"] = piece.clone()
                continue
        tensors[name] = value
    return tensors


TRAINING = {"steps": 20, "lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-5, "weight_decay": 0.01}


def trained(model: PreTrainedModel, tokens: torch.Tensor, lengths: list[int]) -> dict[str, torch.Tensor]:
    """Steps of AdamW on the mean cross-entropy over all rows at once: the loss of each, and the weights behind the last."""
    settings = {key: value for key, value in TRAINING.items() if key != "steps"}
    optimizer = torch.optim.AdamW(model.parameters(), foreach=False, **settings)
    losses = []
    for _ in range(TRAINING["steps"]):
        losses.append(gradients(model, tokens, lengths)["loss"])
        optimizer.step()
    return {"losses": torch.cat(losses), **as_in_files(model, lambda parameter: parameter)}


@torch.no_grad()
def bf16_difference(model: PreTrainedModel, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    exact = model(ids[None], use_cache=False).logits[0]
    rounded = copy.deepcopy(model).bfloat16()(ids[None], use_cache=False).logits[0].float()
    return {"bf16_difference": ((rounded - exact).norm() / exact.norm()).reshape(1)}


LLAMA3 = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}
SLIDING = ["sliding_attention", "full_attention", "sliding_attention"]


LONGROPE = {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0, 1.1, 1.3, 1.8],
            "long_factor": [2.0, 2.5, 3.0, 4.0]}


GEMMA2 = {"head_dim": 16, "query_pre_attn_scalar": 24, "sliding_window": 9, "tie_word_embeddings": True, "pad_token_id": 0}
TWO_ROPES = {"full_attention": {"rope_type": "linear", "rope_theta": 50000.0, "factor": 4.0},
             "sliding_attention": {"rope_type": "default", "rope_theta": 500.0}}
TRAINED = ("phi", "phi3", "gpt_neox", "gemma", "olmo2", "gemma2", "gemma3", "gpt_neo", "opt", "opt_post", "mixtral")


def random_models() -> dict[str, tuple[int, PretrainedConfig]]:
    def like(kind: type, seed: int, **shape) -> tuple[int, PretrainedConfig]:
        usual = OWN_SHAPES.get(kind, USUAL | (LAYER_NORM if kind in (PhiConfig, GPTNeoXConfig) else {}))
        given = {key: value for key, value in {**usual, **shape}.items()
                 if value is not None or key == "sliding_window" or key.endswith("softcapping")}
        return seed, kind(**given)

    return {
        "llama_grouped": like(LlamaConfig, 15),
        "llama_tied": like(LlamaConfig, 14, num_attention_heads=4, num_key_value_heads=4, tie_word_embeddings=True),
        "llama_headdim": like(LlamaConfig, 11, num_attention_heads=4, num_key_value_heads=2, head_dim=24,
                              rms_norm_eps=1e-6,
                              rope_parameters={"rope_type": "default", "rope_theta": 500000.0}),
        "llama_llama3": like(LlamaConfig, 6100, num_attention_heads=4, rope_parameters=LLAMA3),
        "llama_llama3_old": like(LlamaConfig, 6204, num_attention_heads=4, rope_parameters=LLAMA3),
        "llama_linear": like(LlamaConfig, 63, rope_parameters={"rope_type": "linear", "rope_theta": 10000.0,
                                                               "factor": 4.0}),
        "llama_linear_old": like(LlamaConfig, 6401, rope_parameters={"rope_type": "linear", "rope_theta": 10000.0,
                                                                   "factor": 2.0}),
        "llama_biases": like(LlamaConfig, 6500, attention_bias=True, mlp_bias=True),
        "llama_attention_bias": like(LlamaConfig, 66, attention_bias=True),
        "llama_mlp_bias": like(LlamaConfig, 6700, mlp_bias=True),
        "qwen2": like(Qwen2Config, 7101),
        "qwen2_tied_window": like(Qwen2Config, 72, tie_word_embeddings=True, use_sliding_window=True, sliding_window=9,
                                  max_window_layers=1),
        "qwen3": like(Qwen3Config, 7302, head_dim=24),
        "qwen3_bias_window": like(Qwen3Config, 7400, head_dim=8, attention_bias=True, use_sliding_window=True,
                                  sliding_window=6, layer_types=SLIDING),
        "mistral": like(MistralConfig, 75, sliding_window=9),
        "mistral_two": like(MistralConfig, 76, sliding_window=2, head_dim=12),
        "mistral_full": like(MistralConfig, 7704, sliding_window=None),
        "gpt2": like(GPT2Config, 7800),
        "gpt2_untied": like(GPT2Config, 79, tie_word_embeddings=False, n_inner=100),
        "phi": like(PhiConfig, 8001, num_key_value_heads=None),
        "phi_grouped": like(PhiConfig, 8100, num_attention_heads=4, rope_parameters=partial(0.25)),
        "phi3": like(Phi3Config, 8200, num_key_value_heads=None, pad_token_id=0),
        "phi3_longrope": like(Phi3Config, 8302, sliding_window=9, rope_parameters=LONGROPE, pad_token_id=0,
                              original_max_position_embeddings=128),
        "phi3_su": like(Phi3Config, 8403, rope_parameters=LONGROPE, original_max_position_embeddings=128, pad_token_id=0),
        "gpt_neox": like(GPTNeoXConfig, 8502, num_key_value_heads=None, num_attention_heads=4),
        "gpt_neox_old": like(GPTNeoXConfig, 8600, num_key_value_heads=None, num_attention_heads=4,
                             rope_parameters=partial(0.5)),
        "gpt_neox_plain": like(GPTNeoXConfig, 8700, num_key_value_heads=None, attention_bias=False,
                               use_parallel_residual=False, rope_parameters=partial(1.0)),
        "gemma": like(GemmaConfig, 8800, head_dim=16, tie_word_embeddings=True, pad_token_id=0),
        "gemma_untied": like(GemmaConfig, 8902, head_dim=8, attention_bias=True, pad_token_id=0),
        "olmo2": like(Olmo2Config, 9000, pad_token_id=0),
        "olmo2_biases": like(Olmo2Config, 9101, attention_bias=True, num_key_value_heads=8, pad_token_id=0),
        # Caps that scores and logits of a random model reach.
        "gemma2": like(Gemma2Config, 9200, **GEMMA2, attn_logit_softcapping=1.5, final_logit_softcapping=3.0),
        "gemma2_uncapped": like(Gemma2Config, 9301, **GEMMA2 | {"tie_word_embeddings": False}, attention_bias=True,
                                layer_types=SLIDING, attn_logit_softcapping=None, final_logit_softcapping=None),
        "gemma3": like(Gemma3TextConfig, 9400, **GEMMA2, layer_types=SLIDING, rope_parameters=TWO_ROPES,
                       final_logit_softcapping=3.0),
        "gemma3_old": like(Gemma3TextConfig, 9500, **GEMMA2, rope_parameters=TWO_ROPES,
                           layer_types=["sliding_attention", "full_attention", "sliding_attention"]),
        "gpt_neo": like(GPTNeoConfig, 9600),
        "gpt_neo_wide": like(GPTNeoConfig, 9700, intermediate_size=100, window_size=2, tie_word_embeddings=False,
                             attention_types=[[["local"], 2], [["global"], 1]]),
        "opt": like(OPTConfig, 9800),
        "opt_post": like(OPTConfig, 9900, do_layer_norm_before=False, enable_bias=False, activation_function="gelu",
                         tie_word_embeddings=False),
        "mixtral": like(MixtralConfig, 10000, num_local_experts=4),
        "mixtral_window": like(MixtralConfig, 10101, num_local_experts=3, sliding_window=9, head_dim=12,
                               tie_word_embeddings=True),
    }


def partial(share: float) -> dict[str, object]:
    return {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": share}


def respell(folder: Path) -> None:
    """Rope settings as transformers 4 wrote them."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    parameters = config.pop("rope_parameters")
    if folder.name == "gpt_neox_old":  # under names of its own
        config["rotary_emb_base"], config["rotary_pct"] = parameters["rope_theta"], parameters["partial_rotary_factor"]
        path.write_text(json.dumps(config, indent=2))
        return
    if folder.name == "gemma3_old":
        config["rope_local_base_freq"] = parameters["sliding_attention"]["rope_theta"]
        config["sliding_window_pattern"] = 2
        del config["layer_types"]
        parameters = parameters["full_attention"]
    config["rope_theta"] = parameters.pop("rope_theta")
    if folder.name == "phi3_su":
        for key in ("partial_rotary_factor", "rope_type"):
            parameters.pop(key, None)
        parameters["type"] = "su"
    if folder.name == "llama_linear_old":  # older still
        parameters["type"] = parameters.pop("rope_type")
    config["rope_scaling"] = parameters
    path.write_text(json.dumps(config, indent=2))


def write_random_models(out: Path) -> None:
    for name, (seed, config) in random_models().items():
        random_model(seed, config).save_pretrained(out / name)
        if name.endswith(("_old", "_su")):
            respell(out / name)
        model = load_model(out / name)  # what the files say is what counts
        tokens = random_rows(seed, model.config.vocab_size, LENGTHS)
        save_file({**describe(model, tokens, LENGTHS), **gradients(model, tokens, LENGTHS),
                   **bf16_difference(model, tokens[-1])}, out / f"{name}.safetensors")
        if name in TRAINED:
            (out / "trained").mkdir(exist_ok=True)
            save_file(trained(model, tokens, LENGTHS), out / "trained" / f"{name}.safetensors")


PROMPTS = ["Once upon a time", "Lily and Tom went to the park.", "The dog was very big and", "One day, a little girl",
           "\"Can I play with you?\" asked Ben."]


@torch.no_grad()
def write_stories(out: Path, data: Path) -> None:
    import sentencepiece

    folder = data / "models" / "stories260K"
    model = load_llama(folder)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    entries, logits = [], {}
    for at, prompt in enumerate(PROMPTS):
        ids = [BOS] + tokenizer.encode(prompt)
        more = greedy(model, ids, 64)
        assert greedy_gaps(model, ids, more).min() > 1e-3, prompt
        entries.append({"prompt": prompt, "ids": ids, "greedy": more, "text": tokenizer.decode(more),
                        "full_text": tokenizer.decode(ids[1:] + more)})
        logits[f"logits.{at}"] = model(torch.tensor([ids + more]), use_cache=False).logits[0].contiguous()
    (out / "stories260K.json").write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    save_file(logits, out / "stories260K.safetensors")
