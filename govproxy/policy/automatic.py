"""``approvals:`` of a policy: rules that decide held statements in a person's place.

The attributes that their conditions may read, and the reader that checks them. Whether one fits a
held statement is asked in ``approvals.automatic``; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from govproxy.config.source import Key, suggestion
from govproxy.masking.patterns import compiled
from govproxy.policy import expressions, schema, windows
from govproxy.policy.expressions import Attribute, Kind, Vocabulary
from govproxy.policy.rules import Alike, ApprovalRule, Counts, Mode, On, Precedent, Ruling, Ticket, Who
from govproxy.policy.windows import Window

_S, _I, _B, _L = Kind.STRING, Kind.INT, Kind.BOOL, Kind.STRINGS

TABLE: tuple[Attribute, ...] = (
    Attribute("statement.actions", _L, "all its actions"),
    Attribute("statement.tables", _L, "schema.table of everything it names or reads"),
    Attribute("statement.tags", _L, "tags of the sensitive columns it touches; `unknown` for the unclassified"),
    Attribute("statement.sensitivity", _I, "highest level among these, 0 to 4"),
    Attribute("statement.functions", _L, "user functions it calls or names"),
    Attribute("statement.wheres", _L, "what its WHERE are worth: missing constant tautology effective by_key"),
    Attribute("statement.opaque", _B, "it reaches something that is not understood"),
    Attribute(
        "statement.estimated_rows", _I, "rows it touches at most; -1 unknown (a comparison then counts as the worse)"
    ),
    Attribute("statement.actual_rows", _I, "rows a read-only count found; -1 where it could not be counted (as above)"),
    Attribute("hold.rules", _L, "the rules that hold it"),
    Attribute("hold.risk", _I, "the risk score, 0 to 100"),
    Attribute("hold.quorum", _I, "how many people must approve"),
    Attribute("hold.oddities", _I, "how many things in the text could mislead a reader"),
    Attribute("request.environment", _S, "the database's environment"),
    Attribute("request.database", _S, "the database's name"),
    Attribute("request.user", _S, "who asks, or for whom the agent asks"),
    Attribute("request.groups", _L, "that person's groups"),
    Attribute("request.agent", _S, "the agent's name, empty without one"),
    Attribute("request.on_behalf_of", _S, "the human behind the agent, empty without one"),
    Attribute("time.hour", _I, "hour of the day, 0 to 23, UTC"),
    Attribute("time.weekday", _I, "1 Monday to 7 Sunday, UTC"),
    Attribute("time.date", _S, "YYYY-MM-DD, UTC"),
)
HELD = Vocabulary(TABLE)


class ApprovalReader:
    """Reads the section; mistakes go where the rest of the policy's go."""

    def __init__(
        self,
        *,
        who: Callable[..., tuple[Who, ...]],
        during: Callable[..., tuple[Window, ...]],
        fail: Callable[..., None],
    ) -> None:
        self._who, self._during, self._fail = who, during, fail

    def read(self, entries: list[schema.ApprovalEntry]) -> tuple[ApprovalRule, ...]:
        """The rules of the file."""
        return tuple(self._rule(entry, ("approvals", index)) for index, entry in enumerate(entries))

    def check_holds(self, entries: list[schema.ApprovalEntry], effects: Mapping[str, str]) -> None:
        """``holds`` name rules that hold. ``effects``: of every rule of the policy, by name."""
        for index, entry in enumerate(entries):
            for at, name in enumerate(entry.holds or ()):
                if name not in effects:
                    near = suggestion(name, sorted(known for known, effect in effects.items() if effect == "hold"))
                    self._fail(f"no rule of this name: `{name}`{near}", "approvals", index, "holds", at)
                elif effects[name] != "hold":
                    self._fail(
                        f"`{name}` holds nothing, it is a rule to {effects[name]}", "approvals", index, "holds", at
                    )

    def _rule(self, entry: schema.ApprovalEntry, place: tuple[Key, ...]) -> ApprovalRule:
        ruling = Ruling(entry.decide)
        if ruling is Ruling.REFUSE:
            for key in ("ticket", "same_statement_approved", "counts"):
                if getattr(entry, key) is not None:
                    self._fail(f"`{key}` belongs to `decide: approve`", *place, key)
        elif not any((entry.holds, entry.who, entry.when, entry.ticket, entry.same_statement_approved, entry.risk)):
            # Security: a name and `approve` alone would let everything through that is held.
            self._fail("approves whatever is held: give `when`, `who`, `holds`, `ticket` or another condition", *place)
        for part in ("environments", "databases"):
            if getattr(entry.on, part) == []:
                self._fail(f"`{part}` is empty; leave it out or name something", *place, "on", part)
        if entry.holds == []:
            self._fail("`holds` is empty; leave it out for all, or name rules", *place, "holds")
        return ApprovalRule(
            name=entry.name,
            ruling=ruling,
            holds=frozenset(entry.holds or ()),
            who=self._who(entry.who, *place, "who"),
            on=On(
                environments=tuple(sorted(set(entry.on.environments or ()))),
                databases=tuple(sorted(set(entry.on.databases or ()))),
            ),
            when=self._condition(entry.when, *place, "when"),
            during=self._during(entry.during, *place, "during"),
            ticket=self._ticket(entry.ticket, *place, "ticket"),
            precedent=self._precedent(entry, *place, "same_statement_approved"),
            risk=self._risk(entry.risk, ruling, *place, "risk"),
            counts=Counts(entry.counts or "alone"),
            mode=Mode(entry.mode),
        )

    def _condition(self, source: str | None, *place: Key) -> str:
        if source is None:
            return ""
        try:
            return expressions.compile(source.strip(), HELD).source
        except expressions.BadExpression as error:
            self._fail(f"`when`: {error}", *place)
            return ""

    def _ticket(self, entry: schema.TicketEntry | None, *place: Key) -> Ticket | None:
        if entry is None:
            return None
        try:
            compiled(entry.pattern)
        except ValueError as error:
            self._fail(f"`pattern` {error}", *place, "pattern")
        return Ticket(pattern=entry.pattern, check=entry.check)

    def _precedent(self, entry: schema.ApprovalEntry, *place: Key) -> Precedent | None:
        if entry.same_statement_approved is None:
            return None
        alike = Alike(entry.same_statement_approved.by)
        named = entry.who if isinstance(entry.who, list) else [entry.who]
        if alike is Alike.GROUP and not all(one is not None and one.groups for one in named):
            # Security: any group in common would do otherwise, one that holds everybody too.
            self._fail("`by: group` needs `who: {groups: [...]}`: which group is meant", *place, "by")
        try:
            return Precedent(within_s=windows.duration_s(entry.same_statement_approved.within), by=alike)
        except ValueError as error:
            self._fail(str(error), *place, "within")
            return None

    def _risk(self, entry: schema.RiskEntry | None, ruling: Ruling, *place: Key) -> int | None:
        if entry is None:
            return None
        wanted, other = ("at_most", "at_least") if ruling is Ruling.APPROVE else ("at_least", "at_most")
        if getattr(entry, wanted) is None or getattr(entry, other) is not None:
            self._fail(f"a rule to {ruling} says `{wanted}`", *place)
        figure: int | None = getattr(entry, wanted)
        return figure
