"""``govproxy policy test``: statements with the decision they must get, against a policy.

Puts analysis, classification and decision together as a worker does, over a schema that the file
itself draws; needs no database.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from govproxy.approvals.values import Status
from govproxy.cli.output import print_json
from govproxy.cli.policies.foretell import Foretold, foretell
from govproxy.cli.policies.form import Case, Cases, Then, load_cases
from govproxy.masking.classify import Correction, classify
from govproxy.masking.values import Classification
from govproxy.policy.describe import Output, outputs
from govproxy.policy.engine import decide
from govproxy.policy.loader import load_policy
from govproxy.policy.rules import ApprovalRule, ColumnRule, Policy, Rule
from govproxy.policy.values import Decision, Request, Verb
from govproxy.session.nature import nature_of
from govproxy.session.snapshot import DatabaseSnapshot
from govproxy.sql.analyze import analyze
from govproxy.sql.canonical import canonical
from govproxy.sql.parse import UnparsableStatement

UNREADABLE = "unreadable-statement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a case got. ``rules`` are those that decided; ``column_rules`` those that gave rights."""

    verb: Verb
    rules: tuple[str, ...]
    shadow: tuple[str, ...] = ()
    approvers: frozenset[str] = frozenset()
    message: str = ""
    hint: str = ""
    outputs: tuple[Output, ...] = ()
    then: Foretold | None = None  # of what is held

    @property
    def column_rules(self) -> set[str]:
        return {source.right.rule for output in self.outputs for source in output.sources} - {""}


@dataclass(slots=True, kw_only=True)
class Tested:
    """One file's result. ``failures`` pairs a case with what was wrong; ``unused`` are rules no case met."""

    file: Path
    policy: Policy
    count: int
    failures: list[tuple[Case, Answer, list[str]]] = field(default_factory=list)
    unused: tuple[str, ...] = ()


def run(files: Sequence[Path], *, policy: Path | None, as_json: bool) -> None:
    """Test every file; print what failed. Exit status 1 when anything did."""
    results = [run_file(file, policy) for file in files]
    failed = any(result.failures for result in results)
    if as_json:
        print_json({"ok": not failed, "files": [_as_dict(result) for result in results]})
    else:
        for result in results:
            _print(result)
    if failed:
        raise SystemExit(1)


def run_file(file: Path, policy: Path | None) -> Tested:
    """All cases of one file. ``policy`` stands instead of the one it names. Raises ConfigErrors."""
    cases = load_cases(file)
    path = policy or cases.policy
    loaded = load_policy(path)
    world = World(cases, loaded)
    result = Tested(file=file, policy=loaded, count=len(cases.cases))
    met: set[str] = set()
    for case in cases.cases:
        answer = world.answer(case)
        met.update(answer.rules, answer.shadow, answer.column_rules)
        if answer.then is not None:
            met.update((answer.then.rule, *answer.then.shadow))
        if problems := list(compare(case, answer)):
            result.failures.append((case, answer, problems))
    own = _own_rules(loaded, path)
    result.unused = tuple(name for name in own if name not in met)
    return result


class World:
    """A sketched database under one policy."""

    def __init__(self, cases: Cases, policy: Policy) -> None:
        self.cases = cases
        self.policy = policy
        corrections = [Correction(pattern=f"{c.schema}.{c.relation}.{c.column}", tag=c.tag) for c in policy.classify]
        named = {correction.pattern for correction in corrections}
        # What the file says was found gives way to what the policy says it is.
        found = [correction for correction in cases.corrections if correction.pattern not in named]
        self.classification: Classification = classify(cases.catalog, [*found, *corrections])

    def _then(self, case: Case, request: Request, decision: Decision) -> Foretold | None:
        if decision.verb is not Verb.HOLD:
            return None
        snapshot = DatabaseSnapshot(
            name=case.database,
            environment=case.environment,
            catalog=self.cases.catalog,
            classification=self.classification,
        )
        nature = nature_of(case.sql, request.analysis, snapshot, self.cases.catalog.default_search_path)
        oddities = canonical(case.sql).oddities
        return foretell(request, decision, self.policy, nature, oddities=oddities, given=case.given)

    def answer(self, case: Case) -> Answer:
        """What the policy says to one case."""
        try:
            analysis = analyze(case.sql, self.cases.catalog, self.cases.catalog.default_search_path)
        except UnparsableStatement as error:
            return Answer(verb=Verb.DENY, rules=(UNREADABLE,), message=error.message)
        request = Request(
            identity=case.identity,
            database=case.database,
            environment=case.environment,
            analysis=analysis,
            now=case.now,
            application=case.application,
            client_address=case.address,
        )
        decision: Decision = decide(request, self.policy, self.classification, self.cases.catalog)
        shown = [
            output
            for statement in analysis.statements
            for output in outputs(request, statement, self.policy, self.classification, self.cases.catalog)
        ]
        return Answer(
            verb=decision.verb,
            rules=decision.rules,
            shadow=decision.shadow,
            approvers=decision.approvers,
            message=decision.refusal.message if decision.refusal else "",
            hint=decision.refusal.hint if decision.refusal else "",
            outputs=tuple(shown),
            then=self._then(case, request, decision),
        )


def compare(case: Case, answer: Answer) -> Iterator[str]:
    """What is not as expected, in words; nothing when all is."""
    if answer.verb is not case.expect:
        said = f": {answer.message}" if answer.message else f" by {', '.join(answer.rules) or 'no rule'}"
        yield f"expected {case.expect.value}, got {answer.verb.value}{said}"
    elif missing := [rule for rule in case.rules or () if rule not in answer.rules]:
        yield f"expected rule {', '.join(missing)}, got {', '.join(answer.rules) or 'none'}"
    if case.shadow is not None and set(case.shadow) != set(answer.shadow):
        yield f"expected in shadow mode {_listed(case.shadow)}, got {_listed(answer.shadow)}"
    if case.approvers is not None and case.approvers != answer.approvers:
        yield f"expected approvers {_listed(case.approvers)}, got {_listed(answer.approvers)}"
    if case.then is not None and answer.then is not None and (problem := _otherwise(case.then, answer.then)):
        yield problem
    if answer.verb is not Verb.ALLOW:
        return
    for name, wanted in case.masks.items():
        found = [shown(output) for output in answer.outputs if output.name == name]
        if not found:
            yield f"no column `{name}` in the result (there are: {', '.join(o.name for o in answer.outputs) or 'none'})"
        for got in found:
            if got != wanted and not (wanted == "masked" and got not in ("clear", "none")):
                yield f"expected `{name}` {wanted}, got {got}"


def _otherwise(wanted: Then, got: Foretold) -> str:
    """What is not as expected of a held statement; empty when all is."""
    if wanted.status is Status.WAITING:
        if (got.status, got.waits_for) == (Status.WAITING, wanted.waits_for):
            return ""
        return f"expected that it waits for {_listed(wanted.waits_for)}, it {_verb(got)}"
    if (got.status, got.rule) == (wanted.status, wanted.rule):
        return ""
    return f"expected it {wanted.status.value} by rule {wanted.rule}, it {_verb(got)}"


def _verb(got: Foretold) -> str:
    return got.words if got.status is Status.WAITING else f"is {got.words}"


def shown(output: Output) -> str:
    """How an output column appears: ``clear``, a masker's name, ``redacted`` or ``none``."""
    if output.shown != "masked":
        return output.shown
    masker = next((source.masker for source in output.sources if source.masker is not None), None)
    return masker.value if masker is not None else output.shown


def _own_rules(policy: Policy, path: Path | None) -> list[str]:
    """Names of the rules that stand in the file itself, not in the pack."""
    own: list[Rule | ColumnRule | ApprovalRule] = [*policy.rules, *policy.columns, *policy.approvals]
    standard = load_policy(None)
    pack = set() if path is None else {rule.name for rule in standard.rules}
    return [rule.name for rule in own if rule.name not in pack]


def _print(result: Tested) -> None:
    for case, answer, problems in result.failures:
        sys.stdout.write(f"{result.file}:{case.line}: as {case.who}: {_one_line(case.sql)}\n")
        for problem in problems:
            sys.stdout.write(f"  {problem}\n")
        if answer.hint and answer.verb is not case.expect:
            sys.stdout.write(f"  hint: {answer.hint}\n")
    outcome = f"{len(result.failures)} of {result.count} failed" if result.failures else f"{result.count} passed"
    untested = f"; no case meets {', '.join(result.unused)}" if result.unused else ""
    sys.stdout.write(f"{result.file}: {outcome} (policy {result.policy.version}){untested}\n")


def _as_dict(result: Tested) -> dict[str, Any]:
    return {
        "file": str(result.file),
        "policy_version": result.policy.version,
        "cases": result.count,
        "untested_rules": list(result.unused),
        "failures": [
            {
                "line": case.line,
                "as": case.who,
                "sql": case.sql,
                "problems": problems,
                "decision": answer.verb.value,
                "rules": list(answer.rules),
                "shadow": list(answer.shadow),
                "message": answer.message,
                "hint": answer.hint,
                "then": None if answer.then is None else answer.then.words,
                "shown": {output.name: shown(output) for output in answer.outputs},
            }
            for case, answer, problems in result.failures
        ],
    }


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _one_line(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= 120 else text[:117] + "..."
