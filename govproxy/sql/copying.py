"""What COPY sends over the wire: the form of its rows, and, of those copied out, the query whose result they are.

Rows of COPY come without a description, so whoever masks them has to know their form beforehand
and to ask for the description of the query instead. Knows nothing of the wire.

Security: an option that is not understood gives no answer at all. A row read by another delimiter
than it was written with would be masked in the wrong places.
"""

from __future__ import annotations

from collections.abc import Mapping

from govproxy.sql.catalog import Catalog
from govproxy.sql.parse import Token, scan
from govproxy.sql.tree import Node, field_names
from govproxy.sql.values import CopyForm, CopyIn, CopyOut

_TRUE = frozenset({"true", "on", "1"})
_FALSE = frozenset({"false", "off", "0"})
_OPTIONS = frozenset({"format", "delimiter", "null", "header", "quote", "escape", "force_quote", "encoding"})
# Options of COPY FROM that change nothing about where a field stands and what is in it.
_HARMLESS = frozenset(
    {"freeze", "force_not_null", "force_null", "default", "on_error", "log_verbosity", "reject_limit"}
)
_COMMENTS = frozenset({"SQL_COMMENT", "C_COMMENT"})


def copy_out(text: str, statements: list[Node], catalog: Catalog) -> CopyOut | None:
    """What the text copies out, None where it is not one COPY … TO STDOUT that is understood.

    ``search_path`` does not matter: the query names what the statement names.
    """
    if len(statements) != 1:
        return None
    body = statements[0]["stmt"].get("CopyStmt")
    if body is None or body.get("is_from") or body.get("is_program") or "filename" in body:
        return None
    form = _form(body.get("options", []))
    query = _between_brackets(text, scan(text)) if "query" in body else _of_table(body, catalog)
    return None if form is None or query is None else CopyOut(query=query, form=form)


def copy_in(statements: list[Node]) -> CopyIn | None:
    """What the text copies in from the client. Of several such statements in one text no form is given."""
    bodies = [statement["stmt"].get("CopyStmt") for statement in statements]
    found = [body for body in bodies if body is not None and body.get("is_from")]
    found = [body for body in found if not body.get("is_program") and "filename" not in body]
    if not found:
        return None
    form = _form(found[0].get("options", []), _OPTIONS | _HARMLESS) if len(found) == 1 else None
    return CopyIn(columns=tuple(field_names(found[0].get("attlist", []))), form=form)


def _between_brackets(text: str, tokens: list[Token]) -> str | None:
    """The query of ``COPY ( query ) TO``, letter by letter."""
    written = [token for token in tokens if token.name not in _COMMENTS]
    if len(written) < 2 or written[0].name != "COPY" or written[1].name != "ASCII_40":
        return None
    depth = 0
    for token in written[1:]:
        depth += {"ASCII_40": 1, "ASCII_41": -1}.get(token.name, 0)
        if depth == 0:
            return text[written[1].end + 1 : token.start]
    return None


def _of_table(body: Node, catalog: Catalog) -> str:
    """A query of the columns that COPY of a table sends: all but the generated ones, or those listed."""
    relation = body["relation"]
    names = list(field_names(body.get("attlist", [])))
    if not names:
        names = plain_columns(relation, catalog)
    columns = ", ".join(_quoted(name) for name in names) or "*"
    parts = [relation[part] for part in ("catalogname", "schemaname", "relname") if part in relation]
    return f"SELECT {columns} FROM ONLY {'.'.join(_quoted(part) for part in parts)}"


def plain_columns(relation: Node, catalog: Catalog) -> list[str]:
    """The columns of a relation that are not generated, where every relation of that name has the same."""
    schema, name = relation.get("schemaname"), relation["relname"]
    oids = catalog.by_bare_name.get(name, ()) if schema is None else ()
    oid = catalog.by_name.get((schema, name)) if schema is not None else None
    found = [catalog.relations[o] for o in (oids if schema is None else [oid] if oid is not None else [])]
    lists = {tuple(column.name for column in r.columns if not column.generated) for r in found}
    generated = any(column.generated for r in found for column in r.columns)
    # Where nothing is generated, a star is the same, also for a table that is newer than the catalog.
    return list(lists.pop()) if generated and len(lists) == 1 else []


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _form(options: list[Node], known: frozenset[str] = _OPTIONS) -> CopyForm | None:
    said: dict[str, Node] = {}
    for option in options:
        body = option.get("DefElem", {})
        said[str(body.get("defname"))] = body.get("arg", {})
    if not said.keys() <= known:
        return None
    kind = _string(said, "format", "text")
    if kind not in ("text", "csv", "binary"):
        return None
    csv = kind == "csv"
    delimiter = _string(said, "delimiter", "," if csv else "\t")
    quote = _string(said, "quote", '"')
    escape = _string(said, "escape", quote or '"')
    null = _string(said, "null", "" if csv else "\\N")
    header = _flag(said["header"]) if "header" in said else False
    encoding = _string(said, "encoding", "")
    if delimiter is None or quote is None or escape is None or null is None or header is None or encoding is None:
        return None
    if any(len(single) != 1 or not single.isascii() for single in (delimiter, quote, escape)):
        return None
    return CopyForm(
        format=kind,
        delimiter=delimiter,
        null=null,
        header=header and kind != "binary",
        quote=quote,
        escape=escape,
        encoding=encoding or None,
    )


def _string(said: Mapping[str, Node], name: str, default: str) -> str | None:
    if name not in said:
        return default
    string = said[name].get("String")
    return None if string is None else str(string.get("sval", ""))


def _flag(arg: Node) -> bool | None:
    if not arg:
        return True
    if "Boolean" in arg:
        return bool(arg["Boolean"].get("boolval", False))
    if "Integer" in arg:
        number = int(arg["Integer"].get("ival", 0))
        return bool(number) if number in (0, 1) else None
    word = str(arg.get("String", {}).get("sval", "?")).lower()
    return True if word in _TRUE or word == "match" else False if word in _FALSE else None
