"""Compares unpact's tokenizers with the Python packages on one thread: MUSE-News raw text, in turns on one machine.

Usage: python tests/bench/tokenizer/run.py --program BUILD/tests/encode_bench --data DIR [--rounds 7]
Prints a Markdown table of medians. Both sides encode one string; the packages make no offsets in Python objects.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
import sentencepiece  # noqa: E402
from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: E402

FOLDERS = {
    "GPT-2 (vocab.json, merges.txt)": ("tokenizers/gpt2", ["vocab.json", "merges.txt"]),
    "Llama 3 (tokenizer.json)": ("tokenizers/llama3", ["tokenizer.json"]),
    "Qwen3 (tokenizer.json)": ("tokenizers/qwen3", ["tokenizer.json"]),
    "Mistral 7B v0.3 (tokenizer.json)": ("tokenizers/mistral-7b-v0.3", ["tokenizer.json"]),
    "Llama 2 (tokenizer.json)": ("tokenizers/llama2", ["tokenizer.json"]),
    "Llama 2 (SentencePiece)": ("tokenizers/llama2", ["tokenizer.model"]),
}


def package(folder, files):
    if files[0] == "tokenizer.json":
        tokenizer = Tokenizer.from_file(str(folder / files[0]))
        return lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    if files[0] == "tokenizer.model":
        return sentencepiece.SentencePieceProcessor(model_file=str(folder / files[0])).encode
    tokenizer = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return lambda text: tokenizer.encode(text).ids


def ours(program, folder, file):
    out = subprocess.run([program, folder, file, "2"], check=True, capture_output=True, text=True).stdout.split()
    return float(out[0]), float(out[2]), int(out[1])


def theirs(encode, text):
    begin = time.perf_counter()
    count = len(encode(text))
    return time.perf_counter() - begin, count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    raw = options.data / "muse-news" / "raw"
    texts = [json.loads((raw / f"{name}.json").read_text(encoding="utf-8")) for name in ("forget", "retain")]
    text = "\n".join(texts[0] + texts[1])[:1_000_000]
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "text"
        file.write_text(text, encoding="utf-8")
        print(f"{file.stat().st_size} bytes, medians of {options.rounds} rounds\n")
        print("| tokenizer | tokens | package, MB/s | unpact, MB/s | ratio | with a warm word cache |")
        print("|---|---:|---:|---:|---:|---:|")
        for name, (place, files) in FOLDERS.items():
            folder = Path(temporary) / name
            folder.mkdir()
            for used in files:
                (folder / used).symlink_to((options.data / place / used).resolve())
            encode = package(options.data / place, files)
            first, warm, other = [], [], []
            for _ in range(options.rounds):
                seconds, again, count = ours(options.program.resolve(), folder, file)
                first.append(seconds)
                warm.append(again)
                seconds, package_count = theirs(encode, text)
                assert count == package_count, f"{name}: {count} tokens, not {package_count}"
                other.append(seconds)
            size = file.stat().st_size / 1e6
            a, b, c = statistics.median(other), statistics.median(first), statistics.median(warm)
            print(f"| {name} | {count} | {size / a:.1f} | {size / b:.1f} | {a / b:.1f} | {a / c:.1f} |")


if __name__ == "__main__":
    main()
