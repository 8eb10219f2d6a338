"""A statement waits on its connection, and people decide over HTTP: the API, the page, a signed callback."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.support.ui import WebDriverWait

from govproxy.approvals.capsule import CONTEXT
from govproxy.demo.postgres import free_port
from tests.security.holding import ANA, BOT, LEA, Aside, policy, run
from tests.support.browser import Browser, screenshot
from tests.support.proxy import HOST, Databases, Proxy, start
from tests.support.receiver import Delivery, Receiver, receiving
from tests.support.waiting import DEADLINE_S

SECRET = "w" * 32
CONFIG = """\
console: {{listen: "{host}:{port}"}}
approvals:
  webhooks: [{{url: "{receiver}/told", secret: {{file: hook}}}}]
  callbacks: [{{name: bot, secret: {{file: hook}}, people: {{lea: {{user: lea@shop.example, groups: [leads]}}}}}}]
"""
POLICY = policy().replace(
    "columns:",
    "  - {name: updates, who: {groups: [engineering]}, does: [update], effect: hold, overrides: [any],"
    " approvers: {groups: [leads]}, hold: {timeout: 10m}}\ncolumns:",
)
Connection = psycopg.Connection[Any]


@dataclass(slots=True, kw_only=True)
class World:
    proxy: Proxy
    receiver: Receiver
    at: str

    def call(self, path: str, who: tuple[Any, ...] | None = LEA, body: Any = None, **headers: str) -> Any:
        """(status, JSON) of a call as somebody."""
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.at + path, data=data)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if who is not None:
            request.add_header("Authorization", f"Bearer {self.proxy.token(*who)}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def told(self, word: str) -> dict[str, Any]:
        """The message about the request whose statement has ``word`` in it."""

        def about(deliveries: list[Delivery]) -> list[dict[str, Any]]:
            return [d.json for d in deliveries if word in d.json["approval"]["sql"]]

        return about(self.receiver.wait(lambda deliveries: bool(about(deliveries))))[0]


@pytest.fixture(scope="module")
def world(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("over-http")
    (folder / "hook").write_text(SECRET)
    with databases.direct() as direct:
        for name in ("by_api", "by_page", "by_callback", "by_nobody", "by_bot", "by_trial"):
            direct.execute(f"DROP TABLE IF EXISTS {name}")
            made = "SELECT n AS id, 'ann' || n || '@x.example' AS email FROM generate_series(1, 9) n"
            direct.execute(f"CREATE TABLE {name} AS {made}")
        direct.execute(
            "DROP TABLE IF EXISTS by_button; CREATE TABLE by_button (id int PRIMARY KEY, email text, state text);"
            "INSERT INTO by_button SELECT n, 'ann' || n || '@planted.example', 'old' FROM generate_series(1, 9) n"
        )
        direct.execute("ALTER TABLE by_trial ADD PRIMARY KEY (id)")  # by which its rows are found again
    with ExitStack() as stack:
        receiver = stack.enter_context(receiving())
        port = free_port()
        extra = CONFIG.format(host=HOST, port=port, receiver=receiver.at)
        proxy = start(databases, folder, policy=POLICY, workers=2, extra=extra)
        stack.callback(proxy.stop)
        yield World(proxy=proxy, receiver=receiver, at=f"http://{HOST}:{port}")


@pytest.fixture
def ana(world: World) -> Iterator[Connection]:
    with world.proxy.connect(*ANA) as connection:
        yield connection


@pytest.fixture
def rows(databases: Databases) -> Iterator[Callable[[str], int]]:
    with databases.direct() as direct:
        yield lambda name: direct.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # type: ignore[index]


def test_by_the_api(world: World, ana: Connection, rows: Callable[[str], int]) -> None:
    notices: list[str] = []
    ana.add_notice_handler(lambda notice: notices.append(f"{notice.message_primary} {notice.message_hint}"))
    done: Aside = run(ana, "DELETE FROM by_api WHERE id > 4 AND id <> 987654321")
    message = world.told("by_api")
    hold_id = message["approval"]["id"]
    assert message["link"] == f"{world.at}/approvals/{hold_id}"
    assert "987654321" not in json.dumps(message)
    status, shown = world.call(f"/api/approvals/{hold_id}")
    assert (status, shown["objection"], shown["rules"]) == (200, None, ["deletes"])
    assert "987654321" in shown["sql"]
    assert "public.by_api" in [table["name"] for table in shown["tables"]]
    while shown["facts"] is None:
        _, shown = world.call(f"/api/approvals/{hold_id}")
    # How rows are counted is tested where it is done; here: what was found arrives, and of the rows only masks.
    assert shown["facts"]["risk_score"] > 0
    assert [table["name"] for table in shown["facts"]["tables"]] == ["public.by_api"]
    assert "ann5@x.example" not in json.dumps(shown["facts"])
    for who, word in ((ANA, "own_request"), (BOT, "not_found"), (("max@x", ("analysts",)), "not_found")):
        _, refused = world.call(f"/api/approvals/{hold_id}/answer", who, {"answer": "approve", "reason": "me"})
        assert refused["error"]["word"] == word
    assert rows("by_api") == 9
    assert not done.is_done
    status, after = world.call(f"/api/approvals/{hold_id}/answer", LEA, {"answer": "approve", "reason": "ticket 12"})
    assert (status, after["status"]) == (200, "approved")
    assert done.result == 5
    assert rows("by_api") == 4
    assert any(f"{world.at}/approvals/{hold_id}" in notice for notice in notices)
    _, capsule = world.call(f"/api/approvals/{hold_id}/capsule")
    _, key = world.call("/api/public-key", None)
    assert verified(key["pem"], capsule)
    decided = world.proxy.wait_for_event(
        lambda event: event["event"] == "approval" and event["approval"] == hold_id and event["status"] == "approved"
    )
    assert (decided["by"], decided["reason"]) == ("user lea@shop.example", "ticket 12")
    assert decided["capsule"] == capsule["content"]
    assert world.receiver.wait_for("approved", hold_id).json["approval"]["answers"][0]["by"] == "user lea@shop.example"


def test_a_reviewer_has_it_rehearsed_and_commits_that(
    world: World, ana: Connection, databases: Databases, rows: Callable[[str], int]
) -> None:
    """No rule wants it: it waits as it is until somebody who may decide asks."""
    done = run(ana, "DELETE FROM by_trial WHERE id > 6")
    hold_id = world.told("by_trial")["approval"]["id"]
    path = f"/api/approvals/{hold_id}/rehearse"
    for who, word in ((ANA, "own_request"), (BOT, "not_found"), (("max@x", ("analysts",)), "not_found")):
        assert world.call(path, who, {})[1]["error"]["word"] == word

    def deleted_by() -> list[Any]:
        with databases.direct() as direct:
            return direct.execute("SELECT DISTINCT xmax::text FROM by_trial WHERE id > 6").fetchall()

    assert deleted_by() == [("0",)]
    status, shown = world.call(path, LEA, {})
    assert (status, shown["status"]) == (200, "waiting")
    tried = shown["facts"]["rehearsal"]
    assert tried is not None, shown["facts"]["notes"]
    assert (tried["tag"], tried["after"]) == ("DELETE 3", [None, None, None])
    assert tried["until"] > time.time()
    assert "ann7@x.example" not in json.dumps(shown["facts"])
    ((transaction,),) = deleted_by()
    assert transaction != "0"
    assert (rows("by_trial"), done.is_done) == (9, False)
    # Others see it too, and asking again shows the same one.
    assert world.call(f"/api/approvals/{hold_id}")[1]["facts"]["rehearsal"] == tried
    assert world.call(path, LEA, {})[1]["facts"]["rehearsal"]["until"] == tried["until"]
    assert deleted_by() == [(transaction,)]
    world.call(f"/api/approvals/{hold_id}/answer", LEA, {"answer": "approve", "reason": "three rows, as I thought"})
    assert done.result == 3
    assert rows("by_trial") == 6
    with databases.direct() as direct:
        ended = direct.execute(f"SELECT pg_xact_status('{transaction}'::xid8)".encode()).fetchone()
    assert ended == ("committed",)
    world.proxy.wait_for_event(
        lambda event: event["event"] == "approval" and event["approval"] == hold_id and event["status"] == "committed"
    )
    steps = [
        (event["status"], event.get("by"))
        for event in world.proxy.events("approval")
        if event["approval"] == hold_id and event["status"].startswith("rehears")
    ]
    assert steps[0] == ("rehearsal_asked", "user lea@shop.example")
    assert [status for status, _ in steps].count("rehearsed") == 1


def verified(pem: str, capsule: dict[str, str]) -> bool:
    """As anybody can, with the public key and no code of govproxy's."""
    key: Any = load_pem_public_key(pem.encode())
    key.verify(bytes.fromhex(capsule["signature"]), CONTEXT + capsule["content"].encode())
    return True


def test_by_the_page(
    world: World, ana: Connection, rows: Callable[[str], int], open_browser: Callable[..., Browser]
) -> None:
    browser = open_browser()
    done = run(ana, "DELETE FROM by_page WHERE id = 1")
    browser.get(world.told("by_page")["link"])
    wait = WebDriverWait(browser, 60)
    wait.until(lambda b: b.find_elements("css selector", "#token"))[0].send_keys(world.proxy.token(*LEA))
    browser.find_element("css selector", "button.primary").click()
    wait.until(lambda b: b.find_elements("css selector", "#reason"))[0].send_keys("seen on the phone")
    assert rows("by_page") == 9
    browser.find_element("css selector", ".approve").click()
    assert done.result == 1
    assert rows("by_page") == 8
    wait.until(lambda b: "Approved. It runs now." in b.find_element("css selector", "body").text)


class Tab:
    """The page of one request, as one person has it open."""

    def __init__(self, world: World, browser: Browser, address: str, who: tuple[Any, ...]) -> None:
        self.browser = browser
        self._wait = WebDriverWait(browser, 60, ignored_exceptions=[StaleElementReferenceException])
        browser.get("about:blank")
        browser.get(address)
        self.one("#token").send_keys(world.proxy.token(*who))
        self.one("button.primary").click()

    def one(self, css: str) -> Any:
        return self._wait.until(lambda _: next(iter(self.all(css)), None), css)

    def all(self, css: str) -> list[Any]:
        return [found for found in self.browser.find_elements("css selector", css) if found.is_displayed()]

    def reads(self, words: str) -> str:
        """Wait until the page says so; all it says then."""

        def text(_: object) -> str:
            said = str(self.browser.execute_script("return document.body.innerText"))
            return said if words in said else ""

        return str(self._wait.until(text, words))


def test_the_button_rehearses_and_what_was_seen_is_committed(
    world: World, ana: Connection, databases: Databases, open_browser: Callable[..., Browser]
) -> None:
    """Counts, and rows before and after, masked, on a phone. Whoever asked has neither the button nor the rows."""
    browser = open_browser()
    set_to = "email = 'zoe' || id || '@planted.example', state = 'new'"
    done = run(ana, f"UPDATE by_button SET {set_to} WHERE id > 6")
    address = world.told("by_button")["link"]
    hold_id = address.rpartition("/")[2]

    def changed() -> tuple[Any, ...] | None:
        """How many rows others see changed, and how many a transaction that is open has changed."""
        with databases.direct() as direct:
            return direct.execute(
                "SELECT count(*) FILTER (WHERE state = 'new'), count(*) FILTER (WHERE xmax <> 0) FROM by_button"
            ).fetchone()

    own = Tab(world, browser, address, ANA)
    own.reads("This is your own request.")
    own.reads("Everything else")
    assert own.all(".rehearse, .diff, #reason, .approve") == []
    # Nor has anybody who makes the page's call by hand.
    said = browser.execute_async_script(
        "const [at, token, done] = arguments;"
        "fetch(at, {method: 'POST', body: '{}',"
        " headers: {'Content-Type': 'application/json', Authorization: 'Bearer ' + token}})"
        ".then((answer) => answer.json().then((body) => done([answer.status, body.error.word])));",
        f"{world.at}/api/approvals/{hold_id}/rehearse",
        world.proxy.token(*ANA),
    )
    assert said == [403, "own_request"]
    assert changed() == (0, 0)
    own.one(".bar .quiet").click()

    tab = Tab(world, browser, address, LEA)
    tab.reads("counted just now")
    assert tab.all(".diff") == []
    assert changed() == (0, 0)
    button = tab.one(".rehearse button")
    browser.execute_script("arguments[0].focus()", button)  # the form at the bottom does not cover what has the focus
    covers = (
        "const box = arguments[0].getBoundingClientRect();"
        " return document.elementFromPoint(box.x + 9, box.y + 9) === arguments[0]"
    )
    assert browser.execute_script(covers, button)
    button.click()
    text = tab.reads("stands in its transaction until")
    assert "UPDATE 3" in text
    counted = [cell.text for cell in tab.all("section.part td")]
    at = counted.index("public.by_button")
    assert counted[at : at + 4] == ["public.by_button", "0", "3", "0"]
    rows = {
        which: [[cell.text for cell in row.find_elements("css selector", "td")] for row in tab.all(f".diff tr.{which}")]
        for which in ("before", "after")
    }
    assert [[row[0], row[2]] for row in rows["before"]] == [["7", "old"], ["8", "old"], ["9", "old"]]
    assert [[row[0], row[2]] for row in rows["after"]] == [["7", "new"], ["8", "new"], ["9", "new"]]
    # What was there and what is to be there are both masked: in the page, and in all it was sent.
    assert all(row[1] for row in (*rows["before"], *rows["after"]))
    for kept in (text, browser.page_source, json.dumps(world.call(f"/api/approvals/{hold_id}")[1]["facts"])):
        assert not any(f"{name}{n}@planted" in kept for name in ("ann", "zoe") for n in (7, 8, 9))
    assert [cell.text for cell in tab.all(".diff .after .changed")].count("new") == 3
    width, inner = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert width <= inner
    screenshot(browser, "phone-rehearsal")
    # It stands, so there is nothing to press; nobody else sees it, and its client waits.
    assert tab.all(".rehearse") == []
    assert changed() == (0, 3)
    assert not done.is_done
    tab.one("#reason").send_keys("three, as announced")
    tab.one(".approve").click()
    tab.reads("Approved. It runs now.")
    assert done.result == 3
    committed = changed()
    assert committed is not None
    assert committed[0] == 3


def test_by_a_callback(world: World, ana: Connection, rows: Callable[[str], int]) -> None:
    done = run(ana, "DELETE FROM by_callback WHERE id < 3")
    hold_id = world.told("by_callback")["approval"]["id"]
    said = {"hold": hold_id, "answer": "approve", "reason": "in chat", "by": "lea", "nonce": secrets.token_hex(16)}
    body, timestamp = json.dumps(said).encode(), str(int(time.time()))
    forged = world.call("/api/callbacks/bot", None, body, Govproxy_Timestamp=timestamp, Govproxy_Signature="v1=00")
    assert forged == (401, {"error": forged[1]["error"]})
    assert forged[1]["error"]["word"] == "forged"
    assert rows("by_callback") == 9
    digest = hmac.new(SECRET.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"Govproxy_Timestamp": timestamp, "Govproxy_Signature": f"v1={digest}"}
    assert world.call("/api/callbacks/bot", None, body, **headers)[1]["status"] == "approved"
    assert done.result == 2
    assert rows("by_callback") == 7
    assert world.call("/api/callbacks/bot", None, body, **headers)[1]["error"]["word"] == "replayed"


def test_denied(world: World, ana: Connection, rows: Callable[[str], int]) -> None:
    done = run(ana, "DELETE FROM by_nobody WHERE id < 3")
    hold_id = world.told("by_nobody")["approval"]["id"]
    world.call(f"/api/approvals/{hold_id}/answer", LEA, {"answer": "refuse", "reason": "wrong database"})
    error = done.error
    assert error.sqlstate == "42501"
    assert rows("by_nobody") == 9
    assert ana.execute("SELECT 1").fetchone() == (1,)


def test_an_agent_asks_and_comes_back(world: World, rows: Callable[[str], int]) -> None:
    """``on_hold: refuse``: an error with the id; once approved over HTTP the same statement passes."""
    with world.proxy.connect(*BOT) as connection:
        with pytest.raises(psycopg.Error) as refused:
            connection.execute("DELETE FROM by_bot WHERE id = 7")
        assert refused.value.sqlstate == "42501"
        hold_id = world.told("by_bot")["approval"]["id"]
        status, own = world.call(f"/api/approvals/{hold_id}", BOT)
        assert (status, own["mine"], own["objection"], own["facts"]) == (200, True, "agent", {})
        # Its human may look, and not decide.
        _, human = world.call(f"/api/approvals/{hold_id}/answer", ANA, {"answer": "approve", "reason": "my bot"})
        assert human["error"]["word"] == "own_agent"
        world.call(f"/api/approvals/{hold_id}/answer", LEA, {"answer": "approve", "reason": "fine"})
        connection.execute("DELETE FROM by_bot WHERE id = 7")
    assert rows("by_bot") == 8
