"""A text's facts: the one entry of this package for the gate.

``analyze`` scans, parses behind guards, and describes every statement by the family it belongs
to. `STATEMENTS` is the closed list; a statement outside it is unknown.

Security: any failure on the way is an `UnparsableStatement` or an unknown effect. Nothing is
analysed in part and then let pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from govproxy.sql import copying, parse, redact
from govproxy.sql import effects_code as code
from govproxy.sql import effects_drop as drops
from govproxy.sql import effects_query as queries
from govproxy.sql import effects_schema as schema
from govproxy.sql import effects_session as session
from govproxy.sql.catalog import Catalog
from govproxy.sql.effects import Collector, Shadow
from govproxy.sql.folding import foldable
from govproxy.sql.hidden import Start
from govproxy.sql.parse import Refused, UnparsableStatement
from govproxy.sql.tree import Node
from govproxy.sql.values import Action, Analysis, StatementFacts

__all__ = ["STATEMENTS", "Shadow", "UnparsableStatement", "analyze", "remember"]

Handler = Callable[[str, Node, Collector], None]

NO_SHADOW = Shadow()

# Node type -> (command tag, who describes it).
STATEMENTS: Mapping[str, tuple[str, Handler]] = {
    "SelectStmt": ("SELECT", queries.query),
    "InsertStmt": ("INSERT", queries.query),
    "UpdateStmt": ("UPDATE", queries.query),
    "DeleteStmt": ("DELETE", queries.query),
    "MergeStmt": ("MERGE", queries.query),
    "CopyStmt": ("COPY", queries.copy),
    "ExplainStmt": ("EXPLAIN", queries.explain),
    "CreateTableAsStmt": ("CREATE TABLE AS", queries.create_table_as),
    "ViewStmt": ("CREATE VIEW", queries.create_view),
    "RefreshMatViewStmt": ("REFRESH MATERIALIZED VIEW", queries.refresh),
    "VariableSetStmt": ("SET", session.set_variable),
    "VariableShowStmt": ("SHOW", session.show),
    "DiscardStmt": ("DISCARD", session.discard),
    "TransactionStmt": ("TRANSACTION", session.transaction),
    "ConstraintsSetStmt": ("SET CONSTRAINTS", session.set_constraints),
    "DeclareCursorStmt": ("DECLARE CURSOR", session.declare),
    "FetchStmt": ("FETCH", session.fetch),
    "ClosePortalStmt": ("CLOSE CURSOR", session.close),
    "PrepareStmt": ("PREPARE", session.prepare),
    "ExecuteStmt": ("EXECUTE", session.execute),
    "DeallocateStmt": ("DEALLOCATE", session.deallocate),
    "CallStmt": ("CALL", session.call),
    "DoStmt": ("DO", session.do),
    "LockStmt": ("LOCK TABLE", session.lock),
    "ListenStmt": ("LISTEN", session.listen),
    "UnlistenStmt": ("UNLISTEN", session.listen),
    "NotifyStmt": ("NOTIFY", session.notify),
    "VacuumStmt": ("VACUUM", session.vacuum),
    "ReindexStmt": ("REINDEX", session.maintain),
    "ClusterStmt": ("CLUSTER", session.maintain),
    "CheckPointStmt": ("CHECKPOINT", session.maintain),
    "LoadStmt": ("LOAD", session.load),
    "AlterSystemStmt": ("ALTER SYSTEM", session.alter_system),
    "CreateStmt": ("CREATE TABLE", schema.create_table),
    "CreateForeignTableStmt": ("CREATE FOREIGN TABLE", schema.create_table),
    "CreateSeqStmt": ("CREATE SEQUENCE", schema.create_sequence),
    "CompositeTypeStmt": ("CREATE TYPE", schema.create_composite),
    "CreateSchemaStmt": ("CREATE SCHEMA", schema.create_schema),
    "IndexStmt": ("CREATE INDEX", schema.create_index),
    "CreateFunctionStmt": ("CREATE FUNCTION", code.create_function),
    "CreateTrigStmt": ("CREATE TRIGGER", code.create_trigger),
    "CreateEventTrigStmt": ("CREATE EVENT TRIGGER", code.create_event_trigger),
    "CreateCastStmt": ("CREATE CAST", code.create_cast),
    "CreatePolicyStmt": ("CREATE POLICY", code.create_policy),
    "AlterPolicyStmt": ("ALTER POLICY", code.create_policy),
    "RuleStmt": ("CREATE RULE", code.create_rule),
    "DefineStmt": ("CREATE", code.define),
    "AlterFunctionStmt": ("ALTER FUNCTION", code.alter_function),
    "AlterDomainStmt": ("ALTER DOMAIN", schema.alter_domain),
    "AlterTableStmt": ("ALTER TABLE", schema.alter_table),
    "AlterSeqStmt": ("ALTER SEQUENCE", schema.alter_sequence),
    "RenameStmt": ("ALTER", schema.rename),
    "AlterObjectSchemaStmt": ("ALTER", schema.alter_schema),
    "AlterOwnerStmt": ("ALTER", schema.alter_owner),
    "AlterObjectDependsStmt": ("ALTER", schema.alter_depends),
    "AlterDefaultPrivilegesStmt": ("ALTER DEFAULT PRIVILEGES", schema.alter_default_privileges),
    "CommentStmt": ("COMMENT", schema.comment),
    "SecLabelStmt": ("SECURITY LABEL", schema.comment),
    "DropStmt": ("DROP", drops.drop),
    "DropOwnedStmt": ("DROP OWNED", drops.drop_owned),
    "ReassignOwnedStmt": ("REASSIGN OWNED", drops.drop_owned),
    "TruncateStmt": ("TRUNCATE TABLE", drops.truncate),
    "GrantStmt": ("GRANT", schema.grant),
    "GrantRoleStmt": ("GRANT ROLE", schema.grant_role),
    "CreateRoleStmt": ("CREATE ROLE", schema.create_role),
    "AlterRoleStmt": ("ALTER ROLE", schema.alter_role),
    "DropRoleStmt": ("DROP ROLE", drops.drop_role),
    **{kind: (schema.tag_of(kind), schema.simple) for kind in schema.SIMPLE},
}

# What these mean depends on more than the text and the catalog.
_OF_THE_SESSION = frozenset({"EXECUTE", "FETCH", "MOVE"})


def analyze(
    text: str, catalog: Catalog, search_path: tuple[str, ...] | None, *, shadow: Shadow | None = None
) -> Analysis:
    """The facts of every statement of ``text``.

    ``search_path`` is None when it is not known: an unqualified name then means every relation of
    that name. Raises `UnparsableStatement`.
    """
    parse.refuse_strange(text)
    plain = redact.plain(text)
    short = plain is not None and plain.tokens <= parse.MAX_CHAIN
    tokens = None if short else parse.scan(text)
    statements = parse.parse(text, tokens, short=short)
    known = shadow or NO_SHADOW
    found: list[StatementFacts] = []
    try:
        for statement in statements:
            found.append(_describe(statement["stmt"], catalog, search_path, known))
            known = remember(known, found[-1])
    except RecursionError:
        raise UnparsableStatement(Refused.TOO_DEEP) from None
    if len(found) > 1 and search_path is not None and any(facts.session.settings for facts in found):
        # Names may mean something else from one statement of the text to the next.
        return analyze(text, catalog, None, shadow=shadow)
    redacted, digest = redact.redact(text, tokens) if plain is None else (plain.sql, plain.digest)
    facts = tuple(found)
    return Analysis(
        statements=facts,
        redacted_sql=redacted,
        digest=digest,
        cacheable=_is_cacheable(facts),
        foldable=foldable(statements, catalog),
        copy_out=copying.copy_out(text, statements, catalog),
        copy_in=copying.copy_in(statements),
    )


def remember(shadow: Shadow, facts: StatementFacts) -> Shadow:
    """``shadow`` with what a statement makes, should it succeed. Nothing is ever taken away."""
    change = facts.session
    if facts.inner is not None and change.prepares:
        shadow = replace(shadow, prepared=_with(shadow.prepared, change.prepares, facts.inner))
    if facts.inner is not None and change.cursors:
        shadow = replace(shadow, cursors=_with(shadow.cursors, change.cursors, facts.inner))
    if change.creates_temporary:
        made = [effect for effect in facts.effects if effect.action is Action.CREATE and effect.temporary]
        shadow = replace(
            shadow,
            temporary=shadow.temporary | {effect.name for effect in made},
            code=shadow.code | {effect.name for effect in made if effect.kind != "table"},
        )
    return shadow


def _with(
    known: Mapping[str, tuple[StatementFacts, ...]], names: tuple[str, ...], inner: StatementFacts
) -> Mapping[str, tuple[StatementFacts, ...]]:
    added = {name: (*known.get(name, ()), inner) for name in names if inner not in known.get(name, ())}
    return {**known, **added}


def _describe(
    node: Node,
    catalog: Catalog,
    search_path: tuple[str, ...] | None,
    shadow: Shadow,
    starts: dict[Start, None] | None = None,
) -> StatementFacts:
    def inside(statement: Node) -> StatementFacts:
        return _describe(statement, catalog, search_path, shadow, starts)

    def beyond(statement: Node, path: tuple[str, ...] | None, starts: dict[Start, None]) -> StatementFacts:
        return _describe(statement, catalog, path, shadow, starts)

    notes = Collector(catalog, search_path, shadow, inside, beyond, starts)
    kind, body = next(iter(node.items()))
    entry = STATEMENTS.get(kind)
    if entry is None:
        notes.tag, notes.outputs = kind, None
        notes.unknown(kind)
        notes.change["settings"] = notes.change["catalog"] = True
        return notes.facts()
    notes.tag, handler = entry
    handler(kind, body, notes)
    return notes.facts()


def _is_cacheable(facts: tuple[StatementFacts, ...]) -> bool:
    return not any(
        inner.tag in _OF_THE_SESSION or any(effect.temporary for effect in inner.effects)
        for statement in facts
        for inner in _chain(statement)
    )


def _chain(facts: StatementFacts) -> list[StatementFacts]:
    return [facts] if facts.inner is None else [facts, *_chain(facts.inner)]
