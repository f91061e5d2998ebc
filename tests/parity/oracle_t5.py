"""T5 by transformers: logits, greedy answers, removal from the encoder's prompt one by one (make_fixtures.py, I)."""
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn.functional import log_softmax
from transformers import T5Config, T5ForConditionalGeneration

EOS, START, GREEDY = 1, 0, 24
USUAL = dict(vocab_size=120, d_model=32, d_kv=12, d_ff=56, num_layers=2, num_decoder_layers=3, num_heads=4, eos_token_id=EOS, pad_token_id=START,
             decoder_start_token_id=START, initializer_factor=1.0, relative_attention_num_buckets=16, relative_attention_max_distance=20)
MODELS = {"t5": {}, "t5_v11": {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}}
PROMPTS, ANSWERS = [1, 9, 33, 9], [1, 6, 30, 2]  # beyond max_distance, too


def random_t5(seed: int, **more) -> T5ForConditionalGeneration:
    torch.manual_seed(seed)
    model = T5ForConditionalGeneration(T5Config(**{**USUAL, **more})).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:  # norms of 1 would hide one that is not applied
                parameter.add_(0.2 * torch.randn_like(parameter))
        if more.get("tie_word_embeddings") is False:  # transformers 5 ties what it makes; files of v1.1 hold a head of their own
            model.lm_head.weight = torch.nn.Parameter(0.3 * torch.randn(USUAL["vocab_size"], USUAL["d_model"]))
    return model


def save(model: T5ForConditionalGeneration, out: Path, name: str, tied: bool) -> None:
    """As published: tensors once each, `tie_word_embeddings` as v1.0 and v1.1 have it."""
    folder = out / name
    folder.mkdir(exist_ok=True)
    tensors = {key: tensor.contiguous() for key, tensor in model.state_dict().items()
               if not key.endswith("embed_tokens.weight") and not (tied and key == "lm_head.weight")}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    config = json.loads(model.config.to_json_string(use_diff=False))
    config.pop("scale_decoder_outputs", None)
    keys = [*USUAL, "feed_forward_proj", "model_type", "layer_norm_epsilon", "is_encoder_decoder"]
    config = {key: config[key] for key in keys if key in config and key != "initializer_factor"}
    config |= {"architectures": ["T5ForConditionalGeneration"], "n_positions": 512}
    if not tied:
        config["tie_word_embeddings"] = False
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def log_probabilities(model: T5ForConditionalGeneration, prompt: list[int], answer: list[int]) -> torch.Tensor:
    logits = model(input_ids=torch.tensor([prompt]), decoder_input_ids=torch.tensor([[START, *answer[:-1]]]), use_cache=False).logits[0]
    return log_softmax(logits, -1).gather(1, torch.tensor(answer)[:, None]).squeeze(1)


@torch.no_grad()
def expected(model: T5ForConditionalGeneration) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(71)
    tensors = {}
    for i, (prompt, answer) in enumerate(zip(PROMPTS, ANSWERS)):
        ids = torch.randint(3, USUAL["vocab_size"], (prompt,), generator=generator).tolist() + [EOS]
        written = torch.randint(3, USUAL["vocab_size"], (answer,), generator=generator).tolist()
        tensors[f"prompt.{i}"], tensors[f"answer.{i}"] = torch.tensor(ids), torch.tensor(written)
        logits = model(input_ids=torch.tensor([ids]), decoder_input_ids=torch.tensor([[START, *written[:-1]]]), use_cache=False).logits[0]
        tensors[f"logits.{i}"] = logits.contiguous()
        tensors[f"log_p.{i}"] = log_probabilities(model, ids, written)
        grown = model.generate(torch.tensor([ids]), max_new_tokens=GREEDY, min_new_tokens=GREEDY, do_sample=False, use_cache=False)[0, 1:]
        tensors[f"greedy.{i}"] = grown.contiguous()
        if 1 < prompt < 20:
            rows = [log_probabilities(model, ids, written)]
            rows += [log_probabilities(model, ids[:t] + ids[t + 1:], written) for t in range(prompt)]
            tensors[f"removal.{i}"] = torch.stack(rows)
    return tensors


def write(out: Path) -> None:
    for seed, (name, more) in enumerate(MODELS.items(), 81):
        model = random_t5(seed, **more)
        tied = more.get("tie_word_embeddings", True)
        model.config.scale_decoder_outputs = tied
        save(model, out, name, tied)
        save_file(expected(model), out / f"{name}.safetensors")
        read = T5ForConditionalGeneration.from_pretrained(out / name, dtype=torch.float32).eval()
        same = torch.equal(read(input_ids=torch.tensor([[5, 6, 1]]), decoder_input_ids=torch.tensor([[0, 9]]), use_cache=False).logits,
                           model(input_ids=torch.tensor([[5, 6, 1]]), decoder_input_ids=torch.tensor([[0, 9]]), use_cache=False).logits)
        assert same, f"transformers reads {name} otherwise than it was made"
