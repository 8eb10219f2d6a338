"""From what analysis knows of a COPY … TO STDOUT to what the data plane needs to mask its rows.

Rows of COPY have no description. So the proxy asks for the one of the query behind them, on the
client's own connection and just before, and keeps the answer to itself.
"""

from __future__ import annotations

from govproxy._fastpath.copyrows import CopyOptions
from govproxy.errors import UnsupportedEncoding
from govproxy.session.parameters import ENCODINGS, safe_encoding
from govproxy.sql.values import CopyOut
from govproxy.wire.frontend import Target, encode_close, encode_describe, encode_parse

# Under which name the database knows the query for the moment of the question.
PROBE = "govproxy probe"


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
