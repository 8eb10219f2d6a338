"""Windows over rows and bytes: what an identity may be sent within a minute or an hour.

A worker holds a share of each window (``limits.Quota``) and counts it down here. More is asked for while
there is still some, so that nobody waits as a rule; where a share has run out rows stay where they are,
and the backend is not read, until it is known whether there is more. Who hands out shares is
``session.quotas``'s business.

Security: nothing leaves that was not in a share before, so that no window lets more through than it says.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint64_t

from govproxy._fastpath.limits cimport Meter, Quota
from govproxy._fastpath.state cimport HOLD_QUOTA, State
from govproxy._fastpath.verdicts cimport Verdict


cdef int may_return(State state, Verdict verdict) except -1:
    cdef Meter meter = state.limits.meter
    if rows_left(meter, state.now_ns) > 0 and bytes_left(meter, state.now_ns) > 0:
        _fetch_ahead(state, meter)
        return 1
    if _is_full(meter, state.now_ns, 1):
        return 2
    state.hold |= HOLD_QUOTA
    state.stalled = True
    if verdict is not None:
        state.pending = verdict
    state.bounds.replenish(1)
    return 0


cdef bint may_leave(State state, Py_ssize_t size) except -1:
    cdef Meter meter = state.limits.meter
    if rows_left(meter, state.now_ns) >= 1 and bytes_left(meter, state.now_ns) >= size:
        return True
    if not _is_full(meter, state.now_ns, size):
        state.dry = True
        state.bounds.replenish(size)
    return False


cdef int spend(State state, uint64_t rows, uint64_t size) except -1:
    cdef Meter meter = state.limits.meter
    _take(meter.rows_per_minute, rows)
    _take(meter.rows_per_hour, rows)
    _take(meter.bytes_per_minute, size)
    _take(meter.bytes_per_hour, size)
    return _fetch_ahead(state, meter)


cdef int64_t rows_left(Meter meter, uint64_t now_ns) noexcept:
    return _least(meter.rows_per_minute, meter.rows_per_hour, now_ns)


cdef int64_t bytes_left(Meter meter, uint64_t now_ns) noexcept:
    return _least(meter.bytes_per_minute, meter.bytes_per_hour, now_ns)


cdef int64_t _least(Quota one, Quota other, uint64_t now_ns) noexcept:
    cdef int64_t first = _left(one, now_ns)
    cdef int64_t second = _left(other, now_ns)
    return first if first < second else second


cdef int64_t _left(Quota quota, uint64_t now_ns) noexcept:
    if quota is None:
        return INT64_MAX
    return quota.left if now_ns < quota.until_ns else 0


cdef int _take(Quota quota, uint64_t count) noexcept:
    if quota is not None:
        quota.left -= <int64_t>count
    return 0


cdef bint _is_full(Meter meter, uint64_t now_ns, Py_ssize_t size):
    # Whether it is known that there is no more for now, of which window.
    if _refuses(meter.rows_per_minute, now_ns, 1):
        meter.full = meter.rows_per_minute
    elif _refuses(meter.rows_per_hour, now_ns, 1):
        meter.full = meter.rows_per_hour
    elif _refuses(meter.bytes_per_minute, now_ns, size):
        meter.full = meter.bytes_per_minute
    elif _refuses(meter.bytes_per_hour, now_ns, size):
        meter.full = meter.bytes_per_hour
    else:
        return False
    return True


cdef bint _refuses(Quota quota, uint64_t now_ns, Py_ssize_t wanted) noexcept:
    return quota is not None and _left(quota, now_ns) < wanted and now_ns < quota.refused_until_ns


cdef int _fetch_ahead(State state, Meter meter) except -1:
    if (
        _runs_low(meter.rows_per_minute, state.now_ns) or _runs_low(meter.rows_per_hour, state.now_ns)
        or _runs_low(meter.bytes_per_minute, state.now_ns) or _runs_low(meter.bytes_per_hour, state.now_ns)
    ):
        state.bounds.fetch_ahead()
    return 0


cdef bint _runs_low(Quota quota, uint64_t now_ns) noexcept:
    return (
        quota is not None and not quota.asked and now_ns >= quota.refused_until_ns
        and (quota.left < quota.low or now_ns >= quota.renew_ns)
    )
