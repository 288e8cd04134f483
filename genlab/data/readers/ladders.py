"""Words that have an order, from low to high."""

from __future__ import annotations

import re
from collections.abc import Sequence

#: Ladders of words, from low to high.
LADDERS = (
    "no,yes",
    "n,y",
    "false,true",
    "f,t",
    "off,on",
    "absent,present",
    "negative,positive",
    "xxs,xs,s,m,l,xl,xxl,xxxl",
    "very low,low,medium,high,very high",
    "very low,low,moderate,high,very high",
    "low,middle,high",
    "small,medium,large,extra large",
    "tiny,small,medium,large,huge",
    "very poor,poor,fair,good,very good,excellent",
    "very bad,bad,average,good,very good",
    "very bad,bad,neutral,good,very good",
    "fair,good,very good,premium,ideal",
    "none,mild,moderate,severe",
    "not at all,a little,moderately,quite a bit,extremely",
    "not at all,slightly,moderately,very,extremely",
    "never,rarely,sometimes,often,always",
    "never,almost never,sometimes,almost always,always",
    "never,seldom,sometimes,usually,always",
    "never,less than monthly,monthly,weekly,daily",
    "never,yearly,monthly,weekly,daily",
    "worse,same,better",
    "much worse,worse,about the same,better,much better",
    "cold,cool,mild,warm,hot",
    "first,second,third,fourth,fifth",
    "mon,tue,wed,thu,fri,sat,sun",
    "monday,tuesday,wednesday,thursday,friday,saturday,sunday",
    "jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec",
    "sehr schlecht,schlecht,mittel,gut,sehr gut",
    "nie,selten,manchmal,oft,immer",
    "nie,selten,gelegentlich,häufig,immer",
    "sehr niedrig,niedrig,mittel,hoch,sehr hoch",
    "sehr unzufrieden,unzufrieden,neutral,zufrieden,sehr zufrieden",
    "trifft nicht zu,trifft eher nicht zu,teils/teils,trifft eher zu,trifft voll zu",
    "trifft gar nicht zu,trifft eher nicht zu,teils/teils,trifft eher zu,trifft völlig zu",
    "stimme gar nicht zu,stimme eher nicht zu,teils/teils,stimme eher zu,stimme voll zu",
    "jamais,rarement,parfois,souvent,toujours",
    "très mauvais,mauvais,moyen,bon,très bon",
    "nunca,raramente,a veces,a menudo,siempre",
    "nunca,casi nunca,a veces,casi siempre,siempre",
    "muy malo,malo,regular,bueno,muy bueno",
    "mai,raramente,a volte,spesso,sempre",
    "pas du tout d'accord,plutôt pas d'accord,ni d'accord ni pas d'accord,plutôt d'accord,"
    "tout à fait d'accord",
    "totalmente en desacuerdo,en desacuerdo,ni de acuerdo ni en desacuerdo,de acuerdo,"
    "totalmente de acuerdo",
)
#: The steps of a scale with two poles, from one pole to the other: how strong each is.
STRENGTHS = (
    ("strongly", "completely", "totally", "very", "extremely", "definitely"),
    ("", "mostly", "moderately"),
    ("somewhat", "rather", "slightly", "a little", "tend to", "probably"),
)
#: The poles of such scales, low and high.
POLES = (
    ("disagree", "agree"),
    ("dissatisfied", "satisfied"),
    ("unsatisfied", "satisfied"),
    ("unlikely", "likely"),
    ("unimportant", "important"),
    ("unhappy", "happy"),
    ("difficult", "easy"),
    ("negative", "positive"),
    ("bad", "good"),
    ("poor", "good"),
    ("oppose", "support"),
    ("uncomfortable", "comfortable"),
    ("no", "yes"),
    ("not", ""),
)
#: What lies between the poles.
MIDDLE = re.compile(r"neutral|neither(?: .+ nor .+)?|undecided|unsure|not sure|no opinion|mixed")
#: A range of numbers, or a bound: 18-24, $20k to $40k, < 20, more than 100, 55+.
_RANGE = re.compile(
    r"(?P<less>[<≤]|under|below|less than|up to|unter|bis|moins de|menos de)?"
    r"(?P<more>[>≥]=?|over|above|more than|at least|über|mehr als|ab|plus de|más de)?"
    r"[\s$€£]*(?P<first>\d+(?:[.,]\d+)?)\s?(?P<thousand>k)?"
    r"(?P<to>\s*(?:-|–|to|bis|à|a)[\s$€£]*\d[\d.,]*\s?k?)?(?P<plus>\s?\+)?(?P<rest>\D*)"
)
#: A step of a scale with its number and its meaning.
_STEP = re.compile(r"(\d{1,2})(?:\s*[-–=:.)]\s*\D.*)?")


def ordinal_scale(words: Sequence[str]) -> list[str] | None:
    """The ladder that all words are on, from low to high, in lower case; None where there is none.

    Known are ladders of words, scales with two poles (strongly disagree ... strongly agree), and
    words that begin with a number (18-24, 25-34, 35+).

    Example:
        >>> ordinal_scale(["M", "S", "L"])[:3], ordinal_scale(["red", "blue"])
        (['xxs', 'xs', 's'], None)
        >>> ordinal_scale(["Agree", "Neither agree nor disagree", "Strongly disagree"])
        ['strongly disagree', 'neither agree nor disagree', 'agree']
        >>> ordinal_scale(["25-34", "under 18", "35+", "18-24"])
        ['under 18', '18-24', '25-34', '35+']
    """
    lower = {word.lower() for word in words}
    if len(lower) < max(2, len(words)):
        return None
    for ladder in LADDERS:
        steps = ladder.split(",")
        if lower <= set(steps):
            return steps
    return _poles(lower) or _ranges(lower)


def _poles(words: set[str]) -> list[str] | None:
    """The order of the steps of a scale with two poles."""
    for low, high in POLES:
        found: dict[str, int] = {}
        for word in words:
            for side, pole in ((-1, low), (1, high)):
                for strength, adverbs in enumerate(STRENGTHS):
                    if pole and word in {f"{a} {pole}".strip() for a in adverbs}:
                        found[word] = side * (len(STRENGTHS) - strength)
            if MIDDLE.fullmatch(word):
                found.setdefault(word, 0)
        if len(found) == len(words) > 2 and len(set(found.values())) == len(words):
            return sorted(words, key=lambda w: found[w])
    return None


def _ranges(words: set[str]) -> list[str] | None:
    """The order of ranges of numbers, or of steps with their numbers."""
    found: dict[str, tuple[float, int]] = {}
    ranges = bounds = 0
    rests = set()
    for word in words:
        if (step := _STEP.fullmatch(word)) is not None:
            found[word] = (float(step[1]), 0)
            continue
        match = _RANGE.fullmatch(word.replace("‹", "<").replace("›", ">"))
        if match is None:
            return None
        least, most = bool(match["less"]), bool(match["more"] or match["plus"])
        number = float(match["first"].replace(",", "."))
        thousand = match["thousand"] or (match["to"] or "").endswith("k")
        found[word] = (number * (1000 if thousand else 1), most - least)
        ranges += match["to"] is not None
        bounds += least or most
        rests.add(match["rest"].strip().rstrip("s"))
    # Numbers alone are an order if the same unit follows: 2 rooms, 3 rooms; not 12 Oak Street.
    plain = not ranges and not bounds and len(rests) <= 1
    fine = plain or (ranges and ranges + bounds == len(words))
    if not fine or len(words) < 3 or len(set(found.values())) < len(words):
        return None
    return sorted(words, key=lambda word: found[word])
