"""What webhooks say about a request: as JSON for programs, and in the shape that Slack shows.

Security: messages go to places with readers of their own, so they hold no data: literals in the statement
are replaced by ``?``, and neither reasons nor anything from the rows concerned is in them. The link leads
to those who may see it.
"""

from __future__ import annotations

from typing import Any

from govproxy.approvals.values import Answer, Standing, Status
from govproxy.sql.redact import redact

MAX_SQL_CHARACTERS = 2_000
MAX_LISTED = 20

APPROVE_ACTION = "govproxy_approve"
REFUSE_ACTION = "govproxy_refuse"
OPEN_ACTION = "govproxy_open"  # Slack tells of that click too
REASON = "reason"

_HEADLINES = {
    "asked": "needs an approval",
    "voted": "has one more approval, and needs others",
    "approved": "was approved",
    "refused": "was denied",
    "timed_out": "was not answered in time",
    "withdrawn": "is not waited for any more",
}

Json = dict[str, Any]


def event_of(standing: Standing) -> str:
    """What happened to a request last, in the words of the configuration."""
    if standing.status is not Status.WAITING:
        return standing.status.value
    return "voted" if standing.votes else "asked"


def id_of(standing: Standing) -> str:
    """The same for the same event, whoever tells it: receivers can leave out what they have."""
    return f"{standing.hold.id}:{event_of(standing)}:{len(standing.votes)}"


def generic(standing: Standing, *, link: str | None, now: float) -> Json:
    """For programs."""
    hold = standing.hold
    requester = hold.requester
    return {
        "id": id_of(standing),
        "event": event_of(standing),
        "time": now,
        "link": link,
        "approval": {
            "id": hold.id,
            "status": standing.status.value,
            "database": hold.subject.database,
            "environment": hold.environment,
            "requester": {"user": requester.user, "agent": requester.agent},
            "sql": _sql(standing),
            "rules": list(hold.rule.names),
            "tables": [o.name for o in hold.subject.objects[:MAX_LISTED]],
            "tags": _tags(standing)[:MAX_LISTED],
            "oddities": len(hold.oddities),
            "asked": hold.asked,
            "deadline": hold.deadline,
            "quorum": hold.rule.quorum,
            "answers": [{"by": vote.by, "answer": vote.answer.value, "time": vote.time} for vote in standing.votes],
        },
    }


def slack(standing: Standing, *, link: str | None, buttons: bool) -> Json:
    """For a channel. Whatever somebody chose stands where Slack takes it for text, never for markup."""
    hold = standing.hold
    headline = f"{hold.requester.label} on {hold.subject.database} ({hold.environment}): a statement "
    headline += _HEADLINES[event_of(standing)]
    blocks: list[Json] = [
        {"type": "section", "text": _text(headline)},
        {
            "type": "rich_text",
            "elements": [
                {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": _sql(standing) or "–"}]}
            ],
        },
    ]
    facts = [f"Rule: {', '.join(hold.rule.names)}"]
    if tags := _tags(standing):
        facts.append(f"Sensitive: {', '.join(tags[:MAX_LISTED])}")
    if hold.oddities:
        facts.append("Something in it could mislead the eye")
    facts += [f"{vote.by}: {'approved' if vote.answer is Answer.APPROVE else 'denied'}" for vote in standing.votes]
    blocks.append({"type": "context", "elements": [_text(fact) for fact in facts[:10]]})
    if buttons and standing.status is Status.WAITING:
        blocks.append(
            {
                "type": "input",
                "block_id": REASON,
                "label": _text("Reason"),
                "element": {"type": "plain_text_input", "action_id": REASON, "max_length": 1000},
            }
        )
    actions = _actions(standing, link=link, buttons=buttons)
    if actions:
        blocks.append({"type": "actions", "elements": actions})
    return {"text": _escaped(headline), "mrkdwn": False, "blocks": blocks}


def _actions(standing: Standing, *, link: str | None, buttons: bool) -> list[Json]:
    found: list[Json] = []
    if link is not None:
        found.append(
            {
                "type": "button",
                "action_id": OPEN_ACTION,
                "text": _text("Look at it"),
                "url": link,
                "value": standing.hold.id,
            }
        )
    if buttons and standing.status is Status.WAITING:
        for action, label, style in (
            (APPROVE_ACTION, "Approve", "primary"),
            (REFUSE_ACTION, "Deny", "danger"),
        ):
            found.append(
                {
                    "type": "button",
                    "action_id": action,
                    "text": _text(label),
                    "style": style,
                    "value": standing.hold.id,
                }
            )
    return found


def _sql(standing: Standing) -> str:
    redacted, _ = redact(standing.hold.sql)
    return redacted if len(redacted) <= MAX_SQL_CHARACTERS else redacted[:MAX_SQL_CHARACTERS] + " …"


def _tags(standing: Standing) -> list[str]:
    return sorted({tag for o in standing.hold.subject.objects for tag in o.tags})


def _text(text: str) -> Json:
    return {"type": "plain_text", "text": text[:2_900], "emoji": False}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
