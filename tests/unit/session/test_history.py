"""What identities did lately."""

from __future__ import annotations

from govproxy.identity.identity import Identity
from govproxy.policy.rules import LoopBreaker, Rule
from govproxy.policy.values import Verb
from govproxy.policy.windows import Burst
from govproxy.session import history
from govproxy.session.history import Counts, History
from govproxy.sql.values import Action

ANA, BEN = Identity(user="ana"), Identity(user="ben")
BOT = Identity(user="ana", agent="bot", on_behalf_of="ana")
DROPS = Rule(name="drops", does=frozenset({Action.DROP}), effect=Verb.DENY, burst=Burst(count=3, within_s=60))
BREAKER = LoopBreaker(repeats=2, within_s=60, end_session_after=4)


def counts(effects: int, before: int = 0) -> Counts:
    return Counts(effects=(("drops", effects),), before={"drops": before})


def test_counts_slide_out_of_their_time() -> None:
    seen = History()
    for moment in (0, 30, 61):
        seen.note(ANA, [DROPS], counts(1), moment)
    assert seen.counted(ANA, [DROPS], 61)["drops"] == 2
    assert seen.counted(ANA, [DROPS], 95)["drops"] == 1
    assert seen.counted(BEN, [DROPS], 61) == seen.counted(BOT, [DROPS], 61) == {}


def test_what_was_bound_before_others_ran_is_noticed() -> None:
    seen = History()
    assert not seen.went_beyond(ANA, [DROPS], counts(1), 0)
    seen.note(ANA, [DROPS], counts(3), 0)
    assert seen.went_beyond(ANA, [DROPS], counts(1), 0)
    assert not seen.went_beyond(ANA, [DROPS], counts(1), 61)
    # It was allowed although it was beyond: somebody lifted the rule.
    assert not seen.went_beyond(ANA, [DROPS], counts(1, before=3), 0)


def test_what_one_worker_counts_the_others_know() -> None:
    other = History()
    one = History(other.heard)
    one.note(ANA, [DROPS], counts(2), 0)
    assert other.counted(ANA, [DROPS], 10)["drops"] == 2
    assert other.went_beyond(ANA, [DROPS], counts(2), 10)
    assert [one.refused(BOT, "a", BREAKER, 0), one.refused(BOT, "a", BREAKER, 1)] == [1, 2]
    assert other.refused(BOT, "a", BREAKER, 2) == 3
    assert one.refused(BOT, "a", BREAKER, 2) == 3  # what is heard is not told on


def test_refusals_of_one_shape_add_up() -> None:
    seen = History()
    assert [seen.refused(BOT, "a", BREAKER, moment) for moment in range(3)] == [1, 2, 3]
    assert seen.refused(BOT, "b", BREAKER, 3) == 1
    assert seen.refused(BOT, "a", BREAKER, 100) == 1


def test_memory_is_bounded() -> None:
    seen = History()
    for number in range(history.MAX_ROWS + 10):
        seen.refused(BOT, str(number), BREAKER, 0)
    assert len(seen._rows) == history.MAX_ROWS
    for _ in range(100):
        seen.note(ANA, [DROPS], counts(50), 0)
    assert seen.counted(ANA, [DROPS], 0)["drops"] == 4
