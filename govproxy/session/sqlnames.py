"""Names that a session makes in SQL: what PREPARE, DECLARE and CREATE TEMP gave them.

The protocol's own names live in the conversation. Both sides share one space of prepared statements
and one of cursors, so a name counts here only while nothing else can stand under it. Knows no policy
and no rows: what a name stood for is facts, and the gate judges by them.

Security: a name keeps everything it ever stood for. Whether the backend really replaced it is not
known here, so sources only add.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from govproxy._fastpath.conversation import Conversation
from govproxy.sql.analyze import NO_SHADOW, Shadow, analyze, remember
from govproxy.sql.catalog import Catalog
from govproxy.sql.parse import UnparsableStatement
from govproxy.sql.values import Action, Analysis, StatementFacts

MAX_NAMES = 1_000
# Languages whose functions cannot open a cursor under a name that is told them.
_PLAIN_LANGUAGES = frozenset({"sql", "internal"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlNames:
    """One session's names made in SQL, as a value: sessions that made none share one."""

    shadow: Shadow = NO_SHADOW
    prepared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # texts of PREPARE, by the name they give
    # When code of somebody's own has run, which may have opened cursors: they end with its transaction.
    ran_code_at: int | None = None

    @property
    def temporary(self) -> frozenset[str]:
        """Temporary relations made in this session: part of what a decision reads."""
        return self.shadow.temporary

    def known(self, conversation: Conversation) -> Shadow:
        """What the session made in SQL, without the names under which something else may stand.

        Security: SQL and protocol share the names of prepared statements and of cursors, and code that
        was called may have opened a cursor under any.
        """
        shadow = self.shadow
        if not shadow.prepared and not shadow.cursors:
            return shadow
        opened = self.ran_code_at == conversation.rests
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

    def made(self, conversation: Conversation, analysis: Analysis, text: str) -> SqlNames:
        """``text`` goes to the backend now: these names and those that it makes."""
        shadow, known = self.shadow, dict(self.prepared)
        for statement in analysis.statements:
            change = statement.session
            shadow = remember(shadow, statement)
            if change.prepares:
                conversation.forget(change.prepares, cursors=False)
            if change.cursors:
                conversation.forget(change.cursors, cursors=True)
            for name in change.prepares if statement.inner is not None else ():
                texts = known.get(name, ())
                if text not in texts:
                    known[name] = (*texts, text)
        ran = conversation.rests if runs_code(analysis) else self.ran_code_at
        return SqlNames(shadow=shadow, prepared=known, ran_code_at=ran)

    def prepared_again(self, catalog: Catalog, search_path: tuple[str, ...] | None) -> SqlNames:
        """What PREPARE made is planned anew by the server once names mean something else: so it is here."""
        if not self.prepared:
            return self
        prepared: dict[str, tuple[StatementFacts, ...]] = {}
        for name, texts in self.prepared.items():
            found: list[StatementFacts] = []
            try:
                for text in texts:
                    analysis = analyze(text, catalog, search_path, shadow=self.shadow)
                    found += [
                        s.inner for s in analysis.statements if s.inner is not None and name in s.session.prepares
                    ]
            except UnparsableStatement:
                continue  # an unknown name: EXECUTE of it is refused
            prepared[name] = tuple(found)
        return replace(self, shadow=replace(self.shadow, prepared=prepared))

    def full(self, analysis: Analysis) -> bool:
        """True when the statement would make more names than one session may."""
        names = len(self.shadow.prepared) + len(self.shadow.cursors) + len(self.shadow.temporary)
        return names >= MAX_NAMES and any(
            s.session.creates_temporary or (s.inner is not None and (s.session.prepares or s.session.cursors))
            for s in analysis.statements
        )


NO_NAMES = SqlNames()


def runs_code(analysis: Analysis) -> bool:
    """True when somebody's own function, procedure or block runs that may do more than compute."""
    return any(
        effect.action in (Action.CALL, Action.DO)
        and not set(str(effect.facts.get("language", "?")).split(",")) <= _PLAIN_LANGUAGES
        for statement in analysis.statements
        for effect in statement.effects
    )
