"""From what analysis knows of a COPY to what the data plane needs to mask its rows, or to look at them on their way in.

Rows of COPY have no description. So the proxy asks for the one of the query behind them, on the
client's own connection and just before, and keeps the answer to itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from govproxy._fastpath.copyguard import CopyGuard
from govproxy._fastpath.copyrows import CopyOptions
from govproxy.errors import NotSupported, UnsupportedEncoding
from govproxy.session.bound import Guard
from govproxy.session.obligations import Obligations
from govproxy.session.parameters import ENCODINGS, safe_encoding
from govproxy.sql.catalog import Relation
from govproxy.sql.values import Analysis, CopyIn, CopyOut
from govproxy.wire.frontend import Target, encode_close, encode_describe, encode_parse

# Under which name the database knows the query for the moment of the question.
PROBE = "govproxy probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """What the data plane is to do with copied rows: mask those that go out, watch those that come in."""

    out: CopyOptions | None = None
    guard: CopyGuard | None = None


NO_COPIES = Copies()


def copies(analysis: Analysis, obligations: Obligations, codec: str, *, clear: bool) -> Copies:
    """What a statement that may run asks of the data plane. Raises as `options` and `guard` do."""
    out = options(analysis.copy_out, codec) if analysis.copy_out is not None else None
    watched = (
        guard(analysis.copy_in, obligations.written, obligations.guarded(), codec)
        if analysis.copy_in is not None and not clear
        else None
    )
    return Copies(out=None if clear else out, guard=watched)


def options(copied: CopyOut, codec: str) -> CopyOptions:
    """How the rows are written, in bytes. Raises `UnsupportedEncoding`.

    Security: in an encoding whose characters hold bytes below 0x80, a delimiter could be half a letter.
    """
    form = copied.form
    written = codec if form.encoding is None else ENCODINGS[safe_encoding(form.encoding)]
    if written is None:
        raise UnsupportedEncoding(f'COPY in encoding "{form.encoding}" cannot be masked', hint="Use UTF8.")
    return CopyOptions(
        format=form.format,
        delimiter=form.delimiter.encode(),
        quote=form.quote.encode(),
        escape=form.escape.encode(),
        null=form.null.encode(written, "replace"),
        header=form.header,
        probe=encode_parse(copied.query.encode(codec), name=PROBE)
        + encode_describe(Target.STATEMENT, PROBE)
        + encode_close(Target.STATEMENT, PROBE),
    )


def guard(
    copied: CopyIn, relations: Sequence[Relation], guards: Mapping[tuple[int, str], Guard], codec: str
) -> CopyGuard | None:
    """What looks for masked values in the rows that are copied in, None where no column is watched.

    Raises `NotSupported` where a column is watched and the rows cannot be read.
    """
    places: dict[int, list[Guard]] = {}
    for relation in relations:
        names = copied.columns or tuple(column.name for column in relation.columns if not column.generated)
        for place, name in enumerate(names):
            if (relation.oid, name) in guards:
                places.setdefault(place, []).append(guards[relation.oid, name])
    if not places:
        return None
    form = copied.form
    written = None if form is None else codec if form.encoding is None else ENCODINGS[safe_encoding(form.encoding)]
    if form is None or written is None:
        raise NotSupported(
            "rows copied into columns that are shown masked cannot be read in this form",
            hint="Use one COPY in one statement, its documented options, and encoding UTF8.",
        )
    return CopyGuard(
        format=form.format,
        delimiter=form.delimiter.encode(),
        quote=form.quote.encode(),
        escape=form.escape.encode(),
        watched={
            place: (several[0].label, _recogniser(several, form.format == "binary"))
            for place, several in places.items()
        },
    )


def _recogniser(guards: Sequence[Guard], binary: bool) -> Callable[[bytes], bool]:
    def recognises(value: bytes) -> bool:
        return any(guard.form.recognises(value, binary=binary) for guard in guards)

    return recognises
