"""Reference values of metrics by numpy, scipy and Python's zlib: what make_fixtures.py writes to metrics.json."""
import math
import random
import zlib
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import stats


NF4 = np.array([-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
                -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
                0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0])


def quantized(weight: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Codes and what they stand for, block by block."""
    rows = weight.reshape(1, -1) if kind == "nf4" else weight
    width = {"nf4": 64, "int4": 128, "int8_rows": weight.shape[1]}[kind]
    codes, values = np.zeros(rows.shape, int), np.zeros(rows.shape)
    for r, row in enumerate(rows):
        for begin in range(0, len(row), width):
            part = slice(begin, begin + width)
            top = np.abs(row[part]).max()
            if kind == "nf4":
                codes[r, part] = np.abs((row[part] / (top or 1))[:, None] - NF4).argmin(axis=1)
                values[r, part] = NF4[codes[r, part]] * top
            else:
                scale = top / {"int4": 7, "int8_rows": 127}[kind]
                codes[r, part] = np.rint(row[part] / (scale or 1))
                values[r, part] = codes[r, part] * scale
    return codes.reshape(weight.shape), values.reshape(weight.shape)


def quantization_rows(rng: random.Random) -> list[dict[str, Any]]:
    """Matrices whose rows are no multiples of a block, one with a row of zeros."""
    normal = np.random.default_rng(rng.randrange(2**32))
    rows = []
    for shape in ((3, 5), (7, 64), (5, 200), (2, 128), (4, 257)):
        weight = normal.standard_normal(shape) * np.exp(normal.standard_normal((shape[0], 1)))
        weight[1] *= shape[1] != 64
        for kind in ("nf4", "int4", "int8_rows"):
            codes, values = quantized(weight, kind)
            rows.append({"kind": kind, "shape": shape, "weight": weight.ravel().tolist(), "codes": codes.ravel().tolist(), "values": values.ravel().tolist()})
    return rows


def depth_rows(rng: random.Random) -> list[dict[str, Any]]:
    """The depth score of random drops, some with no block above the threshold."""
    normal = np.random.default_rng(rng.randrange(2**32))
    rows = []
    for case in range(200):
        floor, unlearned = normal.standard_normal((2, 1 + case % 9))
        counted = floor > 0.05
        score = (floor * np.clip(unlearned / floor, 0, 1))[counted].sum() / floor[counted].sum() if counted.any() else None
        rows.append({"floor": floor.tolist(), "unlearned": unlearned.tolist(), "score": score})
    return rows


def ks_rows(rng: random.Random) -> list[dict[str, Any]]:
    """scipy's two-sample test by its default, exact up to 10,000 values: equal and unequal sizes, with and without ties."""
    rows = []
    for case in range(1000):
        n, m = (rng.randint(1, 80), rng.randint(1, 80)) if case < 980 else rng.choice([(400, 400), (400, 399), (120, 1000), (1000, 1000)])
        shift, digits = rng.choice([0, 0.05, 0.3, 1.0]), rng.choice([1, 2, 12])
        a = [round(rng.gauss(0, 1), digits) for _ in range(n)]
        b = [round(rng.gauss(shift, 1), digits) for _ in range(n if case % 2 and n < 100 else m)]
        test = stats.ks_2samp(a, b)
        rows.append({"a": a, "b": b, "d": float(test.statistic), "p": float(test.pvalue)})
    return rows


def leak_rows(rng: random.Random) -> list[list[float]]:
    """1 - C(n - c, k) / C(n, k) in whole numbers."""
    rows = []
    for _ in range(1000):
        n = rng.randint(1, 400)
        c, k = rng.randint(0, n), rng.randint(1, n + 5)
        value = float(1 - Fraction(math.comb(n - c, k), math.comb(n, k))) if k <= n else 0.0
        rows.append([n, c, k, value, float(stats.beta.ppf(0.95, c + 1, n - c)) if c < n else 1.0])
    return rows


def auc_rows(rng: random.Random) -> list[dict[str, Any]]:
    """Mann and Whitney's U of the second sample over all pairs; DeLong's standard error by all pairs."""
    rows = []
    for _ in range(1000):
        digits = rng.choice([1, 12])
        a, b = ([round(rng.gauss(mean, 1), digits) for _ in range(rng.randint(2, 40))] for mean in (0, rng.choice([0, 0.5, 2])))
        value = stats.mannwhitneyu(b, a).statistic / (len(a) * len(b))
        wins = np.subtract.outer(np.array(b), np.array(a))
        wins = (wins > 0) + 0.5 * (wins == 0)
        error = math.sqrt(wins.mean(axis=0).var(ddof=1) / len(a) + wins.mean(axis=1).var(ddof=1) / len(b))
        rows.append({"a": a, "b": b, "auc": float(value), "error": error})
    return rows


def score_rows(rng: random.Random) -> list[dict[str, Any]]:
    """open-unlearning's attacks on random log-probabilities, with their mean and variance over a vocabulary of 7."""
    rows = []
    for _ in range(200):
        logits = np.array([[rng.gauss(0, 2) for _ in range(7)] for _ in range(rng.randint(1, 30))])
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        target = log_p[np.arange(len(log_p)), [rng.randrange(7) for _ in log_p]]
        mean = (np.exp(log_p) * log_p).sum(axis=1)
        variance = (np.exp(log_p) * log_p**2).sum(axis=1) - mean**2
        text = "".join(rng.choice("abcde äöü") for _ in range(rng.randint(1, 200)))
        k, loss = rng.choice([0.05, 0.2, 0.4, 1.0]), float(-target.mean())
        count = max(1, int(len(target) * k))
        standard = (target - mean) / np.sqrt(np.maximum(variance, 1e-6))
        rows.append({"log_p": target.tolist(), "mean": mean.tolist(), "variance": variance.tolist(), "k": k, "text": text, "loss": loss,
                     "zlib": loss / len(zlib.compress(text.encode())), "mink": float(-np.sort(target)[:count].mean()),
                     "minkpp": float(-np.sort(standard)[:count].mean())})
    return rows


def entropy_rows(rng: random.Random) -> list[dict[str, Any]]:
    """RWKU's n-gram entropy of words."""
    rows = []
    for _ in range(200):
        words = [rng.choice("the cat sat on mat and".split()) for _ in range(rng.randint(0, 40))]
        both = []
        for n in (2, 3):
            counts = np.array(list(Counter(zip(*(words[i:] for i in range(n)))).values()), dtype=float)
            both.append(float(stats.entropy(counts, base=2)) if len(counts) else 0.0)
        rows.append({"words": words, "h2": both[0], "h3": both[1], "score": float(np.mean([both[0] * 2 / 3, both[1] * 4 / 3]))})
    return rows


def mean_rows(rng: random.Random) -> list[dict[str, Any]]:
    """Harmonic means of scipy."""
    values = [[rng.choice([0.0, rng.random(), rng.random()]) for _ in range(rng.randint(1, 9))] for _ in range(200)]
    return [{
  "values" : row, "hmean" : float(stats.hmean(row))} for row in values]


def metric_rows(rng: random.Random) -> dict[str, Any]:
    """Everything of metrics.json."""
    return {
  "ks" : ks_rows(rng),
         "leak" : leak_rows(rng),
                  "auc" : auc_rows(rng),
                          "scores" : score_rows(rng),
                                     "entropy" : entropy_rows(rng),
                                                 "means" : mean_rows(rng),
            "quantization": quantization_rows(rng), "depth": depth_rows(rng)
}
