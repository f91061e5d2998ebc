"""The strings on which the tokenizers are compared: scripts, emoji, odd white space, code, special tokens."""

import json
import random
import unicodedata

SCRIPTS = {
    "latin": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "accents": "àâäçéèêëîïôöùûüÿñßøåæœłžšđğıİşțăõþð",
    "greek": "αβγδεζηθικλμνξοπρστυφχψωΆΈΉΊΌΎΏς",
    "cyrillic": "абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґ",
    "hebrew": "אבגדהוזחטיכלמנסעפצקרשת",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهويءةى",
    "devanagari": "अआइईउऊएऐओऔकखगघचछजझटठडढतथदधनपफबभमयरलवशषसहािीुूेैोौ्ं",
    "thai": "กขคงจฉชซญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหอฮะาิีึืุู่้",
    "han": "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生",
    "kana": "あいうえおかきくけこさしすせそたちつてとアイウエオカキクケコサシスセソタチツテトがぎぐパピプ",
    "hangul": "가나다라마바사아자차카타파하각난닫랄맘밥",
    "georgian": "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
    "amharic": "ሀለሐመሠረሰሸቀበተቸኀነኘአከኸወዐዘዠየደጀገጠጨጰጸፀፈፐ",
    "digits": "0123456789",
    "other digits": "٠١٢٣٤٥٦٧٨٩०१२३४५६½²③Ⅷ",
    "signs": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~€£¥§±×÷…–—‘’“”«»•°¿¡",
    "emoji": "😀😂🤖🦙🚀❤🔥👍🎉🌍🐱",
    "combined": "e\u0301a\u0308\u200d\ufe0f\u20e3\U0001f1eb\U0001f1f7\U0001f3fd",
    "marks": "aeioucnAEIOUs\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030c\u0323\u0327\u0328\u0331\u0345",
    "jamo": "\u1100\u1102\u1103\u1161\u1162\u1165\u11a8\u11ab\u11af각",
    "singletons": "\u212b\u2126\u212a\u0340\u0341\u0374\uf900\ufb1d\u0958\u09dc\u2adc",
    "compatibility": "ﬁﬂﬀﬆ①②⑩ⅣＡＢｃ１２３ｱｲｳ㌔㎏™ªº¼\u00a0\u2003",
    "rare": "𓀀𝔘𝕏𐍈ꙮ\u2581\u2585\ufffd\ufeff\u00ad\U0010ffff\u1e9e",
}
SPACES = [" ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", "\u00a0", "\u3000", "\u2009", "\u200b", "\u2028", "\v", "\f",
          "\r", "\x85", "\u180e", "\n ", " \n", "\t\t", " " * 9]
EMOJI = ["👩‍👩‍👧‍👦", "🏳️‍🌈", "🇫🇷🇩🇪", "👍🏽", "1️⃣", "❤️‍🔥", "🧑🏿‍🚀",
         "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"]
CODE = [
    "for (int i = 0; i < n; ++i) sum += a[i];",
    "def f(x):\n    return x ** 2 + 1\n",
    "#include <vector>\nint main() { return 0; }\n",
    "SELECT * FROM t WHERE id = 42 AND name LIKE '%x%';",
    "<div class=\"a\">text</div>",
    '{"key": [1, 2.5e-3, null, true]}',
    "git commit -m 'fix' && git push --force",
    "\\frac{a}{b} = \\sum_{i=1}^{n} x_i",
    "http://example.org/a/b?c=d&e=f#g",
    "C:\\Windows\\System32\\cmd.exe",
    "if x:\n\t\tprint(f\"{x!r:>10}\")  # done\n\n\n",
    "std::vector<std::pair<int, float>> v{{1, 2.0f}};",
    "    @Override\n    public String toString() {\n        return \"\";\n    }\n",
]
SPECIAL = ["<s>", "</s>", "<unk>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|end_of_text|>",
           "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "[INST]", "[/INST]", "[TOOL_CALLS]", "<think>",
           "</think>", "<tool_call>", "<|fim_prefix|>", "<|python_tag|>", "<|image|>", "<|reserved_special_token_9|>",
           "<|step_id|>", "[control_8]", "<0x0A>", "<|im_start", "|>", "[INS", "<|"]
CORNERS = ["", " ", "  ", "\n", "\n\n", "\t", "▁", "▁▁a", " ▁", "<s>", "</s>", "<unk>", "<0x0A>",
           "a<0x41>b", "<s>a</s>",
           "\x00", "a\x00b", "\x01", "\x7f", "\u0085", "0", "00000", "1472", " 1472", "1,000,000.50", "19%",
           "O'Grady",
           "a" * 300, " " * 40, "\n" * 20, "🦙" * 20, "ab " * 60, "é" * 50, "it's IT'S I'LL you'Re 'ſ 'SS ‘s", "don’t",
           "a" * 5000, "ab" * 3000, "的" * 2000, " " * 3000, "1" * 1000, "\u0301" * 500, "🦙" * 700, "xy z" * 900,
           "e\u0301", "\u1e69", "s\u0323\u0307", "s\u0307\u0323", "\u0344", "\u0958", "\u212b", "\uac01",
           "\u1100\u1161\u11a8"]


def words(rng, letters, count):
    return " ".join("".join(rng.choices(letters, k=rng.randint(1, 9))) for _ in range(count))


def mixed(rng):
    """Words of several scripts with odd white space, emoji sequences, code and special tokens between them."""
    parts = []
    for _ in range(rng.randint(1, 12)):
        kind = rng.random()
        if kind < 0.35:
            parts.append(rng.choice(SPACES))
        elif kind < 0.42:
            parts.append(rng.choice(EMOJI))
        elif kind < 0.5:
            parts.append(rng.choice(SPECIAL))
        elif kind < 0.55:
            code = rng.choice(CODE)
            parts.append(code[: rng.randint(1, len(code))])
        else:
            parts.append(words(rng, rng.choice(list(SCRIPTS.values())), rng.randint(1, 2)))
    return "".join(parts)


def any_scalar(rng):
    ranges = [(0, 0x7F), (0, 0x2FFF), (0, 0xD7FF), (0xE000, 0x10FFFF)]
    points = (chr(rng.randint(*rng.choice(ranges))) for _ in range(rng.randint(1, 20)))
    return "".join(c for c in points if not may_be_new(c))


def may_be_new(c):
    """Characters that a library may know or not: its version of Unicode decides (this one's is 14 or later)."""
    return ord(c) < 0x30000 and unicodedata.category(c) == "Cn"


def generated(rng, count):
    """At least `count` strings, the same for the same state of `rng`."""
    yield from CORNERS
    yield from CODE
    yield from EMOJI
    yield from SPECIAL
    everything = "".join(SCRIPTS.values()) + "".join(SPACES)
    for letters in SCRIPTS.values():
        yield from letters
        for _ in range(25):
            yield words(rng, letters, rng.randint(1, 8))
    for k in range(count):
        if k % 8 < 5:
            yield mixed(rng)
        elif k % 8 == 5:
            yield "".join(rng.choices(everything, k=rng.randint(1, 40)))
        elif k % 8 == 6:
            yield any_scalar(rng)
        else:
            yield words(rng, rng.choice(list(SCRIPTS.values())), rng.randint(1, 8))


def published(rng, data):
    folder = data / "muse-news"
    for name in ("forget_qa", "retain_qa"):
        for pair in json.loads((folder / "knowmem" / f"{name}.json").read_text(encoding="utf-8")):
            yield pair["question"]
            yield pair["answer"]
            yield f"Question: {pair['question']}\nAnswer: {pair['answer']}\n\n"
    for name in ("forget", "retain"):
        for text in json.loads((folder / "raw" / f"{name}.json").read_text(encoding="utf-8")):
            begin = rng.randrange(max(1, len(text) - 400))
            yield text[begin : begin + rng.randint(20, 400)]


def strings(data, count, seed):
    rng = random.Random(seed)
    return list(dict.fromkeys([*generated(rng, count), *published(rng, data)]))
