"""The tree of nodes that a plan becomes: leaves for single values, above them what holds others.

The only place that knows every kind of node.
"""

from govproxy._fastpath.columnplan cimport ColumnPlan
from govproxy._fastpath.maskhstore cimport Pairs
from govproxy._fastpath.maskjson cimport Json
from govproxy._fastpath.maskkeys cimport Document, KeyRules
from govproxy._fastpath.masknodes cimport Node, leaf_of
from govproxy._fastpath.maskparts cimport Array, Parted, Range, Record
from govproxy._fastpath.maskxml cimport Xml


cdef Node node_of(ColumnPlan column):
    cdef Node node
    if column.op == "parts":
        node = _parted(column)
    elif column.op == "keys":
        node = _document(column)
    else:
        return leaf_of(column)
    node.whole = column.fallback
    return node


cdef Node _parted(ColumnPlan column):
    cdef Parted node
    if column.family == "array":
        node = Array()
    elif column.family == "record":
        node = Record()
    else:
        node = Range()
        (<Range>node).several = column.family == "multirange"
    node.parts = [node_of(part) for part in column.parts]
    node.oids = list(column.part_oids)
    node.count = <int>len(column.parts)
    node.binary = column.format
    return node


cdef Node _document(ColumnPlan column):
    cdef Document node
    if column.family == "json" or column.family == "jsonb":
        node = Json()
        (<Json>node).versioned = column.format == 1 and column.family == "jsonb"
    elif column.family == "hstore":
        node = Pairs()
        (<Pairs>node).binary = column.format == 1
    elif column.family == "xml":
        node = Xml()
    else:
        raise ValueError(f"no documents: {column.family!r}")
    node.rules = <KeyRules?>column.rules
    return node
