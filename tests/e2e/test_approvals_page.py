"""The page on which people decide, in a real browser: on a phone first."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.support.ui import Select, WebDriverWait
from starlette.requests import Request

from govproxy.approvals.values import Answer, Object, Status
from govproxy.console.refusals import Refused, Word
from govproxy.console.signin import SignIn
from govproxy.identity.identity import Identity
from govproxy.policy.rules import MayGrant
from tests.support.browser import DESKTOP, PHONE, Browser, complaints, resize, screenshot
from tests.support.console import Console, running
from tests.unit.approvals.building import LEA, LEO, SUBJECT, person
from tests.unit.approvals.test_automatic import NATURE

DEADLINE_S = 60
HOSTILE = "DELETE FROM \"<img src=x onerror='document.title=1'>\" WHERE a = '</code><script>document.title=2</script>'"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running(tmp_path_factory.mktemp("page")) as started:
        yield started


@pytest.fixture(scope="module")
def chromium(open_browser: Callable[..., Browser]) -> Browser:
    return open_browser(PHONE)


class Page:
    """The page in one tab, as a person uses it."""

    def __init__(self, browser: Browser, console: Console) -> None:
        self.browser = browser
        self.console = console

    def open(self, path: str = "/approvals") -> None:
        self.browser.get("about:blank")
        self.browser.get(self.console.at + path)

    def sign_in(self, token: str) -> None:
        self.one("#token").send_keys(token)
        self.one("button.primary").click()

    def all(self, css: str) -> list[Any]:
        return list(self.browser.find_elements("css selector", css))

    def one(self, css: str) -> Any:
        return self.until(lambda: next(iter(self.all(css)), None), css)

    def until(self, found: Callable[[], Any], what: str = "") -> Any:
        wait = WebDriverWait(self.browser, DEADLINE_S, 0.05, ignored_exceptions=[StaleElementReferenceException])
        try:
            return wait.until(lambda _: found())
        except TimeoutException:
            raise AssertionError(f"waited for {what}; the page says: {self.text[:2_000]}") from None

    def reads(self, words: str) -> None:
        """Wait until the page says so."""
        self.until(lambda: words in self.text, words)

    @property
    def text(self) -> str:
        text: str = self.browser.execute_script("return document.body ? document.body.innerText : ''")
        return text

    def press(self, css: str) -> None:
        self.until(lambda: next((b for b in self.all(css) if b.is_displayed() and b.is_enabled()), None), css).click()


@pytest.fixture
def page(chromium: Browser, console: Console) -> Iterator[Page]:
    resize(chromium, PHONE)
    chromium.get(console.at + "/static/icon.svg")
    chromium.execute_script("sessionStorage.clear()")
    complaints(chromium)
    yield Page(chromium, console)
    # What an answer of 4xx or a console that went away leaves in the log is meant; everything else is not.
    meant = ("Failed to load resource", "net::ERR_")
    found = [entry for entry in complaints(chromium) if not any(text in entry["message"] for text in meant)]
    assert not found


def status(console: Console, hold_id: str) -> Status:
    standing = console.run(console.approvals.find(hold_id))
    assert standing is not None
    return standing.status


def test_from_signing_in_to_approved(page: Page, console: Console) -> None:
    console.ask(id="p-approve", effects=("delete public.orders",), environment="production")
    page.open()
    page.reads("Sign in with the token")
    screenshot(page.browser, "phone-signin")
    page.sign_in(console.token("lea@x", "leads"))
    page.reads("DELETE FROM orders WHERE id > 5")
    page.until(lambda: page.all(".connection.live"), "live")
    screenshot(page.browser, "phone-list")
    page.press('a[href="#p-approve"]')
    page.reads("What it does")
    page.reads("public.orders")
    page.reads("PII.email")
    assert not page.one(".approve").is_enabled()
    page.one("#reason").send_keys("  ")
    assert not page.one(".approve").is_enabled()
    page.one("#reason").send_keys("ticket 12")
    screenshot(page.browser, "phone-detail")
    page.press(".approve")
    page.reads("Approved. It runs now.")
    page.reads("ticket 12")
    assert status(console, "p-approve") is Status.APPROVED
    page.press(".back")
    page.press(".tabs button:nth-child(2)")
    page.until(lambda: page.all('a[href="#p-approve"] .status-approved'), "in the history")


def test_denied_from_a_deep_link(page: Page, console: Console) -> None:
    console.ask(id="p-deny")
    page.open("/approvals/p-deny")
    page.sign_in(console.token("lea@x", "leads"))
    page.one("#reason").send_keys("not today")
    page.press(".deny")
    page.reads("Denied. It does not run.")
    standing = console.run(console.approvals.find("p-deny"))
    assert standing is not None
    assert (standing.status, standing.votes[0].reason) == (Status.REFUSED, "not today")


def test_a_right_for_a_time_is_given_and_taken_back(
    page: Page, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "terms", {"bulk-deletes": MayGrant(within_s=3_600)})
    console.ask(id="p-right", nature=replace(NATURE, targets=(("delete", 7, "public.orders", ""),)))
    page.open("/approvals/p-right")
    page.sign_in(console.token("lea@x", "leads"))
    page.one("#reason").send_keys("all afternoon")
    offered = Select(page.one("#lasting"))
    assert [option.get_attribute("value") for option in offered.options] == ["0", "900", "3600"]
    offered.select_by_value("3600")
    screenshot(page.browser, "phone-right")
    page.press(".approve")
    page.reads("Also delete on public.orders, until")
    page.press(".back")
    page.press(".tabs button:nth-child(3)")
    page.reads("delete on public.orders")
    page.press(".row summary")
    page.one(".take-back input").send_keys("done")
    screenshot(page.browser, "phone-rights")
    page.press(".take-back .deny")
    page.reads("Taken back by lea@x")
    (listed,) = [one for one in console.run(console.grants.listed()) if one.grant.id == "p-right"]
    assert (listed.state, listed.revoked_reason) == ("revoked", "done")


def test_statements_are_text_whatever_they_hold(page: Page, console: Console) -> None:
    evil = replace(SUBJECT, digest="e" * 64, objects=(Object(oid=1, name=HOSTILE, tags=("<b>tag</b>",)),))
    odd = "“pаy” mixes letters <i>of</i>"
    who = person("<u>max</u>@x", "<s>analysts</s>")
    console.ask(id="p-evil", sql=HOSTILE, subject=evil, effects=(HOSTILE,), oddities=(odd,), requester=who)
    page.open("/approvals/p-evil")
    page.sign_in(console.token("lea@x", "leads"))
    page.reads("What it touches")
    text = page.text
    assert text.count(HOSTILE) == 3
    for shown in ("<b>tag</b>", odd, "<u>max</u>@x"):
        assert shown in text
    inside = page.browser.execute_script(
        "return [...document.querySelectorAll('#app script, #app img, #app b, #app i, #app u, #app s')]"
        ".filter((e) => e.textContent !== 'Look twice.' && !e.className && !e.closest('.who, .brand')).length"
    )
    assert inside == 0
    assert page.browser.title.endswith("Approvals · govproxy")


def test_what_misleads_the_eye_is_pointed_out(page: Page, console: Console) -> None:
    sql = "DELETE FROM pаyments WHERE note = 'a⟨U+202E⟩b'"
    console.ask(id="p-odd", sql=sql, oddities=("“pаyments” mixes letters",))
    page.open("/approvals/p-odd")
    page.sign_in(console.token("lea@x", "leads"))
    page.reads("Look twice.")
    assert [mark.text for mark in page.all(".sql mark.odd")] == ["⟨U+202E⟩"]
    (foreign,) = page.all(".sql mark.foreign")
    assert (foreign.text, foreign.get_attribute("title")) == ("а", "U+0430")


def test_changes_show_by_themselves(page: Page, console: Console) -> None:
    page.open()
    page.sign_in(console.token("lea@x", "leads"))
    page.until(lambda: page.all(".connection.live"), "live")
    console.ask(id="p-live", sql="DELETE FROM live_one")
    page.reads("DELETE FROM live_one")
    page.press('a[href="#p-live"]')
    page.one("#reason")
    console.run(console.approvals.answer("p-live", LEO, Answer.REFUSE, "leo was faster"))
    page.reads("leo was faster")
    assert page.all("#reason") == []


def test_what_the_feed_tells_while_the_list_is_read_stays(
    page: Page, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that was read before the change, and comes after it, takes nothing away."""
    told = threading.Event()
    real = console.approvals.list

    async def late(*arguments: Any) -> Any:
        found = await real(*arguments)
        await asyncio.to_thread(told.wait, DEADLINE_S)
        return found

    page.open()
    monkeypatch.setattr(console.approvals, "list", late)
    page.sign_in(console.token("lea@x", "leads"))
    page.until(lambda: page.all(".connection.live"), "live")
    console.ask(id="p-overtaken", sql="DELETE FROM overtaken_one")
    page.until(lambda: page.browser.title.startswith("(1)"), "it is heard of")
    monkeypatch.undo()
    told.set()
    page.until(lambda: not page.all(".list [aria-busy]"), "the list that was read before")
    assert "DELETE FROM overtaken_one" in page.text


def test_without_the_feed_the_list_is_read_again_and_again(
    page: Page, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govproxy.console.api.MAX_READERS", 0)
    page.open()
    page.sign_in(console.token("lea@x", "leads"))
    page.until(lambda: page.all(".connection.polling"), "polling")
    console.ask(id="p-poll", sql="DELETE FROM polled_one")
    page.reads("DELETE FROM polled_one")


def test_own_requests_cannot_be_answered_there(page: Page, console: Console) -> None:
    console.ask(id="p-own", requester=LEA)
    page.open("/approvals/p-own")
    page.sign_in(console.token("lea@x", "leads"))
    page.reads("This is your own request.")
    assert page.all("#reason, .approve, .deny") == []


def test_an_agents_token_decides_nothing(page: Page, console: Console) -> None:
    console.ask(id="p-agent", requester=person("ana@x", agent="bot"))
    page.open("/approvals/p-agent")
    page.sign_in(console.token("ana@x", agent="bot"))
    page.reads("agents decide nothing")
    assert page.all("#reason, .approve, .deny") == []


def test_somebody_else_decided_while_one_was_typing(page: Page, console: Console) -> None:
    """The server says no, and the page says why."""
    console.ask(id="p-race")
    page.open("/approvals/p-race")
    page.sign_in(console.token("lea@x", "leads"))
    page.one("#reason").send_keys("me too")
    # The page hears nothing of this: the answer goes into the store behind the service's back.
    taken = console.run(console.approvals.answer("p-race", LEO, Answer.APPROVE, "first"))
    page.until(lambda: "first" in page.text or page.all(".approve:enabled"), "either")
    assert taken is not None
    page.reads("Approved.")
    page.reads("first")


def test_a_token_that_is_no_good(page: Page, console: Console) -> None:
    page.open()
    page.sign_in("this.is.nothing")
    page.reads("A valid token is needed")
    assert page.browser.execute_script("return sessionStorage.length") == 0
    page.one("#token").clear()
    page.sign_in(console.token("lea@x", "leads"))
    page.until(lambda: page.all(".bar"), "signed in")
    # It survives a reload of the tab, and is gone once one signs out.
    page.browser.refresh()
    page.until(lambda: page.all(".bar"), "signed in still")
    page.press(".bar .quiet")
    page.reads("Sign in with the token")
    assert page.browser.execute_script("return sessionStorage.length + localStorage.length") == 0
    assert page.browser.execute_script("return document.cookie") == ""


def test_a_token_that_runs_out_leads_back_to_the_door(page: Page, console: Console) -> None:
    expired = "the token has expired"
    for left_s in (4, 12, 36):  # a busy machine may take longer than the token lasts
        page.open()
        page.sign_in(console.token("lea@x", "leads", now=time.time() - 60, ttl_s=30 + left_s))
        found = page.until(lambda: "in" if page.all(".bar") else "late" if expired in page.text else "", "signed in")
        if found == "in":
            break
    assert found == "in"
    page.reads(expired)
    page.reads("Sign in with the token")


def test_a_token_that_is_refused_once_the_feed_is_open(
    page: Page, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the list is read anew for then is refused as well, and leads back to the door."""
    real, opened = SignIn.identify, threading.Event()

    def identify(self: SignIn, request: Request) -> Identity:
        if request.url.path == "/api/events":
            opened.set()
        elif opened.is_set():
            raise Refused(Word.UNAUTHENTICATED, detail="(it is over)")
        return real(self, request)

    monkeypatch.setattr(SignIn, "identify", identify)
    page.open()
    page.sign_in(console.token("lea@x", "leads"))
    page.reads("it is over")
    page.reads("Sign in with the token")


def test_nothing_waits(page: Page, console: Console) -> None:
    page.open()
    page.sign_in(console.token("nobody@x"))
    page.reads("Nothing waits")
    page.press(".tabs button:nth-child(2)")
    page.reads("Nothing yet")
    page.open("/approvals/not-there")
    page.reads("There is nothing here, or it is not for you.")


def test_a_console_that_is_gone(page: Page, tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("gone")) as other:
        other.ask(id="p-gone", sql="DELETE FROM gone_one")
        there = Page(page.browser, other)
        there.open()
        there.sign_in(other.token("lea@x", "leads"))
        there.reads("DELETE FROM gone_one")
    there.reads("The console cannot be reached.")
    assert "DELETE FROM gone_one" in there.text


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits(page: Page, console: Console, dark: bool) -> None:
    """No sideways scrolling at 360 pixels, whatever the statement; both halves side by side on a desk."""
    wide = "SELECT " + "x" * 300 + ", " + ", ".join(f"column_{n}" for n in range(60))
    console.ask(id=f"p-wide-{dark}", sql=wide, effects=("y" * 200,), requester=person("z" * 100, "w" * 90))
    token = console.token("lea@x", "leads")
    for name, size in (("phone", PHONE), ("desktop", DESKTOP)):
        resize(page.browser, size, dark=dark)
        page.open(f"/approvals/p-wide-{dark}")
        if page.until(lambda: page.all("#token, .bar"))[0].get_attribute("id") == "token":
            page.sign_in(token)
        page.reads("What it does")
        width, inner = page.browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        assert width <= inner == size[0]
        assert page.one(".detail").is_displayed()
        assert page.one(".list").is_displayed() is (name == "desktop")
        buttons = [b for b in page.all("button, summary, .row") if b.is_displayed()]
        assert min(b.size["height"] for b in buttons) >= 40
        screenshot(page.browser, f"{name}{'-dark' if dark else ''}")


def test_the_policy_of_the_page_is_kept(page: Page) -> None:
    """What somebody might smuggle in does not run: nothing inline, nothing evaluated, no HTML from text."""
    page.open()
    page.reads("Sign in")
    tried = page.browser.execute_async_script(
        """
        const done = arguments[0];
        const found = [];
        const refused = (name, attempt) => { try { attempt(); } catch { found.push(name); } };
        const script = document.createElement("script");
        refused("inline", () => { script.textContent = "document.title = 'inline'"; document.body.append(script); });
        refused("html", () => document.body.insertAdjacentHTML("beforeend", "<b>x</b>"));
        refused("evaluated", () => setTimeout("document.title = 'evaluated'"));
        refused("elsewhere", () => { script.src = "http://127.0.0.1:1/x.js"; });
        setTimeout(() => done([document.title, ...found]), 50);
        """
    )
    assert tried == ["Approvals · govproxy", "inline", "html", "evaluated", "elsewhere"]
    complaints(page.browser)  # those were asked for
