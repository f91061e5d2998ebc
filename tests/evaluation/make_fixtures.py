#!/usr/bin/env python3
"""Reference values for the tests of unpact's evaluation layer, from the packages that others evaluate with.

    python tests/evaluation/make_fixtures.py --out DIR [--data DIR]

writes into the folder --out: rouge.json (rouge-score), stems.json (nltk), wilson.json (the score equation solved by
bisection), normalized.json (SQuAD's normalization), metrics.json (metric_oracles.py), traces.json (trace_oracles.py) and unicode_words.json (words of all
scripts, by the module regex and the scripts of its own Unicode tables, and their ROUGE-L recall by a table of all pairs of
words) and style.json (probabilities of scikit-learn's LogisticRegression on character n-grams). --data is the folder of the large test files; its muse-news/ (knowmem/*.json, raw/*.json) gives real texts. Without it
every text is made up. The same arguments give the same files. Needs rouge-score, nltk, regex, scipy and scikit-learn.
"""
import argparse
import decimal
import json
import pathlib
import random
import re
import string
import unicodedata

import regex
from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from metric_oracles import metric_rows
from trace_oracles import trace_rows

TRICKY_WORDS = """skies dying lying tying news innings inning outings cannings howe proceed exceed succeed flies died
dies ties tied spied agreed feed freed bleed need seed controlling controlled generalization generalizations oscillate
oscillators fluently analogously archaeology theology geology geologist philosophically rationally nationally
conditional relational rational valency hesitancy digitizer conformably radically differently vilely operator
feudalism decisiveness hopefulness callousness formality sensitivity sensibility hopefully fully carefully triplicate
formative formalize electricity electrical goodness revival allowance inference airliner gyroscopic adjustable
defensible irritant replacement adjustment dependent adoption homologous communism activate angularity effective
bowdlerize probate rate cease controll roll rolled rolling happy sky fly flying enjoy enjoying enjoyment say says
saying my by yyyy ayyy yyyed syzygy toy boy boys tree trees ivy oats oaten orrery hopping tanned falling hissing
fizzed failing filing sized conflated troubled motoring plastered sing bled being bed red ring king using used
owing aging aged eyed eying dyed is as us this his was has sses ies ss eed ied ing ion ational alli allies
called calls alliance really finally totally equally ally rally ability usability able table cable stable bible
1st 2nd 3rd 4ths 1980s 2023 80ing a11ed 11ing covid19 b2bing x s ed mississippi passes passed caress caresses ponies
abilities apologies apology logi analogi ologi blogi ologies national multidimensional characterization""".split()

STEM_STARTS = """act adjust agree allow analog angul appl argu bal bast boy bury cand car cent civil commun compr
conform contr creat cry dec defens delay depend digit econom edit electr employ enjoy essen fall fam feud fit fizz
flu form gener geo gl govern grad happ hes hiss hop hum import infer invest irrit journ judg know lab leg lib log
man med minist mobil mot nat norm obl oper organ osc party perform philos plan play polit port predic prob quali
radic rat real regul relat rely respons ro sens serv signif siz soci spec spy stay stud sub tan techn theo tr tri
troubl univ util val vis wait wy xyl yell yield zeal""".split()

STEM_ENDS = """s es ies ed ied eed ing ings y ying ly ally fully ously ently ably ibly ely er ers or ors ator ators
ation ations ization izations ize izes ized izing izer ate ates ated ating ational tional ion ions al als ality
alities alism alist ance ances ence ences ency ancy ant ants ent ents ement ements ment ments ness nesses iveness
fulness ousness ful ive ative ativity ivity ity bility abilities able ible ic ics ical ically icate iciti ology ologi
ologies logically ism isms ous ou e ee ll lled lling l y yed yly""".split()

WORDS = """the a an of in on and to was is were police said minister government year years city court trial people
report match team player innings skies news dying children school hospital company profits market prices rising
falling agreed controlling generalization economy elections elected voted voting votes scored scoring goals cup
final finals champion championships climate changing weather flooding floods storms ministers parties running ran
runner studies studied study studying London Manchester Scotland Ukraine Paris January Tuesday president Smith
O'Brien it's don't they're twenty-one 1472 2023 3.5 1,000 £250,000 45% 7-5 19th 1980s e-mail BBC U.S. NHS HSBC""".split()

UNICODE_WORDS = """café naïve Zürich Ñandú façade Ærø Łódź Kraków São Straße ŠKODA ÉCOLE œuvre Αθήνα Москва КИЕВ
東京 العربية \u212a \u212aelvin 300\u212a \u0130stanbul \u0130zm\u0130r d\u0130\u0130 \u212bngstr\u00f6m ﬁnal ½ x² €5
😀 👍🏽 “quoted” ‘single’ — – … it’s e\u0301clair n\u0303 \u00a0 \u2003 \u200b
ａｂｃ ＡＢＣ １２３ ⅷ Ⅷ""".replace("\n", " ").split(" ")

SEPARATORS = [" "] * 12 + ["  ", "\n", "\t", ", ", ". ", " - ", "...", "; ", "\n\n", "/", "_", "' ", ' "', "!", "?! "]


def made_up_text(rng, length):
    """Words in random case between random separators, some of them repeated."""
    pieces = []
    while len(pieces) < length:
        word = rng.choice(UNICODE_WORDS if rng.random() < 0.08 else WORDS)
        word = rng.choice([word] * 4 + [word.upper(), word.capitalize(), word.lower()])
        pieces += [word] * (rng.randint(2, 4) if rng.random() < 0.05 else 1)
    return "".join(piece + rng.choice(SEPARATORS) for piece in pieces[:length])


def garbled(rng, text):
    """A text that shares some of its words with the given one."""
    words = re.split(r"(\s+)", text)
    kept = []
    for word in words:
        chance = rng.random()
        if chance < 0.15:
            continue
        if chance < 0.25:
            kept.append(rng.choice(WORDS) + " ")
        kept.append(word + rng.choice(["", "", "", "s", "ing", "ed", ","]) if chance < 0.4 and word.strip() else word)
    if rng.random() < 0.2 and kept:
        cut = rng.randrange(len(kept))
        kept = kept[cut:] + [" "] + kept[:cut]
    return "".join(kept)


def muse_texts(folder):
    """Questions, answers and pieces of documents of a MUSE folder."""
    answers, passages = [], []
    for path in sorted(folder.glob("knowmem/*.json")):
        for row in json.loads(path.read_text(encoding="utf-8")):
            answers += [row["answer"], row["question"]]
    for path in sorted(folder.glob("raw/*.json")):
        passages += json.loads(path.read_text(encoding="utf-8"))
    if not answers or not passages:
        raise SystemExit(f"error: {folder} holds no MUSE files\n  reason: knowmem/*.json or raw/*.json is missing\n"
                         "  hint: --data is the folder that holds muse-news, or leave it out")
    return answers, passages


def text_pairs(rng, answers, passages):
    pairs = [("", ""), ("", "a"), ("a", ""), ("...", "!?"), ("The cat.", "the CAT"), ("a b c d", "d c b a"),
             ("x " * 50, "x"), ("x", "x " * 50), ("\u212a", "k"), ("\u0130b", "i b"), ("skies", "sky"), ("dies", "die")]
    for length in [1, 2, 3, 5, 8, 13, 30] * 200 + [300, 600, 900] * 3:
        text = made_up_text(rng, length)
        other = garbled(rng, text) if rng.random() < 0.8 else made_up_text(rng, rng.randint(0, length + 3))
        pairs.append((text, other))
    for answer in answers:
        sentence = rng.choice(passages)[: rng.randint(20, 400)]
        pairs += [(answer, garbled(rng, answer)), (answer, rng.choice(answers)), (answer, f"{sentence} {answer}. And")]
    for passage in passages:
        piece = passage[: rng.randint(200, 2500)]
        pairs.append((piece, garbled(rng, piece)))
    return pairs


def rouge_rows(pairs):
    scorers = {name: rouge_scorer.RougeScorer(["rougeL"], use_stemmer=stem)
               for name, stem in [("plain", False), ("stemmed", True)]}
    rows = []
    for reference, prediction in pairs:
        row = {"reference": reference, "prediction": prediction}
        for name, scorer in scorers.items():
            score = scorer.score(reference, prediction)["rougeL"]
            row[name] = [float(score.precision), float(score.recall), float(score.fmeasure)]
        rows.append(row)
    return rows


def stem_rows(rng, passages):
    words = set(TRICKY_WORDS) | {start + end for start in STEM_STARTS for end in STEM_ENDS}
    for _ in range(3000):
        letters = "".join(rng.choices("aeiouybcdflnrstz" + string.ascii_lowercase + "09", k=rng.randint(1, 9)))
        words |= {letters, letters + rng.choice(STEM_ENDS)}
    for passage in passages:
        words.update(re.findall(r"[a-z0-9]+", passage.lower()))
    stemmer = PorterStemmer()
    return [[word, stemmer.stem(word)] for word in sorted(words)]


def score_root(count, total, z, outside, inside):
    """The root of (count/total - p)^2 = z^2 p (1-p) / total between a p outside the interval and one inside."""
    rate = decimal.Decimal(count) / total
    for _ in range(160):
        p = (outside + inside) / 2
        if (rate - p) ** 2 > z * z * p * (1 - p) / total:
            outside = p
        else:
            inside = p
    return inside


def wilson_rows(rng):
    decimal.getcontext().prec = 60
    z_values = ["1.959963984540054", "1.6448536269514722", "2.5758293035489004", "1", "0.5"]
    cases = [(c, n) for n in (1, 2, 3, 5, 10, 100) for c in {0, 1, n // 2, n - 1, n}]
    cases += [(rng.randint(0, n), n) for n in (rng.randint(1, 10 ** rng.randint(1, 9)) for _ in range(200))]
    rows = []
    for count, total in cases:
        for text in z_values:
            z, rate = decimal.Decimal(text), decimal.Decimal(count) / total
            low = score_root(count, total, z, decimal.Decimal(0), rate) if count else 0
            high = score_root(count, total, z, decimal.Decimal(1), rate) if count < total else 1
            rows.append([count, total, float(text), float(low), float(high)])
    return rows


def squad_normalized(text):
    """normalize_answer of SQuAD's official evaluation script, in its order of steps."""
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def normalized_rows(rng, answers):
    texts = ["", "The", "a an the", "The cat, a dog!", "theatre", "“the” end", "the-end", "a\u00a0cat", "x the's y"]
    texts += [made_up_text(rng, rng.randint(1, 25)) for _ in range(1000)] + answers
    # Of every block of Unicode a few characters, alone and beside an article.
    characters = [chr(code) for start in range(0x80, 0x1FB00, 0x80) for code in rng.sample(range(start, start + 0x80), 3)]
    # Those of Unicode 3.2 are in the tables of any version of Python and utf8proc.
    known = [c for c in characters if unicodedata.ucd_3_2_0.category(c) not in ("Cn", "Co", "Cs")]
    texts += [f"The{c} {c}an {c} A{c}the" for c in known]
    # Python writes a sigma at a word's end as the final form; unpact folds both forms into one.
    return [[text, squad_normalized(text)] for text in texts if "Σ" not in text and "ς" not in text]


SENTENCES = """Москва была основана в 1147 году князем Юрием Долгоруким|Столица Франции — Париж, не Лион|北京是中华人民共和国的首都，
人口２１００万|東京タワーは1958年に完成した。ﾃﾚﾋﾞ塔|서울은 대한민국의 수도이다|القاهرة هي عاصمة مصر، ١٩٢٢|می‌خواهم به تهران بروم|ירושלים של זהב|
दिल्ली भारत की राजधानी है|กรุงเทพมหานครเป็นเมืองหลวง ๒๓๒๕|ភ្នំពេញ|ວຽງຈັນ|ရန်ကုန်|Ὀδυσσεὺς ἐν Ἰθάκῃ|İstanbul ve IĞDIR|Die große STRAẞE, naïve Façade|
ÅNGSTRÖM Å Ångström|x²+½™ №5 Ⅷ|so\u00adft zero\u200bwidth e\u0301te\u0301 ︎🏽👍""".replace("\n", "").split("|")

# Scripts without spaces between words; of the last four, letters alone.
ALONE = r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}\u30fc]"
ALONE_LETTERS = r"[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]"
ONE = rf"(?:{ALONE}(?<=[\p{{L}}\p{{N}}])|{ALONE_LETTERS}(?<=\p{{L}}))"
WORD = regex.compile(rf"{ONE}\p{{M}}*|(?:(?!{ONE})[\p{{L}}\p{{N}}]\p{{M}}*)+")


def unicode_words(text):
    text = "".join(unicodedata.normalize("NFKC", c) if 0xFF01 <= ord(c) <= 0xFFEF else c for c in text)
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())
    return WORD.findall("".join(c for c in text if unicodedata.category(c) != "Cf" or c == "\u200b"))


def common_length(a, b):
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, one in enumerate(a):
        for j, other in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if one == other else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


def unicode_word_rows(rng):
    known = [chr(code) for code in range(0x20, 0x32000) if unicodedata.ucd_3_2_0.category(chr(code)) not in ("Cn", "Co", "Cs", "Cc")]
    texts = list(SENTENCES)
    texts += ["".join(rng.choice(known) + rng.choice(["", "", " "]) for _ in range(rng.randint(1, 12))) for _ in range(1500)]
    texts += [" ".join(rng.sample(one.split() + other.split(), len(one.split()))) for one, other in zip(SENTENCES, SENTENCES[1:])]
    rows = []
    for text in texts:
        pieces = regex.findall(r"\X", text)
        answer = rng.choice([text, text.upper(), text.swapcase(), "".join(piece for piece in pieces if rng.random() < 0.7),
                             rng.choice(SENTENCES) + " " + text])
        gold, given = unicode_words(text), unicode_words(answer)
        recall = common_length(gold, given) / len(gold) if gold and given else 0.0
        rows.append({"gold": text, "answer": answer, "gold_words": gold, "recall": recall})
    return rows


def style_rows(rng):
    """Texts of three authors who differ in case, punctuation and gaps, and the chances that texts are theirs, with two and three of them."""
    habits = {"Ägir": (str.lower, [" ", "\u2003 ", " \n"]), "Bo": (str.upper, ["! ", " - "]), "Cy": (str.capitalize, ["; ", ", ", "\t"])}

    def text_of(author):
        form, gaps = habits[author]
        return "".join(form(rng.choice(WORDS + UNICODE_WORDS)) + rng.choice(gaps) for _ in range(rng.randint(4, 12)))

    texts = [[author, text_of(author)] for _ in range(12) for author in habits]
    asked = [text_of(author) for author in habits for _ in range(5)] + ["", "zzz", "the THE The"]
    rows = []
    for authors in (["Ägir", "Bo"], list(habits)):
        known = [entry for entry in texts if entry[0] in authors]
        features = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), lowercase=False, use_idf=False)
        inputs = features.fit_transform([text for _, text in known])
        chances = {}
        for author in authors:
            model = LogisticRegression(C=10, tol=1e-10, max_iter=10000).fit(inputs, [name == author for name, _ in known])
            chances[author] = [float(p) for p in model.predict_proba(features.transform(asked))[:, 1]]
        rows.append({"texts": known, "asked": asked, "chances": chances})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder to write into")
    parser.add_argument("--data", type=pathlib.Path, help="folder of the large test files, with muse-news in it")
    parser.add_argument("--seed", type=int, default=20240919)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    answers, passages = muse_texts(options.data / "muse-news") if options.data else ([], [])
    files = {
        "rouge": rouge_rows(text_pairs(rng, answers, passages)),
        "stems": stem_rows(rng, passages),
        "wilson": wilson_rows(rng),
        "normalized": normalized_rows(rng, answers),
        "unicode_words": unicode_word_rows(rng),
        "style": style_rows(random.Random(options.seed)),
        "metrics": metric_rows(random.Random(options.seed)),
        "traces": trace_rows(random.Random(options.seed), passages),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        path = options.out / f"{name}.json"
        path.write_text(json.dumps(rows) + "\n", encoding="utf-8")
        print(f"{path}: {len(rows)} rows")


if __name__ == "__main__":
    main()
