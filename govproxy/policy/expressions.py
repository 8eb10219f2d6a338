"""``when:`` conditions: CEL over the attributes declared here, checked at load.

One table names every attribute. The loader calls ``check``; the engine calls ``holds`` with a value
for each attribute. CEL swallows errors inside ``&&`` and ``||``, so a misspelt field would make a
deny rule silently not match: that is why names, calls and literal types are checked beforehand
and why nothing outside the table can be reached.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from govproxy.policy import evaluator

MAX_EXPRESSION_CHARS = 4096
UNKNOWN_ROWS = -1
MANY_ROWS = 1 << 53


class Kind(StrEnum):
    """Types of attributes."""

    STRING = "string"
    INT = "int"
    BOOL = "bool"
    STRINGS = "list of strings"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One row of the table. ``varies``: may differ between runs of one text in one session."""

    name: str
    kind: Kind
    meaning: str
    varies: bool = False


_S, _I, _B, _L = Kind.STRING, Kind.INT, Kind.BOOL, Kind.STRINGS

TABLE: tuple[Attribute, ...] = (
    Attribute("statement.tag", _S, "command tag, as DELETE or CREATE TABLE"),
    Attribute("statement.statements", _I, "number of statements in the message"),
    Attribute("statement.actions", _L, "all actions of the statement (DESIGN 2.4)"),
    Attribute("statement.tables", _L, "schema.table of everything it names or reads"),
    Attribute("statement.columns", _L, "schema.table.column of every column it shows, compares or stores"),
    Attribute("statement.tags", _L, "tags of the sensitive ones among these; `unknown` for the unclassified"),
    Attribute("statement.sensitivity", _I, "highest level among these, 0 (public) to 4"),
    Attribute("statement.functions", _L, "user functions it calls or names"),
    Attribute("statement.opaque", _B, "it reaches something that is not understood"),
    Attribute("statement.where", _S, "this effect's WHERE: missing constant tautology effective by_key, or empty"),
    Attribute(
        "statement.estimated_rows",
        _I,
        "rows this effect touches at most; -1 unknown (a comparison then counts as the worse outcome)",
    ),
    Attribute("statement.table_size", _I, "bytes of the largest table it reaches; unknown as above"),
    Attribute("statement.table_rows", _I, "rows of the largest table it reaches; unknown as above"),
    Attribute("effect.action", _S, "the action being judged"),
    Attribute("effect.kind", _S, "kind of its object: table view function role setting ..."),
    Attribute("effect.schema", _S, "schema of its object"),
    Attribute("effect.name", _S, "name of its object; for `set` the setting"),
    Attribute("effect.object", _S, "schema.name, or whichever part there is"),
    Attribute("effect.columns", _L, "names of its columns"),
    Attribute("effect.temporary", _B, "the object is in the session's own temporary schema"),
    Attribute("effect.value", _S, "for `set` the value given, when it is a plain constant; empty otherwise"),
    Attribute("effect.function", _S, "the function it comes from, empty for a statement's own"),
    Attribute("effect.table_size", _I, "bytes of its table, partitions included; unknown as above"),
    Attribute("effect.table_rows", _I, "rows of its table, partitions included; unknown as above"),
    Attribute("effect.by", _S, "how it comes about behind the statement: function trigger rule cascade ...; or empty"),
    Attribute("effect.via", _S, "what it was entered through: a view, a table with a trigger, a function; or empty"),
    Attribute("effect.cascades", _L, "tables that its foreign keys or its CASCADE take along"),
    Attribute("effect.facts", _L, "whatever else is known about it, as key=value"),
    Attribute("request.environment", _S, "the database's environment"),
    Attribute("request.database", _S, "the database's name"),
    Attribute("request.user", _S, "who acts, or for whom the agent acts"),
    Attribute("request.groups", _L, "that person's groups"),
    Attribute("request.agent", _S, "the agent's name, empty without one"),
    Attribute("request.on_behalf_of", _S, "the human behind the agent, empty without one"),
    Attribute("request.application", _S, "application_name the client gave", varies=True),
    Attribute("request.address", _S, "the client's address", varies=True),
    Attribute("session.denials", _I, "statements refused in this session so far, this one not counted", varies=True),
    Attribute("time.hour", _I, "hour of the day, 0 to 23, UTC", varies=True),
    Attribute("time.weekday", _I, "1 Monday to 7 Sunday, UTC", varies=True),
    Attribute("time.date", _S, "YYYY-MM-DD, UTC", varies=True),
)


class Vocabulary:
    """The attributes that conditions of one kind may read: never changed once it is made."""

    def __init__(self, table: tuple[Attribute, ...]) -> None:
        self.attributes: Mapping[str, Attribute] = {attribute.name: attribute for attribute in table}
        self.namespaces = frozenset(name.split(".")[0] for name in self.attributes)


STATEMENTS = Vocabulary(TABLE)
ATTRIBUTES = STATEMENTS.attributes
_METHODS = frozenset(
    {"startsWith", "endsWith", "contains", "matches", "size", "exists", "exists_one", "all", "filter", "map"}
)
_MACROS = frozenset({"exists", "exists_one", "all", "filter", "map"})
_FUNCTIONS = frozenset({"size", "string", "int"})
_WORDS = frozenset({"true", "false", "in"})


class BadExpression(Exception):
    """A condition that cannot be accepted; the text is for people."""


_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*)
  | (?P<string>
        [rR](?:\'\'\'.*?\'\'\'|\"\"\".*?\"\"\"|'[^'\n]*'|"[^"\n]*")
      | \'\'\'(?:[^\\]|\\.)*?\'\'\'|\"\"\"(?:[^\\]|\\.)*?\"\"\"|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
  | (?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?[uU]?)
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<operator>==|!=|<=|>=|&&|\|\||[-+*/%!<>?:.,()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int


def _tokens(source: str) -> Iterator[_Token]:
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            raise BadExpression(f"unexpected `{source[position]}`")
        if match.lastgroup != "space":
            yield _Token(str(match.lastgroup), match.group(), position)
        position = match.end()


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A checked condition. ``attributes`` are the names it reads."""

    source: str
    attributes: frozenset[str]
    program: evaluator.Program
    vocabulary: Vocabulary

    @property
    def varies(self) -> bool:
        """True when two runs of one text may get different answers."""
        return any(self.vocabulary.attributes[name].varies for name in self.attributes)


@lru_cache(maxsize=4096)
def compile(source: str, vocabulary: Vocabulary = STATEMENTS) -> Compiled:
    """Check and compile. Raises BadExpression. Cached per process, so policies stay picklable."""
    if len(source) > MAX_EXPRESSION_CHARS:
        raise BadExpression(f"longer than {MAX_EXPRESSION_CHARS} characters")
    tokens = list(_tokens(source))
    if not tokens:
        raise BadExpression("empty")
    attributes, flat = _Checker(source, tokens, vocabulary).run()
    try:
        program = evaluator.compile(flat)
    except ValueError as error:
        raise BadExpression(_first_line(error)) from None
    compiled = Compiled(source=source, attributes=attributes, program=program, vocabulary=vocabulary)
    _try_out(compiled)
    return compiled


def holds(source: str, values: Callable[[str], object], vocabulary: Vocabulary = STATEMENTS) -> bool | None:
    """Evaluate; None when that fails. ``values`` gives an attribute's value by name.

    Raises nothing: what an error means depends on the rule's effect and is the engine's to say.
    """
    compiled = compile(source, vocabulary)
    context = {_flat(name): values(name) for name in compiled.attributes}
    try:
        result = compiled.program.execute(context)
    except Exception:
        # Whatever the evaluator raises (TypeError, IndexError, RuntimeError ...) is "no answer".
        return None
    return result if isinstance(result, bool) else None


def _flat(name: str) -> str:
    return name.replace(".", "_")


def _first_line(error: Exception) -> str:
    text = str(error)
    at = text.rfind("ERROR:")
    return (text[at:] if at >= 0 else text).splitlines()[0].replace("ERROR: <input>:", "at ")


def _perhaps(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean `{near[0]}`?" if near else ""


class _Checker:
    """Allows only declared attributes, bound variables, known calls and comparable literals."""

    def __init__(self, source: str, tokens: list[_Token], vocabulary: Vocabulary) -> None:
        self.source = source
        self.known = vocabulary.attributes
        self.namespaces = vocabulary.namespaces
        self.tokens = tokens
        self.attributes: set[str] = set()
        self.scopes = self._scopes()

    def run(self) -> tuple[frozenset[str], str]:
        """The attributes read, and the source with ``a.b`` written as the flat ``a_b``."""
        pieces: list[str] = []
        position = 0
        index = 0
        while index < len(self.tokens):
            token = self.tokens[index]
            width = 1
            if token.kind == "word":
                width = self._word(index)
                if width == 3:
                    name = f"{token.text}.{self.tokens[index + 2].text}"
                    end = self.tokens[index + 2].start + len(self.tokens[index + 2].text)
                    pieces += [self.source[position : token.start], _flat(name)]
                    position = end
            index += width
        pieces.append(self.source[position:])
        self._literal_types()
        return frozenset(self.attributes), "".join(pieces)

    def _text(self, index: int) -> str:
        return self.tokens[index].text if 0 <= index < len(self.tokens) else ""

    def _word(self, index: int) -> int:
        """Check the word at ``index``; the number of tokens it takes."""
        word = self._text(index)
        if self._text(index - 1) == ".":
            if self._text(index + 1) != "(" or word not in _METHODS:
                raise BadExpression(f"unknown field or call `.{word}`")
            return 1
        if self._text(index + 1) == "(" and word not in _WORDS:
            if word not in _FUNCTIONS:
                raise BadExpression(f"unknown function `{word}`")
            return 1
        if word in _WORDS or any(start < index < end and word == name for name, start, end in self.scopes):
            return 1
        if word in self.namespaces and self._text(index + 1) == ".":
            name = f"{word}.{self._text(index + 2)}"
            if name not in self.known:
                raise BadExpression(f"unknown field `{name}`{_perhaps(name, sorted(self.known))}")
            self.attributes.add(name)
            return 3
        raise BadExpression(f"unknown name `{word}`")

    def _scopes(self) -> list[tuple[str, int, int]]:
        """Where the variable of each macro is known: (name, first token, last token)."""
        scopes: list[tuple[str, int, int]] = []
        for index, token in enumerate(self.tokens):
            if token.text not in _MACROS or self._text(index - 1) != "." or self._text(index + 1) != "(":
                continue
            name = self._text(index + 2)
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or self._text(index + 3) != ",":
                raise BadExpression(f"`.{token.text}(` needs a variable and a condition")
            if name in self.namespaces | _WORDS or any(name == _flat(known) for known in self.known):
                raise BadExpression(f"`{name}` cannot be used as a variable")
            scopes.append((name, index + 1, self._closing(index + 1)))
        return scopes

    def _closing(self, opening: int) -> int:
        depth = 0
        for index in range(opening, len(self.tokens)):
            depth += {"(": 1, ")": -1}.get(self.tokens[index].text, 0)
            if depth == 0:
                return index
        raise BadExpression("a parenthesis is not closed")

    def _literal_types(self) -> None:
        """``request.user == 3`` is false for ever, without an error: refuse it."""
        for index, token in enumerate(self.tokens):
            if token.kind != "operator" or token.text not in ("==", "!=", "<", "<=", ">", ">="):
                continue
            left = self._attribute_ending(index - 1)
            right = self._attribute_starting(index + 1)
            for attribute, literal in ((left, self._literal(index + 1)), (right, self._literal(index - 1))):
                if attribute is None or literal is None:
                    continue
                if attribute.kind is Kind.STRINGS:
                    raise BadExpression(
                        f"`{attribute.name}` is a list: write {self._text(index + 1)} in {attribute.name}"
                    )
                if attribute.kind is not literal:
                    raise BadExpression(f"`{attribute.name}` is of type {attribute.kind}, compared with a {literal}")

    def _attribute_ending(self, index: int) -> Attribute | None:
        return self.known.get(f"{self._text(index - 2)}.{self._text(index)}") if self._text(index - 1) == "." else None

    def _attribute_starting(self, index: int) -> Attribute | None:
        if self._text(index + 1) != "." or self._text(index + 3) in (".", "["):
            return None
        return self.known.get(f"{self._text(index)}.{self._text(index + 2)}")

    def _literal(self, index: int) -> Kind | None:
        if not 0 <= index < len(self.tokens):
            return None
        token = self.tokens[index]
        if token.text == "-":
            return self._literal(index + 1)
        if token.kind == "string":
            return Kind.STRING
        if token.kind == "number":
            return Kind.INT
        return Kind.BOOL if token.text in ("true", "false") else None


_SAMPLES: tuple[dict[Kind, Any], ...] = (
    {Kind.STRING: "", Kind.INT: 0, Kind.BOOL: False, Kind.STRINGS: []},
    {Kind.STRING: "a", Kind.INT: 7, Kind.BOOL: True, Kind.STRINGS: ["a", "b"]},
)


def _try_out(compiled: Compiled) -> None:
    """Run it on two samples: what fails or is not true/false on both can never work."""
    problems: list[str] = []
    for sample in _SAMPLES:
        context = {_flat(name): sample[compiled.vocabulary.attributes[name].kind] for name in compiled.attributes}
        try:
            result = compiled.program.execute(context)
        except Exception as error:
            problems.append(_first_line(error))
        else:
            if isinstance(result, bool):
                return
            problems.append(f"gives a {type(result).__name__}, not true or false")
    raise BadExpression(problems[0])
