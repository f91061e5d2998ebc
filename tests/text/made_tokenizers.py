"""Small tokenizer.json files, each with one normalizer, pre-tokenizer, decoder or flag to be compared."""

import json

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

TEXTS = ["The river runs through the town, and it's there that the harbour was built in 1472.",
         "caf\u00e9 na\u00efve \u00e9t\u00e9 r\u00e9sum\u00e9 "
         "\u0434\u043e\u043c \u043c\u043e\u0440\u0435 \u4e2d\u6587\u6587 \uac00\ub098",
         "for (int i = 0; i < 10; ++i) { sum += a[i]; }  // 100 000 1000"]

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True}
PLAIN_BYTES = {**BYTE_LEVEL, "use_regex": False}
PREPEND = {"type": "Prepend", "prepend": "\u2581"}
SPACES = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
DEEPSEEK = ("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
            "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def sequence(kind, *steps):
    return {"type": "Sequence", kind: list(steps)}


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def metaspace(scheme, cut=True):
    return {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": cut}


def trained(pre_tokenizer, alphabet, special):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>" if special else None, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, special_tokens=special,
                                  show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    return json.loads(tokenizer.to_str())


def with_bytes(base):
    """Adds <0x00> to <0xFF> and byte fallback."""
    model = json.loads(json.dumps(base["model"]))
    for byte in range(256):
        model["vocab"][f"<0x{byte:02X}>"] = len(model["vocab"])
    model["byte_fallback"] = True
    return {**base, "model": model}


def added(first_id, **flags):
    """Tokens with the flag, beside some without one."""
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    tokens = [{**plain, "content": text, **flags} for text in ("[M]", "the", "riv", "\u00c9t", "<|x y|>")]
    tokens.append({**plain, "content": "[MM]", "special": True})
    return [{"id": first_id + i, **token} for i, token in enumerate(tokens)]


def byte_level_cases(base):
    def made(**parts):
        return {**base, "pre_tokenizer": BYTE_LEVEL, "decoder": BYTE_LEVEL, "added_tokens": [], **parts}

    yield "byte_level", made()
    yield "byte_level_prefix", made(pre_tokenizer={**BYTE_LEVEL, "add_prefix_space": True})
    yield "byte_level_no_regex", made(pre_tokenizer=PLAIN_BYTES)
    yield "byte_level_not_last", made(pre_tokenizer=sequence("pretokenizers", BYTE_LEVEL, split(r"\p{N}")))
    for name, single in (("one", True), ("runs", False)):
        step = {"type": "Digits", "individual_digits": single}
        last = BYTE_LEVEL if single else PLAIN_BYTES
        yield f"digits_{name}", made(pre_tokenizer=sequence("pretokenizers", step, last))
    for name, pattern in (("llama3", LLAMA3), ("deepseek", DEEPSEEK), ("o200k", O200K), ("words", r"\w+\b|\W"),
                          ("lines", r"^\w|.$"), ("hex", r"\h+|\u00e9|[\x41-\x5a]"),
                          ("han", r"\p{Han}+|\p{Cyrillic}|\P{^L}"), ("empty", r"\s*"),
                          ("lookbehind", r"(?<=[a-z])(?=[A-Z0-9])|\d{,2}x")):
        yield f"split_{name}", made(pre_tokenizer=sequence("pretokenizers", split(pattern), PLAIN_BYTES))
    for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        for invert in (False, True):
            step = split(r"\p{P}|\s", behavior, invert)
            yield f"{behavior}_{invert}", made(pre_tokenizer=sequence("pretokenizers", step, PLAIN_BYTES))
        step = {"type": "Punctuation", "behavior": behavior}
        yield f"punctuation_{behavior}", made(pre_tokenizer=sequence("pretokenizers", step, PLAIN_BYTES))
    dots = split(".", "Removed", kind="String")
    yield "split_string", made(pre_tokenizer=sequence("pretokenizers", dots, PLAIN_BYTES))
    for kind in ("Whitespace", "WhitespaceSplit"):
        yield kind, made(pre_tokenizer=sequence("pretokenizers", {"type": kind}, PLAIN_BYTES))
    for kind in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase"):
        yield kind, made(normalizer={"type": kind})
    for left, right in ((True, True), (True, False), (False, True)):
        yield f"strip_{left}_{right}", made(normalizer={"type": "Strip", "strip_left": left, "strip_right": right})
    spaces = {"type": "Replace", "pattern": {"Regex": r"\s+|\p{N}"}, "content": "_\u00e9"}
    yield "replace_regex", made(normalizer=spaces)
    yield "replace_string", made(normalizer={"type": "Replace", "pattern": {"String": "the"}, "content": ""})
    forms = [{"type": kind} for kind in ("NFD", "Lowercase", "NFC")]
    yield "normalizers", made(normalizer=sequence("normalizers", *forms))
    size = len(base["model"]["vocab"])
    for flag in ("single_word", "lstrip", "rstrip", "normalized", "special"):
        yield f"added_{flag}", made(added_tokens=added(size, **{flag: True}))
        yield f"added_{flag}_lower", made(added_tokens=added(size, **{flag: True}), normalizer={"type": "Lowercase"})
    yield "added_both_strips", made(added_tokens=added(size, lstrip=True, rstrip=True))
    yield "ignore_merges", made(model={**base["model"], "ignore_merges": True})


def metaspace_cases(base):
    decoder = sequence("decoders", {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                       {"type": "ByteFallback"}, {"type": "Fuse"},
                       {"type": "Strip", "content": " ", "start": 1, "stop": 0})
    plain = {**base, "added_tokens": []}
    tokens = added(len(base["model"]["vocab"]))
    for scheme in ("always", "first", "never"):
        for cut in (True, False):
            step = metaspace(scheme, cut)
            yield f"metaspace_{scheme}_{cut}", {**plain, "pre_tokenizer": step, "decoder": step,
                                            "added_tokens": tokens}
    llama = sequence("normalizers", PREPEND, SPACES)
    yield "llama", {**plain, "normalizer": llama, "pre_tokenizer": None, "decoder": decoder}
    fallback = with_bytes(plain)
    yield "llama_bytes", {**fallback, "normalizer": llama, "pre_tokenizer": None, "decoder": decoder}
    cut = split("\u2581", "MergedWithPrevious", kind="String")
    yield "llama_split", {**fallback, "normalizer": SPACES, "pre_tokenizer": cut, "decoder": decoder}
    yield "strip_end", {**fallback, "normalizer": llama, "pre_tokenizer": None, "decoder": {
        "type": "Strip", "content": "\u2581", "start": 0, "stop": 1}}
    yield "no_decoder", {**fallback, "normalizer": llama, "pre_tokenizer": None, "decoder": None}
    fused = {**plain, "model": {**plain["model"], "fuse_unk": True}}
    yield "fused", {**fused, "normalizer": llama, "pre_tokenizer": None, "decoder": decoder}
    unknown = {**plain, "model": {**plain["model"], "unk_token": None}}
    yield "dropped", {**unknown, "pre_tokenizer": metaspace("always"), "decoder": decoder}
    lower = sequence("normalizers", {"type": "NFKC"}, PREPEND, SPACES, {"type": "Lowercase"})
    tokens = added(len(fallback["model"]["vocab"]), normalized=True)
    yield "lower", {**fallback, "normalizer": lower, "pre_tokenizer": None, "decoder": decoder, "added_tokens": tokens}


def made_tokenizers():
    """Pairs of a name and the content of a tokenizer.json."""
    byte_level = trained(pre_tokenizers.ByteLevel(add_prefix_space=False), pre_tokenizers.ByteLevel.alphabet(), [])
    pieces = trained(pre_tokenizers.Metaspace(), [], ["<unk>"])
    yield from byte_level_cases({**byte_level, "post_processor": None})
    yield from metaspace_cases({**pieces, "post_processor": None})
