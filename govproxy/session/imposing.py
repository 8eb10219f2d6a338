"""Timeouts and read-only transactions that a changed policy imposes on a session that was open before.

What is set now is asked for (SHOW), and what must be set is sent (SET), on the client's own session and unseen by it;
where and when is `_fastpath.imposing`'s. Neither statement looks anything up, so nothing of the client's, such as an
operator of its own in search_path, has a say in them.

What the session had before is remembered and comes back when the policy lets it; what the client itself has
set stricter stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from govproxy._fastpath.conversation import Conversation
from govproxy.errors import UpstreamFault
from govproxy.policy.limits import READ_ONLY_SETTING, TIMEOUTS, Figure, SessionLimits, within
from govproxy.session import messages, timeouts
from govproxy.session.asking import run
from govproxy.sql.values import Action, Analysis, Effect
from govproxy.wire.cursor import Reader

NAMES = (*TIMEOUTS, READ_ONLY_SETTING)
CLOSES = 2  # CloseComplete of one statement of the proxy's own
ENDINGS = frozenset({"commit", "rollback", "rollback_to", "prepare_transaction"})
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What a setting was before the proxy changed it (None: nobody knows), and what it was changed to."""

    had: str | None
    imposed: str


@lru_cache(maxsize=256)
def figures(limits: SessionLimits) -> tuple[int | None, ...]:
    """What of the limits is imposed by settings, to be compared."""
    return (*(figure.value if figure else None for figure in _timeouts(limits).values()), int(bool(limits.read_only)))


def suffices(limits: SessionLimits, began: Mapping[str, str]) -> bool:
    """Whether a session that ``began`` with these settings is within the limits, after RESET as well."""
    if limits.read_only and began.get(READ_ONLY_SETTING) != "on":
        return False
    return all(
        figure is None or within(began.get(name, ""), figure.value) for name, figure in _timeouts(limits).items()
    )


def relevant(settings: Mapping[str, str]) -> Mapping[str, str]:
    """Of what a session asks for or begins with, as much as is needed here."""
    found = {name: settings[name] for name in NAMES if name in settings}
    return found or NOTHING


class Imposing:
    """Of one session that was open when its limits changed. ``settled`` is called when they are in force."""

    __slots__ = ("_asked", "_kept", "_limits", "_rows", "_sent", "_settled")

    def __init__(
        self, asked: Mapping[str, str], began: Mapping[str, str], settled: Callable[[Conversation], None]
    ) -> None:
        self._settled = settled
        self._limits = SessionLimits()
        self._sent: SessionLimits | None = None
        self._rows: list[str] = []
        self._asked: tuple[str, ...] = ()
        # What was imposed as it began.
        self._kept = {
            name: _Kept(had=_plain(name, asked[name]) if name in asked else None, imposed=_plain(name, value))
            for name, value in began.items()
            if asked.get(name) != value
        }

    def want(self, limits: SessionLimits) -> None:
        """These limits are to be in force."""
        self._limits = limits

    def forget(self, name: str) -> None:
        """The client has set it: that is what it has now."""
        self._kept.pop(name, None)

    # ------------------------------------------------------------------ for the data plane

    def shown(self) -> tuple[bytes, int]:
        """Messages that ask for what is set now, and how many CloseComplete they bring."""
        figures = _timeouts(self._limits)
        self._asked = tuple(
            name
            for name in NAMES
            if name in self._kept or figures.get(name) or (name == READ_ONLY_SETTING and self._limits.read_only)
        )
        self._rows = []
        return b"".join(run(f"SHOW {name}") for name in self._asked), CLOSES * len(self._asked)

    def row(self, payload: bytes) -> None:
        """One DataRow of the answer."""
        reader = Reader(payload)
        if reader.uint16() != 1:
            raise UpstreamFault("the database sent something unexpected")
        self._rows.append(reader.take(reader.int32()).decode("utf-8"))

    def changes(self, session: bool) -> tuple[bytes, int]:
        """Messages that set what must be set: for the ``session``, or for its transaction. None of them: b''."""
        if len(self._rows) != len(self._asked):
            raise UpstreamFault("the database does not say what is set")
        self._sent = self._limits
        now = {name: _plain(name, shown) for name, shown in zip(self._asked, self._rows, strict=True)}
        sent = [
            f"SET {'SESSION' if session else 'LOCAL'} {name} = {value}"
            for name, value in (self._for_session(now) if session else self._for_transaction(now)).items()
        ]
        return b"".join(map(run, sent)), CLOSES * len(sent)

    def done(self, conversation: Conversation) -> bool:
        """It is in force; False: something else is wanted by now."""
        if self._sent is not self._limits:
            return False
        self._settled(conversation)
        return True

    def hides(self, payload: bytes) -> bool:
        """Whether a ParameterStatus tells of what was set here."""
        return payload.startswith(READ_ONLY_SETTING.encode() + b"\0")

    def is_fatal(self, payload: bytes) -> bool:
        """Whether the session ends with this ErrorResponse."""
        return messages.fields_of(payload).get("V", b"FATAL") not in (b"ERROR",)

    def error(self, payload: bytes, hidden: bool) -> bytes:
        """The ErrorResponse that the client reads in the place of its own message's."""
        return messages.elsewhere(payload, tainted=hidden)

    # ------------------------------------------------------------------ what must be set

    def _for_session(self, now: Mapping[str, str]) -> dict[str, str]:
        changes = {}
        for name, value in now.items():
            kept = self._kept.pop(name, None)
            # Changed since: what it is now is the session's own.
            own = kept.had if kept is not None and kept.imposed == value else value
            target = value if own is None and self._allows(name, value) else self._strict(name, own or "")
            if target != own:
                self._kept[name] = _Kept(had=own, imposed=target)
            if target != value:
                changes[name] = target
        return changes

    def _for_transaction(self, now: Mapping[str, str]) -> dict[str, str]:
        changes = {
            name: self._strict(name, value)
            for name, value in now.items()
            if name != READ_ONLY_SETTING and not self._allows(name, value)
        }
        if self._limits.read_only:
            changes["transaction_read_only"] = "on"
        return changes

    def _allows(self, name: str, value: str) -> bool:
        return self._strict(name, value) == value

    def _strict(self, name: str, value: str) -> str:
        """The value, or what the limits make of it."""
        if name == READ_ONLY_SETTING:
            return "on" if self._limits.read_only else value
        figure = _timeouts(self._limits)[name]
        return value if figure is None or within(value, figure.value) else str(figure.value)


def unsettling(analysis: Analysis, *, transaction: bool) -> bool:
    """Whether something runs behind what takes back what was imposed: RESET, and the end of a ``transaction``."""
    return any(
        _resets(effect) or (transaction and effect.facts.get("command") in ENDINGS)
        for statement in analysis.statements[:-1]
        for effect in statement.effects
    )


def resets(analysis: Analysis) -> bool:
    """Whether a text gives one of the settings back the value that the session began with."""
    return any(_resets(effect) for statement in analysis.statements for effect in statement.effects)


def chosen(analysis: Analysis) -> frozenset[str]:
    """Which of the settings a text sets."""
    return frozenset(
        effect.name
        for statement in analysis.statements
        for effect in statement.effects
        if effect.action is Action.SET and effect.name in NAMES and not _resets(effect)
    )


def _resets(effect: Effect) -> bool:
    if effect.action is not Action.SET:
        return False
    option = effect.facts.get("option")
    return option in ("reset_all", "discard") or (option == "reset" and effect.name in NAMES)


def _timeouts(limits: SessionLimits) -> dict[str, Figure | None]:
    return {name: getattr(limits, field) for name, field in TIMEOUTS.items()}


def _plain(name: str, shown: str) -> str:
    """As it can be compared, and set: a timeout in milliseconds."""
    if name == READ_ONLY_SETTING:
        return shown
    return str(round((timeouts.seconds(shown) or 0.0) * 1_000))
