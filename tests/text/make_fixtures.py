"""Writes what the Python sentencepiece package makes of a few thousand strings, for sentencepiece_tokenizer_test.cpp.

Usage: python tests/text/make_fixtures.py --out DIR --data DIR
Writes DIR/text/<name>.json: {"tokenizer": folder below --data, "cases": [{"text", "ids", "pieces", "decoded"}],
"raw_decodes": [{"ids", "decoded"}]}.
"""

import argparse
import json
import random
from pathlib import Path

import sentencepiece

TOKENIZERS = {"llama2": "tokenizers/llama2", "stories260K": "models/stories260K"}

SCRIPTS = {
    "latin": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "accents": "àâäçéèêëîïôöùûüÿñßøåæœłžšđğıİşțăõþð",
    "greek": "αβγδεζηθικλμνξοπρστυφχψωΆΈΉΊΌΎΏ",
    "cyrillic": "абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґ",
    "hebrew": "אבגדהוזחטיכלמנסעפצקרשת",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهويءةى",
    "devanagari": "अआइईउऊएऐओऔकखगघचछजझटठडढतथदधनपफबभमयरलवशषसहािीुूेैोौ्ं",
    "thai": "กขคงจฉชซญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหอฮะาิีึืุู่้",
    "han": "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生",
    "kana": "あいうえおかきくけこさしすせそたちつてとアイウエオカキクケコサシスセソタチツテト",
    "hangul": "가나다라마바사아자차카타파하각난닫랄맘밥",
    "georgian": "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
    "amharic": "ሀለሐመሠረሰሸቀበተቸኀነኘአከኸወዐዘዠየደጀገጠጨጰጸፀፈፐ",
    "digits": "0123456789",
    "other digits": "٠١٢٣٤٥٦٧٨٩०१२३四五六½²③Ⅷ",
    "signs": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~€£¥§±×÷…–—‘’“”«»•°¿¡",
    "emoji": "😀😂🤖🦙🚀❤🔥👍🎉🌍🐱",
    "combined": "e\u0301a\u0308\u200d\ufe0f\u20e3\U0001f1eb\U0001f1f7\U0001f3fd",
    "rare": "𓀀𝔘𝕏𐍈ꙮ\u2581\u2585\ufffd\ufeff\u00ad\U0010ffff",
}
SPACES = [" ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", "\u00a0", "\u3000", "\u2009", "\u200b", "\u2028", "\v", "\f"]
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
]
CORNERS = ["", " ", "  ", "\n", "\n\n", "\t", "▁", "▁▁a", " ▁", "<s>", "</s>", "<unk>", "<0x0A>", "a<0x41>b", "<s>a</s>",
           "\x00", "a\x00b", "\x01", "\x7f", "\u0085", "0", "00000", "1472", " 1472", "1,000,000.50", "19%", "O'Grady",
           "a" * 300, " " * 40, "\n" * 20, "🦙" * 20, "ab " * 60, "é" * 50]


def words(rng, letters, count):
    return " ".join("".join(rng.choices(letters, k=rng.randint(1, 9))) for _ in range(count))


def generated(rng):
    yield from CORNERS
    yield from CODE
    for letters in SCRIPTS.values():
        yield from letters
        for _ in range(25):
            yield words(rng, letters, rng.randint(1, 8))
    everything = "".join(SCRIPTS.values())
    for _ in range(300):  # mixed scripts and odd white space
        parts = []
        for _ in range(rng.randint(1, 12)):
            letters = rng.choice(list(SCRIPTS.values()))
            parts.append(rng.choice(SPACES) if rng.random() < 0.4 else words(rng, letters, 1))
        yield "".join(parts)
    for _ in range(150):
        yield "".join(rng.choices(everything + "".join(SPACES), k=rng.randint(1, 40)))
    for _ in range(150):  # any scalar value
        points = (rng.choice([rng.randint(0, 0x7F), rng.randint(0, 0xD7FF), rng.randint(0xE000, 0x10FFFF)])
                  for _ in range(rng.randint(1, 20)))
        yield "".join(map(chr, points))


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


def fixture(folder, data, texts, rng):
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the fixtures")
    parser.add_argument("--data", type=Path, required=True, help="folder of the test data")
    options = parser.parse_args()
    rng = random.Random(20240917)
    texts = list(dict.fromkeys([*generated(rng), *published(rng, options.data)]))
    assert len(texts) >= 2000, f"only {len(texts)} strings"
    out = options.out / "text"
    out.mkdir(parents=True, exist_ok=True)
    for name, folder in TOKENIZERS.items():
        content = fixture(folder, options.data, texts, rng)
        (out / f"{name}.json").write_text(json.dumps(content, ensure_ascii=True), encoding="utf-8")
        print(f"{name}: {len(content['cases'])} strings, {len(content['raw_decodes'])} id lists")


if __name__ == "__main__":
    main()
