"""Words that have an order, from low to high."""

from __future__ import annotations

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
    "bad,average,good",
    "fair,good,very good,premium,ideal",
    "none,mild,moderate,severe",
    "never,rarely,sometimes,often,always",
    "strongly disagree,disagree,neutral,agree,strongly agree",
    "cold,cool,mild,warm,hot",
    "first,second,third,fourth,fifth",
    "mon,tue,wed,thu,fri,sat,sun",
    "monday,tuesday,wednesday,thursday,friday,saturday,sunday",
    "jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec",
)


def ordinal_scale(words: Sequence[str]) -> list[str] | None:
    """The ladder that all words are on, from low to high; None where there is none.

    Example:
        >>> ordinal_scale(["M", "S", "L"])[:3], ordinal_scale(["red", "blue"])
        (['xxs', 'xs', 's'], None)
    """
    lower = {word.lower() for word in words}
    if len(lower) < max(2, len(words)):
        return None
    for ladder in LADDERS:
        steps = ladder.split(",")
        if lower <= set(steps):
            return steps
    return None
