"""When what was seen of planted values is a find, and when it may be chance.

Masks, uuids and hashes are random: among many of them a short piece of a planted value comes up. How
likely that is can be said, because planted values are random as well. A text that is independent of
a value shows one certain piece of it in one certain place with a chance of 2 ** -bits, whatever
the text's alphabet. So with pieces looked for in places, a sighting weighs

    bits - log2(places * pieces)

where the pieces are all that the detector knows or, if the database's own answer shows the very same piece,
those of its size in that answer or in that message of it: what is really let through is also there. Weights of
different planted values add up, and so do those of the twin, whose planted values are other ones: a statement
that lets a value through lets the twin's through there.

An hour has 1.1 * 10**5 statements (thirty a second), and ``SURE`` is 41 bits. So in an hour 1.1 * 10**5 * 2 ** -41,
or 5 * 10**-8, finds are by chance for each way to come by that sum (one value here, one here and one in
the twin, two here and so on: fewer than ten matter), which is less than 10**-6.

What it takes at least: one piece of six letters, or one number of nine digits (25 bits and more), among few others
in its message, and again in the twin's. A single date (17 bits) is not enough, three are; in a column
that came through ``judge.interference`` tells a single one as well, in any encoding.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.fuzz.leaks.detector import Detector, Group, Looked
from tests.support.raw_session import Answer

SURE = 41.0
Form = tuple[Group, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How little likely it is that chance alone showed this: with 2 ** -bits. ``shown`` says it in words."""

    bits: float
    shown: tuple[str, ...]

    @property
    def is_sure(self) -> bool:
        """Enough for a find."""
        return self.bits >= SURE

    def with_twin(self, twin: Evidence) -> Evidence:
        """The same statement showed that much in the twin; nothing there is no evidence here either."""
        return Evidence(bits=self.bits + twin.bits, shown=self.shown)


NOTHING = Evidence(bits=0.0, shown=())


def weigh(detector: Detector, through: Sequence[Answer], around: Sequence[Answer]) -> Evidence:
    """What ``through`` shows of planted values; ``around`` is the database's own answer."""
    parts, direct = detector.look(through), detector.look(around)
    if not any(view.sightings for part in parts for view in part):
        return NOTHING
    tries: Counter[Group] = Counter()
    for view in (*parts[0], *parts[1]):
        tries.update(view.tries)
    anywhere = frozenset[Form]().union(*(_forms(view) for part in direct for view in part))
    anywhere_forms = Counter(group for group, _ in anywhere)
    weights: dict[str, float] = {}
    said: dict[str, str] = {}
    for part, other in zip(parts, direct, strict=True):
        # As many messages as there: then what is let through stands in the same one.
        beside = [_forms(view) for view in other] if len(other) == len(part) else [frozenset[Form]()] * len(part)
        in_place = _chances(part, beside)
        for view, shown in zip(part, beside, strict=True):
            for sighting in view.sightings:
                group, form = sighting.group, (sighting.group, sighting.form)
                chances = tries[group] * (anywhere_forms[group] if form in anywhere else detector.forms[group])
                if form in shown:
                    chances = min(chances, in_place[group])
                weight = sighting.bits - math.log2(max(chances, 1))
                if weight > weights.get(sighting.source, 0.0):
                    weights[sighting.source] = weight
                    said[sighting.source] = f"{sighting.source} in {sighting.shown}"
    return Evidence(bits=sum(weights.values()), shown=tuple(said.values()))


def _chances(part: Sequence[Looked], beside: Sequence[frozenset[Form]]) -> Counter[Group]:
    """In how many ways a piece may stand by chance where the database's own answer shows it."""
    chances: Counter[Group] = Counter()
    for view, shown in zip(part, beside, strict=True):
        for group, forms in Counter(group for group, _ in shown).items():
            chances[group] += view.tries.get(group, 0) * forms
    return chances


def _forms(view: Looked) -> frozenset[Form]:
    return frozenset((sighting.group, sighting.form) for sighting in view.sightings)
