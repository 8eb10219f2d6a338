"""The events of the ledger: one table of what each holds, and the builders of their JSON.

Takes plain values, so that it depends on nobody; the gate says what a decision's rules are. Never
given row data or bind values: those have no place in a ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson

# A longer text is cut in the line (its fingerprint and digest are of the whole), because one
# prepared statement may be executed, and so recorded, a million times.
MAX_SQL = 64 * 1024
MAX_TEXT = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One member of a line. ``type`` as in JSON, ``?`` after it = may be null or absent."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One kind of line."""

    name: str
    meaning: str
    fields: tuple[Field, ...]


def _f(name: str, type_: str, meaning: str) -> Field:
    return Field(name=name, type=type_, meaning=meaning)


_TIME = _f("time", "string", "when, RFC 3339 in UTC with microseconds")
_WHO = (
    _f("session", "string", "id of the client's connection"),
    _f("database", "string", "database as named by the client"),
    _f("user", "string", "the person or service; with an agent, the human it acts for"),
    _f("groups", "array of string", "the user's groups, sorted"),
    _f("agent", "string?", "the agent that acts"),
    _f("on_behalf_of", "string?", "whom the agent acts for"),
    _f("client", "string", "the client's address"),
    _f("application", "string", "the client's application_name"),
)
_SHA = "64 hexadecimal digits"

EVENTS: tuple[Event, ...] = (
    Event(
        name="session_start",
        meaning="a client was authenticated",
        fields=(_TIME, *_WHO, _f("method", "string?", "how the identity was proven: token or scram")),
    ),
    Event(
        name="session_end",
        meaning="its connection ended",
        fields=(
            _TIME,
            *_WHO,
            _f("reason", "string", "terminated, disconnected, drained, killed or an error's SQLSTATE"),
            _f("statements", "number", "statements recorded in this session"),
            _f("duration_us", "number", "microseconds since session_start"),
        ),
    ),
    Event(
        name="auth_failure",
        meaning="a client was refused before it had an identity",
        fields=(
            _TIME,
            _f("session", "string?", "id of the connection"),
            _f("database", "string?", "database as named by the client"),
            _f("user", "string?", "user as claimed; not proven"),
            _f("client", "string", "the client's address"),
            _f("application", "string?", "the client's application_name"),
            _f("sqlstate", "string", "what the client got"),
            _f("reason", "string", "why, without any part of the credential"),
        ),
    ),
    Event(
        name="statement",
        meaning="a statement was judged; written before it is forwarded",
        fields=(
            _f("id", "string", "<session>.<number>"),
            _TIME,
            *_WHO,
            _f(
                "sql_hash",
                "string",
                f"keyed fingerprint (HMAC-SHA256) of the bytes the client sent, literals included, {_SHA}",
            ),
            _f("decision", "string", "allow, deny or hold"),
            _f("rules", "array of string", "rules that decided"),
            _f("shadow", "array of string?", "rules in shadow mode that would have counted"),
            _f("masks", "array of object", "column and masker of what will be masked, as far as known beforehand"),
            _f(
                "translated",
                "number?",
                "comparisons with a column that is masked in which a masked value stands for the real one",
            ),
            _f(
                "lineage_added",
                "array of string?",
                "with lineage: strict, what only the database knew of it; `no answer` where it said nothing",
            ),
            _f("policy_version", "string", "version of the policy that decided"),
            _f("sql", "string", "the text, its data literals replaced"),
            _f("sql_size", "number?", "length of sql in characters, when the line holds only its beginning"),
            _f("digest", "string", "name of the statement's shape"),
            _f("effects", "array of object", "action, object, kind and facts of each effect"),
            _f("tables", "array of string", "relations reached, schema.name"),
            _f("columns", "array of string", "columns named, schema.table.column"),
            _f(
                "like",
                "string?",
                "instead of decision to columns, and of sql_hash where it is the same: "
                "id of the line before this one in the segment that has them",
            ),
        ),
    ),
    Event(
        name="outcome",
        meaning="how a statement ended; a statement without one may or may not have run",
        fields=(
            _f("id", "string", "of the statement"),
            _TIME,
            _f("session", "string", "of the statement"),
            _f("status", "string", "ok, error, denied, cancelled, lost …"),
            _f("sqlstate", "string?", "of the error"),
            _f("rows", "number", "rows sent to the client"),
            _f("bytes", "number", "bytes of rows sent to the client"),
            _f("masked_values", "number", "values masked in them"),
            _f("duration_us", "number", "microseconds from forwarding to the end"),
        ),
    ),
    Event(
        name="approval",
        meaning="a step of an approval: from the question to the last use of the answer",
        fields=(
            _f("id", "string", "of the statement that asked, or, with used, of the one that ran"),
            _TIME,
            _f("session", "string", "of that statement"),
            _f("approval", "string", "id of the approval"),
            _f(
                "status",
                "string",
                "asked, voted, approved, refused, timed_out, withdrawn, used, shadow, granted or grant_revoked; of a"
                " rehearsal rehearsal_asked, rehearsed, committed, released (to its client's own) or rolled_back",
            ),
            _f(
                "by",
                "string?",
                "who said it: user and name, or rule and name when automatic; govproxy where it ended by itself",
            ),
            _f("answer", "string?", "with voted and shadow: approve or refuse"),
            _f("reason", "string?", "what was said"),
            _f("capsule", "string?", "the signed decision, as JSON text"),
            _f("signature", "string?", "Ed25519 over a prefix and the capsule, hexadecimal"),
            _f("key_id", "string?", "which key signed"),
            _f("changed", "object[]?", "with rehearsed: by table, how many rows were inserted, updated and deleted"),
        ),
    ),
    Event(
        name="policy_change",
        meaning="another policy is in force, or a bad one was refused",
        fields=(
            _TIME,
            _f("policy_version", "string", "of the policy now in force"),
            _f("previous", "string?", "version before"),
            _f("status", "string", "applied or refused"),
            _f("reason", "string?", "why it was refused"),
        ),
    ),
    Event(
        name="config_change",
        meaning="the configuration now in force",
        fields=(
            _TIME,
            _f("config_hash", "string?", "SHA-256 of the configuration without its secrets"),
            _f("masking_key", "string?", "id of the masking key, when that is what changed"),
            _f("status", "string", "applied or refused"),
            _f("reason", "string?", "why it was refused"),
        ),
    ),
    Event(
        name="checkpoint",
        meaning="the signed seal over a range of bytes before it",
        fields=(
            _TIME,
            _f("segment", "string", "the file it stands in"),
            _f("from", "number", "offset of the range's first byte"),
            _f("to", "number", "offset behind its last byte"),
            _f("lines", "number", "lines in the range"),
            _f("range_sha256", "string", f"SHA-256 of the range, {_SHA}"),
            _f("previous", "string", f"chain value before, {_SHA}"),
            _f("chain", "string", f"SHA-256 of previous and range_sha256 (32 + 32 bytes), {_SHA}"),
            _f("closed", "boolean?", "true on a segment's last line"),
            _f("total_lines", "number?", "with closed: lines before this one"),
            _f("merkle_root", "string?", f"with closed: root of the tree over those lines, {_SHA}"),
            _f("recovered", "boolean?", "true when the next start sealed what a crash left"),
            _f(
                "lost_outcomes",
                "number?",
                "outcomes and ends that found no room in memory while the file could not be written",
            ),
            _f("key_id", "string", "which key signed"),
            _f("signature", "string", "Ed25519 over a prefix and the line up to here, base64"),
        ),
    ),
    Event(
        name="segment",
        meaning="first line of a file: its place in the chain",
        fields=(
            _TIME,
            _f("version", "number", "of this format"),
            _f("segment", "string", "name of the file"),
            _f("worker", "number", "whose chain"),
            _f("previous", "string?", "name of the segment before; null for a chain's first"),
            _f("previous_chain", "string", f"its last chain value, {_SHA}"),
            _f("previous_to", "number", "how far it is sealed"),
            _f("previous_closed", "boolean", "whether it was closed"),
            _f("witness", "object", "the other workers' chain values at this time"),
            _f("key_id", "string", "which key signs"),
        ),
    ),
)
EVENT_NAMES: frozenset[str] = frozenset(event.name for event in EVENTS)


class Who(Protocol):
    """What the ledger needs of an identity (``identity.identity.Identity`` has it)."""

    @property
    def user(self) -> str: ...
    @property
    def groups(self) -> frozenset[str]: ...
    @property
    def agent(self) -> str | None: ...
    @property
    def on_behalf_of(self) -> str | None: ...


def session_fields(identity: Who, session_id: str, database: str, client: str, application: str) -> dict[str, object]:
    """Who and where, as every line about a session carries it."""
    return {
        "session": session_id,
        "database": database,
        "user": identity.user,
        "groups": sorted(identity.groups),
        "agent": identity.agent,
        "on_behalf_of": identity.on_behalf_of,
        "client": client,
        "application": application[:MAX_TEXT],
    }


def session_fragment(identity: Who, session_id: str, database: str, client: str, application: str) -> bytes:
    """The part of a statement line that is the same for a whole session: members without braces."""
    return encode(session_fields(identity, session_id, database, client, application))[1:-1]


def statement_fragment(
    *,
    decision: str,
    rules: Iterable[str],
    masks: Iterable[Mapping[str, object]],
    policy_version: str,
    sql: str,
    digest: str,
    effects: Iterable[Mapping[str, object]],
    tables: Iterable[str],
    columns: Iterable[str],
    shadow: Iterable[str] = (),
    translated: int = 0,
    added: Iterable[str] = (),
) -> bytes:
    """The part of a statement line that is the same for every execution: members without braces.

    ``sql`` has its data literals replaced already. The exact text's fingerprint is not here, because
    one verdict may stand for many texts: the writer puts it on each line.
    """
    fields: dict[str, object] = {
        "decision": decision,
        "rules": list(rules),
        **({"shadow": names} if (names := list(shadow)) else {}),
        "masks": list(masks),
        **({"translated": translated} if translated else {}),
        **({"lineage_added": more} if (more := list(added)) else {}),
        "policy_version": policy_version,
        "sql": sql[:MAX_SQL],
    }
    if len(sql) > MAX_SQL:
        fields["sql_size"] = len(sql)
    fields |= {
        "digest": digest,
        "effects": list(effects),
        "tables": list(tables),
        "columns": list(columns),
    }
    return encode(fields)[1:-1]


def effect(
    action: str, object_: str = "", kind: str = "", facts: Mapping[str, object] | None = None
) -> dict[str, object]:
    """One entry of ``effects``; empty parts are left out."""
    parts: dict[str, object] = {"action": action, "object": object_, "kind": kind, "facts": dict(facts or {})}
    return {name: value for name, value in parts.items() if value}


def session_start(who: Mapping[str, object], method: str | None = None) -> dict[str, object]:
    """``who`` is ``session_fields``."""
    return {"event": "session_start", **who, "method": method}


def session_end(who: Mapping[str, object], reason: str, statements: int, duration_us: int) -> dict[str, object]:
    """``who`` is ``session_fields``."""
    return {
        "event": "session_end",
        **who,
        "reason": reason,
        "statements": statements,
        "duration_us": duration_us,
    }


def auth_failure(
    *,
    client: str,
    sqlstate: str,
    reason: str,
    session_id: str | None = None,
    database: str | None = None,
    user: str | None = None,
    application: str | None = None,
) -> dict[str, object]:
    """A refusal before there was an identity. Claims of the client are cut to a sane length."""

    def cut(text: str | None) -> str | None:
        return None if text is None else text[:MAX_TEXT]

    return {
        "event": "auth_failure",
        "session": session_id,
        "database": cut(database),
        "user": cut(user),
        "client": client,
        "application": cut(application),
        "sqlstate": sqlstate,
        "reason": reason,
    }


def approval(
    *,
    statement: str,
    session: str,
    approval_id: str,
    status: str,
    by: str | None = None,
    answer: str | None = None,
    reason: str | None = None,
    capsule: bytes | None = None,
    signature: bytes | None = None,
    key_id: str | None = None,
    changed: Sequence[Mapping[str, object]] = (),
) -> dict[str, object]:
    """One step of an approval; what does not belong to it is left out."""
    parts: dict[str, object] = {
        "event": "approval",
        "id": statement,
        "session": session,
        "approval": approval_id,
        "status": status,
        "by": by,
        "answer": answer,
        "reason": reason,
        "capsule": None if capsule is None else capsule.decode(),
        "signature": None if signature is None else signature.hex(),
        "key_id": key_id,
        "changed": [dict(one) for one in changed] or None,
    }
    return {name: value for name, value in parts.items() if value is not None}


def policy_change(
    policy_version: str, *, previous: str | None = None, status: str = "applied", reason: str | None = None
) -> dict[str, object]:
    """Another policy, or a refused one."""
    return {
        "event": "policy_change",
        "policy_version": policy_version,
        "previous": previous,
        "status": status,
        "reason": reason,
    }


def config_change(config_hash: str, *, status: str = "applied", reason: str | None = None) -> dict[str, object]:
    """The configuration in force."""
    return {"event": "config_change", "config_hash": config_hash, "status": status, "reason": reason}


def masking_key_change(key_id: str) -> dict[str, object]:
    """Another masking key is in force. The id tells nothing of the key."""
    return {"event": "config_change", "masking_key": key_id, "status": "applied", "reason": None}


def encode(event: Mapping[str, object]) -> bytes:
    """One JSON object on one line, whatever the texts in it are.

    Clients choose some of them, so text that is no Unicode (lone surrogates) and numbers beyond 64 bits
    must not make a line impossible: such text gets backslash escapes, such numbers become text.
    """
    try:
        return orjson.dumps(event)
    except TypeError:
        return orjson.dumps(_cleaned(event))


def _cleaned(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case bool() | None | float():
            return value
        case int():
            return value if -(1 << 63) <= value < 1 << 63 else str(value)
        case Mapping():
            return {str(_cleaned(str(name))): _cleaned(member) for name, member in value.items()}
        case Sequence() | frozenset() | set():
            return [_cleaned(member) for member in value]
        case _:
            raise TypeError(f"a ledger line cannot hold {type(value).__name__}")
