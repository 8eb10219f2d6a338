"""What the name of a column says about its values.

Names are cut into words (snake case, camel case, run-together compounds), folded to plain lower
case, and compared with the phrases of ``masking.vocabulary``. Knows nothing of types or values.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from govproxy.masking import taxonomy, vocabulary
from govproxy.masking.vocabulary import Context

# Below this a name alone does not make a column sensitive.
BELIEVED = 0.5

_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_JOINED_DIGITS = re.compile(
    r"(ipv[46]|sha(?:1|256|512)|md5|zip[45]|icd(?:9|10)|track[12]|cv[vc]2)(?=$|[^a-z0-9])", re.I
)
_SHORT_PIECES = frozenset(
    {"ip", "id", "no", "nr", "mac", "tax", "zip", "tel", "num", "cvv", "ssn", "sex", "nom", "cc", "dob", "day"}
)
_LINKS = ("", "s", "n", "en")  # letters German puts between the parts of a compound
_ABBREVIATIONS: Mapping[str, str] = {
    "addr": "address",
    "adress": "address",
    "addrs": "addresses",
    "adr": "address",
    "nm": "name",
    "nme": "name",
    "nbr": "number",
    "num": "number",
    "numbr": "number",
    "no": "number",
    "nr": "number",
    "nummer": "number",
    "numero": "number",
    "nro": "number",
    "numer": "number",
    "ph": "phone",
    "phn": "phone",
    "mob": "mobile",
    "eml": "email",
    "pswd": "password",
    "psswd": "password",
    "pword": "password",
    "passwd": "password",
    "pwd": "password",
    "acct": "account",
    "acc": "account",
    "frst": "first",
    "fst": "first",
    "lst": "last",
    "mid": "middle",
    "dt": "date",
    "brth": "birth",
    "crd": "card",
    "strt": "street",
    "cty": "city",
    "zp": "zip",
    "lic": "license",
    "licence": "license",
    "gndr": "gender",
    "sal": "salary",
    "diag": "diagnosis",
    "dx": "diagnosis",
    "meds": "medications",
    "med": "medical",
    "desc": "description",
    "tok": "token",
    "tkn": "token",
    "usr": "user",
    "init": "initial",
    "cd": "code",
    "cntct": "contact",
    "cntc": "contact",
    "cust": "customer",
    "emp": "employee",
    "pat": "patient",
    "stud": "student",
    "stdnt": "student",
    "mbr": "member",
    "empl": "employee",
    "descr": "description",
    "stat": "status",
    "annl": "annual",
    "ann": "annual",
    "hrly": "hourly",
    "mthly": "monthly",
    "mnthly": "monthly",
    "emerg": "emergency",
    "emrg": "emergency",
    "citz": "citizen",
    "citzn": "citizen",
}
_FOLDS = str.maketrans({"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NameEvidence:
    """A class suggested by a name, how sure (0..1), and the words that said so."""

    name: str
    confidence: float
    words: str


@dataclass(frozen=True, slots=True)
class _Phrase:
    words: tuple[str, ...]
    name: str | None  # None: takes meaning away
    context: Context


def fold(text: str) -> str:
    """Without accents: ``Straße`` → ``Strasse``. Case stays, for camel case is cut later."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text.translate(_FOLDS))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _split(text: str) -> list[str]:
    folded = fold(text)
    parts: list[str] = []
    position = 0
    for kept in _JOINED_DIGITS.finditer(folded):
        parts.extend(_PIECES.findall(folded[position : kept.start()]))
        parts.append(kept.group(1))
        position = kept.end()
    parts.extend(_PIECES.findall(folded[position:]))
    return [part.lower() for part in parts]


def _phrase_words(phrases: str) -> Iterable[tuple[str, ...]]:
    for phrase in phrases.split(","):
        words = tuple(_ABBREVIATIONS.get(word, word) for word in phrase.split())
        if words:
            yield words


def _load() -> dict[str, tuple[_Phrase, ...]]:
    """Phrases by their first word, the longest first."""
    seen: dict[tuple[tuple[str, ...], Context], _Phrase] = {}
    for name, by_context in vocabulary.PHRASES.items():
        taxonomy.by_name(name)  # a phrase for a class nobody knows must not load
        for context, phrases in by_context.items():
            for words in _phrase_words(phrases):
                seen.setdefault((words, context), _Phrase(words, name, context))
    for words in _phrase_words(vocabulary.NOT_PERSONAL):
        for context in Context:
            seen.pop((words, context), None)
        seen[words, Context.ANY] = _Phrase(words, None, Context.ANY)
    by_first: dict[str, list[_Phrase]] = {}
    for phrase in seen.values():
        by_first.setdefault(phrase.words[0], []).append(phrase)
    return {first: tuple(sorted(found, key=lambda p: -len(p.words))) for first, found in by_first.items()}


_PHRASES = _load()
# Single words that stand for a class, whatever they need around them.
_ALONE = frozenset(
    (phrase.name, phrase.words[0]) for found in _PHRASES.values() for phrase in found if len(phrase.words) == 1
)
_WORDS = frozenset(
    {word for phrases in _PHRASES.values() for phrase in phrases for word in phrase.words}
    | vocabulary.CANCEL_AFTER
    | vocabulary.CANCEL_BEFORE
    | vocabulary.NEUTRAL
    | vocabulary.PEOPLE
    | vocabulary.PROFILE
    | vocabulary.TABLE_AFFIXES
    | vocabulary.ADDRESS_TABLES
    | vocabulary.MEDICAL_TABLES
    | vocabulary.GOODS_TABLES
    | _ABBREVIATIONS.keys()
)
# Words that may be a part of a run-together compound; short ones would be found in everything.
_PARTS = frozenset(word for word in _WORDS if len(word) >= 4) | _SHORT_PIECES
# Ends of ordinary words that are words themselves: ``passage`` is not ``pass age``.
_NEVER_LAST = frozenset({"rate", "port", "form", "able", "ville", "text", "mode", "ring", "page", "sort", "type"})


@lru_cache(maxsize=16384)
def _compound(token: str) -> tuple[str, ...] | None:
    """The fewest known words that make up a run-together token, or None."""
    if token in _WORDS or len(token) < 5:
        return None
    best: list[tuple[str, ...] | None] = [()] + [None] * len(token)
    for end in range(2, len(token) + 1):
        for start in range(end - 1):
            head = best[start]
            if head is None:
                continue
            part = token[start:end]
            for link in _LINKS:
                word = part.removesuffix(link) if link and start + len(part) < len(token) else part
                if (link and word == part) or word not in _PARTS:
                    continue
                if best[end] is None or len(head) + 1 < len(best[end] or ()):
                    best[end] = (*head, word)
    found = best[len(token)]
    if found is None or len(found) < 2 or found[-1] in _NEVER_LAST:
        return None
    return found


def _singular(token: str) -> str:
    if token in _WORDS or not token.endswith("s"):
        return token
    if token.endswith("es") and token[:-2] in _WORDS:
        return token[:-2]
    return token[:-1] if token[:-1] in _WORDS else token


def _skeleton(word: str) -> str:
    """What is left when vowels after the first letter are dropped and doubled letters written once."""
    kept = word[:1] + "".join(char for char in word[1:] if char not in "aeiou")
    return "".join(char for place, char in enumerate(kept) if place == 0 or kept[place - 1] != char)


def _skeletons() -> dict[str, str]:
    """Known words by their skeletons, the shortest of several."""
    found: dict[str, str] = {}
    for word in sorted(_WORDS, key=lambda word: (len(word), word), reverse=True):
        if len(word) >= 5 and word.isalpha():
            found[_skeleton(word)] = word
    return found


_SKELETONS = _skeletons()
_CUT_SHORT = tuple(sorted(vocabulary.CUT_SHORT))


def _spelt_out(token: str) -> str:
    """A shortened word in full, where that is sure enough: ``cntct`` → ``contact``, ``relig`` → ``religion``."""
    if token in _WORDS or len(token) < 4 or not token.isalpha():
        return token
    if _skeleton(token) in _SKELETONS and not any(char in "aeiou" for char in token[1:]):
        return _SKELETONS[_skeleton(token)]
    longer = [word for word in _CUT_SHORT if word.startswith(token)]
    return longer[0] if len(longer) == 1 else token


@lru_cache(maxsize=16384)
def words_of(text: str) -> tuple[str, ...]:
    """The folded words of a name: ``custEmailAddr2`` → ``customer email address``.

    Numbers are dropped except where they are part of a term (``ipv4``, ``address1`` loses its 1).
    """
    words: list[str] = []
    for token in _split(text):
        if token.isdigit():
            continue
        for part in _compound(token) or (token,):
            words.append(_ABBREVIATIONS.get(part, _singular(_spelt_out(part))))
    return tuple(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableContext:
    """What the name of a table says about its rows."""

    people: bool = False
    places: bool = False
    medical: bool = False
    cards: bool = False
    goods: bool = False


@lru_cache(maxsize=16384)
def table_context(name: str, schema: str = "") -> TableContext:
    """Judged by the last word that means something: ``user_roles`` is about roles, not users.

    A schema tells health care from the rest, and nothing more.
    """
    words = [word for word in words_of(name) if word not in vocabulary.TABLE_AFFIXES]
    head = list(words)
    while len(head) > 1 and head[-1] in vocabulary.PROFILE:
        head.pop()
    last = head[-1] if head else ""
    return TableContext(
        people=last in vocabulary.PEOPLE,
        places=last in vocabulary.ADDRESS_TABLES,
        medical=any(word in vocabulary.MEDICAL_TABLES for word in (*words, *words_of(schema))),
        cards=any(word in vocabulary.CARD_TABLES for word in words)
        and not any(word in vocabulary.OTHER_CARDS for word in words),
        goods=last in vocabulary.GOODS_TABLES,
    )


def _matches(words: Sequence[str]) -> list[tuple[int, int, _Phrase]]:
    """All phrases found, without those inside a longer one."""
    found = [
        (start, start + len(phrase.words), phrase)
        for start, word in enumerate(words)
        for phrase in _PHRASES.get(word, ())
        if tuple(words[start : start + len(phrase.words)]) == phrase.words
    ]
    return [
        match
        for match in found
        if not any(
            other is not match
            and other[0] <= match[0]
            and match[1] <= other[1]
            and other[1] - other[0] > match[1] - match[0]
            for other in found
        )
    ]


def _holds(phrase: _Phrase, table: TableContext, others: Sequence[str]) -> bool:
    if phrase.context is Context.ANY:
        return True
    plain = all(
        word in vocabulary.NEUTRAL
        or word in vocabulary.PEOPLE
        or word in vocabulary.PLACE_QUALIFIERS
        or (phrase.name, word) in _ALONE  # ``tel movil`` says one thing twice
        for word in others
    )
    if not plain:
        return False
    personal = table.people or any(word in vocabulary.PEOPLE for word in others)
    match phrase.context:
        case Context.SOLO:
            return True
        case Context.PEOPLE:
            return personal
        case Context.PLACE:
            return personal or table.places or any(word in vocabulary.PLACE_QUALIFIERS for word in others)
        case Context.MEDICAL:
            return table.medical
        case Context.CARD:
            return table.cards
        case Context.PERSONAL:
            return not table.goods or personal
        case _:
            raise AssertionError(phrase.context)


def _confidence(phrase: _Phrase, before: Sequence[str], after: Sequence[str]) -> float:
    """How sure a match is, by what stands beside it; 0 when that takes the meaning away."""
    if any(word in vocabulary.CANCEL_BEFORE for word in before) or any(
        word in vocabulary.CANCEL_AFTER for word in after
    ):
        return 0.0
    base = 0.95 if phrase.context is Context.ANY else 0.85
    known = vocabulary.NEUTRAL | vocabulary.PEOPLE
    strange_before = sum(word not in known for word in before)
    strange_after = sum(word not in known for word in after)
    return max(0.0, base - 0.1 * min(strange_before, 2) - 0.3 * strange_after)


@lru_cache(maxsize=16384)
def says_nothing(column: str) -> bool:
    """True for names such as ``c3``, ``col_12`` and ``attr_b``."""
    return all(len(word) <= 2 or word in vocabulary.SAYING_NOTHING for word in _split(column))


def hints_at_name(column: str) -> bool:
    """True when the name says that it is a name of something, without saying whether of a person."""
    words = words_of(column)
    matched = any(phrase.name is None for _start, _end, phrase in _matches(words))
    return not matched and not {"name", "nom", "nombre", "nome", "naam", "navn", "namn"}.isdisjoint(words)


def hints_at_secret(column: str) -> bool:
    """True when the name ends in a word such as ``key``, which says little without its values."""
    words = words_of(column)
    matched = any(phrase.name is None and end == len(words) for _start, end, phrase in _matches(words))
    return bool(words) and words[-1] in vocabulary.SECRET_HINTS and not matched


def judge_name(column: str, table: str = "", schema: str = "", *, people: bool = False) -> tuple[NameEvidence, ...]:
    """Classes a column's name suggests, the surest first; equal ones by level, then by name.

    ``table`` gives the context in which words such as ``name``, ``city`` and ``age`` are personal;
    ``people``: the table's other columns have shown that it is about people. Classes below
    ``BELIEVED`` are left out.
    """
    context = table_context(table, schema)
    return judge_within(column, replace(context, people=True, goods=False) if people else context)


def judge_within(column: str, context: TableContext) -> tuple[NameEvidence, ...]:
    """The same where it is known what the column stands in."""
    words = words_of(column)
    best: dict[str, NameEvidence] = {}
    for start, end, phrase in _matches(words):
        before, after = words[:start], words[end:]
        if before == ("name",):
            before = ()  # nm_cidade, nom_ville: the name of what follows
        if phrase.name is None or not _holds(phrase, context, (*before, *after)):
            continue
        confidence = _confidence(phrase, before, after)
        if confidence < BELIEVED:
            continue
        if phrase.name not in best or best[phrase.name].confidence < confidence:
            best[phrase.name] = NameEvidence(name=phrase.name, confidence=confidence, words=" ".join(phrase.words))
    return tuple(
        sorted(best.values(), key=lambda e: (-e.confidence, -taxonomy.by_name(e.name).level, -len(e.words), e.name))
    )


_PROSE_CANCEL = re.compile(
    r"^(?:when|whether|if|number of|count of|total|how many|time of|date of (?!birth|death)|timestamp|flag|true if"
    r"|id of|type of|kind of|status of|foreign key|references|link to|pointer|anzahl|ob |wann|nombre de"
    r"|date de (?!naissance)|indique si|si |fecha de (?!nacimiento))",
    re.I,
)
_PROSE_MARK = re.compile(
    r"\b(?:pii|spii|phi|personal(?:ly)?[ -]identif\w+|personal data|personenbezogen\w*|datos personales"
    r"|données personnelles)\b",
    re.I,
)
_PROSE_DENIED = re.compile(r"\b(no|non|not|without|kein\w*|aucune?|sin|sem)[ -]+(\w+ )?(pii|spii|phi|personal)", re.I)
_LONGEST_COMMENT = 400


def judge_comment(comment: str) -> tuple[NameEvidence, ...]:
    """Classes the comment on a column names outright; explicit marks such as ``PII`` as well.

    Security: a comment adds suspicion and never takes any away.
    """
    text = comment[:_LONGEST_COMMENT].strip()
    found: dict[str, NameEvidence] = {}
    if _PROSE_MARK.search(text) and not _PROSE_DENIED.search(text):
        found["personal_data"] = NameEvidence(name="personal_data", confidence=0.8, words="marked as personal")
    if _PROSE_CANCEL.search(text):
        return tuple(found.values())
    for sentence in re.split(r"[.;:,()\n]|\band\b|\bof\b(?! birth)", text)[:8]:
        words = words_of(sentence)
        if len(words) > 8:
            continue
        for _start, end, phrase in _matches(words):
            after = words[end : end + 1]
            if (
                phrase.name is None
                or phrase.context is not Context.ANY
                or any(word in vocabulary.CANCEL_AFTER for word in after)
            ):
                continue
            found.setdefault(phrase.name, NameEvidence(name=phrase.name, confidence=0.7, words=" ".join(phrase.words)))
    return tuple(sorted(found.values(), key=lambda e: (-e.confidence, -taxonomy.by_name(e.name).level, e.name)))
