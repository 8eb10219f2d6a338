"""Settings that change what a text means or how values are written, wherever they come from.

From a database administrator beforehand, from the StartupMessage, and from SQL: the session is refused or the
statement is, or a masked identity still sees nothing that is planted. The cases are lines of ``data/settings.txt``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.security.leak_lab import ANALYST, Lab
from tests.security.test_leaks import DATABASE, lab
from tests.support.raw_session import SYNC, Answer, RawSession, bind, describe, execute, parse, query

__all__ = ["lab"]

OTHER = "leaks_other"
# What is asked under every setting. The last ones fail in PostgreSQL, with values in the text of the error.
PROBES = (
    "SELECT * FROM public.people ORDER BY id",
    "SELECT email, birth_date, salary, last_ip, created_at, profile FROM public.people",
    "SELECT id, 'a\\' AS x, full_name AS y FROM public.people -- '",
    "SELECT auth_token, device_id, card_expiry, contact, contacts FROM public.holders",
    "SELECT birth_date::text, to_char(birth_date, 'YYYYMMDD'), auth_token::text FROM public.people, public.holders",
    "SELECT * FROM people",
    "SELECT * FROM items",
    "SELECT p FROM public.people p",
    "COPY public.people TO STDOUT",
    "COPY (SELECT birth_date, email FROM public.people) TO STDOUT (FORMAT csv)",
    "SELECT ssn::int FROM public.people",
    "SELECT count(*) FROM public.people WHERE full_name::date > '1990-01-01'",
)
KINDS = ("dba", "database", "start", "sql")


def _cases(kind: str) -> list[tuple[str, str]]:
    lines = (Path(__file__).parent / "data" / "settings.txt").read_text().splitlines()
    found = []
    for line in lines:
        parts = [part.strip() for part in line.split("||", 2)]
        if line.strip() and not line.startswith("#"):
            assert len(parts) == 3, line
            assert parts[0] in KINDS, line
            if parts[0] == kind:
                found.append((parts[1], parts[2]))
    return found


def _everything(session: RawSession) -> Iterator[Answer]:
    """Every probe by a simple query and once more in binary, when its verdict is known."""
    for text in PROBES:
        yield session.query(text)
        if not text.startswith("COPY"):
            yield session.ask(parse(text) + bind(formats=(1,)) + describe(b"P") + execute() + SYNC)
    yield session.answers(query("SELECT id, birth_date FROM people") + query("SELECT 1"), 2)[0]


def _shows_nothing(lab: Lab, session: RawSession) -> None:
    for answer in _everything(session):
        found = lab.watcher.look([answer])
        assert not found, f"{len(found)} pieces, such as {found[0]}"
        assert answer.status == b"I"


@contextmanager
def _set_beforehand(lab: Lab, owner: str, setting: str) -> Iterator[None]:
    name = setting.split("=")[0].strip()
    with psycopg.connect(lab.postgres.dsn(), autocommit=True) as admin:
        if name == "role":
            admin.execute(f"CREATE ROLE {OTHER}")
            admin.execute(f"GRANT {OTHER} TO {lab.role}")
        admin.execute(f"ALTER {owner} SET {setting}".encode())
        try:
            yield
        finally:
            admin.execute(f"ALTER {owner} RESET {name}".encode())
            if name == "role":
                admin.execute(f"DROP ROLE {OTHER}")


def _refused(lab: Lab, **settings: str) -> str:
    """The SQLSTATE that a login ends with."""
    with pytest.raises(AssertionError) as caught:
        RawSession(lab.proxy.port, ANALYST[0], lab.proxy.token(*ANALYST), DATABASE, **settings).socket.close()
    found = re.search(r"\\x00C([0-9A-Z]{5})\\x00", str(caught.value))
    assert found is not None, caught.value
    return found[1]


@pytest.mark.parametrize(
    ("owner", "code", "setting"),
    [
        *(("ROLE {role}", *case) for case in _cases("dba")),
        *((f"DATABASE {DATABASE}", *case) for case in _cases("database")),
    ],
)
def test_what_was_set_for_the_login_shows_nothing(owner: str, code: str, setting: str, lab: Lab) -> None:
    with _set_beforehand(lab, owner.format(role=lab.role), setting):
        if code != "ok":
            assert _refused(lab) == code
            return
        with lab.connect() as session:
            _shows_nothing(lab, session)


@pytest.mark.parametrize(("code", "settings"), _cases("start"))
def test_what_the_client_asks_for_at_the_start(code: str, settings: str, lab: Lab) -> None:
    wanted = dict(part.strip().split("=", 1) for part in settings.split(" ; "))
    if code != "ok":
        assert _refused(lab, **wanted) == code
        return
    with RawSession(lab.proxy.port, ANALYST[0], lab.proxy.token(*ANALYST), DATABASE, **wanted) as session:
        _shows_nothing(lab, session)


@pytest.mark.parametrize(("code", "steps"), _cases("sql"))
def test_what_sql_sets(code: str, steps: str, lab: Lab) -> None:
    texts = [text.strip() for text in steps.split(";;")]
    with lab.connect() as session:
        answers = [session.query(text) for text in texts]
        errors = [error["C"] for answer in answers for error in answer.errors]
        assert errors == ([] if code == "ok" else [code])
        assert not lab.watcher.look(answers)
        if answers[-1].status != b"I":
            for text in PROBES[:3]:
                assert not lab.watcher.look([session.query("SAVEPOINT probe"), session.query(text)])
            session.query("ROLLBACK")
        if code != "ok":
            assert not lab.watcher.look([session.query(PROBES[0])])
            return
        _shows_nothing(lab, session)
    # The same without waiting for answers: what comes behind is judged before the setting is reported.
    with lab.connect() as session:
        data = b"".join(query(text) for text in [*texts, *PROBES[:7], "ROLLBACK"])
        assert not lab.watcher.look(session.answers(data, len(texts) + 8))
