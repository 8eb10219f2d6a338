"""Questions about the rows that an UPDATE or DELETE would change, asked without changing any.

The same relation, the same WHERE, in a SELECT. Its text is cut from the statement's own, and then read
again: only where its tree holds exactly the parts of the original is it used, so that no way of cutting
can make it ask something else. Knows no catalog and runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from govproxy.sql.canonical import without_positions
from govproxy.sql.parse import Token, UnparsableStatement, parse, scan
from govproxy.sql.tree import Node

_CHANGES = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")


class NotCountable(Exception):
    """Why no question can be made of a statement; the text is for reviewers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Countable:
    """``relation``: schema ('' where none is written), name, and the name by which its columns are called.

    ``names`` are all relations that are named, CTEs among them, as (schema, name). ``sets``: the columns that it sets.
    """

    relation: tuple[str, str]
    alias: str
    names: frozenset[tuple[str, str]]
    ctes: frozenset[str]
    sets: frozenset[str]
    _head: str
    _tail: str

    @property
    def count(self) -> str:
        """How many rows."""
        return f"{self._head}SELECT pg_catalog.count(*) {self._tail}"

    @property
    def plan(self) -> str:
        """A query whose plan estimates the rows."""
        return f"{self._head}SELECT 1 {self._tail}"

    def rows(self, columns: tuple[str, ...], limit: int) -> str:
        """Values of these columns, as text, of the first rows."""
        called = quoted(self.alias)
        items = ", ".join(f"{called}.{quoted(column)}::pg_catalog.text" for column in columns)
        return f"{self._head}SELECT {items} {self._tail} LIMIT {limit}"


def countable(text: str, *, parameters: bool = False) -> Countable:
    """The questions for one UPDATE or DELETE. Raises NotCountable.

    ``parameters``: whoever asks can give it those of the statement, with the same numbers and types.
    """
    try:
        tokens = [token for token in scan(text) if token.name not in {"C_COMMENT", "SQL_COMMENT"}]
        statements = parse(text)
    except UnparsableStatement as error:
        raise NotCountable(error.message) from None
    if len(statements) != 1:
        raise NotCountable("it is not one statement")
    kind, body = next(iter(statements[0]["stmt"].items()))
    if kind not in ("UpdateStmt", "DeleteStmt"):
        raise NotCountable("only UPDATE and DELETE are counted")
    if not parameters and any(True for _ in _found(body, "ParamRef")):
        raise NotCountable("its parameters are not kept, only a digest of them")
    if any(True for _ in _found(body.get("whereClause"), "CurrentOfExpr")):
        raise NotCountable("it changes the row a cursor stands on")
    # Security: the question takes over what stands in WITH, and would change rows a second time.
    if any(True for change in _CHANGES for _ in _found(body.get("withClause"), change)):
        raise NotCountable("it changes rows inside WITH")
    try:
        made = _cut(text, tokens, body, is_update=kind == "UpdateStmt")
    except UnparsableStatement:
        raise NotCountable("no question could be made of it") from None
    _must_ask_the_same(made, body, other="fromClause" if kind == "UpdateStmt" else "usingClause")
    return made


def quoted(name: str) -> str:
    """An identifier as SQL takes it, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def _cut(text: str, tokens: list[Token], body: Node, *, is_update: bool) -> Countable:
    parts = _parts(tokens, is_update=is_update)

    def piece(name: str) -> str:
        found = parts.get(name)
        return text[found[0] : found[1] + 1] if found is not None else ""

    target, others, where = piece("target"), piece("others"), piece("where")
    tail = f"FROM {target}"
    if others:
        # A row that meets several others is changed once.
        tail += f" WHERE EXISTS (SELECT FROM {others}" + (f" WHERE {where}" if where else "") + ")"
    elif where:
        tail += f" WHERE {where}"
    head = piece("with")
    relation = _relation(f"{head} SELECT FROM {target}")
    tree = parse(f"{head} SELECT {tail}")
    return Countable(
        relation=(relation.get("schemaname", ""), relation["relname"]),
        alias=relation.get("alias", {}).get("aliasname", relation["relname"]),
        names=frozenset((node.get("schemaname", ""), node["relname"]) for node in _found(tree, "RangeVar")),
        ctes=frozenset(node["ctename"] for node in _found(tree, "CommonTableExpr")),
        sets=frozenset(item["ResTarget"].get("name", "") for item in body.get("targetList", ())),
        _head=f"{head} " if head else "",
        _tail=tail,
    )


def _relation(query: str) -> Node:
    try:
        select = parse(query)[0]["stmt"]["SelectStmt"]
        (item,) = select["fromClause"]
        relation: Node = item["RangeVar"]
    except (UnparsableStatement, KeyError, ValueError):
        raise NotCountable("what it changes cannot be read") from None
    return relation


def _parts(tokens: list[Token], *, is_update: bool) -> dict[str, tuple[int, int]]:
    """First and last character of each part, by the words between them outside of brackets."""
    verb = "UPDATE" if is_update else "DELETE_P"
    marks = {"SET": "set", "FROM": "others"} if is_update else {"USING": "others"}
    marks |= {"WHERE": "where", "RETURNING": "rest"}
    found: dict[str, tuple[int, int]] = {}
    part, depth, before = "with", 0, ""
    for token in tokens:
        depth -= token.name in ("ASCII_41", "ASCII_93")
        begins = ""
        if depth == 0 and part == "with" and token.name == verb:
            begins = "target"
        elif depth == 0 and part != "with" and token.name in marks and before != "DISTINCT":
            begins = marks[token.name] if marks[token.name] not in found else ""
        if begins:
            part = begins
        elif token.name == "ASCII_59" and depth == 0:
            break
        elif not (part == "target" and token.name == "FROM" and part not in found):
            start, _ = found.get(part, (token.start, 0))
            found[part] = (start, token.end)
        depth += token.name in ("ASCII_40", "ASCII_91")
        before = token.name
    return found


def _must_ask_the_same(made: Countable, body: Node, *, other: str) -> None:
    """Raises NotCountable unless the question is of exactly the statement's own parts."""
    try:
        (statement,) = parse(made.plan)
        asked = statement["stmt"]["SelectStmt"]
    except (UnparsableStatement, KeyError, ValueError):
        raise NotCountable("no question could be made of it") from None
    where, inside = asked.get("whereClause"), body.get(other)
    if inside is not None:
        exists = (where or {}).get("SubLink", {})
        inner = exists.get("subselect", {}).get("SelectStmt", {})
        same = exists.get("subLinkType") == "EXISTS_SUBLINK" and _same(inner.get("fromClause"), inside)
        same = same and set(inner) <= {"fromClause", "whereClause", "limitOption", "op"}
        where = inner.get("whereClause")
    else:
        same = True
    same = (
        same
        and _same(where, body.get("whereClause"))
        and _same(asked.get("fromClause"), [{"RangeVar": body["relation"]}])
        and _same(asked.get("withClause"), body.get("withClause"))
        and set(asked) <= {"targetList", "fromClause", "whereClause", "withClause", "limitOption", "op"}
        and asked.get("op") == "SETOP_NONE"
    )
    if not same:
        raise NotCountable("no question could be made that is provably about the same rows")


def _same(one: Any, other: Any) -> bool:
    return bool(without_positions(one) == without_positions(other))


def _found(value: Any, kind: str) -> Iterator[Node]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == kind:
                yield inner
            yield from _found(inner, kind)
    elif isinstance(value, list):
        for item in value:
            yield from _found(item, kind)
