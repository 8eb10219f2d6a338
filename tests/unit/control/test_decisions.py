"""Decisions counted for the metrics."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families

from govproxy.approvals.deciding import answer, ruled, run_out
from govproxy.console.metrics import exposition
from govproxy.control.decisions import Decisions
from tests.unit.approvals.building import ASKED, LEA, LEO, standing, vote
from tests.unit.approvals.test_automatic import by_rule


def test_who_decided_and_after_how_long() -> None:
    decisions = Decisions()
    by_a_rule = ruled(standing(), by_rule(time=ASKED + 0.004))
    one = answer(standing(quorum=2), vote(LEA))
    mixed = ruled(replace(standing(quorum=2)), by_rule(alone=False))
    assert by_a_rule is not None
    assert mixed is not None
    decided = (by_a_rule, answer(one, vote(LEO, time=ASKED + 20)), answer(mixed, vote(LEA, time=ASKED + 2)))
    for found in (standing(), one, mixed, *decided, run_out(standing(), ASKED + 60)):
        decisions.heard(found)
    assert dict(decisions.ended) == {("rule", "approved"): 1, ("people", "approved"): 2, ("nobody", "timed_out"): 1}
    page = exposition([], decisions).decode()
    samples = {
        (sample.name, sample.labels.get("by"), sample.labels.get("le")): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    assert samples["govproxy_approvals_total", "people", None] == 2
    assert samples["govproxy_approval_seconds_bucket", "rule", "0.005"] == 1
    assert samples["govproxy_approval_seconds_count", "people", None] == 2
    assert samples["govproxy_approval_seconds_bucket", "people", "5.0"] == 1
    assert samples["govproxy_approval_seconds_sum", "people", None] == 22
