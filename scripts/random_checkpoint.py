"""Writes a Llama of a given shape with random weights in bf16, and a tokenizer from elsewhere beside it, for measurements.

usage: random_checkpoint.py FOLDER BLOCKS TOKENIZER [SHAPE]
    TOKENIZER  folder of another checkpoint: its tokenizer's files are copied, its special ids taken
    SHAPE      folder of the config.json whose widths to take; by default those of Llama-2-7B
"""
import json
import math
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

LLAMA_2_7B = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008,
              "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32000, "max_position_embeddings": 4096,
              "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": False}
FILE_BYTES = 4e9


def weight_shapes(config: dict) -> dict[str, tuple[int, ...]]:
    wide, mlp, vocabulary = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    head = config.get("head_dim") or wide // config["num_attention_heads"]
    queries, keys = head * config["num_attention_heads"], head * config["num_key_value_heads"]
    block = {"self_attn.q_proj": (queries, wide), "self_attn.k_proj": (keys, wide), "self_attn.v_proj": (keys, wide),
             "self_attn.o_proj": (wide, queries), "mlp.gate_proj": (mlp, wide), "mlp.up_proj": (mlp, wide),
             "mlp.down_proj": (wide, mlp), "input_layernorm": (wide,), "post_attention_layernorm": (wide,)}
    shapes = {"model.embed_tokens.weight": (vocabulary, wide), "model.norm.weight": (wide,)}
    if not config.get("tie_word_embeddings"):
        shapes["lm_head.weight"] = (vocabulary, wide)
    for layer in range(config["num_hidden_layers"]):
        shapes |= {f"model.layers.{layer}.{name}.weight": shape for name, shape in block.items()}
    return shapes


def write_weights(folder: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(1)
    files: dict[str, str] = {}
    pending: dict[str, torch.Tensor] = {}
    size = 0
    for position, (name, shape) in enumerate(shapes.items(), start=1):
        weight = torch.ones(shape) if len(shape) == 1 else torch.randn(shape, device=device) * 0.02
        pending[name] = weight.to(torch.bfloat16).cpu()
        size += 2 * weight.numel()
        if size > FILE_BYTES or position == len(shapes):
            file = f"model-{len(set(files.values())) + 1:05d}.safetensors"
            save_file(pending, folder / file, metadata={"format": "pt"})
            files |= dict.fromkeys(pending, file)
            pending, size = {}, 0
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))


def main() -> None:
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    folder, tokenizer = Path(sys.argv[1]), Path(sys.argv[3])
    shape = Path(sys.argv[4]) if len(sys.argv) == 5 and sys.argv[4] else None
    known = json.loads((tokenizer / "config.json").read_text())
    config = dict(json.loads((shape / "config.json").read_text()) if shape else LLAMA_2_7B)
    config |= {"num_hidden_layers": int(sys.argv[2]), "torch_dtype": "bfloat16",
               "bos_token_id": known["bos_token_id"], "eos_token_id": known["eos_token_id"],
               "vocab_size": max(config["vocab_size"], known["vocab_size"])}
    folder.mkdir(parents=True, exist_ok=True)
    shapes = weight_shapes(config)
    write_weights(folder, shapes)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    for file in tokenizer.glob("*token*"):
        shutil.copy(file, folder)
    print(f"{sys.argv[2]} blocks, {sum(map(math.prod, shapes.values()))} weights in bf16: {folder}")


if __name__ == "__main__":
    main()
