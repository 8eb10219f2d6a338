"""What tracing the body of a routine has found, as far as it concerns a caller.

Knows nothing of how bodies are read.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from govproxy.sql import functions
from govproxy.sql.arguments import Asked, is_stand_in
from govproxy.sql.catalog import ColumnRef
from govproxy.sql.findings import Findings
from govproxy.sql.scope import Value
from govproxy.sql.values import Comparison, Derivation

_DOES_MORE = frozenset({*functions.DANGERS, *functions.DANGERS_OF_EXTENSIONS, "current_query"})


class BodyFindings(Findings):
    """Findings of a body. ``met``: columns compared with something that its author did not write out."""

    def __init__(self, work: int | None = None) -> None:
        super().__init__(work)
        self.met: set[ColumnRef] = set()
        self.failing: set[ColumnRef] = set()

    def use(self, value: Value, comparison: Comparison) -> None:
        """See `Findings.use`."""
        super().use(value, comparison)
        if value.derivation is not Derivation.PLAIN and not value.stored:
            relations = {ref.relation for ref in value.sources}
            if len(relations) > 1:
                self.met |= value.sources

    def join(self, left: Value, right: Value) -> None:
        """See `Findings.join`."""
        super().join(left, right)
        self.met |= left.sources | right.sources

    def fails(self, value: Value) -> None:
        """See `Findings.fails`."""
        super().fails(value)
        self.failing |= value.sources

    def together(self, values: Sequence[Value]) -> None:
        """See `Findings.together`."""
        with_sources = [value.sources for value in values if value.sources]
        if len(with_sources) > 1:
            self.met.update(*with_sources)

    def meet(self, columns: Set[ColumnRef]) -> None:
        """See `Findings.meet`.

        Security: what this body hands to another one may be compared there with what that one reads, or the other
        way round; neither was written out by an author.
        """
        if len({ref.relation for ref in columns}) > 1:
            self.met |= columns

    def asked(self) -> frozenset[Asked]:
        """The uses that a caller answers for."""
        return frozenset(
            (use.column, use.comparison, use.partner)
            for use in self.uses
            if is_stand_in(use.column) or use.partner is not None or use.column in self.met
        )

    def does_more(self) -> bool:
        """Whether code does more than to compute: stores, waits, locks, tells the text of the statement, or is opaque.

        Security: a statement that has a masked value sent in the place of a client's must not be shown by it.
        """
        names = {use.name for use in self.functions}
        return self.opaque or bool(self.flows) or not names.isdisjoint(_DOES_MORE)
