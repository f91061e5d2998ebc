"""Random Llamas and stories260K: logits, hidden states and greedy text by transformers (make_fixtures.py, A)."""
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

BOS, EOS = 1, 2
LENGTHS = [1, 7, 19, 32]
GREEDY = 48


def random_llama(seed: int, **shape) -> LlamaForCausalLM:
    settings = dict(vocab_size=300, hidden_size=64, intermediate_size=172, num_hidden_layers=3, num_attention_heads=8,
                    num_key_value_heads=2, max_position_embeddings=256, rms_norm_eps=1e-5, tie_word_embeddings=False,
                    initializer_range=0.1, bos_token_id=BOS, eos_token_id=EOS, attn_implementation="eager")
    settings.update(shape)
    torch.manual_seed(seed)
    model = LlamaForCausalLM(LlamaConfig(**settings)).float().eval()
    with torch.no_grad():  # norm weights of 1 would hide one that is not applied
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def load_llama(folder: Path) -> LlamaForCausalLM:
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return model.eval()


def random_rows(seed: int, vocabulary: int, lengths: list[int]) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.zeros(len(lengths), max(lengths), dtype=torch.int64)
    for row, length in zip(rows, lengths):
        row[:length] = torch.randint(3, vocabulary, (length,), generator=generator)
        row[0] = BOS
    return rows


@torch.no_grad()
def greedy(model: LlamaForCausalLM, ids: list[int], count: int) -> list[int]:
    out = model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=count, min_new_tokens=count,
                         eos_token_id=None, pad_token_id=0)
    assert out.shape[1] == len(ids) + count
    return out[0, len(ids):].tolist()


@torch.no_grad()
def greedy_gaps(model: LlamaForCausalLM, ids: list[int], continuation: list[int]) -> torch.Tensor:
    """Distance of the best logit to the second best at every step, recomputed without a cache."""
    logits = model(torch.tensor([ids + continuation]), use_cache=False).logits[0, len(ids) - 1:-1]
    best = logits.topk(2).values
    assert logits.argmax(-1).tolist() == continuation
    return best[:, 0] - best[:, 1]


@torch.no_grad()
def describe(model: LlamaForCausalLM, tokens: torch.Tensor, lengths: list[int]) -> dict[str, torch.Tensor]:
    logits, hidden = [], [[] for _ in model.model.layers]
    hooks = [layer.register_forward_hook(lambda _m, _i, out, at=at: hidden[at].append(
        (out[0] if isinstance(out, tuple) else out).reshape(-1, model.config.hidden_size)))
        for at, layer in enumerate(model.model.layers)]
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
            "greedy": torch.tensor(continuations), "greedy_gap": gaps}


def write_random_models(out: Path) -> None:
    shapes = {
        "llama_grouped": dict(seed=15),
        "llama_tied": dict(seed=14, num_attention_heads=4, num_key_value_heads=4, tie_word_embeddings=True),
        "llama_headdim": dict(seed=11, num_attention_heads=4, num_key_value_heads=2, head_dim=24, rms_norm_eps=1e-6,
                              rope_parameters={"rope_type": "default", "rope_theta": 500000.0}),
    }
    for name, shape in shapes.items():
        model = random_llama(**shape)
        model.save_pretrained(out / name)
        model = load_llama(out / name)  # what the files say is what counts
        tokens = random_rows(shape["seed"], model.config.vocab_size, LENGTHS)
        save_file(describe(model, tokens, LENGTHS), out / f"{name}.safetensors")


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
