# Going through a raw parse tree. See treewalk.pyx.

cdef class Grammar:
    cdef dict kinds                    # node type -> what is done with it
    cdef dict fixed                    # field -> type of its bare body
    cdef dict shared                   # (node type, field) -> the same, where several types share a field's name
    cdef frozenset sampling            # TABLESAMPLE methods that are understood
    cdef int max_ctes
    cdef object write                  # (node type, body, CTEs in sight) -> what is kept of a write
    cdef object locks                  # (clause, FROM list, CTEs in sight) -> what is kept of a locking clause

cdef class Walk:
    cdef Grammar grammar
    cdef readonly list reads           # RangeVar bodies
    cdef readonly list writes
    cdef readonly list locks
    cdef readonly list creates         # IntoClause bodies
    cdef readonly list calls           # FuncCall bodies
    cdef readonly list operators       # (schema, name) of those written with a schema
    cdef readonly list columns         # ColumnRef fields, '*' for a star
    cdef readonly list unknown
    cdef list todo                     # (node type, body, CTEs in sight)

    cdef int run(self) except -1
    cdef int note(self, str kind, dict body) except -1
    cdef int operator(self, name) except -1
    cdef dict terms(self, dict body, dict ctes)
    cdef int fields(self, str kind, dict body, dict ctes, tuple skip) except -1
    cdef int push(self, str kind, str field, value, dict ctes) except -1
    cdef int push_fixed(self, str kind, str field, dict value, dict ctes) except -1

cdef class Constants:
    cdef readonly set found
    cdef readonly set pinned
    cdef frozenset comparisons
    cdef frozenset arithmetic
    cdef frozenset user_operators
    cdef frozenset plain
    cdef frozenset shadowed

    cdef int walk(self, node, bint writing) except -1
    cdef int special(self, int what, dict body, bint writing, list todo) except -1
    cdef int operation(self, dict body, bint writing) except -1
    cdef bint ranges_are_known(self) except -1
    cdef int insert(self, dict body, bint writing) except -1
    cdef int update(self, dict body) except -1
    cdef int data(self, dict node) except -1
    cdef int pin(self, node) except -1
