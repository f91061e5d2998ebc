"""T5 through the program: an encoder's prompt is attributed by removal, and nothing trains it (numbers: tests/inference, tests/attribution)."""
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from unpact_program import Program, write_json

WORDS = ["▁red", "▁blue", "▁sky", "▁sea", "▁is", "▁why", "?", "▁", "r", "e", "d"]
ASKED = ["--prompt.add_bos", "false", "--prompt.before_question", "", "--prompt.after_question", "\\s?", "--prompt.answer_prefix", ""]


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FLAN-T5's shape, small and random, and a tokenizer whose tokens are words."""
    folder = tmp_path_factory.mktemp("t5")
    specials = ["<pad>", "</s>", "<unk>"]
    vocabulary = [[piece, 0.0] for piece in specials] + [[piece, -2.0 if len(piece) > 1 else -9.0] for piece in WORDS]
    template = [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}]
    write_json(folder / "tokenizer.json", {
        "added_tokens": [{"id": i, "content": piece, "special": True} for i, piece in enumerate(specials)], "normalizer": None,
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}, "decoder": None,
        "post_processor": {"type": "TemplateProcessing", "single": template},
        "model": {"type": "Unigram", "unk_id": 2, "byte_fallback": False, "vocab": vocabulary}})
    write_json(folder / "config.json", {
        "model_type": "t5", "vocab_size": len(vocabulary), "d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2,
        "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False, "decoder_start_token_id": 0, "eos_token_id": 1})
    attention = {"q": (16, 16), "k": (16, 16), "v": (16, 16), "o": (16, 16)}
    mlp = {"wi_0": (24, 16), "wi_1": (24, 16), "wo": (16, 24)}
    shapes: dict[str, tuple[int, ...]] = {"shared.weight": (len(vocabulary), 16), "lm_head.weight": (len(vocabulary), 16)}
    for side, layers in (("encoder", ["SelfAttention", "DenseReluDense"]), ("decoder", ["SelfAttention", "EncDecAttention", "DenseReluDense"])):
        shapes |= {f"{side}.final_layer_norm.weight": (16,), f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight": (32, 2)}
        for block in range(2):
            for place, kind in enumerate(layers):
                inside = mlp if kind == "DenseReluDense" else attention
                shapes |= {f"{side}.block.{block}.layer.{place}.{kind}.{name}.weight": shape for name, shape in inside.items()}
                shapes[f"{side}.block.{block}.layer.{place}.layer_norm.weight"] = (16,)
    random = np.random.default_rng(5)
    save_file({name: (0.7 * random.standard_normal(shape) + (len(shape) == 1)).astype(np.float32) for name, shape in shapes.items()},
              folder / "model.safetensors", {"format": "pt"})
    return folder


def test_contributions_are_removals_from_the_encoders_prompt(unpact: Program, t5: Path) -> None:
    prompts = ["why is sky blue", "is sky blue", "why sky blue", "why is blue", "why is sky"]
    lines = "".join(json.dumps({"prompt": prompt, "answer": "red sea"}) + "\n" for prompt in prompts)
    whole, *without = unpact.well("ask", "--model", t5, *ASKED, "--input", "-", "--json", "--generation.max_new_tokens", "5", stdin=lines).json_lines()
    assert [token["piece"] for token in whole["prompt_tokens"]] == [" why", " is", " sky", " blue", " ", "?", "</s>"]
    assert [token["piece"] for token in whole["target"]["answer_tokens"]] == [" red", " sea"]

    def mean(reply: dict) -> float:
        return float(np.mean([token["logprob"] for token in reply["target"]["answer_tokens"]]))

    contributions = whole["target"]["contributions"]
    assert contributions[4:] == [None, None, None], "the template's sign and EOS are context"
    expected = [mean(whole) - mean(reply) for reply in without]
    np.testing.assert_allclose(contributions[:4], expected, atol=1e-4)  # float32, sums in another order
    assert np.abs(expected).max() > 0.05, "otherwise this tests nothing"
    inspected = json.loads(unpact.well("inspect", "model", t5, "--json").out)
    assert inspected["usable"] and inspected["config"]["architecture"] == "t5", inspected["problems"]
    assert inspected["chat_template"]["use"] == "flan-t5"


def test_what_needs_a_prompt_that_the_answer_continues_is_refused(unpact: Program, home: Path, t5: Path, tmp_path: Path) -> None:
    trained = unpact("unlearn", "--config", home / "configs/tiny.ini", "--model.path", t5, "--method", "ga", "--output", tmp_path / "out", *ASKED)
    assert trained.code == 1 and "a model of type t5 cannot be trained yet" in trained.err
    looked = unpact("ask", "--model", t5, *ASKED, "--prompt", "why is sky blue", "--attribution.method", "rollout")
    assert looked.code == 1 and "encoder with a decoder" in looked.err
