"""What analysis found in a text, compared with how the database itself understands it.

The database's own rewritten tree may add sources to columns, relations to what is read, and doubt;
it takes nothing away. Which queries of a text it is asked about is here as well: it tells nothing
of a statement that only holds a query, so the query inside is what is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from govproxy.sql import system
from govproxy.sql.catalog import Catalog, ColumnRef
from govproxy.sql.nodetext import TreeNode, UnreadableTree, read_tree
from govproxy.sql.origins import SELECT, Level, Source, Sources, relations, shown
from govproxy.sql.parse import Token, parse, scan
from govproxy.sql.tree import Node
from govproxy.sql.types import FIRST_USER_OID
from govproxy.sql.values import Action, Analysis, Derivation, Effect, OutputColumn, StatementFacts

_QUERIES = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
# What holds a query whose rows come out later, or by another way: the token that the query stands behind.
_BEFORE_QUERY = {"DeclareCursorStmt": "FOR", "PrepareStmt": "AS"}
_COMMENTS = frozenset({"SQL_COMMENT", "C_COMMENT"})


def queries(text: str, copied: str | None) -> tuple[str | None, ...]:
    """For each statement of an analysed text the query that the database is to be asked about, None for none.

    ``copied``: the query behind a COPY TO STDOUT, where the text is one.
    """
    tokens = [token for token in scan(text) if token.name not in _COMMENTS]
    statements = parse(text)
    if len(statements) == 1:
        return (_query_in(statements[0]["stmt"], text, tokens, copied),)
    written = text.encode()
    asked: list[str | None] = []
    for statement in statements:
        start = statement.get("stmt_location", 0)
        size = statement.get("stmt_len", 0) or len(written) - start
        part = written[start : start + size].decode()
        inside = [token for token in scan(part) if token.name not in _COMMENTS]
        asked.append(_query_in(statement["stmt"], part, inside, None))
    return tuple(asked)


def _query_in(node: Node, text: str, tokens: Sequence[Token], copied: str | None) -> str | None:
    kind, body = next(iter(node.items()))
    if kind in _QUERIES:
        return None if "intoClause" in body else text
    if kind == "CopyStmt":
        return copied
    before = _BEFORE_QUERY.get(kind)
    if before is None:
        return None
    depth = 0
    for token in tokens:
        depth += {"ASCII_40": 1, "ASCII_41": -1}.get(token.name, 0)
        if depth == 0 and token.name == before:
            return text[token.end + 1 :]
    return None


def agreed(analysis: Analysis, asked: Sequence[str | None], trees: Sequence[bytes], catalog: Catalog) -> Analysis:
    """``analysis`` with what the database's trees add, one for each query that was asked; see ``Analysis.added``."""
    if len(trees) != sum(query is not None for query in asked) or len(asked) != len(analysis.statements):
        return uncertain(replace(analysis, statements=tuple(map(_doubted, analysis.statements))))
    answers = iter(trees)
    statements: list[StatementFacts] = []
    added: list[str] = []
    certain = True
    for facts, query in zip(analysis.statements, asked, strict=True):
        if query is None:
            statements.append(facts)
            continue
        try:
            statements.append(_confirmed(facts, _Answer.read(next(answers), catalog), catalog, added))
        except UnreadableTree:
            statements.append(_doubted(facts))
            certain = False
    found = replace(analysis, statements=tuple(statements), added=tuple(dict.fromkeys(added)))
    return found if certain else uncertain(found)


def uncertain(analysis: Analysis) -> Analysis:
    """The same where the database did not answer: what it shows is not known, and it is asked again."""
    return replace(analysis, certain=False, cacheable=False)


def _doubted(facts: StatementFacts) -> StatementFacts:
    """Nothing of what it shows is certain."""
    inner = None if facts.inner is None else _doubted(facts.inner)
    return replace(facts, opaque=True, inner=inner, outputs=None if facts.outputs != () else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What one tree says."""

    columns: tuple[frozenset[Source], ...]
    reads: frozenset[int]
    named: frozenset[int]  # without what only row security reads

    @classmethod
    def read(cls, text: bytes, catalog: Catalog) -> _Answer:
        """Raises `UnreadableTree`."""
        trees = read_tree(text)
        queries = [tree for tree in (trees if isinstance(trees, list) else [trees]) if tree is not None]
        if not all(isinstance(tree, TreeNode) and tree.tag == "QUERY" for tree in queries):
            raise UnreadableTree("no query")
        showing = [tree for tree in queries if shown(tree) or tree["commandType"] == SELECT]
        if len(showing) > 1 or any(tree["commandType"] not in ("1", "2", "3", "4", "5") for tree in queries):
            raise UnreadableTree("queries of which it is not known which shows what")
        attnums = {
            oid: tuple(column.attnum for column in catalog.relations[oid].columns)
            for oid in relations(queries)
            if oid in catalog.relations
        }
        columns: tuple[frozenset[Source], ...] = ()
        try:
            for tree in showing:
                sources = Sources(attnums)
                level = Level(tree)
                columns = tuple(frozenset(sources.of_output(level, entry.integer("resno"))) for entry in shown(tree))
        except RecursionError:
            raise UnreadableTree("too deep") from None
        return cls(
            columns=columns,
            reads=frozenset(relations(queries)),
            named=frozenset(relations(queries, policies=False)),
        )


def _confirmed(facts: StatementFacts, answer: _Answer, catalog: Catalog, added: list[str]) -> StatementFacts:
    inner = facts.inner
    if inner is not None:
        inner = _confirmed(inner, answer, catalog, added)
    outputs, opaque = facts.outputs, facts.opaque
    # Of what only holds a query the rows are not its own.
    if outputs is not None and (outputs or inner is None):
        if len(outputs) != len(answer.columns):
            added.append(f"{len(answer.columns)} columns instead of {len(outputs)}")
            outputs, opaque = None, True
        else:
            outputs = tuple(
                _with(column, found, facts, catalog, added)
                for column, found in zip(outputs, answer.columns, strict=True)
            )
    written = {effect.relation for effect in facts.effects}
    more = {oid for oid in answer.reads - facts.reads - written if not _is_unlisted(oid, facts, catalog)}
    effects = tuple(_reading(oid, catalog) for oid in sorted(more & answer.named))
    added.extend(effect.object or str(effect.relation) for effect in effects)
    return replace(
        facts,
        outputs=outputs,
        opaque=opaque,
        inner=inner,
        reads=facts.reads | more,
        effects=(*facts.effects, *effects),
    )


def _with(
    column: OutputColumn, found: frozenset[Source], facts: StatementFacts, catalog: Catalog, added: list[str]
) -> OutputColumn:
    """The column with what the server says feeds it."""
    sources = frozenset(ColumnRef(oid, attnum) for oid, attnum in found if not _is_unlisted(oid, facts, catalog))
    more = sources - column.sources
    if not more:
        return column
    added.extend(f"{column.name} from {_name(ref, catalog)}" for ref in sorted(more, key=_order))
    unknown = any(ref.relation not in catalog.relations for ref in more)
    doubt = column.derivation is Derivation.OPAQUE or unknown
    return replace(
        column,
        sources=column.sources | more,
        derivation=Derivation.OPAQUE if doubt else Derivation.EXPRESSION,
    )


def _is_unlisted(oid: int, facts: StatementFacts, catalog: Catalog) -> bool:
    """Whether it is no wonder that the catalog does not know a relation: one of the system's own, or a
    temporary table where analysis says that one is read."""
    return oid not in catalog.relations and (oid < FIRST_USER_OID or facts.own)


def _reading(oid: int, catalog: Catalog) -> Effect:
    relation = catalog.relations.get(oid)
    facts: dict[str, str | int | bool] = {"via": "database"}
    if relation is not None and relation.schema in system.SYSTEM_SCHEMAS:
        mark = system.sensitivity(relation.schema, relation.name, system.EVERY_COLUMN)
        facts |= {"catalog": mark} if mark else {}
    return Effect(
        action=Action.SELECT,
        kind="table",
        schema=relation.schema if relation else "",
        name=relation.name if relation else "",
        relation=oid,
        facts=facts,
    )


def _name(ref: ColumnRef, catalog: Catalog) -> str:
    relation = catalog.relations.get(ref.relation)
    if relation is None:
        return f"{ref.relation}.{ref.attnum}"
    names = {column.attnum: column.name for column in relation.columns}
    return f"{relation.schema}.{relation.name}.{names.get(ref.attnum, ref.attnum)}"


def _order(ref: ColumnRef) -> tuple[int, int]:
    return ref.relation, ref.attnum
