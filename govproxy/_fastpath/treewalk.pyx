"""Two passes over a raw parse tree as plain dicts, for a text that the verdict cache does not know.

``Walk`` goes to every leaf and collects what is read, written, locked, called and not known;
``Constants`` finds the literals in harmless places. Which node types there are, and which places are
harmless, is told by whoever makes them (``sql.tree``, ``sql.folding``): here is only the going. The
plain-Python twins stand in tests/reference/trees.py.

Security: the walk is an allow-list. A node type, or a field of a fixed type, that is not in the tables
goes to ``unknown``, and nothing below it is taken for understood.
"""

cimport cython

cdef enum:
    LEAF = 1
    COLUMN = 2
    PLAIN = 3          # to be gone through, nothing to note
    NOTED = 4
    RELATION = 5
    SELECT = 6
    WRITE = 7

cdef dict KINDS = {
    "leaf": LEAF, "column": COLUMN, "plain": PLAIN, "noted": NOTED, "relation": RELATION, "select": SELECT,
    "write": WRITE,
}
cdef dict NO_CTES = {}


@cython.final
cdef class Grammar:
    """Node types by what is to be done with them, and the types of fields whose bodies come bare."""

    def __init__(
        self, dict kinds not None, dict fixed not None, dict shared not None, frozenset sampling not None, int max_ctes,
        write not None, locks not None,
    ):
        self.kinds = {name: KINDS[what] for name, what in kinds.items()}
        self.fixed = fixed
        self.shared = shared
        self.sampling = sampling
        self.max_ctes = max_ctes
        self.write = write
        self.locks = locks


@cython.final
cdef class Walk:
    """Collects while it goes; see the attributes in the .pxd. One object may walk several trees."""

    def __init__(self, Grammar grammar not None):
        self.grammar = grammar
        self.reads = []
        self.writes = []
        self.locks = []
        self.creates = []
        self.calls = []
        self.operators = []
        self.columns = []
        self.unknown = []
        self.todo = []

    def visit(self, node not None, dict ctes=NO_CTES):
        """Walk ``node`` (wrapped, or a list of wrapped nodes) to its last leaf."""
        self.push("", "", node, ctes)
        self.run()

    def visit_fields(self, str kind not None, dict body not None, tuple skip=()):
        """Walk what a statement's bare body holds. Targets (bare RangeVars) are the statement's own business."""
        self.fields(kind, body, NO_CTES, skip)
        self.run()

    cdef int run(self) except -1:
        cdef list todo = self.todo
        cdef dict kinds = self.grammar.kinds
        cdef dict body, seen
        cdef str kind
        cdef int what
        while todo:
            kind, body, seen = <tuple>todo.pop()
            found = kinds.get(kind)
            what = 0 if found is None else <int>found
            if what == LEAF:
                pass
            elif what == COLUMN:
                self.columns.append(names_in(<list?>body["fields"]))
            elif what == PLAIN:
                self.fields(kind, body, seen, ())
            elif what == NOTED:
                self.note(kind, body)
                self.fields(kind, body, seen, ())
            elif what == RELATION:
                if "schemaname" in body or body["relname"] not in seen:
                    self.reads.append(body)
            elif what == SELECT:
                seen = self.terms(body, seen)
                if "intoClause" in body:
                    self.creates.append(body["intoClause"])
                for clause in body.get("lockingClause", ()):
                    self.locks.extend(
                        self.grammar.locks(clause["LockingClause"], body.get("fromClause", []), seen)
                    )
                self.fields(kind, body, seen, ("withClause", "intoClause", "lockingClause"))
            elif what == WRITE:
                seen = self.terms(body, seen)
                self.writes.append(self.grammar.write(kind, body, seen))
                self.fields(kind, body, seen, ("withClause", "relation"))
            else:
                self.unknown.append(kind)
        return 0

    cdef int note(self, str kind, dict body) except -1:
        if kind == "FuncCall":
            self.calls.append(body)
        elif kind == "A_Expr":
            self.operator(body.get("name"))
        elif kind == "SubLink":
            self.operator(body.get("operName"))
        elif kind == "SortBy":
            self.operator(body.get("useOp"))
        elif kind == "JoinExpr":
            # A comparison that names no column, or names it without a reference.
            if body.get("isNatural"):
                self.columns.append(["*"])
            if "usingClause" in body:
                self.columns.extend([[name] for name in names_in(<list?>body["usingClause"])])
        elif kind == "RangeTableSample":
            method = names_in(<list?>body["method"])
            if method[len(method) - 1] not in self.grammar.sampling:
                self.unknown.append("TABLESAMPLE method")
        return 0

    cdef int operator(self, name) except -1:
        cdef list names
        if name is not None and len(<list?>name) > 1:
            names = names_in(<list?>name)
            self.operators.append((names[len(names) - 2], names[len(names) - 1]))
        return 0

    cdef dict terms(self, dict body, dict ctes):
        # The CTEs that ``body`` sees, after walking each with those that it sees itself.
        cdef dict clause, seen, cte
        cdef list expressions
        found = body.get("withClause")
        if found is None:
            return ctes
        clause = found
        expressions = [item["CommonTableExpr"] for item in clause["ctes"]]
        if len(expressions) > self.grammar.max_ctes:
            self.unknown.append("WithClause of very many")
            return ctes
        seen = dict(ctes)
        if clause.get("recursive"):
            for cte in expressions:
                seen[cte["ctename"]] = cte["ctequery"]
        for cte in expressions:
            self.fields("CommonTableExpr", cte, seen, ())
            # Without RECURSIVE a CTE sees those before it, and its own name still means the relation.
            seen = {**seen, cte["ctename"]: cte["ctequery"]}
        return seen

    cdef int fields(self, str kind, dict body, dict ctes, tuple skip) except -1:
        cdef list todo = self.todo
        cdef Py_ssize_t start = len(todo)
        cdef Py_ssize_t end
        for field, value in body.items():
            if (type(value) is dict or type(value) is list) and (not skip or field not in skip):
                self.push(kind, field, value, ctes)
        end = len(todo) - 1
        while start < end:   # the first comes off the stack first
            todo[start], todo[end] = todo[end], todo[start]
            start += 1
            end -= 1
        return 0

    cdef int push(self, str kind, str field, value, dict ctes) except -1:
        cdef str name
        if type(value) is list:
            for item in <list>value:
                if type(item) is dict or type(item) is list:
                    self.push(kind, field, item, ctes)
            return 0
        for name, body in (<dict>value).items():
            if u"A" <= name[0] <= u"Z":
                self.todo.append((name, body, ctes))
            else:
                self.push_fixed(kind, field, <dict>value, ctes)
                break
        return 0

    cdef int push_fixed(self, str kind, str field, dict value, dict ctes) except -1:
        fixed = self.grammar.shared.get((kind, field))
        if fixed is None:
            fixed = self.grammar.fixed.get(field)
        if fixed is None:
            self.unknown.append(f"{kind}.{field}")
        elif fixed != "RangeVar":  # a bare RangeVar is a target, which its statement names itself
            self.todo.append((fixed, value, ctes))
        return 0


cdef list names_in(list fields):
    # The names in a list of String nodes; a star is ``*``, anything else an empty string.
    cdef list names = []
    cdef dict item
    for item in fields:
        found = item.get("String")
        if found is not None:
            names.append(str((<dict>found).get("sval", "")))
        else:
            names.append("*" if "A_Star" in item else "")
    return names


def field_names(fields not None):
    """The names in a list of String nodes; a star is ``*``, anything else an empty string."""
    return names_in(<list>fields if type(fields) is list else list(fields))


cdef enum:
    OPERATION = 1
    BOOLEAN = 2
    INSERT = 3
    UPDATE = 4
    DELETE = 5
    COUNT = 6          # LIMIT and OFFSET

cdef dict SPECIAL = {
    "A_Expr": OPERATION, "BoolExpr": BOOLEAN, "InsertStmt": INSERT, "UpdateStmt": UPDATE, "DeleteStmt": DELETE,
    "limitCount": COUNT, "limitOffset": COUNT,
}


@cython.final
cdef class Constants:
    """Constants by their byte offsets. ``pinned`` wins: what was seen in a place that matters is never folded.

    ``comparisons`` and ``arithmetic`` are names of operators whose right or left side is data beside a column,
    ``user_operators`` those that somebody else may have defined; ``plain`` are the types that a constant may be
    cast to, ``shadowed`` those of them that may mean another type where they are not qualified.
    """

    def __init__(
        self, frozenset comparisons not None, frozenset arithmetic not None, frozenset user_operators not None,
        frozenset plain not None, frozenset shadowed not None,
    ):
        self.found = set()
        self.pinned = set()
        self.comparisons = comparisons
        self.arithmetic = arithmetic
        self.user_operators = user_operators
        self.plain = plain
        self.shadowed = shadowed

    def look(self, node not None, bint writing):
        """Look at everything below ``node``. ``writing``: in a WHERE on which a write depends."""
        self.walk(node, writing)

    cdef int walk(self, node, bint writing) except -1:
        # Without recursion where nothing special is: most nodes of a tree are neither here nor there.
        cdef list todo = [node]
        cdef object what
        while todo:
            node = todo.pop()
            if type(node) is list:
                todo.extend(<list>node)
            elif type(node) is dict:
                for kind, body in (<dict>node).items():
                    if type(body) is dict:
                        what = SPECIAL.get(kind)
                        if what is None:
                            todo.append(body)
                        else:
                            self.special(<int>what, <dict>body, writing, todo)
                    elif type(body) is list:
                        todo.append(body)
        return 0

    cdef int special(self, int what, dict body, bint writing, list todo) except -1:
        if what == OPERATION:
            self.operation(body, writing)
        elif what == BOOLEAN:
            if writing and body.get("boolop") != "AND_EXPR":
                # Which rows `a > 1 OR a <= 2` means depends on the numbers: nothing below folds.
                self.pin(body)
            else:
                todo.append(body)
        elif what == INSERT:
            self.insert(body, writing)
        elif what == UPDATE:
            self.update(body)
        elif what == DELETE:
            self.walk(body, True)
        elif what == COUNT:
            self.data(body)
        else:
            raise AssertionError(what)
        return 0

    cdef int operation(self, dict body, bint writing) except -1:
        cdef dict left = part(body, "lexpr")
        cdef dict right = part(body, "rexpr")
        cdef bint equal
        operator = operator_of(body)
        kind = body.get("kind")
        if operator is not None and operator not in self.user_operators:
            equal = operator == "="
            if kind == "AEXPR_OP" and operator in self.comparisons and (equal or not writing):
                if is_column(left):
                    self.data(right)
                elif is_column(right):
                    self.data(left)
            elif is_column(left) and (
                (kind == "AEXPR_IN" and equal)
                or (kind == "AEXPR_BETWEEN" and not writing and self.ranges_are_known())
            ):
                for item in part(right, "List").get("items", ()):
                    # A list of texts may say `flag IN ('t', 'f')`, which is every row: it matters in a write.
                    if not writing or is_number(<dict?>item):
                        self.data(<dict?>item)
            elif kind in ("AEXPR_LIKE", "AEXPR_ILIKE") and not writing and is_column(left):
                self.data(right)
        self.walk(left, writing)
        self.walk(right, writing)
        return 0

    cdef bint ranges_are_known(self) except -1:
        for name in ("<", "<=", ">", ">="):
            if name in self.user_operators:
                return False
        return True

    cdef int insert(self, dict body, bint writing) except -1:
        for row in part(part(body, "selectStmt"), "SelectStmt").get("valuesLists", ()):
            for cell in part(<dict?>row, "List").get("items", ()):
                self.data(<dict?>cell)
        conflict = body.get("onConflictClause")
        if conflict is not None:
            self.pin(conflict)
        self.walk({key: value for key, value in body.items() if key != "onConflictClause"}, writing)
        return 0

    cdef int update(self, dict body) except -1:
        cdef dict assigned, expression, left, right
        for target in body.get("targetList", ()):
            assigned = part(part(<dict?>target, "ResTarget"), "val")
            self.data(assigned)
            expression = part(assigned, "A_Expr")
            operator = operator_of(expression)
            if (
                expression.get("kind") == "AEXPR_OP"
                and operator in self.arithmetic
                and operator not in self.user_operators
            ):
                left, right = part(expression, "lexpr"), part(expression, "rexpr")
                if is_column(left):
                    self.data(right)
                elif is_column(right):
                    self.data(left)
        self.walk(body, True)
        return 0

    cdef int data(self, dict node) except -1:
        # Note a constant, plain or under one plain cast.
        cdef dict cast, type_name
        cdef list names
        found = node.get("TypeCast")
        if found is not None:
            cast = found
            type_name = part(cast, "typeName")
            names = names_in(<list?>type_name.get("names", []))
            if not names or names[len(names) - 1] not in self.plain or type_name.get("arrayBounds"):
                return 0
            if not (len(names) == 2 and names[0] == "pg_catalog") and names[len(names) - 1] in self.shadowed:
                return 0
            node = part(cast, "arg")
        found = node.get("A_Const")
        if found is not None:
            self.found.add((<dict>found).get("location", 0))
        return 0

    cdef int pin(self, node) except -1:
        # Every constant below, wherever it stands.
        cdef list todo = [node]
        while todo:
            node = todo.pop()
            if type(node) is list:
                todo.extend(<list>node)
            elif type(node) is dict:
                for kind, body in (<dict>node).items():
                    if kind == "A_Const" and type(body) is dict:
                        self.pinned.add((<dict>body).get("location", 0))
                    else:
                        todo.append(body)
        return 0


cdef dict part(dict node, str name):
    # The dict under that name, an empty one where there is none.
    found = node.get(name)
    return {} if found is None else <dict?>found


cdef object operator_of(dict body):
    names = body.get("name")
    if names is None or len(<list?>names) != 1:
        return None  # OPERATOR(schema.=): not ours to judge
    return part(<dict?>(<list>names)[0], "String").get("sval")


cdef bint is_number(dict node) except -1:
    cdef dict constant = part(node, "A_Const")
    return "ival" in constant or "fval" in constant


cdef bint is_column(dict node) except -1:
    fields = part(node, "ColumnRef").get("fields")
    if not fields:
        return False
    for field in <list?>fields:
        if "String" not in <dict?>field:
            return False
    return True
