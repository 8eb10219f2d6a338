"""What the console says no with: a stable word for programs, a sentence for people, an HTTP status."""

from __future__ import annotations

from enum import StrEnum

from govproxy.approvals.deciding import MAX_REASON_CHARACTERS, Objection


class Word(StrEnum):
    """Why a request to the console got nothing. Stable words, as `Objection`'s are."""

    UNAUTHENTICATED = "unauthenticated"
    TOO_MANY = "too_many"
    NOT_FOUND = "not_found"
    NOT_ALLOWED = "not_allowed"  # the method, for this path
    BAD_REQUEST = "bad_request"
    TOO_LARGE = "too_large"
    WRONG_TYPE = "wrong_type"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"
    # Of callbacks alone.
    FORGED = "forged"
    STALE = "stale"  # signed too long ago, or in the future
    REPLAYED = "replayed"
    UNKNOWN_PERSON = "unknown_person"


STATUS: dict[str, int] = {
    Word.UNAUTHENTICATED: 401,
    Word.TOO_MANY: 429,
    Word.NOT_FOUND: 404,
    Word.NOT_ALLOWED: 405,
    Word.BAD_REQUEST: 400,
    Word.TOO_LARGE: 413,
    Word.WRONG_TYPE: 415,
    Word.UNAVAILABLE: 503,
    Word.INTERNAL: 500,
    Word.FORGED: 401,
    Word.STALE: 401,
    Word.REPLAYED: 409,
    Word.UNKNOWN_PERSON: 403,
    Objection.DECIDED: 409,
    Objection.TOO_LATE: 409,
    Objection.AGENT: 403,
    Objection.OWN_REQUEST: 403,
    Objection.OWN_AGENT: 403,
    Objection.NOT_AN_APPROVER: 403,
    Objection.NOT_YET: 403,
    Objection.ANSWERED: 409,
    Objection.NO_REASON: 422,
    Objection.NOT_TO_BE_GRANTED: 403,
}

SENTENCES: dict[str, str] = {
    Word.UNAUTHENTICATED: "A valid token is needed, as for the databases: Authorization: Bearer …",
    Word.TOO_MANY: "Too much at once from this address. Wait a minute.",
    Word.NOT_FOUND: "There is nothing here, or it is not for you.",
    Word.NOT_ALLOWED: "This path has no such method.",
    Word.BAD_REQUEST: "The request does not have the form that the API describes.",
    Word.TOO_LARGE: "The body is larger than anything this path takes.",
    Word.WRONG_TYPE: "The body must be of the content type that the API describes.",
    Word.UNAVAILABLE: "The state store cannot be used, so nothing can be decided.",
    Word.INTERNAL: "An error of the proxy's own. Its log says more.",
    Word.FORGED: "The signature is missing or wrong.",
    Word.STALE: "The signature's time is too far from now.",
    Word.REPLAYED: "This message was taken already.",
    Word.UNKNOWN_PERSON: "Nobody of that name is configured for this callback.",
    Objection.DECIDED: "It is not waiting any more.",
    Objection.TOO_LATE: "Its time is over.",
    Objection.AGENT: "An agent decides nothing, whoever is behind it.",
    Objection.OWN_REQUEST: "Nobody decides about their own request.",
    Objection.OWN_AGENT: "Nobody decides about a request of an agent that acts for them.",
    Objection.NOT_AN_APPROVER: "The rule names other approvers.",
    Objection.NOT_YET: "Delegates may decide after a delay, which is not over yet.",
    Objection.ANSWERED: "You have answered already.",
    Objection.NO_REASON: f"A reason is needed, of {MAX_REASON_CHARACTERS} characters at most.",
    Objection.NOT_TO_BE_GRANTED: "The rules do not let an approver give that for a time.",
}


class Refused(Exception):
    """Answered with ``word``'s status and sentence. ``detail`` adds what was wrong; it holds no secret."""

    def __init__(self, word: Word | Objection, *, detail: str | None = None) -> None:
        super().__init__(word.value)
        self.word = word
        self.detail = detail

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.word]

    @property
    def body(self) -> dict[str, object]:
        """As the API describes errors."""
        message = SENTENCES[self.word] if self.detail is None else f"{SENTENCES[self.word]} {self.detail}"
        return {"error": {"word": self.word.value, "message": message}}
