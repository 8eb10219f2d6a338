"""What is stored is what was asked."""

from __future__ import annotations

import orjson

from govproxy.approvals import forms
from tests.unit.approvals.building import BOT, LEA, hold, vote


def test_a_hold_comes_back_as_it_was() -> None:
    asked = hold(BOT, quorum=2, delegates=frozenset({"group:ops"}), delegate_after_s=30.0, oddities=("x",))
    assert forms.read_hold(orjson.loads(orjson.dumps(forms.hold(asked)))) == asked


def test_a_vote_comes_back_as_it_was() -> None:
    said = vote(LEA)
    assert forms.read_vote(orjson.loads(orjson.dumps(forms.vote(said)))) == said
