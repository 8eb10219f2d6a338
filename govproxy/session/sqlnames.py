"""Names that a session makes in SQL: what PREPARE, DECLARE and CREATE TEMP gave them.

The protocol's own names live in the conversation. Both sides share one space of prepared statements
and one of cursors, so a name counts here only while nothing else can stand under it. Knows no policy
and no rows: what a name stood for is facts, and the gate judges by them.

Security: a name keeps everything it ever stood for. Whether the backend really replaced it is not
known here, so sources only add.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from govproxy._fastpath.conversation import Conversation
from govproxy.sql.analyze import NO_SHADOW, Shadow, analyze, remember
from govproxy.sql.catalog import Catalog
from govproxy.sql.parse import UnparsableStatement
from govproxy.sql.values import Action, Analysis, StatementFacts

MAX_NAMES = 1_000
NOTHING_PREPARED: Mapping[str, tuple[str, ...]] = MappingProxyType({})
# Languages whose functions cannot open a cursor under a name that is told them.
_PLAIN_LANGUAGES = frozenset({"sql", "internal"})


class SqlNames:
    """One session's names made in SQL."""

    __slots__ = ("_prepared", "_ran_code_at", "_shadow")

    def __init__(self) -> None:
        self._shadow = NO_SHADOW
        self._prepared = NOTHING_PREPARED  # texts of PREPARE, by the name they give
        # When code of somebody's own has run, which may have opened cursors: they end with its transaction.
        self._ran_code_at: int | None = None

    @property
    def temporary(self) -> frozenset[str]:
        """Temporary relations made in this session: part of what a decision reads."""
        return self._shadow.temporary

    def known(self, conversation: Conversation) -> Shadow:
        """What the session made in SQL, without the names under which something else may stand.

        Security: SQL and protocol share the names of prepared statements and of cursors, and code that
        was called may have opened a cursor under any.
        """
        shadow = self._shadow
        if not shadow.prepared and not shadow.cursors:
            return shadow
        opened = self._ran_code_at == conversation.rests
        prepared = {
            name: found
            for name, found in shadow.prepared.items()
            if not conversation.named_in_protocol(name, cursor=False)
        }
        cursors = {
            name: found
            for name, found in shadow.cursors.items()
            if not opened and not conversation.named_in_protocol(name, cursor=True)
        }
        return replace(shadow, prepared=prepared, cursors=cursors)

    def made(self, conversation: Conversation, analysis: Analysis, text: str) -> None:
        """``text`` goes to the backend now: remember the names that it makes."""
        if runs_code(analysis):
            self._ran_code_at = conversation.rests
        for statement in analysis.statements:
            change = statement.session
            self._shadow = remember(self._shadow, statement)
            if change.prepares:
                conversation.forget(change.prepares, cursors=False)
            if change.cursors:
                conversation.forget(change.cursors, cursors=True)
            for name in change.prepares if statement.inner is not None else ():
                texts = self._prepared.get(name, ())
                if text not in texts:
                    self._prepared = {**self._prepared, name: (*texts, text)}

    def prepare_again(self, catalog: Catalog, search_path: tuple[str, ...] | None) -> None:
        """What PREPARE made is planned anew by the server once names mean something else: so it is here."""
        if not self._prepared:
            return
        prepared: dict[str, tuple[StatementFacts, ...]] = {}
        for name, texts in self._prepared.items():
            found: list[StatementFacts] = []
            try:
                for text in texts:
                    analysis = analyze(text, catalog, search_path, shadow=self._shadow)
                    found += [
                        s.inner for s in analysis.statements if s.inner is not None and name in s.session.prepares
                    ]
            except UnparsableStatement:
                continue  # an unknown name: EXECUTE of it is refused
            prepared[name] = tuple(found)
        self._shadow = replace(self._shadow, prepared=prepared)

    def full(self, analysis: Analysis) -> bool:
        """True when the statement would make more names than one session may."""
        names = len(self._shadow.prepared) + len(self._shadow.cursors) + len(self._shadow.temporary)
        return names >= MAX_NAMES and any(
            s.session.creates_temporary or (s.inner is not None and (s.session.prepares or s.session.cursors))
            for s in analysis.statements
        )


def runs_code(analysis: Analysis) -> bool:
    """True when somebody's own function, procedure or block runs that may do more than compute."""
    return any(
        effect.action in (Action.CALL, Action.DO)
        and not set(str(effect.facts.get("language", "?")).split(",")) <= _PLAIN_LANGUAGES
        for statement in analysis.statements
        for effect in statement.effects
    )
