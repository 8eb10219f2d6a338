"""Every step that the tables of the state store have taken, oldest first.

A step that was released never changes; what comes later is a new step at the end. SQL that SQLite
and PostgreSQL both understand: text, bigint, double precision, primary keys.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step, run in the same transaction that notes its number."""

    number: int
    subject: str
    statements: tuple[str, ...]


STEPS: tuple[Step, ...] = (
    Step(
        number=1,
        subject="classification",
        statements=(
            """
            CREATE TABLE govproxy_kept_classes (
                database_name text NOT NULL,
                relation bigint NOT NULL,
                attnum bigint NOT NULL,
                schema_name text NOT NULL,
                table_name text NOT NULL,
                column_name text NOT NULL,
                class_name text NOT NULL,
                confidence double precision NOT NULL,
                reason text NOT NULL,
                PRIMARY KEY (database_name, relation, attnum)
            )
            """,
            """
            CREATE TABLE govproxy_classifications (
                database_name text NOT NULL PRIMARY KEY,
                evidence text NOT NULL,
                columns_found text NOT NULL,
                columns_known text NOT NULL
            )
            """,
        ),
    ),
    Step(
        number=2,
        subject="approvals",
        statements=(
            """
            CREATE TABLE govproxy_holds (
                id text NOT NULL PRIMARY KEY,
                status text NOT NULL,
                database_name text NOT NULL,
                asked double precision NOT NULL,
                deadline double precision NOT NULL,
                decided double precision,
                content text NOT NULL
            )
            """,
            """
            CREATE TABLE govproxy_votes (
                hold_id text NOT NULL,
                person text NOT NULL,
                said_at double precision NOT NULL,
                content text NOT NULL,
                PRIMARY KEY (hold_id, person)
            )
            """,
            """
            CREATE TABLE govproxy_capsules (
                hold_id text NOT NULL PRIMARY KEY,
                content text NOT NULL,
                signature text NOT NULL,
                key_id text NOT NULL,
                uses bigint NOT NULL,
                used bigint NOT NULL,
                expires double precision NOT NULL
            )
            """,
        ),
    ),
    Step(
        number=3,
        subject="same requests",
        statements=(
            "ALTER TABLE govproxy_holds ADD COLUMN fingerprint text",
            "ALTER TABLE govproxy_holds ADD COLUMN digest text",
            "CREATE INDEX govproxy_holds_fingerprint ON govproxy_holds (fingerprint)",
            "CREATE INDEX govproxy_holds_digest ON govproxy_holds (digest)",
            "CREATE INDEX govproxy_holds_asked ON govproxy_holds (asked)",
        ),
    ),
    Step(
        number=4,
        subject="grants",
        statements=(
            """
            CREATE TABLE govproxy_grants (
                hold_id text NOT NULL PRIMARY KEY,
                ends double precision NOT NULL,
                revoked double precision,
                revoked_by text,
                revoked_reason text
            )
            """,
            "CREATE INDEX govproxy_grants_ends ON govproxy_grants (ends)",
        ),
    ),
    Step(
        number=5,
        subject="once",
        statements=(
            "CREATE TABLE govproxy_once (name text NOT NULL PRIMARY KEY, until double precision NOT NULL)",
            "CREATE INDEX govproxy_once_until ON govproxy_once (until)",
        ),
    ),
    Step(
        number=6,
        subject="windows",
        statements=(
            """
            CREATE TABLE govproxy_windows (
                name text NOT NULL,
                instance text NOT NULL,
                given_at double precision NOT NULL,
                given bigint NOT NULL
            )
            """,
            "CREATE INDEX govproxy_windows_name ON govproxy_windows (name)",
        ),
    ),
    Step(
        number=7,
        subject="outbox",
        statements=(
            """
            CREATE TABLE govproxy_outbox (
                webhook text NOT NULL,
                delivery text NOT NULL,
                hold_id text NOT NULL,
                step bigint NOT NULL,
                event text NOT NULL,
                body text NOT NULL,
                made_at double precision NOT NULL,
                until double precision NOT NULL,
                attempts bigint NOT NULL,
                next_at double precision NOT NULL,
                leased_by text NOT NULL,
                leased_until double precision NOT NULL,
                PRIMARY KEY (webhook, delivery)
            )
            """,
            "CREATE INDEX govproxy_outbox_order ON govproxy_outbox (webhook, hold_id, step)",
        ),
    ),
    Step(
        number=8,
        subject="facts",
        statements=("CREATE TABLE govproxy_facts (hold_id text NOT NULL PRIMARY KEY, content text NOT NULL)",),
    ),
    Step(
        number=9,
        subject="places",
        statements=(
            """
            CREATE TABLE govproxy_places (
                name text NOT NULL,
                instance text NOT NULL,
                taken bigint NOT NULL,
                renewed double precision NOT NULL,
                PRIMARY KEY (name, instance)
            )
            """,
            "CREATE INDEX govproxy_places_instance ON govproxy_places (instance)",
        ),
    ),
    Step(
        number=10,
        subject="presence",
        statements=(
            "ALTER TABLE govproxy_holds ADD COLUMN instance text",
            "CREATE TABLE govproxy_instances (name text NOT NULL PRIMARY KEY, seen double precision NOT NULL)",
            "CREATE INDEX govproxy_holds_status ON govproxy_holds (status, deadline)",
            "CREATE INDEX govproxy_holds_decided ON govproxy_holds (decided)",
        ),
    ),
)
