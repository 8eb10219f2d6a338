"""Every path of the API, once: the routes are made from this table, and so is the OpenAPI 3.1 document.

https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from govproxy import __version__
from govproxy.approvals.deciding import Objection
from govproxy.console import models
from govproxy.console.refusals import SENTENCES, STATUS, Word

JSON = "application/json"
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One parameter of the query."""

    name: str
    meaning: str
    schema: tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One path with its method. ``answer``: a model, or the media type of something else."""

    name: str
    method: Literal["GET", "POST"]
    path: str
    summary: str
    answer: type[BaseModel] | str
    body: type[BaseModel] | None = None
    form_body: bool = False  # Slack's: a form with one field, ``payload``
    query: tuple[Query, ...] = ()
    words: tuple[Word | Objection, ...] = ()
    public: bool = False
    description: str = ""


_SIGNED_IN = (Word.UNAUTHENTICATED, Word.TOO_MANY)
_STORED = (*_SIGNED_IN, Word.UNAVAILABLE)
_BODY = (Word.BAD_REQUEST, Word.TOO_LARGE, Word.WRONG_TYPE)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="me",
        method="GET",
        path="/api/me",
        summary="Whom the token proves",
        answer=models.Me,
        words=_SIGNED_IN,
    ),
    Operation(
        name="list",
        method="GET",
        path="/api/approvals",
        summary="Requests that whoever asks may see, the newest first",
        answer=models.SummaryPage,
        query=(
            Query(
                name="status",
                meaning="Only these.",
                schema=(("enum", ["waiting", "approved", "refused", "timed_out", "withdrawn"]), ("type", "string")),
            ),
            Query(
                name="limit",
                meaning="How many at most.",
                schema=(("type", "integer"), ("minimum", 1), ("maximum", 200), ("default", 50)),
            ),
            Query(name="after", meaning="The `next` of the page before.", schema=(("type", "string"),)),
        ),
        words=(*_STORED, Word.BAD_REQUEST),
        description="Whoever may ever answer a request sees it, and so does whoever asked for it.",
    ),
    Operation(
        name="show",
        method="GET",
        path="/api/approvals/{id}",
        summary="One request with everything a reviewer needs",
        answer=models.Detail,
        words=(*_STORED, Word.NOT_FOUND),
    ),
    Operation(
        name="answer",
        method="POST",
        path="/api/approvals/{id}/answer",
        summary="Approve or refuse",
        body=models.AnswerForm,
        answer=models.Detail,
        words=(*_STORED, *_BODY, Word.NOT_FOUND, *Objection),
        description="Never one's own request, never with an agent's token; one answer a person.",
    ),
    Operation(
        name="rehearse",
        method="POST",
        path="/api/approvals/{id}/rehearse",
        summary="Try it in a transaction of its own session, and show what it did",
        answer=models.Detail,
        words=(
            *_STORED,
            Word.NOT_FOUND,
            *(word for word in Objection if word not in (Objection.NO_REASON, Objection.NOT_TO_BE_GRANTED)),
        ),
        description=(
            "By whoever may answer now. Where it can be tried, it stands in its transaction, locks held, until it is "
            "decided or the rule's time for it is over; an approval commits that transaction, anything else rolls it "
            "back. Where it cannot, the notes say why. An answer with `facts` null: it is still under way."
        ),
    ),
    Operation(
        name="capsule",
        method="GET",
        path="/api/approvals/{id}/capsule",
        summary="The signed evidence of a decision",
        answer=models.CapsuleForm,
        words=(*_STORED, Word.NOT_FOUND),
    ),
    Operation(
        name="events",
        method="GET",
        path="/api/events",
        summary="Changes of requests as they happen",
        answer="text/event-stream",
        words=_SIGNED_IN,
        description=(
            "Server-sent events: `change` with a summary as in the list, and `reset` where some were lost and the "
            "list must be read anew. `Last-Event-ID` goes on after an event."
        ),
    ),
    Operation(
        name="grants",
        method="GET",
        path="/api/grants",
        summary="Rights for a time that whoever asks may see: of the last days, the one that ends last first",
        answer=models.GrantList,
        words=_STORED,
    ),
    Operation(
        name="revoke",
        method="POST",
        path="/api/grants/{id}/revoke",
        summary="Take a right back",
        body=models.RevokeForm,
        answer=models.GrantRow,
        words=(
            *_STORED,
            *_BODY,
            Word.NOT_FOUND,
            Objection.AGENT,
            Objection.NO_REASON,
            Objection.DECIDED,
            Objection.NOT_AN_APPROVER,
        ),
        description="By whoever could approve it, or has it; in force for open sessions within a second.",
    ),
    Operation(
        name="webhooks",
        method="GET",
        path="/api/webhooks",
        summary="How deliveries to webhooks go",
        answer=models.WebhookList,
        words=_SIGNED_IN,
    ),
    Operation(
        name="callback",
        method="POST",
        path="/api/callbacks/{name}",
        summary="An answer that a program brings for somebody, signed",
        body=models.CallbackAnswer,
        form_body=True,
        answer=models.CallbackTaken,
        public=True,
        words=(
            *_BODY,
            Word.NOT_FOUND,
            Word.FORGED,
            Word.STALE,
            Word.REPLAYED,
            Word.UNKNOWN_PERSON,
            Word.UNAVAILABLE,
            *Objection,
        ),
        description=(
            "Signed with `Govproxy-Timestamp` and `Govproxy-Signature` (JSON), or by Slack "
            "(`X-Slack-Request-Timestamp`, `X-Slack-Signature`, a form)."
        ),
    ),
    Operation(
        name="public_key",
        method="GET",
        path="/api/public-key",
        summary="What capsules and the ledger are verified with",
        answer=models.PublicKeyForm,
        public=True,
    ),
    Operation(
        name="openapi",
        method="GET",
        path="/api/openapi.json",
        summary="This document",
        answer=JSON,
        public=True,
    ),
    Operation(
        name="metrics",
        method="GET",
        path="/metrics",
        summary="Figures for Prometheus",
        answer="text/plain",
        public=True,
        description="Needs a token, as the rest does, where the console can be reached from other machines.",
        words=_SIGNED_IN,
    ),
    Operation(
        name="health",
        method="GET",
        path="/healthz",
        summary="200 while every worker answers and can record, 503 otherwise",
        answer="text/plain",
        public=True,
    ),
)


def document() -> Schema:
    """The OpenAPI 3.1 document."""
    answers = {op.answer for op in OPERATIONS if isinstance(op.answer, type)} | {models.ErrorAnswer}
    bodies = {op.body for op in OPERATIONS if op.body is not None}
    # What comes may leave out what has a default; what goes never does.
    _, definitions = models_json_schema(
        [
            *((model, "serialization") for model in sorted(answers, key=lambda model: model.__name__)),
            *((model, "validation") for model in sorted(bodies, key=lambda model: model.__name__)),
        ],
        ref_template="#/components/schemas/{model}",
    )
    paths: dict[str, Schema] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "govproxy",
            "version": __version__,
            "description": "Held statements: who asks, what for, and the answers of people.",
        },
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "As at a database."}
            },
        },
        "security": [{"token": []}],
    }


def _operation(operation: Operation) -> Schema:
    found: Schema = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {"200": {"description": "Done.", "content": _content(operation.answer)}},
    }
    if operation.description:
        found["description"] = operation.description
    if operation.public:
        found["security"] = [{}]
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", operation.path)
    ]
    parameters += [
        {"name": q.name, "in": "query", "required": False, "description": q.meaning, "schema": dict(q.schema)}
        for q in operation.query
    ]
    if parameters:
        found["parameters"] = parameters
    if operation.body is not None:
        content = _content(operation.body)
        if operation.form_body:
            content["application/x-www-form-urlencoded"] = {
                "schema": {"type": "object", "required": ["payload"], "properties": {"payload": {"type": "string"}}}
            }
        found["requestBody"] = {"required": True, "content": content}
    for status in sorted({STATUS[word] for word in operation.words}):
        words = [word for word in operation.words if STATUS[word] == status]
        found["responses"][str(status)] = {
            "description": "\n".join(f"`{word.value}`: {SENTENCES[word]}" for word in words),
            "content": _content(models.ErrorAnswer),
        }
    if operation.name == "health":
        found["responses"]["503"] = {"description": "Not healthy.", "content": _content("text/plain")}
    return found


def _content(answer: type[BaseModel] | str) -> Schema:
    if isinstance(answer, str):
        return {answer: {"schema": {} if answer == JSON else {"type": "string"}}}
    return {JSON: {"schema": {"$ref": f"#/components/schemas/{answer.__name__}"}}}
