"""Whether code of the user's may run where PL/pgSQL makes a value one of a variable's type.

A cast that has to be written never does: there PL/pgSQL goes by way of the text. Knows nothing of what such
code does.

Security: types are told by what a body names, and by what it reads and calls. What a table hidden behind a
temporary one may bring (fields of records, ``%TYPE``) is not told.
"""

from __future__ import annotations

from collections.abc import Set

from govproxy.sql.catalog import Catalog, Function
from govproxy.sql.findings import Findings
from govproxy.sql.programs import Program
from govproxy.sql.types import FIRST_USER_OID


def unasked_targets(catalog: Catalog) -> Set[int]:
    """The types that a value may be made by code of the user's without a word about it, in an assignment at least."""
    with_code = {target for target, _ in catalog.cast_functions}
    return {target for _, target in catalog.user_casts - catalog.written_casts} & with_code


def may_convert(routine: Function, program: Program | None, findings: Findings, catalog: Catalog) -> bool:
    """Whether an assignment of a body may run a cast of the user's, or a function that checks a domain."""
    unasked = unasked_targets(catalog)
    suspects = unasked | {domain for domain, _ in catalog.domain_functions}
    if not suspects:
        return False
    if any(target < FIRST_USER_OID for target in unasked) or program is None:
        return True
    if any(target.field for step in program.steps for target in step.targets):
        return True
    if any("%" in words for _, words in program.types):
        return True
    return _occurs(_made_of(suspects, catalog), routine, findings, catalog)


def _occurs(kinds: Set[int], routine: Function, findings: Findings, catalog: Catalog) -> bool:
    called = [function for use in findings.functions for function in use.candidates]
    for function in (routine, *called):
        if not kinds.isdisjoint((*function.argument_types, *function.output_types, function.return_type)):
            return True
    for oid in findings.reads | findings.called:
        relation = catalog.relations.get(oid)
        if relation is None or not kinds.isdisjoint(column.type_oid for column in relation.columns):
            return True
    text = (routine.body or "").lower()
    return "u&" in text or any(catalog.types[oid].name.lower() in text for oid in kinds if oid in catalog.types)


def _made_of(suspects: Set[int], catalog: Catalog) -> Set[int]:
    """These types, and all that have one of them in them: arrays, ranges, domains, rows."""
    found = set(suspects)
    size = 0
    while size < len(found):
        size = len(found)
        for kind in catalog.types.values():
            relation = catalog.relations.get(kind.relation_oid)
            columns = () if relation is None else relation.columns
            if not found.isdisjoint((kind.element_oid, kind.base_oid, *(column.type_oid for column in columns))):
                found.add(kind.oid)
    return found
