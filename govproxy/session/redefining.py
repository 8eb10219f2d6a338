"""What a transaction has redefined so far, as the gate keeps it until the catalog shows it.

Until then the snapshot tells what names meant before. Knows no rows and no rules: which statements may depend on
what was redefined, and so ask about something else than was judged, is all it says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from govproxy.sql.catalog import Catalog
from govproxy.sql.values import Action, Analysis, Effect, StatementFacts

_DEFINES = frozenset({Action.CREATE, Action.ALTER, Action.DROP})
# Commands of ALTER after which a column's name, or a table's, means another one.
_RENAMING = frozenset({"rename", "set_schema", "attach_partition", "create_rule"})
_RELATIONS = frozenset({"table", "view", "materialized_view", "foreign_table"})
_CODE = frozenset({"function", "procedure", "routine", "aggregate"})
# What nothing that is read or compared can mean, however it is defined.
_HARMLESS = frozenset(
    {"index", "sequence", "statistics", "constraint", "trigger", "policy", "rule", "collation", "role"}
)
# What only something that is made later can mean.
_HARMLESS_WHEN_NEW = frozenset({"schema", "type"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Redefined:
    """``relations`` by OID; bare names of what was ``made`` of nothing that is sensitive, of what was made or renamed
    ``otherwise``, and of ``code``; ``anything`` where the rest cannot be told."""

    relations: frozenset[int] = frozenset()
    made: frozenset[str] = frozenset()
    otherwise: frozenset[str] = frozenset()
    code: frozenset[str] = frozenset()
    anything: bool = False
    everywhere: bool = False  # and it is relations, whichever they are

    @property
    def is_nothing(self) -> bool:
        """True where all names mean what they meant."""
        return not (self.relations or self.otherwise or self.code or self.anything)

    def beside(self, others: Redefined) -> Redefined:
        """This together with what somebody else redefines, of which only that is seen what hides something else."""
        return replace(
            self,
            relations=self.relations | others.relations,
            otherwise=self.otherwise | others.otherwise,
            code=self.code | others.code,
            anything=self.anything or others.anything,
            everywhere=self.everywhere or others.everywhere,
        )

    def after(self, analysis: Analysis, catalog: Catalog, is_clean: Callable[[int], bool]) -> Redefined:
        """What is redefined once the text has run. ``is_clean``: nothing in that relation is sensitive."""
        found = self
        for statement in analysis.statements:
            defines = [e for e in statement.effects if e.action in _DEFINES and not e.temporary]
            if defines:
                is_plain = found._shows_nothing(statement, is_clean)
                for effect in defines:
                    found = found._and(effect, catalog, is_plain=is_plain and effect.action is Action.CREATE)
        if found.code == self.code:
            return found
        code = _reaching(found.code, catalog)
        return replace(found, code=code, relations=found.relations | _calling(code, catalog))

    def _and(self, effect: Effect, catalog: Catalog, *, is_plain: bool) -> Redefined:
        commands = set(str(effect.facts.get("commands", "")).split(","))
        new_name = str(effect.facts.get("new_name", effect.name))
        if effect.kind in _CODE:
            return replace(self, code=self.code | {effect.name.rpartition(".")[2], new_name})
        if effect.kind not in _RELATIONS:
            if _is_harmless(effect):
                return self
            return replace(self, anything=True, everywhere=self.everywhere or effect.kind == "schema")
        made, otherwise = set(self.made), set(self.otherwise)
        if effect.action is Action.CREATE and "as" in effect.facts:
            is_plain = True  # what is masked may not be stored in it
        if effect.action is Action.CREATE:
            (made if is_plain else otherwise).add(effect.name)
        if commands & _RENAMING and effect.facts.get("part") != "column":
            otherwise.add(new_name)
        return replace(
            self,
            relations=self.relations if is_plain else self.relations | _meant(effect, commands, catalog),
            made=frozenset(made),
            otherwise=frozenset(otherwise),
            anything=self.anything or "add_inherit" in commands,
            everywhere=self.everywhere or "add_inherit" in commands,
        )

    def _shows_nothing(self, statement: StatementFacts, is_clean: Callable[[int], bool]) -> bool:
        """Whether a relation that it makes shows nothing but what is clean, and what is put in later."""
        if self.anything or any(effect.facts.get("commands") == "add_child" for effect in statement.effects):
            return False
        query = statement.inner
        if query is None:
            return not (statement.reads or statement.unresolved or statement.routines)
        return (
            not query.opaque
            and not query.routines
            and all(oid not in self.relations and is_clean(oid) for oid in query.reads)
            and {name.rpartition(".")[2] for name in query.unresolved} <= self.made - self.otherwise
        )

    def mentioned(self, text: str, analysis: Analysis) -> bool:
        """Whether a text names code that was redefined, otherwise than to define it.

        Security: the name alone is enough, because what is new may be meant where something else was.
        """
        if not self.code:
            return False
        folded = text.lower()
        defined = Counter(
            effect.name.rpartition(".")[2].lower()
            for statement in analysis.statements
            for effect in statement.effects
            if effect.kind in _CODE and effect.action in _DEFINES and "by" not in effect.facts
        )
        return 'u&"' in folded or any(folded.count(name.lower()) > defined[name.lower()] for name in self.code)

    def reaches(self, analysis: Analysis, text: str, catalog: Catalog) -> bool:
        """Whether a text may come to what an open transaction of somebody else redefines.

        What nobody can be kept waiting by (operators, casts, domains) does not count: it means what it meant until the
        transaction ends, and everything waits for a new picture then.
        """
        if self.mentioned(text, analysis):
            return True
        for facts in (facts for statement in analysis.statements for facts in _chain(statement)):
            relations = facts.reads | {effect.relation for effect in facts.effects}
            names = {name.rpartition(".")[2] for name in facts.unresolved}
            if (
                (self.everywhere and (relations - {None} or names))
                or self.relations & relations
                or names & self.otherwise
            ):
                return True
            if self._calls(facts, catalog):
                return True
        return False

    def _calls(self, facts: StatementFacts, catalog: Catalog) -> bool:
        routines = (catalog.functions.get(oid) for oid in facts.routines) if self.code else ()
        return any(routine is not None and routine.name in self.code for routine in routines)

    def concerns(self, statement: StatementFacts, catalog: Catalog, *, mentioned: bool) -> bool:
        """Whether a condition in the statement may be one on something else than it was judged by. ``mentioned``: its
        text names code that was redefined."""
        for facts in _chain(statement):
            if self._calls(facts, catalog):
                return True
            if not facts.uses:
                continue
            names = {name.rpartition(".")[2] for name in facts.unresolved}
            if self.anything or (names & self.otherwise) or (names - self.made):
                return True
            if self.relations & (facts.reads | {use.column.relation for use in facts.uses}):
                return True
            if mentioned:
                return True
        return False


NOTHING_REDEFINED = Redefined()


def _chain(statement: StatementFacts) -> Iterator[StatementFacts]:
    facts: StatementFacts | None = statement
    while facts is not None:
        yield facts
        facts = facts.inner


def _is_harmless(effect: Effect) -> bool:
    if effect.action is Action.CREATE and effect.kind in _HARMLESS_WHEN_NEW:
        return True
    if effect.kind == "type" and effect.action is Action.ALTER and not effect.facts:
        return True  # a new label
    if effect.kind == "schema" and effect.action is Action.DROP:
        return True  # what falls with it has effects of its own
    return effect.kind in _HARMLESS


def _meant(effect: Effect, commands: set[str], catalog: Catalog) -> set[int]:
    """Relations of the catalog whose name, or a column's of theirs, may mean something else from then on."""
    if effect.action is Action.CREATE:
        # What is made somewhere else may come first in a search_path.
        return set(catalog.by_bare_name.get(effect.name, ()))
    falls = effect.action is Action.DROP and "column" not in effect.facts
    if effect.relation is not None and (falls or commands & _RENAMING):
        return {effect.relation}
    return set()


def _reaching(code: frozenset[str], catalog: Catalog) -> frozenset[str]:
    """These names and those of the functions that come to them."""
    found, more = code, code
    while more:
        more = frozenset(
            function.name
            for function in catalog.functions.values()
            if function.name not in found and function.body and any(name in function.body for name in more)
        )
        found |= more
    return found


def _calling(code: frozenset[str], catalog: Catalog) -> set[int]:
    """Views that call one of these."""
    return {
        relation.oid
        for relation in catalog.relations.values()
        if relation.definition and any(name in relation.definition for name in code)
    }
