"""``load_policy(path)``: policy.yaml and its pack to a ``Policy``, or every mistake at once.

The form is checked by ``policy.schema``; here names, tags, actions, patterns, conditions and
overrides are. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeVar

from govproxy.config.source import Document, Key, read, suggestion, validate
from govproxy.errors import ConfigError, ConfigErrors
from govproxy.masking import taxonomy
from govproxy.masking.values import Masker, SensitiveClass
from govproxy.policy import expressions, schema, windows
from govproxy.policy.automatic import ApprovalReader
from govproxy.policy.limits import bytes_of, milliseconds_of
from govproxy.policy.own import OwnReader, known_masker
from govproxy.policy.rules import (
    ANY,
    NO_TAG,
    RESERVED_NAMES,
    ColumnRule,
    Correction,
    LimitRule,
    LoopBreaker,
    MayGrant,
    Mode,
    On,
    Policy,
    Rule,
    Who,
)
from govproxy.policy.values import Compare, HoldTerms, See, Verb
from govproxy.policy.windows import Burst, Window
from govproxy.sql.values import ACTION_SETS, Action

PACKS = Path(__file__).parent / "packs"
UNKNOWN_TAG = "unknown"  # carried by columns nobody has classified yet

_ACTIONS = {action.value: action for action in Action}
_ACTION_WORDS = [*_ACTIONS, *ACTION_SETS]
# What a freeze stops when it does not say: what changes structure, and what cannot be taken back.
FROZEN = ("ddl", "danger")
CHANGES_THAT_LAST = (
    '!effect.temporary && !(effect.action == "call" && effect.kind == "function"'
    ' && ("volatility=i" in effect.facts || "volatility=s" in effect.facts)'
    ' && "security_definer=false" in effect.facts)'
)
Place = tuple[Key, ...]
T = TypeVar("T")


def load_policy(path: Path | None) -> Policy:
    """The policy in a file together with the pack it extends; None: the production pack alone.

    Raises ConfigErrors with all mistakes found, each with file and line.
    """
    if path is None:
        return _load(PACKS / "production.yaml", None).versioned()
    document = read(path)
    file = validate(document, schema.File)
    pack = None if file.extends == "none" else _load(PACKS / f"{file.extends}.yaml", None)
    return _Loader(document, pack).policy(file).versioned()


def _load(path: Path, pack: Policy | None) -> Policy:
    document = read(path)
    return _Loader(document, pack).policy(validate(document, schema.File))


class _Loader:
    """Builds a Policy from the checked form, collecting mistakes; raises them all at the end."""

    def __init__(self, document: Document, pack: Policy | None) -> None:
        self.document = document
        self.pack = pack or Policy()
        self.errors: list[ConfigError] = []
        self.own: tuple[SensitiveClass, ...] = ()
        self.approvals = ApprovalReader(who=self._who, during=self._during, fail=self._fail)

    def policy(self, file: schema.File) -> Policy:
        self._names(file)
        own = OwnReader(self.document, self.pack.own, self.errors).read(file)
        self.own = own.classes
        own_rules = tuple(self._rule(entry, ("rules", index)) for index, entry in enumerate(file.rules))
        own_rules += tuple(self._freeze(entry, ("freezes", index)) for index, entry in enumerate(file.freezes))
        own_columns = tuple(self._column_rule(entry, ("columns", index)) for index, entry in enumerate(file.columns))
        limits = tuple(self._limit(entry, ("limits", index)) for index, entry in enumerate(file.limits))
        classify = tuple(self._correction(entry, ("classify", index)) for index, entry in enumerate(file.classify))
        policy = Policy(
            rules=self.pack.rules + own_rules,
            columns=self.pack.columns + own_columns,
            limits=self.pack.limits + limits,
            approvals=self.pack.approvals + self.approvals.read(file.approvals),
            classify=self.pack.classify + classify,
            own=own,
            loop_breaker=self._loop_breaker(file.loop_breaker),
        )
        self._overrides(file, policy)
        self.approvals.check_holds(file.approvals, {rule.name: rule.effect.value for rule in policy.rules})
        self._corrections_once(file)
        if self.errors:
            raise ConfigErrors(sorted(self.errors, key=lambda error: error.line or 0))
        return policy

    def _rule(self, entry: schema.RuleEntry, place: Place) -> Rule:
        effect = Verb(entry.effect)
        if effect is Verb.HOLD and entry.approvers is None:
            self._fail("a hold needs `approvers`", *place)
        if effect is not Verb.HOLD and entry.approvers is not None:
            self._fail(f"`approvers` belong to `effect: hold`, not to {effect.value}", *place, "approvers")
        if effect is not Verb.HOLD and entry.hold is not None:
            self._fail(f"`hold` belongs to `effect: hold`, not to {effect.value}", *place, "hold")
        if effect is Verb.DENY and entry.overrides:
            self._fail("a deny lifts nothing; `overrides` belongs to allow and hold", *place, "overrides")
        if effect is Verb.ALLOW and entry.burst:
            self._fail(
                "a `burst` is for deny and hold: an allow that begins after so many makes no sense", *place, "burst"
            )
        if effect is Verb.ALLOW and entry.hint:
            self._fail("`hint` is shown to who is refused or held; an allow shows none", *place, "hint")
        return Rule(
            name=entry.name,
            does=self._actions(entry.does, *place, "does"),
            effect=effect,
            who=self._who(entry.who, *place, "who"),
            on=self._on(entry.on, *place, "on"),
            when=self._condition(entry.when, *place, "when"),
            approvers=self._approvers(entry.approvers, *place, "approvers"),
            overrides=frozenset(entry.overrides or ()),
            mode=Mode(entry.mode),
            hint=" ".join((entry.hint or "").split()),
            during=self._during(entry.during, *place, "during"),
            burst=self._burst(entry.burst, *place, "burst"),
            may_grant=self._may_grant(entry, *place, "may_grant"),
            rehearse=entry.rehearse,
            end_session=entry.end_session,
            terms=self._terms(entry, *place),
        )

    def _may_grant(self, entry: schema.RuleEntry, *place: Key) -> MayGrant | None:
        if entry.end_session and entry.effect != "deny":
            self._fail(f"`end_session` belongs to `effect: deny`, not to {entry.effect}", *place)
        if entry.rehearse and entry.effect != "hold":
            self._fail(f"`rehearse` belongs to `effect: hold`, not to {entry.effect}", *place)
        if entry.may_grant is None:
            return None
        if entry.effect != "hold":
            self._fail(f"`may_grant` belongs to `effect: hold`, not to {entry.effect}", *place)
        try:
            within_s = windows.duration_s(entry.may_grant.within)
        except ValueError as error:
            self._fail(str(error), *place, "within")
            return None
        return MayGrant(within_s=within_s, clear=entry.may_grant.see == "clear")

    def _terms(self, entry: schema.RuleEntry, *place: Key) -> HoldTerms:
        who, how, default = entry.approvers or schema.Approvers(), entry.hold or schema.HoldEntry(), HoldTerms()
        delegates: frozenset[str] = frozenset()
        if who.delegates is not None:
            delegates = self._approvers(who.delegates, *place, "approvers", "delegates")
        after = who.delegates.after if who.delegates is not None else None
        if how.on_hold == "refuse" and (how.in_transaction or how.notice_every or how.rehearsal):
            self._fail("nothing waits with `on_hold: refuse`", *place, "hold")
        return HoldTerms(
            quorum=who.quorum,
            delegates=delegates,
            delegate_after_s=self._seconds(after, None, *place, "approvers", "delegates", "after"),
            principal_may_approve=who.own_agents,
            waits=how.on_hold == "wait",
            timeout_s=self._seconds(how.timeout, default.timeout_s, *place, "hold", "timeout"),
            transaction_timeout_s=self._seconds(
                how.in_transaction, default.transaction_timeout_s, *place, "hold", "in_transaction"
            ),
            notice_s=self._seconds(how.notice_every, default.notice_s, *place, "hold", "notice_every"),
            rehearsal_s=self._seconds(how.rehearsal, default.rehearsal_s, *place, "hold", "rehearsal"),
            uses=how.uses,
            valid_s=self._seconds(how.valid, default.valid_s, *place, "hold", "valid"),
        )

    def _seconds(self, written: str | None, default: T, *place: Key) -> float | T:
        if written is None:
            return default
        try:
            return float(windows.duration_s(written))
        except ValueError as error:
            self._fail(str(error), *place)
            return default

    def _freeze(self, entry: schema.FreezeEntry, place: Place) -> Rule:
        """A freeze is a deny for a time, of changes that last: not of temporary tables, nor of reading functions."""
        return Rule(
            name=entry.name,
            does=self._actions(entry.does or FROZEN, *place, "does"),
            effect=Verb.DENY,
            who=self._who(entry.who, *place, "who"),
            on=self._on(entry.on, *place, "on"),
            when=expressions.compile(CHANGES_THAT_LAST).source,
            mode=Mode(entry.mode),
            hint=" ".join((entry.hint or "").split()),
            during=self._during(entry.during, *place, "during"),
            freeze=True,
        )

    def _during(self, entry: schema.WindowEntry | list[schema.WindowEntry] | None, *place: Key) -> tuple[Window, ...]:
        if entry is None:
            return ()
        if entry == []:
            # Security: an empty list would read as "always".
            self._fail("an empty list is never; leave `during` out for always", *place)
        found: list[Window] = []
        for index, one in enumerate(entry if isinstance(entry, list) else [entry]):
            try:
                found.append(windows.window(one.from_, one.until, one.timezone))
            except ValueError as error:
                self._fail(str(error), *place, *((index,) if isinstance(entry, list) else ()))
        return tuple(found)

    def _loop_breaker(self, entry: schema.LoopBreakerEntry | Literal[False] | None) -> LoopBreaker | None:
        """The file's own, none when it says ``false``, the pack's when it says nothing."""
        if entry is None:
            return self.pack.loop_breaker
        if entry is False:
            return None
        if entry.end_session_after is not None and entry.end_session_after <= entry.repeats:
            self._fail(f"`end_session_after` must be more than `repeats` ({entry.repeats})", "loop_breaker")
        try:
            within_s = windows.duration_s(entry.within)
        except ValueError as error:
            self._fail(str(error), "loop_breaker", "within")
            within_s = 1
        return LoopBreaker(
            repeats=entry.repeats,
            within_s=within_s,
            end_session_after=entry.end_session_after,
            who=self._who(entry.who, "loop_breaker", "who"),
        )

    def _burst(self, entry: schema.BurstEntry | None, *place: Key) -> Burst | None:
        if entry is None:
            return None
        try:
            return Burst(count=entry.more_than, within_s=windows.duration_s(entry.within))
        except ValueError as error:
            self._fail(str(error), *place, "within")
            return None

    def _column_rule(self, entry: schema.ColumnRuleEntry, place: Place) -> ColumnRule:
        if entry.see is None and entry.compare is None and entry.mask is None:
            self._fail("says nothing: give `see`, `compare` or `mask`", *place)
        see = See(entry.see) if entry.see else None
        mask: Masker | None = None
        if entry.mask is not None:
            try:
                mask = known_masker(entry.mask)
            except ValueError as error:
                self._fail(str(error), *place, "mask")
            if see not in (None, See.MASKED):
                self._fail(f"`mask` has no effect with `see: {entry.see}`", *place, "mask")
            see = See.MASKED
        return ColumnRule(
            name=entry.name,
            who=self._who(entry.who, *place, "who"),
            on=self._on(entry.on, *place, "on"),
            see=see,
            compare=Compare(entry.compare) if entry.compare else None,
            mask=mask,
            overrides=frozenset(entry.overrides or ()),
            mode=Mode(entry.mode),
        )

    def _limit(self, entry: schema.LimitEntry, place: Place) -> LimitRule:
        figures = set(schema.LimitEntry.model_fields) - {"name", "who", "on"}
        if all(getattr(entry, figure) is None for figure in figures):
            words = sorted(schema.LimitEntry.model_fields[figure].alias or figure for figure in figures)
            self._fail(f"limits nothing: give one of {', '.join(words)}", *place)
        for part in ("environments", "databases"):
            if getattr(entry.on, part) == []:
                self._fail(f"`{part}` is empty; leave it out or name something", *place, "on", part)
        return LimitRule(
            name=entry.name,
            who=self._who(entry.who, *place, "who"),
            on=On(
                environments=tuple(sorted(set(entry.on.environments or ()))),
                databases=tuple(sorted(set(entry.on.databases or ()))),
            ),
            statement_timeout_ms=milliseconds_of(entry.statement_timeout),
            lock_timeout_ms=milliseconds_of(entry.lock_timeout),
            idle_in_transaction_session_timeout_ms=milliseconds_of(entry.idle_in_transaction_session_timeout),
            rows=entry.rows,
            size_bytes=bytes_of(entry.size),
            rows_changed=entry.rows_changed,
            statements_per_minute=entry.statements_per_minute,
            rows_per_minute=entry.rows_per_minute,
            rows_per_hour=entry.rows_per_hour,
            bytes_per_minute=bytes_of(entry.bytes_per_minute),
            bytes_per_hour=bytes_of(entry.bytes_per_hour),
            sessions=entry.sessions,
            read_only=entry.transactions == "read_only",
            overrides=frozenset(entry.overrides or ()),
        )

    def _correction(self, entry: schema.CorrectionEntry, place: Place) -> Correction:
        parts = entry.column.split(".")
        if len(parts) != 3 or not all(parts):
            self._fail(f"`{entry.column}` is not schema.table.column", *place, "column")
            parts = ["", "", ""]
        if entry.tag != NO_TAG and taxonomy.class_for(entry.tag, self.own) is None:
            known = [NO_TAG, *self._tags(), *taxonomy.ENTRIES, *(own.name for own in self.own)]
            self._fail(f"unknown tag `{entry.tag}`{suggestion(entry.tag, known)}", *place, "tag")
        return Correction(schema=parts[0], relation=parts[1], column=parts[2], tag=entry.tag)

    def _tags(self) -> frozenset[str]:
        return taxonomy.TAGS.union(*(own.tags for own in self.own))

    def _actions(self, words: Sequence[str], *place: Key) -> frozenset[Action]:
        actions: set[Action] = set()
        for index, word in enumerate(words):
            if word in ACTION_SETS:
                actions |= ACTION_SETS[word]
            elif word in _ACTIONS:
                actions.add(_ACTIONS[word])
            else:
                self._fail(f"unknown action `{word}`{suggestion(word, _ACTION_WORDS)}", *place, index)
        return frozenset(actions)

    def _who(self, entry: schema.WhoEntry | list[schema.WhoEntry] | None, *place: Key) -> tuple[Who, ...]:
        if entry is None:
            return ()
        if isinstance(entry, schema.WhoEntry):
            return (self._one_who(entry, *place),)
        if not entry:
            self._fail("an empty list is for nobody; leave `who` out for everyone", *place)
        return tuple(self._one_who(one, *place, index) for index, one in enumerate(entry))

    def _one_who(self, entry: schema.WhoEntry, *place: Key) -> Who:
        exempt = self._subject(entry.exempt, None, *place, "not") if entry.exempt is not None else None
        return self._subject(entry, exempt, *place)

    def _subject(self, entry: schema.Subject, exempt: Who | None, *place: Key) -> Who:
        for part in ("groups", "users", "agents"):
            # Security: an empty list would read as "no restriction" and let everyone in.
            if getattr(entry, part) == []:
                self._fail(f"`{part}` is empty; leave it out or name somebody", *place, part)
        if exempt is None and entry.groups is None and entry.users is None and entry.agents is None:
            self._fail("names nobody; give groups, users or agents", *place)
        return Who(
            groups=frozenset(entry.groups or ()),
            users=frozenset(entry.users or ()),
            any_agent=entry.agents is True,
            agents=frozenset(entry.agents) if isinstance(entry.agents, list) else frozenset(),
            exempt=exempt,
        )

    def _on(self, entry: schema.OnEntry, *place: Key) -> On:
        for part in type(entry).model_fields:
            if getattr(entry, part) == []:
                self._fail(f"`{part}` is empty; leave it out or name something", *place, part)
        columns = entry.columns if isinstance(entry, schema.ColumnOnEntry) else None
        self._dotted(entry.tables, 2, "schema.table", *place, "tables")
        self._dotted(columns, 3, "schema.table.column", *place, "columns")
        for index, tag in enumerate(entry.tags or ()):
            if tag not in self._tags() and tag not in (ANY, UNKNOWN_TAG):
                known = [ANY, *self._tags()]
                self._fail(f"unknown tag `{tag}`{suggestion(tag, known)}", *place, "tags", index)
        return On(
            environments=tuple(sorted(set(entry.environments or ()))),
            databases=tuple(sorted(set(entry.databases or ()))),
            schemas=tuple(sorted(set(entry.schemas or ()))),
            tables=tuple(sorted(set(entry.tables or ()))),
            columns=tuple(sorted(set(columns or ()))),
            tags=frozenset(entry.tags or ()),
        )

    def _dotted(self, patterns: Sequence[str] | None, parts: int, form: str, *place: Key) -> None:
        for index, pattern in enumerate(patterns or ()):
            given = pattern.split(".")
            if len(given) != parts or not all(given):
                self._fail(f"`{pattern}` is not {form} (as in public.*)", *place, index)

    def _condition(self, source: str | None, *place: Key) -> str:
        if source is None:
            return ""
        try:
            return expressions.compile(source.strip()).source
        except expressions.BadExpression as error:
            self._fail(f"`when`: {error}", *place)
            return ""

    def _approvers(self, entry: schema.Approvers | schema.Delegates | None, *place: Key) -> frozenset[str]:
        if entry is None:
            return frozenset()
        found = frozenset(
            [f"group:{name}" for name in entry.groups or ()] + [f"user:{name}" for name in entry.users or ()]
        )
        if not found:
            self._fail("names nobody; give groups or users", *place)
        return found

    def _names(self, file: schema.File) -> None:
        """Every name once, over rules, column rules and the pack."""
        known = self.pack
        pack = [*(r.name for r in known.rules), *(r.name for r in known.columns), *(r.name for r in known.limits)]
        pack += [r.name for r in known.approvals]
        own = [("rules", index, entry.name) for index, entry in enumerate(file.rules)]
        own += [("freezes", index, freeze.name) for index, freeze in enumerate(file.freezes)]
        own += [("limits", index, entry.name) for index, entry in enumerate(file.limits)]
        own += [("approvals", index, approval.name) for index, approval in enumerate(file.approvals)]
        own += [("columns", index, entry.name) for index, entry in enumerate(file.columns)]
        places: dict[str, str] = dict.fromkeys(pack, "the pack")
        for part, index, name in own:
            if name in RESERVED_NAMES:
                self._fail(f"`{name}` is a name of govproxy's own", part, index, "name")
            elif name in places:
                self._fail(f"rule `{name}` exists already (in {places[name]})", part, index, "name")
            else:
                places[name] = f"line {self.document.line((part, index, 'name'))}"

    def _overrides(self, file: schema.File, policy: Policy) -> None:
        effects = {rule.name: rule.effect for rule in policy.rules}
        names = {rule.name for rule in policy.columns}
        pack = {rule.name for rule in self.pack.rules}
        for index, entry in enumerate(file.rules):
            for at, name in enumerate(entry.overrides or ()):
                place: Place = ("rules", index, "overrides", at)
                if name == ANY:
                    continue
                if name not in effects:
                    self._fail(f"overrides no rule: `{name}`{self._overridable(name, effects)}", *place)
                elif effects[name] is Verb.ALLOW:
                    self._fail(f"`{name}` is an allow; only deny and hold are lifted", *place)
                elif entry.effect == "hold" and effects[name] is Verb.HOLD and name not in pack:
                    self._fail(
                        f"`{name}` is a hold of this file; a hold lifts deny rules and holds of the pack", *place
                    )
        for index, column in enumerate(file.columns):
            for at, name in enumerate(column.overrides or ()):
                if name != ANY and name not in names:
                    hint = suggestion(name, sorted(names))
                    self._fail(f"overrides no column rule: `{name}`{hint}", "columns", index, "overrides", at)
        limits = {rule.name for rule in policy.limits}
        for index, limit in enumerate(file.limits):
            for at, name in enumerate(limit.overrides or ()):
                if name != ANY and name not in limits:
                    hint = suggestion(name, sorted(limits))
                    self._fail(f"overrides no limit: `{name}`{hint}", "limits", index, "overrides", at)

    def _overridable(self, name: str, effects: dict[str, Verb]) -> str:
        if name in RESERVED_NAMES:
            return " (it follows from column rights: give those in `columns`)"
        return suggestion(name, sorted(effects))

    def _corrections_once(self, file: schema.File) -> None:
        for index, entry in enumerate(file.classify):
            if entry.column in [other.column for other in file.classify[:index]]:
                self._fail(f"`{entry.column}` is corrected twice", "classify", index, "column")

    def _fail(self, message: str, *place: Key) -> None:
        where = ".".join(str(part) for part in place[:1])
        named = self._rule_name(place)
        listed = where in ("rules", "freezes", "columns", "limits", "approvals")
        prefix = f"rule `{named}`: " if named else ("" if listed else f"{where}: ")
        self.errors.append(self.document.error(place, prefix + message))

    def _rule_name(self, place: Place) -> str:
        if len(place) < 2 or place[-1] == "name":
            return ""
        match self.document.data:
            case {**sections}:
                section = sections.get(str(place[0]))
            case _:
                return ""
        entry = section[place[1]] if isinstance(section, list) and isinstance(place[1], int) else None
        return str(entry.get("name", "")) if isinstance(entry, dict) else ""
