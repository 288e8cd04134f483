"""Decimal and thousands signs of a table, decided by all rows of all columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from genlab.data.readers.columns import ColumnEvidence, is_number
from genlab.data.readers.dialect import AUTO, NONE, Decision
from genlab.data.readers.numbers import Signs

WORDS = {".": "points", ",": "commas", " ": "spaces", "'": "apostrophes"}
OTHER = {".": ",", ",": "."}
#: The share of cells with one or two decimals beside cells with three, from which on they decide.
FEW = 0.04


def parse_signs(decimal: str, thousands: str) -> tuple[str | None, str | None]:
    """The signs that the user gave, None for those to detect; both signs must differ."""
    group = {AUTO: None, NONE: "", "space": " "}.get(thousands, thousands)
    point = None if decimal == AUTO else decimal
    if point is None and group in OTHER:
        point = OTHER[group]
    return point, group


def decide_signs(
    names: Sequence[str],
    seen: Sequence[ColumnEvidence],
    separator: str,
    decimal: str,
    thousands: str,
    given: Sequence[Mapping[str, str]],
) -> tuple[list[Signs], list[Decision]]:
    """The signs of every column, with the decisions and the open questions.

    A decimal sign is certain if one column shows it (``1.25``, ``0.125``, ``1.234,5``). If every
    such sign in a file has three digits behind it, the user is asked, unless the other columns
    decide.
    """
    able = [s if s.best >= 0.5 * s.n else None for s in seen]
    total: dict[str, int] = {}
    for one in able:
        for key, n in (one.evidence if one else {}).items():
            total[key] = total.get(key, 0) + n
    point, group = parse_signs(decimal, thousands)
    file_point = point or _point(total)
    signs: list[Signs] = []
    open_: list[tuple[str, str, bool]] = []
    chosen: list[str] = []
    for name, one, mine in zip(names, able, given, strict=True):
        own_point, own_group = parse_signs(mine.get("decimal", AUTO), mine.get("thousands", AUTO))
        known = own_point or point
        wanted = own_group if own_group is not None else group
        found = _signs(one, known, wanted, file_point, separator)
        signs.append(found)
        if one is None:
            continue
        if (doubt := _doubt(one, known, wanted, file_point)) is not None:
            open_.append((name, doubt, _mixed(one, doubt)))
        elif (found.thousands or found.decimal == ",") and is_number(one, found):
            chosen.append(f"{name!r}: {found.words}")
    return signs, _decisions(open_, chosen, separator, signs, point, group)


def _point(total: Mapping[str, int]) -> str | None:
    """The decimal sign that the cells of a file or a column show for sure, else None."""
    dot = _surely(total, ".") + total.get(",t", 0)
    comma = _surely(total, ",") + total.get(".t", 0)
    # A cell in a hundred may be mistyped; it is then not read, and counted.
    if dot and comma <= 0.01 * dot:
        return "."
    if comma and dot <= 0.01 * comma:
        return ","
    return None


def _surely(total: Mapping[str, int], sign: str) -> int:
    """The cells in which a sign is of decimals; 0 where they are few beside 1,234 and its like.

    A cell such as 1,5 among a hundred such as 1,234 may be mistyped: it decides nothing.
    """
    sure = total.get(f"{sign}d", 0)
    return sure if sure >= FEW * total.get(f"{sign}?", 0) else 0


def _signs(
    one: ColumnEvidence | None,
    point: str | None,
    group: str | None,
    file: str | None,
    separator: str,
) -> Signs:
    """The signs of one column."""
    if one is None:
        return Signs(point or file or ".", group or "")
    found = one.evidence
    own = point or _point(found) or file
    if own is None:
        # Only signs with three digits behind them: taken for thousands, and asked.
        plain = separator == "," and not _mixed(one, ".")
        own = "," if found.get(".?", 0) and not plain else "."
    if group is None:
        other = OTHER[own]
        counts = {
            other: found.get(f"{other}t", 0) + found.get(f"{other}?", 0),
            " ": found.get(" t", 0),
            "'": found.get("'t", 0),
        }
        group = max(counts, key=lambda k: counts[k])
        group = group if counts[group] else ""
    return Signs(own, group if group != own else "")


def _doubt(
    one: ColumnEvidence, point: str | None, group: str | None, file: str | None
) -> str | None:
    """The ambiguous sign of a column, None if it is clear."""
    if point is not None or group is not None:
        return None
    if _point(one.evidence) is not None:
        return None
    for sign in (".", ","):
        if not one.evidence.get(f"{sign}?", 0):
            continue
        if file is None:
            return sign
        # The other columns decide; but 51.738 beside 138 does not look like three decimals.
        if file == sign and _mixed(one, sign):
            return sign
    return None


def _mixed(one: ColumnEvidence, sign: str) -> bool:
    """Whether the column has whole numbers of up to three digits and numbers such as 51.738."""
    either = one.evidence.get(f"{sign}?", 0)
    small = sum(n for s, n in one.shapes.items() if s.lstrip("-−+") in ("9", "99", "999"))
    return either >= 3 and small > 0 and either + small >= 0.98 * one.n


def _decisions(
    open_: list[tuple[str, str, bool]],
    chosen: list[str],
    separator: str,
    signs: Sequence[Signs],
    point: str | None,
    group: str | None,
) -> list[Decision]:
    made: list[Decision] = []
    points = sorted({s.decimal for s in signs})
    value = points[0] if len(points) == 1 else "differs"
    if point is not None or group is not None:
        made.append(Decision("decimal", value, "You chose the signs."))
    elif chosen:
        more = f" and {len(chosen) - 4} more" if len(chosen) > 4 else ""
        made.append(Decision("decimal", value, f"{'; '.join(chosen[:4])}{more}."))
    for sign in sorted({s for _, s, _ in open_}):
        where = [name for name, s, _ in open_ if s == sign]
        listed = ", ".join(map(repr, where[:5]))
        mixed = any(m for _, s, m in open_ if s == sign)
        example = f"51{sign}738"
        if sign == separator and not mixed:
            # Quoted in a file separated by commas: a decimal comma with always three digits
            # behind it is rare there.
            how = f"{example} in {listed} is taken for 51738: commas between thousands."
            made.append(Decision("thousands", sign, how, False))
        elif sign == "." and separator == "," and not mixed:
            how = (
                f"Numbers in {listed} have three digits behind the point, as {example}: taken for "
                "decimals, since the file is separated by commas."
            )
            made.append(Decision("decimal", ".", how, False))
        else:
            question = (
                f"Is a number as {example} in {listed} fifty-one thousand ({WORDS[sign]} between "
                f"thousands) or 51 and a fraction (decimal {'comma' if sign == ',' else 'point'})?"
            )
            how = f"Nearly all such numbers in {listed} have three digits behind the sign."
            made.append(Decision("thousands", sign, how, False, question))
    return made
