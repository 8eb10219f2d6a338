"""Where masked values come back in a text: as what rows are compared with, or as data to be stored.

A comparison for equality with a column whose masker can be inverted is widened by the real value:
``card = 'x'`` becomes ``(card = 'x' OR card = '<real>')``, so that a value as it was shown finds its
row and a real one that somebody typed still finds its own. A masked value that would be stored is
refused. Knows no connection; ``session.bound`` does the same for parameters.

Security: the real value stands in that comparison and nowhere else, is never shown, and goes only
where the text could have said it back in no way: no EXPLAIN, no cursor, no ``current_query()``.
What is made of the text is parsed again and must be the old tree with those comparisons in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from govproxy.masking.roundtrip import MaskedForm
from govproxy.session.bound import Bound, Extra, Guard
from govproxy.sql import parse
from govproxy.sql.catalog import Catalog, ColumnRef
from govproxy.sql.parse import Token, UnparsableStatement
from govproxy.sql.values import Action, Analysis, Equality, StatementFacts, Written

Forms = Callable[[frozenset[ColumnRef]], MaskedForm | None]

MAX_PLACES = 64
_READING = frozenset({Action.SELECT, Action.LOCK})
# What shows the text of a statement to whoever runs it.
_TELLTALES = ("current_query", "pg_stat_activity", "pg_stat_get", "pg_prepared_statement", "pg_cursor", "query_to_xml")
_LITERALS = frozenset({"SCONST", "USCONST", "ICONST", "FCONST"})
_COMMENTS = frozenset({"C_COMMENT", "SQL_COMMENT"})
_OPENING, _CLOSING, _DOT, _EQUAL = "ASCII_40", "ASCII_41", "ASCII_46", "ASCII_61"
_TWO_WORDS = frozenset({("CHARACTER", "VARYING"), ("DOUBLE_P", "PRECISION"), ("CHAR_P", "VARYING")})


@dataclass(frozen=True, slots=True)
class Edit:
    """``size`` characters put in before character ``at`` of the client's text. ``place`` is the
    comparison they belong to."""

    at: int
    size: int
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """``forward`` None: the client's own text goes on. ``pinned``: byte offsets of constants that were looked
    at. ``written_back``: columns that a masked value was to be stored in."""

    forward: bytes | None = None
    edits: tuple[Edit, ...] = ()
    bound: Bound | None = None
    pinned: frozenset[int] = frozenset()
    places: int = 0
    written_back: tuple[str, ...] = ()

    def original_position(self, position: int) -> int:
        """The character of the client's text, from 1, for one of the text that was sent."""
        shift = 0
        for edit in self.edits:
            if position - 1 < edit.at + shift:
                break
            if position - 1 < edit.at + shift + edit.size:
                return edit.place + 1
            shift += edit.size
        return position - shift


NOTHING = Translation()


@dataclass(slots=True)
class _Rewriting:
    """What is being put into one text."""

    text: str
    tokens: list[Token]
    places: dict[int, int]  # token by the byte offset it starts at
    next_parameter: int
    pieces: list[tuple[int, str, int]] = field(default_factory=list)
    extras: dict[tuple[int, int, bool, bool], Extra] = field(default_factory=dict)

    def parameter(self, number: int, form: MaskedForm, *, array: bool, inside: bool) -> int:
        """The number of the parameter that brings the restored value of parameter ``number``."""
        key = (number, id(form), array, inside)
        if key not in self.extras:
            self.extras[key] = Extra(source=number, number=self.next_parameter, form=form, array=array, inside=inside)
            self.next_parameter += 1
        return self.extras[key].number


def translate(
    text: str,
    analysis: Analysis,
    comparable: Forms,
    guarded: Mapping[tuple[int, str], Guard],
    catalog: Catalog,
    *,
    codec: str,
) -> Translation:
    """What becomes of masked values in ``text``.

    ``comparable`` gives the form of a column that the identity sees masked and may compare;
    ``guarded`` the forms of those it may write, by relation and name.
    """
    pinned: set[int] = set()
    written_back: dict[str, None] = {}
    guards: dict[int, list[Guard]] = {}
    for statement in statements_of(analysis):
        for value, guard in _stored(statement, guarded):
            if value.parameter:
                guards.setdefault(value.parameter, []).append(guard)
            elif value.text is not None:
                pinned.add(value.at)
                # Security: a verdict is found again by the text without its harmless constants; this one is not.
                if guard.form.recognises(value.text.encode()):
                    written_back[guard.label] = None
    found = _comparisons(analysis, comparable, catalog, text)
    for equality, _ in found:
        pinned.update(value.at for value in equality.values if not value.parameter)
    rewriting = _rewritten(text, found) if found else None
    extras = tuple(rewriting.extras.values()) if rewriting is not None else ()
    new_text, edits = _applied(rewriting) if rewriting is not None else (None, ())
    forward = None if new_text is None else new_text.encode(codec)
    bound = None
    if guards or forward is not None:
        bound = Bound(
            guards={number: tuple(several) for number, several in guards.items()},
            extras=extras,
            known=rewriting.next_parameter - len(extras) - 1 if rewriting is not None else 0,
            text=forward,
        )
    return Translation(
        forward=forward,
        edits=edits,
        bound=bound,
        pinned=frozenset(pinned),
        places=0 if rewriting is None else len(edits) // 2,
        written_back=tuple(written_back),
    )


# ---------------------------------------------------------------------- what is there


def statements_of(analysis: Analysis) -> Iterator[StatementFacts]:
    """All statements of a text, those inside others included."""
    pending = list(analysis.statements)
    while pending:
        statement = pending.pop()
        yield statement
        if statement.inner is not None:
            pending.append(statement.inner)


def _stored(statement: StatementFacts, guarded: Mapping[tuple[int, str], Guard]) -> Iterator[tuple[Written, Guard]]:
    for stored in statement.stored:
        for (relation, column), guard in guarded.items():
            if relation == stored.relation and stored.column in (None, column):
                for value in stored.values:
                    yield value, guard


def _comparisons(
    analysis: Analysis, comparable: Forms, catalog: Catalog, text: str
) -> list[tuple[Equality, MaskedForm]]:
    """Comparisons to widen: of one statement that only reads and of which nothing is unclear."""
    if len(analysis.statements) != 1:
        return []
    statement = analysis.statements[0]
    equalities = statement.equalities
    if not equalities or len(equalities) > MAX_PLACES or statement.tag != "SELECT" or statement.opaque:
        return []
    if (
        statement.unresolved
        or statement.own
        or statement.bodies_read
        or not {e.action for e in statement.effects} <= _READING
    ):
        return []
    found = []
    for equality in equalities:
        form = comparable(equality.columns)
        if form is not None and form.is_reversible:
            found.append((equality, form))
    return [] if not found or _tells_its_text(text, statement, catalog) else found


def _tells_its_text(text: str, statement: StatementFacts, catalog: Catalog) -> bool:
    """Whether a statement may show the text that is sent."""
    lowered = text.lower()
    views = [catalog.relations[oid].definition or "" for oid in statement.reads if oid in catalog.relations]
    return any(name in told for name in _TELLTALES for told in (lowered, *views))


# ---------------------------------------------------------------------- the text


def _rewritten(text: str, found: Sequence[tuple[Equality, MaskedForm]]) -> _Rewriting | None:
    tokens = [token for token in parse.scan(text) if token.name not in _COMMENTS]
    numbers = [int(text[token.start + 1 : token.end + 1]) for token in tokens if token.name == "PARAM"]
    rewriting = _Rewriting(
        text=text, tokens=tokens, places=_byte_places(text, tokens), next_parameter=max(numbers, default=0) + 1
    )
    for equality, form in found:
        _widen(rewriting, equality, form)
    if not rewriting.pieces:
        return None
    return rewriting if _is_faithful(rewriting) else None


def _byte_places(text: str, tokens: Sequence[Token]) -> dict[int, int]:
    places: dict[int, int] = {}
    at = offset = 0
    for number, token in enumerate(tokens):
        offset += len(text[at : token.start].encode())
        at = token.start
        places[offset] = number
    return places


def _widen(rewriting: _Rewriting, equality: Equality, form: MaskedForm) -> None:
    """Note what is to be put around one comparison; nothing where its place is not plainly readable."""
    tokens, places = rewriting.tokens, rewriting.places
    first, operator = places.get(equality.starts_at), places.get(equality.operator_at)
    if first is None or operator is None or _operand(tokens, first) != operator - 1:
        return
    last = _value_end(tokens, operator)
    if last is None:
        return
    any_of = tokens[operator].name == _EQUAL and tokens[operator + 1].name in ("ANY", "SOME")
    start, end = tokens[first].start, tokens[last].end + 1
    copy: list[str] = []
    at = start
    for value in sorted(equality.values, key=lambda one: one.at):
        place = places.get(value.at)
        if place is None or not start <= tokens[place].start < end:
            return
        token = tokens[place]
        written = _restored(rewriting, token, value, form, any_of=any_of, alone=len(equality.values) == 1)
        if written is not None:
            copy += (rewriting.text[at : token.start], written)
            at = token.end + 1
    if copy:
        copy.append(rewriting.text[at:end])
        rewriting.pieces += ((start, "(", start), (end, f" OR {''.join(copy)})", start))


def _restored(
    rewriting: _Rewriting, token: Token, value: Written, form: MaskedForm, *, any_of: bool, alone: bool
) -> str | None:
    """What stands in the copy for one constant or parameter; None leaves it as it is.

    ``any_of``: behind ``= ANY``; ``alone``: there is no other value, so that it may be an array.
    """
    if value.parameter:
        if token.name != "PARAM":
            return None
        # ``= ANY (ARRAY[$1])`` has one value too, and it is no array.
        inside = rewriting.tokens[rewriting.tokens.index(token) - 1].name in ("ASCII_91", "ASCII_44")
        array = any_of and alone and not inside
        number = rewriting.parameter(value.parameter, form, array=array, inside=any_of and inside)
        return f"${number}"
    if value.text is None or token.name not in _LITERALS:
        return None
    if any_of and alone and value.text.startswith("{"):
        restored = form.restored_array(value.text)
    else:
        restored = form.restored(value.text)
    if restored is None:
        return None
    if token.name in ("ICONST", "FCONST"):
        return restored if restored.isdigit() else None
    return "'" + restored.replace("'", "''") + "'"


def _value_end(tokens: Sequence[Token], operator: int) -> int | None:
    """The last token of what stands right of ``=`` or IN."""
    following = operator + 1
    if following < len(tokens) and tokens[operator].name == _EQUAL and tokens[following].name in ("ANY", "SOME"):
        following += 1
    elif tokens[operator].name == _EQUAL:
        return _operand(tokens, following)
    return _bracket(tokens, following)


def _operand(tokens: Sequence[Token], at: int) -> int | None:
    """The last token of a column, constant or parameter that begins at ``at``, with its casts."""
    if at >= len(tokens):
        return None
    name = tokens[at].name
    if name in _LITERALS or name == "PARAM":
        last: int | None = at
    elif name == "CAST":
        last = _bracket(tokens, at + 1)
    elif at + 1 < len(tokens) and tokens[at + 1].name == "SCONST":
        last = at + 1  # text 'x'
    elif name == "IDENT" or tokens[at].kind != "NO_KEYWORD":
        last = at
        while last + 2 < len(tokens) and tokens[last + 1].name == _DOT:
            last += 2
    else:
        return None
    while last is not None and last + 1 < len(tokens) and tokens[last + 1].name == "TYPECAST":
        last = _type_end(tokens, last + 2)
    return last


def _type_end(tokens: Sequence[Token], at: int) -> int | None:
    if at >= len(tokens):
        return None
    last = at
    if at + 1 < len(tokens) and (tokens[at].name, tokens[at + 1].name) in _TWO_WORDS:
        last += 1
    while last + 2 < len(tokens) and tokens[last + 1].name == _DOT:
        last += 2
    if last + 1 < len(tokens) and tokens[last + 1].name == _OPENING:
        return _bracket(tokens, last + 1)
    return last


def _bracket(tokens: Sequence[Token], at: int) -> int | None:
    """The token that closes the bracket at ``at``."""
    if at >= len(tokens) or tokens[at].name != _OPENING:
        return None
    depth = 0
    for number in range(at, len(tokens)):
        depth += (tokens[number].name == _OPENING) - (tokens[number].name == _CLOSING)
        if depth == 0:
            return number
    return None


def _applied(rewriting: _Rewriting) -> tuple[str, tuple[Edit, ...]]:
    parts: list[str] = []
    edits: list[Edit] = []
    at = 0
    for place, piece, start in sorted(rewriting.pieces, key=lambda one: one[0]):
        parts += (rewriting.text[at:place], piece)
        edits.append(Edit(place, len(piece), start))
        at = place
    return "".join((*parts, rewriting.text[at:])), tuple(edits)


# ---------------------------------------------------------------------- the proof


def _is_faithful(rewriting: _Rewriting) -> bool:
    """Whether the new text is the old one but for the comparisons that were put in."""
    new, edits = _applied(rewriting)
    spans = []
    shift = 0
    for edit in edits:
        start = len(new[: edit.at + shift].encode())
        spans.append((start, start + len(new[edit.at + shift : edit.at + shift + edit.size].encode())))
        shift += edit.size
    try:
        before, after = parse.parse(rewriting.text), parse.parse(new)
    except UnparsableStatement:
        return False
    return bool(_bare(before, ()) == _bare(after, spans))


def _bare(node: Any, spans: Sequence[tuple[int, int]]) -> Any:
    """A tree without places in the text, and without the comparisons that stand within ``spans``."""
    if isinstance(node, list):
        return [_bare(item, spans) for item in node]
    if not isinstance(node, dict):
        return node
    choice = node.get("BoolExpr")
    if spans and isinstance(choice, dict) and choice.get("boolop") == "OR_EXPR":
        kept = [item for item in choice["args"] if not _is_put_in(item, spans)]
        if len(kept) == 1:
            return _bare(kept[0], spans)
        choice = {**choice, "args": kept}
        return {"BoolExpr": _bare(choice, spans)}
    return {key: _bare(body, spans) for key, body in node.items() if key not in _PLACES}


_PLACES = frozenset(
    {"location", "stmt_location", "stmt_len", "rexpr_list_start", "rexpr_list_end", "list_start", "list_end"}
)


def _is_put_in(item: Any, spans: Sequence[tuple[int, int]]) -> bool:
    expression = item.get("A_Expr")
    return isinstance(expression, dict) and any(start <= expression.get("location", 0) < end for start, end in spans)
