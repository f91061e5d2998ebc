"""Writes what the Python packages tokenizers, sentencepiece and tiktoken make of many strings, for the C++ tests.

Usage: python tests/text/make_fixtures.py --out DIR [--data DIR]

DIR is `<UNPACT_FIXTURES>/text` for the C++ tests. Without --data nothing is written: there is no tokenizer to ask.

DIR/<name>.json, for sentencepiece_tokenizer_test.cpp: {"tokenizer": folder below --data, "cases": [{"text",
"ids", "pieces", "decoded"}], "raw_decodes": [{"ids", "decoded"}]}.
DIR/bpe.json, for bpe_oracle_test.cpp: a list of {"name", "strings": file of strings, "offsets": whether there are
some, "data": {file name: path below --data}, "made": {file name: path below DIR}}, and beside it the files of
strings and <name>.cases. All numbers in these are 32 bits, little-endian. Strings: a count, then length and bytes of
each. Cases, one a string: count of ids, the ids, the length of the decoded text and its bytes, and with offsets begin
and end of each id, in characters.
"""

import argparse
import base64
import itertools
import json
import os
import random
import re
import shutil
import struct
from array import array
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
import sentencepiece  # noqa: E402
import tiktoken  # noqa: E402
from fixture_strings import strings  # noqa: E402
from made_tokenizers import BYTE_LEVEL, LLAMA3, made_tokenizers  # noqa: E402
from saved_folders import CHATS, saved_folders  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402
from unigram_folders import CHATS as UNIGRAM_CHATS  # noqa: E402
from unigram_folders import unigram_folders  # noqa: E402

SENTENCEPIECE = {"llama2": "tokenizers/llama2", "stories260K": "models/stories260K"}
JSON_FOLDERS = {"llama2-json": "tokenizers/llama2", "llama3": "tokenizers/llama3", "qwen3": "tokenizers/qwen3",
                "mistral": "tokenizers/mistral-7b-v0.3", "stories260K-json": "models/stories260K"}
COUNT = 20000
WRONG_OFFSETS = {"dropped"}  # the package counts characters that vanish to the token behind them
LLAMA3_SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>",
                  "<|reserved_special_token_1|>", "<|finetune_right_pad_id|>", "<|step_id|>",
                  "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>",
                  "<|eot_id|>", "<|python_tag|>", "<|image|>"]


def sentencepiece_fixture(folder, data, texts, rng):
    model = sentencepiece.SentencePieceProcessor(model_file=str(data / folder / "tokenizer.model"))
    cases = []
    for text in texts:
        ids = model.encode(text)
        pieces = [model.id_to_piece(i) for i in ids]
        cases.append({"text": text, "ids": ids, "pieces": pieces, "decoded": model.decode(ids)})
    raw = []  # what a model may generate: any ids, broken characters among them; control tokens are left out
    usable = [i for i in range(model.get_piece_size()) if not model.is_control(i)]
    for k in range(300):
        pool = usable[:260] if k % 2 else usable
        ids = rng.choices(pool, k=rng.randint(1, 12))
        raw.append({"ids": ids, "decoded": model.decode(ids)})
    return {"tokenizer": folder, "cases": cases, "raw_decodes": raw}


def write_strings(file, texts):
    with open(file, "wb") as out:
        out.write(struct.pack("<I", len(texts)))
        for text in texts:
            content = text.encode("utf-8")
            out.write(struct.pack("<I", len(content)) + content)


def write_cases(file, cases, with_offsets):
    with open(file, "wb") as out:
        for ids, decoded, offsets in cases:
            content = decoded.encode("utf-8")
            out.write(array("I", [len(ids), *ids, len(content)]).tobytes() + content)
            if with_offsets:
                out.write(array("I", [bound for pair in offsets for bound in pair]).tobytes())


def package_cases(tokenizer, texts):
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    # The package itself forgets that a special token is one when normalization changes its text (Llama 2's <s>).
    special = {i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    decoded = tokenizer.decode_batch([[i for i in e.ids if i not in special] for e in encodings])
    return [(e.ids, text, e.offsets) for e, text in zip(encodings, decoded, strict=True)]


def sentencepiece_cases(folder, data, texts):
    model = sentencepiece.SentencePieceProcessor(model_file=str(data / folder / "tokenizer.model"))
    ids = model.encode(texts)
    return [(i, text, None) for i, text in zip(ids, model.decode(ids), strict=True)]


def gpt2_tokenizer(folder):
    tokenizer = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    return tokenizer


def tiktoken_cases(file, texts):
    lines = (line.split() for line in file.read_bytes().splitlines())
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    names = LLAMA3_SPECIAL + [f"<|reserved_special_token_{2 + i}|>" for i in range(256 - len(LLAMA3_SPECIAL))]
    special = {name: len(ranks) + i for i, name in enumerate(names)}
    encoding = tiktoken.Encoding("llama3", pat_str=LLAMA3, mergeable_ranks=ranks, special_tokens=special)
    for ids in encoding.encode_batch(texts, num_threads=2, allowed_special="all"):
        yield ids, encoding.decode([i for i in ids if i < len(ranks)]), None


class Fixtures:
    def __init__(self, out):
        self.out = out
        self.index = []

    def add(self, name, strings_file, cases, offsets, data=None, made=None):
        write_cases(self.out / f"{name}.cases", cases, offsets)
        self.index.append({"name": name, "strings": strings_file, "offsets": offsets, "data": data or {},
                           "made": made or {}})

    def real(self, data, texts):
        for name, folder in JSON_FOLDERS.items():
            file = f"{folder}/tokenizer.json"
            cases = package_cases(Tokenizer.from_file(str(data / file)), texts)
            self.add(name, "real.strings", cases, True, {"tokenizer.json": file})
        gpt2 = {name: f"tokenizers/gpt2/{name}" for name in ("vocab.json", "merges.txt")}
        self.add("gpt2", "real.strings", package_cases(gpt2_tokenizer(data / "tokenizers/gpt2"), texts), True, gpt2)
        file = "tokenizers/llama3/tokenizer.model"
        self.add("llama3-tiktoken", "real.strings", tiktoken_cases(data / file, texts), False,
                 {"tokenizer.model": file})
        for name, folder in SENTENCEPIECE.items():
            self.add(f"{name}-model", "real.strings", sentencepiece_cases(folder, data, texts), False,
                     {"tokenizer.model": f"{folder}/tokenizer.model"})

    def made(self, texts):
        for name, content in made_tokenizers():
            text = json.dumps(content)
            file = Path("made") / f"{name}.json"
            (self.out / file).write_text(text, encoding="utf-8")
            self.add(f"made-{name}", "made.strings", package_cases(Tokenizer.from_str(text), texts),
                     name not in WRONG_OFFSETS, made={"tokenizer.json": str(file)})


    def saved(self, data, texts):
        """Folders without a tokenizer.json, as older versions of transformers saved them: what its present one makes of them."""
        for name, folder, plain in saved_folders(data):
            place = self.out / "saved" / name
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            for file, content in folder.items():
                (place / file).write_bytes(content)
            tokenizer = AutoTokenizer.from_pretrained(place)
            if "tokenizer.model" in folder:  # its merges of spaces are not the model's: those of the published file are
                tokenizer.backend_tokenizer.model = Tokenizer.from_file(str(data / "tokenizers/llama2/tokenizer.json")).model
            chats = [text.join(parts) for text, parts in zip(texts, itertools.cycle(CHATS), strict=False)]
            # The library writes a text's own first space beside the one that it adds; transformers' conversion does not.
            asked = [text for text in texts[:3000] + chats[:3000] if plain or not text.startswith((" ", "\u2581"))]
            strings_file = f"saved-{name}.strings"
            write_strings(self.out / strings_file, asked)
            self.add(f"saved-{name}", strings_file, package_cases(tokenizer.backend_tokenizer, asked), plain,
                     made={file: f"saved/{name}/{file}" for file in folder})


    def unigram(self, texts):
        """T5's kind. The library itself and transformers' conversion differ where accents stand apart from their letters and
        where two ways to cut a word have one score, as runs of a character have, of which versions of the library choose
        differently, too: what all agree on is asked."""
        for name, folder in unigram_folders(texts):
            place = self.out / "saved" / name
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            for file, content in folder.items():
                (place / file).write_bytes(content)
            tokenizer = AutoTokenizer.from_pretrained(place).backend_tokenizer
            model = sentencepiece.SentencePieceProcessor(model_file=str(self.out / "saved/t5-model/spiece.model"))
            plain = [text for text in texts if "<" not in text and not re.search(r"(.)\1\1", text)]
            agreed = [text for text in plain if tokenizer.encode(text, add_special_tokens=False).ids == model.encode(text)]
            asked = agreed + [parts[0] + text.join(parts[1:]) for text, parts in zip(agreed, itertools.cycle(UNIGRAM_CHATS), strict=False)]
            write_strings(self.out / f"saved-{name}.strings", asked)
            self.add(f"saved-{name}", f"saved-{name}.strings", package_cases(tokenizer, asked), False,
                     made={file: f"saved/{name}/{file}" for file in folder})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the fixtures")
    parser.add_argument("--data", type=Path, help="folder of the test data")
    options = parser.parse_args()
    if options.data is None:
        print("no --data: no fixtures of the published tokenizers")
        return
    out = options.out
    (out / "made").mkdir(parents=True, exist_ok=True)

    few = strings(options.data, 800, 20240917)
    for name, folder in SENTENCEPIECE.items():
        content = sentencepiece_fixture(folder, options.data, few, random.Random(1))
        (out / f"{name}.json").write_text(json.dumps(content, ensure_ascii=True), encoding="utf-8")
    many = strings(options.data, COUNT, 7)
    assert len(few) >= 2000 and len(many) >= COUNT, f"only {len(few)} and {len(many)} strings"
    write_strings(out / "real.strings", many)
    write_strings(out / "made.strings", few)
    fixtures = Fixtures(out)
    fixtures.real(options.data, many)
    fixtures.made(few)
    fixtures.saved(options.data, many)
    fixtures.unigram(few)
    (out / "bpe.json").write_text(json.dumps(fixtures.index), encoding="utf-8")
    print(f"{len(many)} strings for each published tokenizer, {len(few)} for each of "
          f"{sum(1 for entry in fixtures.index if entry['made'])} made ones")


if __name__ == "__main__":
    main()
