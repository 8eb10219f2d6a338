"""Our own cancel keys."""

from __future__ import annotations

import secrets

import pytest

from govproxy.session import cancel
from govproxy.session.cancel import MAX_SESSIONS, MAX_WORKERS, CancelKey, CancelRegistry, Pid, worker_of


def registry(worker: int = 5) -> CancelRegistry[str]:
    return CancelRegistry(worker, random_bytes=secrets.token_bytes)


@pytest.mark.parametrize("worker", [0, 1, 5, MAX_WORKERS - 1])
def test_the_pid_names_the_worker_and_fits_int32(worker: int) -> None:
    keys = registry(worker)
    for _ in range(3):
        key = keys.register("x", minor=0)
        assert 0 < key.pid < 1 << 31
        assert worker_of(key.pid) == worker


@pytest.mark.parametrize("pid", [0, -1, -(1 << 31)])
def test_pids_we_never_give_out_have_no_worker(pid: int) -> None:
    assert worker_of(pid) is None


@pytest.mark.parametrize("worker", [-1, MAX_WORKERS])
def test_too_many_workers(worker: int) -> None:
    with pytest.raises(ValueError, match="worker"):
        registry(worker)


@pytest.mark.parametrize(("minor", "size"), [(0, 4), (1, 4), (2, 32)])
def test_secrets_are_as_long_as_the_protocol_allows(minor: int, size: int) -> None:
    assert len(registry().register("x", minor=minor).secret) == size


def test_only_the_exact_key_finds_anything() -> None:
    keys = registry()
    key, other = keys.register("a", minor=2), keys.register("b", minor=0)
    assert keys.find(key.pid, key.secret) == "a"
    assert keys.find(other.pid, other.secret) == "b"
    assert keys.find(key.pid, other.secret) is None
    assert keys.find(key.pid, key.secret[:4]) is None
    assert keys.find(key.pid, b"") is None
    assert keys.find(key.pid + 100, key.secret) is None


def test_released_keys_are_gone_and_releasing_twice_is_harmless() -> None:
    keys = registry()
    key = keys.register("a", minor=0)
    keys.release(CancelKey(pid=key.pid, secret=b"none"))
    assert keys.find(key.pid, key.secret) == "a"
    keys.release(key)
    keys.release(key)
    assert keys.find(key.pid, key.secret) is None
    assert len(keys) == 0


def test_pids_in_use_are_not_given_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancel, "MAX_SESSIONS", 5)
    keys = registry()
    held = [keys.register(str(n), minor=0) for n in range(3)]
    keys.release(held[1])
    again = [keys.register("x", minor=0), keys.register("y", minor=0)]
    pids = [key.pid for key in (held[0], held[2], *again)]
    assert len(set(pids)) == 4
    with pytest.raises(Exception, match="cancel key"):
        keys.register("z", minor=0)
    assert MAX_SESSIONS == 1 << 23


def test_secrets_show_in_no_repr() -> None:
    assert "abcd" not in repr(CancelKey(pid=Pid(1), secret=b"abcd"))
