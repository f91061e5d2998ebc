"""Tokenizer folders of T5's kind: spiece.model as v1.1 is published, and what transformers saves of it (tokenizer.json alone)."""
import io
import json
import tempfile
from pathlib import Path

import sentencepiece
from saved_folders import encoded
from transformers import AutoTokenizer

CHATS = [["translate: ", "</s> ", " <extra_id_0>"], ["<extra_id_1>", "<extra_id_0> of"], ["a<pad>", "<extra_id_99> b"]]
EXTRA = [f"<extra_id_{i}>" for i in range(100)]


def trained_model(texts):
    """Ids and normalization as T5's: <pad> 0, </s> 1, <unk> 2, no BOS, runs of spaces become one."""
    model = io.BytesIO()
    lines = [line for text in texts for line in text.splitlines() if line.strip()]
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=model, model_type="unigram", vocab_size=900,
                                             pad_id=0, eos_id=1, unk_id=2, bos_id=-1, character_coverage=0.98, num_threads=1,
                                             max_sentencepiece_length=12, minloglevel=2, hard_vocab_limit=False)
    return model.getvalue()


def unigram_folders(texts):
    model = {"spiece.model": trained_model(texts)}
    config = {"tokenizer_class": "T5Tokenizer", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "extra_ids": 100,
              "additional_special_tokens": EXTRA}
    yield "t5-model", model | {"tokenizer_config.json": encoded(config)}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, content in (model | {"tokenizer_config.json": encoded(config)}).items():
            (folder / name).write_bytes(content)
        AutoTokenizer.from_pretrained(folder).save_pretrained(folder / "saved")
        saved = {file.name: file.read_bytes() for file in (folder / "saved").iterdir()}
    assert json.loads(saved["tokenizer.json"])["model"]["type"] == "Unigram" and "spiece.model" not in saved
    yield "t5-json", saved
