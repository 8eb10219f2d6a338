"""A catalog drawn from ``CREATE`` statements, without a server: for tests of policies.

Knows tables, partitions, views, sequences, enums, domains, composite types, functions, schemas
and comments; refuses everything else, so that a test never speaks of a schema it does not have.
OIDs are made up, in the order of the text. Not for the data path: what a real database holds is
read by ``control.catalog``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pglast import ast, parse_sql
from pglast.stream import RawStream
from pglast.visitors import Visitor

from govproxy.errors import ClientFault, Reason
from govproxy.sql.analyze import analyze
from govproxy.sql.catalog import Catalog, Column, Function, Relation, RelationKind, Type
from govproxy.sql.parse import UnparsableStatement, parse
from govproxy.sql.tree import Node
from govproxy.sql.types import ARRAY_OF, BUILTIN_TYPES, FIRST_USER_OID

DEFAULT_SCHEMA = "public"
SERVER_VERSION = 150000
_VOLATILITY = {"immutable": "i", "stable": "s", "volatile": "v"}
_SERIALS = {"serial": 23, "serial4": 23, "bigserial": 20, "serial8": 20, "smallserial": 21, "serial2": 21}


class NotDrawable(ClientFault):
    """Something in the text that a sketch cannot hold. ``position`` is a character offset."""

    sqlstate = "0A000"
    reason = Reason.NOT_SUPPORTED

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


def sketch(text: str, *, database: str = "sketch", rows: Mapping[str, float] | None = None) -> Catalog:
    """The catalog that ``text`` would make. ``rows`` are sizes of tables by ``schema.name``.

    Raises NotDrawable, which says where.
    """
    drawing = _Drawing(database)
    try:
        statements = parse(text)
    except UnparsableStatement as error:
        raise NotDrawable(str(error), error.position) from None
    for statement in statements:
        location = int(statement.get("stmt_location", 0))
        length = int(statement.get("stmt_len", 0)) or len(text.encode()) - location
        # libpg_query counts bytes.
        source = text.encode()[location : location + length].decode()
        try:
            drawing.draw(statement["stmt"], source)
        except NotDrawable as error:
            error.position = location + len(source) - len(source.lstrip())
            raise
    drawing.set_sizes(rows or {})
    return drawing.catalog()


class _Drawing:
    """What was drawn so far."""

    def __init__(self, database: str) -> None:
        self.database = database
        self.relations: dict[int, Relation] = {}
        self.functions: list[Function] = []
        self.types: dict[tuple[str, str], Type] = {}
        self._next = FIRST_USER_OID

    def catalog(self) -> Catalog:
        return Catalog.build(
            database=self.database,
            version="sketch",
            server_version=SERVER_VERSION,
            relations=self.relations.values(),
            functions=self.functions,
            types=self.types.values(),
        )

    def draw(self, wrapped: Node, source: str) -> None:
        ((kind, body),) = wrapped.items()
        match kind:
            case "CreateStmt":
                self._table(body)
            case "ViewStmt":
                self._view(body, source, RelationKind.VIEW)
            case "CreateTableAsStmt" if body.get("objtype") == "OBJECT_MATVIEW":
                self._view(body, source, RelationKind.MATERIALISED_VIEW)
            case "CreateSeqStmt":
                self._relation(body["sequence"], RelationKind.SEQUENCE, ())
            case "CreateEnumStmt":
                self._type(body["typeName"], "e", category="E", labels=tuple(_texts(body.get("vals", ()))))
            case "CreateDomainStmt":
                self._type(body["domainname"], "d", base=self._type_oid(body["typeName"]))
            case "CompositeTypeStmt":
                columns = self._columns(body.get("coldeflist", ()))[0]
                made = self._relation(body["typevar"], RelationKind.COMPOSITE, columns)
                self._put_type(
                    Type(oid=self._oid(), schema=made.schema, name=made.name, kind="c", relation_oid=made.oid)
                )
            case "CreateFunctionStmt":
                self._function(body)
            case "CommentStmt":
                self._comment(body)
            case "CreateSchemaStmt" if "schemaElts" not in body:
                pass
            case _:
                raise NotDrawable(f"{kind.removesuffix('Stmt')} cannot be part of a sketched schema")

    # ------------------------------------------------------------------ relations

    def _table(self, body: Node) -> None:
        columns, key, keyed = self._columns(body.get("tableElts", ()))
        parents = tuple(self._known(parent["RangeVar"]) for parent in body.get("inhRelations", ()))
        for parent in parents:
            # A partition has the columns of what it is a part of; a child those and its own.
            own = {column.name for column in columns}
            inherited = [column for column in parent.columns if column.name not in own]
            columns = tuple(replace(c, attnum=at) for at, c in enumerate((*inherited, *columns), 1))
            key = key or tuple(name for name in (c.name for c in parent.columns if c.attnum in parent.primary_key))
        numbers = {column.name: column.attnum for column in columns}
        made = self._relation(
            body["relation"],
            RelationKind.PARTITIONED if "partspec" in body else RelationKind.TABLE,
            tuple(
                replace(c, is_key=c.is_key or c.name in keyed or c.name in key, not_null=c.not_null or c.name in key)
                for c in columns
            ),
            primary_key=tuple(numbers[name] for name in key if name in numbers),
            parents=tuple(parent.oid for parent in parents),
        )
        for parent in parents:
            self.relations[parent.oid] = replace(parent, children=(*parent.children, made.oid))

    def _columns(self, elements: Sequence[Node]) -> tuple[tuple[Column, ...], tuple[str, ...], frozenset[str]]:
        """Columns, the names of the primary key, the names that are part of a foreign one."""
        columns: list[Column] = []
        key: tuple[str, ...] = ()
        keyed: set[str] = set()
        for element in elements:
            ((kind, body),) = element.items()
            match kind:
                case "ColumnDef":
                    column, primary = self._column(body, len(columns) + 1)
                    columns.append(column)
                    key = (column.name,) if primary else key
                case "Constraint":
                    key = tuple(_texts(body["keys"])) if body["contype"] == "CONSTR_PRIMARY" else key
                    keyed.update(_texts(body.get("fk_attrs", ())))
                case _:
                    raise NotDrawable(f"{kind} cannot be part of a sketched table")
        return tuple(columns), key, frozenset(keyed)

    def _column(self, body: Node, attnum: int) -> tuple[Column, bool]:
        kinds = {}
        for constraint in body.get("constraints", ()):
            kinds[constraint["Constraint"]["contype"]] = constraint["Constraint"]
        oid = self._type_oid(body["typeName"])
        base = oid
        while (domain := next((t for t in self.types.values() if t.oid == base and t.kind == "d"), None)) is not None:
            base = domain.base_oid
        column = Column(
            name=body["colname"],
            attnum=attnum,
            type_oid=oid,
            base_type_oid=base,
            typmod=-1,
            not_null=not kinds.keys().isdisjoint({"CONSTR_NOTNULL", "CONSTR_PRIMARY", "CONSTR_IDENTITY"}),
            is_key=not kinds.keys().isdisjoint({"CONSTR_PRIMARY", "CONSTR_FOREIGN"}),
            generated="CONSTR_GENERATED" in kinds,
        )
        return column, "CONSTR_PRIMARY" in kinds

    def _view(self, body: Node, source: str, kind: RelationKind) -> None:
        catalog = self.catalog()
        definition = _qualified(source, catalog)
        try:
            (facts,) = analyze(definition, catalog, ("pg_catalog",)).statements
        except UnparsableStatement as error:
            raise NotDrawable(str(error)) from None
        if facts.outputs is None or facts.unresolved:
            raise NotDrawable(f"the view reads what is not sketched: {', '.join(facts.unresolved) or 'its columns'}")
        name = body["view"] if kind is RelationKind.VIEW else body["into"]["rel"]
        aliases = list(_texts(body.get("aliases", ()))) or list(_texts(body.get("into", {}).get("colNames", ())))
        columns = []
        for attnum, output in enumerate(facts.outputs, 1):
            sources = [
                column
                for ref in output.sources
                for column in self.relations[ref.relation].columns
                if column.attnum == ref.attnum
            ]
            oid = sources[0].type_oid if len(sources) == 1 else BUILTIN_TYPES["text"]
            written = aliases[attnum - 1] if attnum <= len(aliases) else output.name
            columns.append(Column(name=written, attnum=attnum, type_oid=oid, base_type_oid=oid, typmod=-1))
        self._relation(name, kind, tuple(columns), definition=definition)

    def _relation(self, name: Node, kind: RelationKind, columns: tuple[Column, ...], **other: Any) -> Relation:
        schema, bare = name.get("schemaname", DEFAULT_SCHEMA), name["relname"]
        if any((known.schema, known.name) == (schema, bare) for known in self.relations.values()):
            raise NotDrawable(f"{schema}.{bare} is there already")
        made = Relation(oid=self._oid(), schema=schema, name=bare, kind=kind, columns=columns, **other)
        self.relations[made.oid] = made
        return made

    def _known(self, name: Node) -> Relation:
        schema, bare = name.get("schemaname", DEFAULT_SCHEMA), name["relname"]
        return self._named(schema, bare)

    def _named(self, schema: str, bare: str) -> Relation:
        for relation in self.relations.values():
            if (relation.schema, relation.name) == (schema, bare):
                return relation
        raise NotDrawable(f"{schema}.{bare} is not sketched (before this)")

    def set_sizes(self, rows: Mapping[str, float]) -> None:
        """``pg_class.reltuples``; tables not named were never analysed."""
        for name, size in rows.items():
            schema, _, bare = name.rpartition(".")
            relation = self._named(schema or DEFAULT_SCHEMA, bare)
            self.relations[relation.oid] = replace(relation, estimated_rows=float(size))

    # ------------------------------------------------------------------ the rest

    def _function(self, body: Node) -> None:
        options = {item["DefElem"]["defname"]: item["DefElem"].get("arg", {}) for item in body.get("options", ())}
        *schema, name = _texts(body["funcname"])
        parameters = [item["FunctionParameter"] for item in body.get("parameters", ())]
        inputs = [p for p in parameters if p.get("mode") not in ("FUNC_PARAM_OUT", "FUNC_PARAM_TABLE")]
        written = list(_texts(options.get("as", {}).get("List", {}).get("items", ())))
        self.functions.append(
            Function(
                oid=self._oid(),
                schema=schema[-1] if schema else DEFAULT_SCHEMA,
                name=name,
                kind="p" if body.get("is_procedure") else "f",
                volatility=_VOLATILITY[_text(options.get("volatility")) or "volatile"],
                language=_text(options.get("language")) or "sql",
                security_definer=_flag(options.get("security")),
                strict=_flag(options.get("strict")),
                returns_set=bool(body.get("returnType", {}).get("setof")),
                argument_types=tuple(self._type_oid(p["argType"]) for p in inputs),
                return_type=self._type_oid(body["returnType"]) if "returnType" in body else 2278,
                body=written[0] if written else None,
                argument_names=tuple(p.get("name", "") for p in inputs) if inputs == parameters else (),
                optional=sum("defexpr" in p for p in inputs),
            )
        )

    def _comment(self, body: Node) -> None:
        parts = list(_texts(body["object"].get("List", {}).get("items", ())))
        match body["objtype"]:
            case "OBJECT_TABLE" | "OBJECT_VIEW" | "OBJECT_MATVIEW":
                *schema, name = parts
                relation = self._named(schema[-1] if schema else DEFAULT_SCHEMA, name)
                self.relations[relation.oid] = replace(relation, comment=body.get("comment"))
            case "OBJECT_COLUMN":
                *schema, name, column = parts
                relation = self._named(schema[-1] if schema else DEFAULT_SCHEMA, name)
                if relation.column(column) is None:
                    raise NotDrawable(f"{relation.schema}.{name}.{column} is not sketched")
                columns = tuple(
                    replace(c, comment=body.get("comment")) if c.name == column else c for c in relation.columns
                )
                self.relations[relation.oid] = replace(relation, columns=columns)
            case other:
                raise NotDrawable(f"comments on {other.removeprefix('OBJECT_').lower()} are not sketched")

    def _type(self, names: Sequence[Node], kind: str, *, category: str = "U", base: int = 0, labels: Any = ()) -> None:
        *schema, name = _texts(names)
        made = Type(
            oid=self._oid(),
            schema=schema[-1] if schema else DEFAULT_SCHEMA,
            name=name,
            kind=kind,
            category=category,
            base_oid=base,
            enum_labels=labels,
        )
        self._put_type(made)

    def _put_type(self, made: Type) -> None:
        self.types[made.schema, made.name] = made

    def _type_oid(self, node: Node) -> int:
        *schema, name = _texts(node.get("names", ()))
        known = self.types.get((schema[-1] if schema else DEFAULT_SCHEMA, name))
        if known is not None:
            oid = known.oid
        elif name in BUILTIN_TYPES and (not schema or schema[-1] == "pg_catalog"):
            oid = BUILTIN_TYPES[name]
        elif name in _SERIALS:
            oid = _SERIALS[name]
        elif name in ("void", "trigger", "record"):
            oid = {"void": 2278, "trigger": 2279, "record": 2249}[name]
        else:
            raise NotDrawable(f"type {name} is neither built in nor sketched (before this)")
        return ARRAY_OF.get(oid, 0) if node.get("arrayBounds") else oid

    def _oid(self) -> int:
        self._next += 1
        return self._next


class _Terms(Visitor):
    """The names that WITH gives."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def visit_CommonTableExpr(self, ancestors: object, node: Any) -> None:
        self.names.add(node.ctename)


class _Qualify(Visitor):
    """Gives every relation its schema, as ``pg_get_viewdef`` prints it."""

    def __init__(self, catalog: Catalog, terms: set[str]) -> None:
        super().__init__()
        self.catalog = catalog
        self.terms = terms

    def visit_RangeVar(self, ancestors: object, node: Any) -> None:
        if node.schemaname is None and node.relname not in self.terms:
            found = self.catalog.resolve(None, node.relname, (DEFAULT_SCHEMA,))
            node.schemaname = found[0].schema if found else DEFAULT_SCHEMA


def _qualified(source: str, catalog: Catalog) -> str:
    statement = parse_sql(source)[0].stmt
    query = statement.query if isinstance(statement, ast.ViewStmt | ast.CreateTableAsStmt) else None
    if not isinstance(query, ast.SelectStmt):
        raise NotDrawable("a view of anything but a query cannot be sketched")
    terms = _Terms()
    terms(query)
    _Qualify(catalog, terms.names)(query)
    return str(RawStream()(query))


def _texts(nodes: Sequence[Node]) -> Iterator[str]:
    for node in nodes:
        if "String" in node:
            yield str(node["String"].get("sval", ""))


def _text(node: Node | None) -> str:
    return next(_texts([node]), "") if node else ""


def _flag(node: Node | None) -> bool:
    return bool((node or {}).get("Boolean", {}).get("boolval", False))
