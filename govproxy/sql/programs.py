"""A body in PL/pgSQL as the steps that move values: what goes into which variable, what decides, what comes out.

The order of steps and how they are nested is left out: whoever reads them takes every step for one that may run
before and after any other. Variables of one name are one variable. Knows nothing of the catalog.

Security: the parser's tree must be made up of what is listed here and of nothing else, and every expression in it
must end in a step. What is not understood is no program, and its variables are one pool (`results`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from govproxy.sql import bodies
from govproxy.sql.bodies import Header
from govproxy.sql.parse import Token, UnparsableStatement, parse
from govproxy.sql.tree import nodes_of

Node = dict[str, Any]

# What changes how names are read, or is read by another name.
_SETS_OPTION = re.compile(r"#\s*[a-z]", re.IGNORECASE)


class Does(StrEnum):
    """What a step does with the values of its statement."""

    ASSIGN = "assign"  # the first value, or all of a row
    INTO = "into"  # column by column
    STRICT = "strict"  # the same, and it fails unless there is one row
    ROWS = "rows"  # the same, and what follows is run for each row
    DECIDE = "decide"
    RETURN = "return"
    RETURN_ROWS = "return_rows"
    SHOW = "show"  # it is said, or stops the run
    RUN = "run"
    COUNT = "count"  # how many rows the last statement had; it has no statement


class Target(NamedTuple):
    """A variable, or one ``field`` of a row."""

    name: str
    field: str = ""


class Step(NamedTuple):
    """One statement or expression. ``whole``: its one target takes all columns as a row."""

    does: Does
    statement: Node
    targets: tuple[Target, ...] = ()
    whole: bool = False


class Program(NamedTuple):
    """``types`` are the words of each declared type; ``rows``: the variables that are rows; ``numbered``: those that
    ``$n`` stands for; ``labels`` may stand before the name of a variable; ``counters`` run through whole numbers."""

    steps: tuple[Step, ...]
    names: frozenset[str]
    rows: frozenset[str]
    types: tuple[tuple[str, tuple[str, ...]], ...]
    numbered: tuple[str, ...]
    labels: frozenset[str]
    counters: frozenset[str]


class _Strange(Exception):
    """The tree has something in it that is not listed here."""


@lru_cache(maxsize=2048)
def program(text: str, header: Header) -> Program | None:
    """The steps of a body that `bodies.read` understands; None where it has more to it."""
    if len(text) > bodies.MAX_BODY_CHARS or _SETS_OPTION.search(text):
        return None
    try:
        tokens = bodies.words_of(text)
        if any(text[token.start : token.end + 1].lower() == "alias" for token in tokens):
            return None
        written = _rewritten(text, tokens)
        tree = bodies.parsed(written, header)
        if tree is None or len(tree) != 1:
            return None
        return _Reader(tree[0]["PLpgSQL_function"], text, tokens, header).program()
    except (UnparsableStatement, bodies.Unclear, _Strange, KeyError, IndexError, TypeError, ValueError):
        return None


def _rewritten(text: str, tokens: list[Token]) -> str:
    """``text`` with brackets around what is returned, for of a mere variable the parser's tree says nothing,
    and with ``record`` for types that are rows of a table."""
    edits: list[tuple[int, int, str]] = []
    for place, token in enumerate(tokens):
        if token.name != "RETURN":
            continue
        at = place + 1
        if _word(text, tokens, at) == "next":
            at += 1
        last = at
        while last < len(tokens) and tokens[last].name != "ASCII_59":
            last += 1
        if at < last < len(tokens) and _word(text, tokens, at) != "query":
            start, end = tokens[at].start, tokens[last - 1].end + 1
            edits.append((start, end, f"({text[start:end]})"))
    for first, last, _ in bodies.declarations(tokens):
        if last - first >= 2 and _word(text, tokens, last - 1) == "rowtype":
            edits.append((tokens[first].start, tokens[last - 1].end + 1, "record"))
    out: list[str] = []
    done = 0
    for start, end, put in sorted(edits):
        out += [text[done:start], put]
        done = end
    return "".join(out) + text[done:]


def _word(text: str, tokens: list[Token], at: int) -> str:
    return text[tokens[at].start : tokens[at].end + 1].lower() if at < len(tokens) else ""


class _Reader:
    """Reads one function's tree. What a variable's type is called stands in the text only."""

    def __init__(self, function: Node, text: str, tokens: list[Token], header: Header) -> None:
        _only(function, {"datums", "action", "new_varno", "old_varno", "out_param_varno"})
        self._function = function
        self._text = text
        self._tokens = tokens
        self._header = header
        self._datums: list[tuple[str, Node]] = [next(iter(datum.items())) for datum in function["datums"]]
        self._steps: list[Step] = []
        self._labels: set[str] = set()
        self._counters: set[str] = set()
        self._taken = 0

    def program(self) -> Program:
        header = self._header
        rows, names = set(), set()
        for number, (tag, datum) in enumerate(self._datums):
            if datum.get("dno", number) != number:
                raise _Strange
            match tag:
                case "PLpgSQL_var":
                    _only(datum, {"refname", "lineno", "dno", "datatype", "default_val", "isconst", "notnull"})
                    names.add(datum["refname"])
                    if "default_val" in datum:
                        self._expression(Does.ASSIGN, datum["default_val"], (Target(datum["refname"]),))
                case "PLpgSQL_rec":
                    _only(datum, {"refname", "lineno", "dno"})
                    names.add(datum["refname"])
                    rows.add(datum["refname"])
                case "PLpgSQL_row" | "PLpgSQL_recfield":
                    pass
                case _:
                    raise _Strange
        both = {datum["refname"] for tag, datum in self._datums if tag == "PLpgSQL_var"} & rows
        if both:
            raise _Strange
        self._statement(self._function["action"])
        if self._taken != _count(self._function):
            raise _Strange
        types = tuple(self._declared(rows))
        numbered = tuple(
            header.names[place] if place < len(header.names) and header.names[place] else f"${place + 1}"
            for place in range(max(len(header.modes), len(header.names)))
        )
        return Program(
            steps=tuple(self._steps),
            names=frozenset(names),
            rows=frozenset(rows),
            types=types,
            numbered=numbered,
            labels=frozenset(self._labels),
            counters=frozenset(self._counters),
        )

    def _declared(self, rows: set[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Names and types as DECLARE has them, and what rows begin with, which the tree leaves out."""
        text, tokens = self._text, self._tokens
        for first, last, to in bodies.declarations(tokens):
            word = text[tokens[first - 1].start : tokens[first - 1].end + 1]
            name = word[1:-1].replace('""', '"') if word.startswith('"') else word.lower()
            words = [text[token.start : token.end + 1] for token in tokens[first:last]]
            yield name, tuple(words[1:] if words and words[0].lower() == "constant" else words)
            if name in rows:
                start = next((n for n in range(last, to) if tokens[n].name in bodies.BEGINS_DEFAULT), None)
                if start is not None:
                    written = text[tokens[start + 1].start : tokens[to - 1].end + 1]
                    self._add(Does.ASSIGN, written, 2, (Target(name),))

    # ------------------------------------------------------------------ statements

    def _statements(self, nodes: list[Node]) -> None:
        for node in nodes:
            self._statement(node)

    def _statement(self, node: Node) -> None:
        ((tag, body),) = node.items()
        _only(body, _KEYS[tag] | {"lineno"})
        if isinstance(body.get("label"), str):
            self._labels.add(body["label"])
        match tag:
            case "PLpgSQL_stmt_assign":
                self._expression(Does.ASSIGN, body["expr"], (self._target(body.get("varno", 0)),))
            case "PLpgSQL_stmt_case":
                self._case(body)
            case "PLpgSQL_stmt_fori":
                name = body["var"]["PLpgSQL_var"]["refname"]
                self._counters.add(name)
                for bound in ("lower", "upper", "step"):
                    if bound in body:
                        self._expression(Does.DECIDE, body[bound])
                        self._add_again(Does.ASSIGN, (Target(name),))
            case "PLpgSQL_stmt_fors":
                self._into(Does.ROWS, body["query"], body["var"])
            case "PLpgSQL_stmt_foreach_a":
                self._expression(Does.DECIDE, body["expr"])
                self._add_again(Does.ASSIGN, (self._target(body.get("varno", 0)),))
            case "PLpgSQL_stmt_return" | "PLpgSQL_stmt_return_next":
                if "expr" in body:
                    self._expression(Does.RETURN, body["expr"])
                elif self._must_return(tag) and "lineno" in body:  # the parser's own at the end is on no line
                    raise _Strange
            case "PLpgSQL_stmt_return_query":
                self._expression(Does.RETURN_ROWS, body["query"])
            case "PLpgSQL_stmt_raise":
                for parameter in body.get("params", ()):
                    self._expression(Does.SHOW, parameter)
                for option in body.get("options", ()):
                    self._expression(Does.SHOW, option["PLpgSQL_raise_option"]["expr"])
            case "PLpgSQL_stmt_execsql":
                if "target" in body:
                    self._into(Does.STRICT if body.get("strict") else Does.INTO, body["sqlstmt"], body["target"])
                else:
                    self._expression(Does.RUN, body["sqlstmt"])
            case "PLpgSQL_stmt_perform":
                self._expression(Does.RUN, body["expr"])
            case "PLpgSQL_stmt_getdiag":
                self._counted(body)
            case "PLpgSQL_stmt_assert":
                self._expression(Does.SHOW, body["cond"])
                if "message" in body:
                    self._expression(Does.SHOW, body["message"])
            case "PLpgSQL_stmt_block" | "PLpgSQL_stmt_loop" | "PLpgSQL_stmt_exit" | "PLpgSQL_stmt_while":
                if "cond" in body:
                    self._expression(Does.DECIDE, body["cond"])
            case "PLpgSQL_stmt_if":
                self._if(body)
            case _:
                raise _Strange
        self._statements(body.get("body", []))

    def _must_return(self, tag: str) -> bool:
        """Whether a RETURN of this form brings a value along, said or not."""
        header = self._header
        if any(mode in "obt" for mode in header.modes):
            return False
        return header.returns == "value" if tag == "PLpgSQL_stmt_return" else header.returns == "set"

    def _if(self, body: Node) -> None:
        self._expression(Does.DECIDE, body["cond"])
        self._statements(body.get("then_body", []))
        for other in body.get("elsif_list", ()):
            one = other["PLpgSQL_if_elsif"]
            _only(one, {"cond", "stmts", "lineno"})
            self._expression(Does.DECIDE, one["cond"])
            self._statements(one.get("stmts", []))
        self._statements(body.get("else_body", []))

    def _case(self, body: Node) -> None:
        if "t_expr" in body:
            self._expression(Does.DECIDE, body["t_expr"])
            self._add_again(Does.ASSIGN, (self._target(body["t_varno"]),))
        for when in body.get("case_when_list", ()):
            one = when["PLpgSQL_case_when"]
            _only(one, {"expr", "stmts", "lineno"})
            self._expression(Does.DECIDE, one["expr"])
            self._statements(one.get("stmts", []))
        self._statements(body.get("else_stmts", []))

    def _counted(self, body: Node) -> None:
        for item in body["diag_items"]:
            one = item["PLpgSQL_diag_item"]
            if one["kind"] != "ROW_COUNT":
                raise _Strange
            self._steps.append(Step(Does.COUNT, {}, (self._target(one.get("target", 0)),)))

    def _into(self, does: Does, expression: Node, into: Node) -> None:
        ((tag, target),) = into.items()
        match tag:
            case "PLpgSQL_rec":
                self._expression(does, expression, (Target(target["refname"]),), whole=True)
            case "PLpgSQL_row":
                targets = tuple(self._target(field.get("varno", 0)) for field in target["fields"])
                self._expression(does, expression, targets)
            case _:
                raise _Strange

    # ------------------------------------------------------------------ steps

    def _target(self, number: int) -> Target:
        tag, datum = self._datums[number]
        match tag:
            case "PLpgSQL_var" | "PLpgSQL_rec":
                return Target(datum["refname"])
            case "PLpgSQL_recfield":
                _, row = self._datums[datum.get("recparentno", 0)]
                return Target(row["refname"], datum["fieldname"])
            case _:
                raise _Strange

    def _expression(self, does: Does, node: Node, targets: tuple[Target, ...] = (), *, whole: bool = False) -> None:
        expression = node["PLpgSQL_expr"]
        _only(expression, {"query", "parseMode"})
        self._taken += 1
        self._add(does, expression["query"], expression.get("parseMode", 0), targets, whole=whole)

    def _add(self, does: Does, text: str, mode: int, targets: tuple[Target, ...], *, whole: bool = False) -> None:
        (statement,) = parse(bodies.as_statement(text, mode))
        if "SelectStmt" not in statement["stmt"]:
            raise _Strange
        self._steps.append(Step(does, statement["stmt"], targets, whole))

    def _add_again(self, does: Does, targets: tuple[Target, ...]) -> None:
        """The last step's statement once more, for another purpose."""
        self._steps.append(Step(does, self._steps[-1].statement, targets))


_KEYS: dict[str, frozenset[str]] = {
    f"PLpgSQL_stmt_{name}": frozenset(keys.split())
    for name, keys in {
        "block": "label body",
        "assign": "varno expr",
        "if": "cond then_body elsif_list else_body",
        "case": "t_expr t_varno case_when_list have_else else_stmts",
        "loop": "label body",
        "while": "label cond body",
        "fori": "label var lower upper step reverse body",
        "fors": "label var body query",
        "foreach_a": "label varno slice expr body",
        "exit": "is_exit label cond",
        "return": "expr",
        "return_next": "expr",
        "return_query": "query",
        "raise": "elog_level condname message params options",
        "assert": "cond message",
        "execsql": "sqlstmt into strict target",
        "perform": "expr",
        "getdiag": "diag_items",
    }.items()
}


def _only(node: Node, keys: set[str] | frozenset[str]) -> None:
    if not keys.issuperset(node):
        raise _Strange


def _count(node: Node) -> int:
    """How many expressions there are below a node."""
    return sum(tag == "PLpgSQL_expr" for tag, _ in nodes_of(node))
