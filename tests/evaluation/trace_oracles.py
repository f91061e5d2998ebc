"""Sentences by nltk's Punkt and R-TOFU's step-wise measure by rouge-score.

Punkt runs without trained parameters (PunktSentenceTokenizer()), so that nothing is downloaded: it then knows no abbreviations.
"""

import random

from nltk.tokenize.punkt import PunktSentenceTokenizer
from rouge_score import rouge_scorer

SENTENCES = """Let me think.|Wait, is that so?|Dr. Who lives there.|She (or he?) left.|"Is it?" he asked.|J. R. Tolkien wrote it.|It was 3.5 or 7.|
No. 3. the third.|See p. 7. Then go.|Hmm... I do not know.|He said . . . nothing.|What?! No!!|The end.) And more.|(In brackets.) Out.|caf\u00e9 is \u201copen.\u201d Now.|
Step 1: 12 times 4 is 48.|So the answer is 48|e.g. this one.|U.S. law applies.|On Sept. 8, 1956, he came.|A. b follows.|\u00c9. Zola wrote.|x_y. Z is.|Is 5. A number?|
'Quoted.' Next.|It is 7.|--Dashes. --And.|A word-.|tabs\there. Yes.|\u4e16\u754c. Then.|5.|?|...|"Stop!"--she cried.|It ends here.Next one.|Items: a., b., c. Done.|[1.] Two.|\u00abOui.\u00bb Non.""".replace("\n", "").split("|")
JOINS = (" ", "  ", "\n", "\n\n", " \n")


def texts(rng: random.Random, passages: list[str]) -> list[str]:
    made = ["".join(rng.choice(SENTENCES) + rng.choice(JOINS) for _ in range(rng.randint(1, 9))) for _ in range(400)]
    marks = ".?!,;:\"')(- \n\u201d\u00bbaB5\u00e9"
    noise = ["".join(rng.choice(marks) for _ in range(rng.randint(0, 24))) for _ in range(400)]
    return made + noise + [passage[:800] for passage in passages[:40]]


def steps(gold: list[str], own: list[str], scorer: rouge_scorer.RougeScorer) -> float:
    best = [max((scorer.score(sentence, step)["rougeL"].recall for step in own), default=0.0) for sentence in gold]
    return sum(best) / len(best) if best else 0.0


def trace_rows(rng: random.Random, passages: list[str]) -> list[dict[str, object]]:
    punkt, scorer = PunktSentenceTokenizer(), rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
    rows: list[dict[str, object]] = []
    before = ""
    for text in texts(rng, passages):
        sentences = punkt.tokenize(text)
        gold = punkt.tokenize(before)
        rows.append({"gold": before, "own": text, "sentences": sentences, "steps": steps(gold, sentences, scorer)})
        before = text
    return rows
