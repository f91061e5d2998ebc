"""Numbers as text."""

from __future__ import annotations

import math

from .model import Rate

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign; a true minus sign."""
    if math.isnan(value):
        return DASH
    if math.isinf(value):
        return (MINUS if value < 0 else "+") + "∞"
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return (MINUS if value < 0 else "+") + text


def percent(value: float, digits: int = 1) -> str:
    """A share as a percentage."""
    return DASH if math.isnan(value) else f"{100 * value:.{digits}f} %"


def interval(low: float, high: float) -> str:
    """A 95 % interval of a share, in percent."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"{100 * low:.1f} to {100 * high:.1f} %".replace("-", MINUS)


def counted(rate: Rate) -> str:
    """Counts of a rate: 3/10, or n = 10 for a mean."""
    if float(rate.count).is_integer() or not rate.total:
        return f"{int(rate.count)}/{rate.total}"
    return f"n = {rate.total}"


def full(rate: Rate) -> str:
    """A rate with counts and interval: 30.0 % (3/10; 10.8 to 60.3 %)."""
    if not rate.total:
        return f"{DASH} (0/0)"
    return f"{percent(rate.value)} ({counted(rate)}; {interval(rate.low, rate.high)})"


def mean_full(rate: Rate) -> str:
    """A mean in [0, 1] with its count and interval: 0.41 (n = 12; 0.20 to 0.66)."""
    if not rate.total:
        return f"{DASH} (n = 0)"
    ends = "" if math.isnan(rate.low) or math.isnan(rate.high) else f"; {rate.low:.2f} to {rate.high:.2f}"
    return f"{rate.value:.2f} (n = {rate.total}{ends})"


def thousands(value: float) -> str:
    """An integer with thin gaps between thousands."""
    return f"{int(value):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def seconds(value: float) -> str:
    """A duration."""
    if math.isnan(value):
        return DASH
    if value < 120:
        return f"{value:.3g} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.1f} h"
