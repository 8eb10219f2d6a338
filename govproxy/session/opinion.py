"""``lineage: strict``: the database's own opinion of a statement, asked for before it is judged.

A bare Parse makes PostgreSQL analyse and rewrite a text and, with a setting, print the tree. Nothing
runs by it. Which queries are asked about and what becomes of the answer is `sql.agreement`.
"""

from __future__ import annotations

from functools import cached_property

from govproxy.session.asking import Answer, Wanted
from govproxy.session.copying import PROBE
from govproxy.session.messages import fields_of
from govproxy.sql.agreement import agreed, uncertain
from govproxy.sql.asked import queries
from govproxy.sql.catalog import Catalog
from govproxy.sql.values import Analysis
from govproxy.wire.frontend import Target, encode_close, encode_parse

# The last one makes the database print, so that it does not print what sets the others.
SETTINGS = (
    ("client_min_messages", "log"),
    ("debug_pretty_print", "off"),
    ("debug_print_parse", "off"),
    ("debug_print_rewritten", "on"),
)
TITLE = b"rewritten parse tree:"
MAX_ASKED = 64


class Opinion:
    """What is asked about one text, and what becomes of the answer. ``declared``: the types of parameters
    as Parse gave them, four bytes each."""

    def __init__(self, text: bytes, codec: str, declared: bytes, analysis: Analysis, catalog: Catalog) -> None:
        self._codec = codec
        self._analysis = analysis
        self._catalog = catalog
        self._declared = tuple(int.from_bytes(declared[at : at + 4], "big") for at in range(0, len(declared), 4))
        copied = analysis.copy_out.query if analysis.copy_out is not None else None
        self._asked = queries(text.decode(codec), copied)

    @property
    def is_wanted(self) -> bool:
        """Whether there is anything that the database could say, and not too much of it."""
        return 0 < self._count <= MAX_ASKED

    @cached_property
    def _count(self) -> int:
        return sum(query is not None for query in self._asked)

    @property
    def question(self) -> Wanted:
        """A bare Parse of each query."""
        close = encode_close(Target.STATEMENT, PROBE)
        asked = [
            encode_parse(query.encode(self._codec), name=PROBE, parameter_types=self._declared) + close
            for query in self._asked
            if query is not None
        ]
        return Wanted(settings=SETTINGS, asked=b"".join(asked), closes=len(asked))

    @property
    def without_answer(self) -> Analysis:
        """What is left where nothing could be asked."""
        return uncertain(self._analysis) if self._count else self._analysis

    def agreed(self, answer: Answer) -> Analysis:
        """Analysis and the database together.

        Security: what the database finds wrong with a text will show again when it runs. In case it does
        not, nothing that comes back then is known.
        """
        if answer.error is not None:
            return self.without_answer
        found = [fields_of(notice) for notice in answer.notices]
        trees = [fields.get("D", b"") for fields in found if fields.get("M") == TITLE]
        return agreed(self._analysis, self._asked, trees, self._catalog)
