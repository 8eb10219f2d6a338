"""How many rows a statement will touch, asked of the planner before it is judged, where a rule wants to know.

EXPLAIN plans and runs nothing. Which statements may be planned, and what a plan says, is
`sql.estimating`. With parameters the question is asked at Bind, with their values.
"""

from __future__ import annotations

from govproxy.session.asking import Answer, Wanted, run
from govproxy.session.copying import PROBE
from govproxy.sql.catalog import Catalog
from govproxy.sql.estimating import parameters, rows_in, table_asked_about, with_rows
from govproxy.sql.values import Analysis
from govproxy.wire.cursor import Reader
from govproxy.wire.frontend import Target, encode_bind, encode_close, encode_execute, encode_parse

EXPLAIN = "EXPLAIN (FORMAT JSON) "
# A plan of parallel workers tells the rows of one of them.
SETTINGS = (("statement_timeout", "'5s'"), ("lock_timeout", "'1s'"), ("max_parallel_workers_per_gather", "0"))


class Estimate:
    """What is asked about one text. ``declared`` as Parse gave types of parameters, four bytes each; ``binding``
    the payload of the Bind that is judged, b'' of a Parse, None where there are no values to be had."""

    def __init__(
        self, text: bytes, codec: str, analysis: Analysis, catalog: Catalog, declared: bytes, binding: bytes | None
    ) -> None:
        self._codec = codec
        self._text = text.decode(codec)
        self._analysis = analysis
        self._types = tuple(int.from_bytes(declared[at : at + 4], "big") for at in range(0, len(declared), 4))
        self._binding = binding
        self._table = table_asked_about(self._text, analysis, catalog)
        self._has_parameters = self._table is not None and parameters(self._text)

    @property
    def is_wanted(self) -> bool:
        """Whether the planner can say something now."""
        return self._table is not None and (bool(self._binding) or not self._has_parameters)

    @property
    def comes_with_values(self) -> bool:
        """Whether this is a Parse, and the planner can say something once its parameters have values."""
        return self._has_parameters and self._binding == b""

    @property
    def question(self) -> Wanted:
        """EXPLAIN of the very text."""
        if not self._has_parameters:
            return Wanted(
                settings=SETTINGS, asked=run(EXPLAIN + self._text, self._codec), closes=2, prefix=len(EXPLAIN)
            )
        asked = (
            encode_parse((EXPLAIN + self._text).encode(self._codec), name=PROBE, parameter_types=self._types)
            + self._bound()
            + encode_execute(PROBE)
            + encode_close(Target.PORTAL, PROBE)
            + encode_close(Target.STATEMENT, PROBE)
        )
        return Wanted(settings=SETTINGS, asked=asked, closes=2, prefix=len(EXPLAIN))

    def _bound(self) -> bytes:
        """A Bind with the client's values."""
        reader = Reader(self._binding or b"")
        reader.cstring()
        reader.cstring()
        formats = tuple(reader.int16() for _ in range(reader.uint16()))
        values: list[bytes | None] = []
        for _ in range(reader.uint16()):
            size = reader.int32()
            values.append(None if size == -1 else reader.take(size))
        return encode_bind(portal=PROBE, statement=PROBE, values=values, parameter_formats=formats)

    def weighed(self, answer: Answer) -> Analysis:
        """The analysis with the planner's figure; without it where there is none, and the catalog's bound stands."""
        rows = None if answer.error is not None or len(answer.rows) != 1 else rows_in(_only(answer.rows[0]))
        if rows is None or self._table is None:
            return self._analysis
        return with_rows(self._analysis, self._table, rows)


def _only(row: bytes) -> bytes:
    reader = Reader(row)
    return reader.take(reader.int32()) if reader.uint16() == 1 else b""
