"""The values of the attributes that conditions may read, for one effect of one statement.

One method per namespace of ``expressions.TABLE``; each value is computed only when a condition asks
for it. A test holds the two tables together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from govproxy.identity.identity import Identity
from govproxy.policy import expressions, sizes
from govproxy.policy.matching import descendants
from govproxy.policy.touched import Ground, chain
from govproxy.policy.values import Request
from govproxy.sql.catalog import ColumnRef, RelationKind
from govproxy.sql.values import Action, Effect, StatementFacts, Where

ROWS = "statement.estimated_rows"
_UNKNOWN_LEVEL = 4


def is_exact(effect: Effect) -> bool:
    """Whether a better figure than ``estimated_rows`` is not to be had."""
    return effect.facts.get("where") == Where.BY_KEY or "rows" in effect.facts


def estimated_rows(effect: Effect, ground: Ground) -> int:
    """An upper bound without asking the planner: one row by key, otherwise the whole table.

    -1 when the table was never analysed, and for what brings rows in.
    """
    if effect.facts.get("where") == Where.BY_KEY:
        return 1
    rows = effect.facts.get("rows")
    if isinstance(rows, int) and not isinstance(rows, bool):
        return rows
    relation = ground.relation(effect.relation) if effect.relation is not None else None
    if relation is None or effect.action in (Action.INSERT, Action.MERGE, Action.COPY_IN):
        return expressions.UNKNOWN_ROWS
    parts = [part for part in descendants(relation, ground.catalog) if part.kind is not RelationKind.PARTITIONED]
    if not parts or any(part.estimated_rows < 0 for part in parts):
        return expressions.UNKNOWN_ROWS
    return int(sum(part.estimated_rows for part in parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What ``value`` draws from. ``touched`` gives the columns that the whole statement touches."""

    request: Request
    ground: Ground
    statement: StatementFacts
    touched: Callable[[], frozenset[ColumnRef]]
    effect: Effect
    identity: Identity
    rows: int
    unknown: int = expressions.UNKNOWN_ROWS  # what the size of a table counts as that nobody knows

    @property
    def columns(self) -> frozenset[ColumnRef]:
        """The columns that the whole statement touches: few conditions ask, and telling takes its time."""
        return self.touched()

    def value(self, name: str) -> object:
        """The value of one attribute by its full name. Raises KeyError for a name not in the table."""
        namespace, _, field_name = name.partition(".")
        match namespace:
            case "statement":
                return self._statement(field_name)
            case "effect":
                return self._effect(field_name)
            case "request":
                return self._request(field_name)
            case "session":
                return self._session(field_name)
            case "time":
                return self._time(field_name)
            case _:
                raise KeyError(name)

    def _statement(self, name: str) -> object:
        ground = self.ground
        parts = list(chain(self.statement))
        match name:
            case "tag":
                return self.statement.tag
            case "statements":
                return len(self.request.analysis.statements)
            case "actions":
                return sorted({effect.action.value for part in parts for effect in part.effects})
            case "tables":
                return self._tables(parts)
            case "columns":
                return sorted({ground.name(column) for column in self.columns})
            case "tags":
                classes = (ground.class_of(column) for column in self.columns)
                return sorted({tag for found in classes if found is not None for tag in found.sensitive.tags})
            case "sensitivity":
                classes = (ground.class_of(column) for column in self.columns)
                unknown = _UNKNOWN_LEVEL if any(part.unresolved for part in parts) else 0
                return max([unknown, *(found.sensitive.level for found in classes if found is not None)])
            case "functions":
                effects = [effect for part in parts for effect in part.effects]
                named = {effect.object for effect in effects if effect.kind == "function"}
                return sorted(named | {str(e.facts["function"]) for e in effects if "function" in e.facts})
            case "opaque":
                return any(part.opaque for part in parts)
            case "where":
                return str(self.effect.facts.get("where", ""))
            case "estimated_rows":
                return self.rows
            case "table_size" | "table_rows":
                return self._size(name, sizes.of_statement(parts, ground))
            case _:
                raise KeyError(name)

    def _tables(self, parts: list[StatementFacts]) -> list[str]:
        reads = (self.ground.relation(oid) for part in parts for oid in part.reads)
        names = {f"{relation.schema}.{relation.name}" for relation in reads if relation is not None}
        names |= {e.object for part in parts for e in part.effects if e.relation is not None or "where" in e.facts}
        return sorted(names | {name for part in parts for name in part.unresolved})

    def _size(self, name: str, size: sizes.Size) -> int:
        figure = size.size_bytes if name == "table_size" else size.rows
        return self.unknown if figure == expressions.UNKNOWN_ROWS else figure

    def _effect(self, name: str) -> object:
        effect = self.effect
        match name:
            case "table_size" | "table_rows":
                return self._size(name, sizes.of_effect(effect, self.ground))
            case "cascades":
                return [table for table in str(effect.facts.get("cascades", "")).split(",") if table]
            case "by" | "via":
                return str(effect.facts.get(name, ""))
            case "action":
                return effect.action.value
            case "columns":
                return list(effect.columns)
            case "value" | "function":
                return _plain(effect.facts.get(name, ""))
            case "facts":
                return sorted(f"{key}={_plain(value)}" for key, value in effect.facts.items())
            case "kind" | "schema" | "name" | "object" | "temporary":
                return getattr(effect, name)
            case _:
                raise KeyError(name)

    def _request(self, name: str) -> object:
        request, identity = self.request, self.identity
        match name:
            case "environment" | "database" | "application":
                return getattr(request, name)
            case "address":
                return request.client_address
            case "user":
                return identity.user
            case "groups":
                return sorted(identity.groups)
            case "agent":
                return identity.agent or ""
            case "on_behalf_of":
                return identity.on_behalf_of or ""
            case _:
                raise KeyError(name)

    def _session(self, name: str) -> object:
        match name:
            case "denials":
                return self.request.denials
            case _:
                raise KeyError(name)

    def _time(self, name: str) -> object:
        now = datetime.fromtimestamp(self.request.now, UTC)
        match name:
            case "hour":
                return now.hour
            case "weekday":
                return now.isoweekday()
            case "date":
                return now.date().isoformat()
            case _:
                raise KeyError(name)


def _plain(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
