"""The name PostgreSQL gives an output column that has no ``AS``.

Follows FigureColname (parse_target.c): the name decides what ``s.lower`` means outside the
subquery, so a wrong one would lose sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Node = dict[str, Any]

UNNAMED = "?column?"

_FIXED: Mapping[str, str] = {
    "GroupingFunc": "grouping",
    "MergeSupportFunc": "merge_action",
    "A_ArrayExpr": "array",
    "RowExpr": "row",
    "CoalesceExpr": "coalesce",
    "XmlSerialize": "xmlserialize",
    "JsonParseExpr": "json",
    "JsonScalarExpr": "json_scalar",
    "JsonSerializeExpr": "json_serialize",
    "JsonObjectConstructor": "json_object",
    "JsonArrayConstructor": "json_array",
    "JsonArrayQueryConstructor": "json_array",
    "JsonObjectAgg": "json_objectagg",
    "JsonArrayAgg": "json_arrayagg",
}
_XML: Mapping[str, str] = {
    "IS_XMLCONCAT": "xmlconcat",
    "IS_XMLELEMENT": "xmlelement",
    "IS_XMLFOREST": "xmlforest",
    "IS_XMLPARSE": "xmlparse",
    "IS_XMLPI": "xmlpi",
    "IS_XMLROOT": "xmlroot",
}
_JSON: Mapping[str, str] = {
    "JSON_EXISTS_OP": "json_exists",
    "JSON_QUERY_OP": "json_query",
    "JSON_VALUE_OP": "json_value",
}
_VALUE_FUNCTIONS: Mapping[str, str] = {
    "SVFOP_CURRENT_TIME_N": "current_time",
    "SVFOP_CURRENT_TIMESTAMP_N": "current_timestamp",
    "SVFOP_LOCALTIME_N": "localtime",
    "SVFOP_LOCALTIMESTAMP_N": "localtimestamp",
}


def label(node: Node) -> str:
    """The column name of an expression without an alias."""
    return _figure(node)[0] or UNNAMED


def _figure(node: Node) -> tuple[str, int]:
    """Name and strength: 0 none, 1 a type's name that a better one replaces, 2 good."""
    if not node:
        return "", 0
    tag = next(iter(node))
    body = node[tag]
    fixed = _FIXED.get(tag)
    if fixed is not None:
        return fixed, 2
    match tag:
        case "ColumnRef":
            return _last(body.get("fields", ()))
        case "A_Indirection":
            found = _last(body.get("indirection", ()))
            return found if found[1] else _figure(body.get("arg", {}))
        case "FuncCall":
            return _last(body.get("funcname", ()))
        case "A_Expr":
            return ("nullif", 2) if body.get("kind") == "AEXPR_NULLIF" else ("", 0)
        case "TypeCast":
            name = _last(body.get("typeName", {}).get("names", ()))[0]
            return _unless_good(body.get("arg", {}), name)
        case "CollateClause":
            return _figure(body.get("arg", {}))
        case "CaseExpr":
            return _unless_good(body.get("defresult", {}), "case")
        case "SubLink":
            return _sublink(body)
        case "MinMaxExpr":
            return ("greatest" if body.get("op") == "IS_GREATEST" else "least"), 2
        case "SQLValueFunction":
            operation = body.get("op", "")
            return _VALUE_FUNCTIONS.get(operation, operation.removeprefix("SVFOP_").lower()), 2
        case "XmlExpr":
            name = _XML.get(body.get("op", "IS_XMLCONCAT"), "")
            return name, 2 if name else 0
        case "JsonFuncExpr":
            name = _JSON.get(body.get("op", "JSON_EXISTS_OP"), "")
            return name, 2 if name else 0
        case _:
            return "", 0  # FigureColname's own default: no name of its own


def _last(nodes: Any) -> tuple[str, int]:
    for node in reversed(nodes):
        if "String" in node:
            return node["String"].get("sval", ""), 2
    return "", 0


def _unless_good(node: Node, name: str) -> tuple[str, int]:
    found, strength = _figure(node)
    return (found, strength) if strength > 1 else (name, 1)


def _sublink(body: Node) -> tuple[str, int]:
    match body.get("subLinkType"):
        case "EXISTS_SUBLINK":
            return "exists", 2
        case "ARRAY_SUBLINK":
            return "array", 2
        case "EXPR_SUBLINK":
            select = body.get("subselect", {}).get("SelectStmt", {})
            while select.get("op", "SETOP_NONE") != "SETOP_NONE":
                select = select.get("larg", {})
            if select.get("valuesLists"):
                return "column1", 2
            for target in select.get("targetList", ())[:1]:
                result = target.get("ResTarget", {})
                return result.get("name") or label(result.get("val", {})), 2
            return "", 0
        case _:
            return "", 0  # ANY and ALL have no name
