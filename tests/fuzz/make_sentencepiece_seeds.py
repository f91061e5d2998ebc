#!/usr/bin/env python3
"""Writes the seeds of the target `sentencepiece`, small models that no trainer would make, into the folder given.

A model is a protobuf message; the field numbers are those of sentencepiece_model.proto. Run it again after a change:
    tests/fuzz/make_sentencepiece_seeds.py tests/fuzz/corpus/sentencepiece
"""
import struct
import sys
from pathlib import Path

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
UNIGRAM, BPE, WORD, CHAR = 1, 2, 3, 4
SPACE = "\u2581"
TEXT = b"\n===\nthe cat, \xc3\xa9\n"


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number: int, value) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def piece(text, score: float = 0.0, kind: int = NORMAL) -> bytes:
    return field(1, field(1, text) + field(2, score) + (field(3, kind) if kind != NORMAL else b""))


def model(kind: int, pieces: list, charsmap: bytes = b"", trainer: bytes = b"", normalizer: bytes = b"") -> bytes:
    normalizer = (field(2, charsmap) if charsmap else b"") + normalizer
    return b"".join(pieces) + field(2, field(3, kind) + trainer) + field(3, normalizer)


def map_a_to(text: bytes) -> bytes:
    """A normalization table with one rule, for the letter a: a double array of 512 units, then the strings."""
    units = [0] * 512
    a, root, leaf = ord("a"), 0, 256
    units[root] = leaf << 10                      # a child lies at offset 256 ^ its label
    units[leaf ^ a] = a | 1 << 8 | (256 ^ leaf ^ a) << 10  # it has a value, at offset 256
    units[256] = 1 << 31                          # the value: the string at 0
    array = struct.pack("<512I", *units)
    return struct.pack("<I", len(array)) + array + text + b"\0"


def basic() -> list:
    return [piece("<unk>", 0.0, UNKNOWN), piece("<s>", 0.0, CONTROL), piece("</s>", 0.0, CONTROL)]


def letters(text: str = SPACE + "thecaé,") -> list:
    return [piece(letter, -float(10 + i)) for i, letter in enumerate(text)]


def seeds() -> dict:
    merges = [piece("th", -1.0), piece("the", -2.0), piece(SPACE + "the", -3.0), piece(SPACE + "c", -4.0)]
    some_bytes = [piece(f"<0x{byte:02X}>", 0.0, BYTE) for byte in range(256)]
    far = map_a_to(b"b").replace(b"\0\0\0\x80", b"\0\x40\0\x80")  # the value points behind the strings
    bpe = model(BPE, basic() + letters() + merges)
    return {
        "bpe": bpe + TEXT,
        "byte_fallback": model(BPE, basic() + some_bytes + letters(), trainer=field(35, 1)) + TEXT,
        "unigram": model(UNIGRAM, basic() + letters() + merges) + TEXT,
        "characters": model(CHAR, basic() + letters()) + TEXT,
        "words": model(WORD, basic() + [piece(SPACE + "the"), piece(SPACE + "cat,")]) + TEXT,
        "unused_pieces": model(BPE, basic() + letters() + merges[:1] + [piece("the", -2.0, UNUSED)]) + TEXT,
        "user_defined": model(BPE, basic() + letters() + [piece("cat", 0.0, USER_DEFINED)]) + TEXT,
        "scores_not_finite": model(UNIGRAM, basic() + [piece("t", float("nan")), piece("h", float("inf"))]) + TEXT,
        "normalization": model(UNIGRAM, basic() + letters(), map_a_to(b"the")) + TEXT,
        "normalization_to_nothing": model(BPE, basic() + letters(), map_a_to(b"")) + TEXT,
        "normalization_not_utf8": model(BPE, basic() + letters(), map_a_to(b"\xff\xc3")) + TEXT,
        "normalization_outside": model(UNIGRAM, basic() + letters(), far) + TEXT,
        "long_unknown": model(BPE, basic() + letters(), trainer=field(44, "?" * 300)) + TEXT,
        "unknown_not_utf8": model(BPE, basic() + letters("the"), trainer=field(44, b"?\xc8?")) + TEXT,
        "space_as_suffix": model(UNIGRAM, basic() + letters(), trainer=field(24, 1)) + TEXT,
        "no_prefix": model(BPE, basic() + letters(), normalizer=field(3, 0) + field(4, 0) + field(5, 0)) + TEXT,
        "cut_short": bpe[: len(bpe) // 2],
        "no_unknown": model(BPE, letters()) + TEXT,
        "empty_piece": model(BPE, basic() + [piece("")]) + TEXT,
        "piece_not_utf8": model(BPE, basic() + letters() + [piece(b"\xff")]) + TEXT,
        "piece_twice": model(BPE, basic() + letters() + letters()) + TEXT,
        "id_outside": model(BPE, basic() + letters(), trainer=field(41, 99)) + TEXT,
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in seeds().items():
        (folder / name).write_bytes(content)
