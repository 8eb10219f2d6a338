// The page: signing in, keeping the list true, and which request is open. What it looks like is in views.mjs.
import { html, render, useCallback, useEffect, useMemo, useRef, useState } from "./html.mjs";
import { api, follow, Offline, Refused, token } from "./api.mjs";
import { Bar, Detail, List, Notice, SignIn } from "./views.mjs";

const openId = () => {
  try { return decodeURIComponent(location.hash.slice(1)); } catch { return ""; }
};

const useOpenId = () => {
  const [id, setId] = useState(openId);
  useEffect(() => {
    const changed = () => setId(openId());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return id;
};

const useNow = (skew) => {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now() / 1000), 1000);
    return () => clearInterval(timer);
  }, []);
  return now + skew;
};

const newestFirst = (items) => items.toSorted((a, b) => b.asked - a.asked || (a.id < b.id ? -1 : 1));

// Every request that was seen, by id; the tabs are two views of it.
const useRequests = (bearer, onRefused) => {
  const [known, setKnown] = useState(() => new Map());
  const [loaded, setLoaded] = useState(false);
  const [connection, setConnection] = useState("connecting");
  const [older, setOlder] = useState(undefined); // undefined: history not asked for; null: all of it is here
  const heard = useRef(new Map()); // id: when the feed last told of it

  const keep = useCallback((items) => setKnown((before) => {
    const after = new Map(before);
    for (const item of items) after.set(item.id, item);
    return after;
  }), []);

  const refresh = useCallback(async () => {
    const began = performance.now();
    // What the feed told meanwhile is newer than what is read here.
    const overtaken = (id) => heard.current.get(id) >= began;
    const [waiting, recent] = await Promise.all([api.waiting(bearer), api.page(bearer, { limit: 50 })]);
    setKnown((before) => {
      const after = new Map(before);
      const waits = new Set(waiting.map((item) => item.id));
      // What we took to be waiting and is not: known again only if it is among the recent ones.
      for (const [id, item] of after) if (item.status === "waiting" && !waits.has(id) && !overtaken(id)) after.delete(id);
      for (const item of [...recent.approvals, ...waiting]) if (!overtaken(item.id)) after.set(item.id, item);
      return after;
    });
    setOlder((before) => (before === undefined ? recent.next : before));
    setLoaded(true);
  }, [bearer]);

  useEffect(() => {
    const failed = (error) => {
      if (error instanceof Refused && error.status === 401) onRefused(error);
      else if (error instanceof Offline) setConnection("offline");
    };
    refresh().catch(failed);
    return follow(bearer, {
      onChange: (item) => {
        heard.current.set(item.id, performance.now());
        keep([item]);
      },
      onStale: () => refresh(),
      onState: setConnection,
      onRefused,
    });
  }, [bearer, refresh, keep, onRefused]);

  // What time alone changes, such as when delegates may answer, no event tells.
  useEffect(() => {
    const timer = setInterval(() => refresh().catch(() => setConnection("offline")), 30000);
    return () => clearInterval(timer);
  }, [refresh]);

  const loadOlder = useCallback(async () => {
    const page = await api.page(bearer, { after: older });
    keep(page.approvals);
    setOlder(page.next);
  }, [bearer, keep, older]);

  return { known, keep, loaded, connection, older, loadOlder };
};

const useDetail = (bearer, id, summary, onRefused) => {
  const [detail, setDetail] = useState(null);
  const [problem, setProblem] = useState("");
  const [again, setAgain] = useState(0);
  const version = summary && `${summary.status} ${summary.approvals} ${summary.objection}`;
  useEffect(() => {
    let wanted = true;
    if (!id) {
      setDetail(null);
      return undefined;
    }
    setProblem("");
    api.show(bearer, id).then(
      (found) => wanted && setDetail(found),
      (error) => {
        if (!wanted) return;
        if (error instanceof Refused && error.status === 401) onRefused(error);
        else setProblem(error.message);
        if (error instanceof Refused) setDetail(null);
      },
    );
    return () => { wanted = false; };
  }, [bearer, id, version, again, onRefused]);
  // What is still looked up in the database is asked for again.
  useEffect(() => {
    if (!detail || detail.facts !== null) return undefined;
    const timer = setTimeout(() => setAgain((before) => before + 1), 1000);
    return () => clearTimeout(timer);
  }, [detail]);
  return { detail: detail?.id === id ? detail : null, setDetail, problem };
};

const Desk = ({ bearer, me, onSignOut, onRefused }) => {
  const id = useOpenId();
  const now = useNow(me.skew);
  const requests = useRequests(bearer, onRefused);
  const { known, keep, loaded, connection } = requests;
  const { detail, setDetail, problem } = useDetail(bearer, id, known.get(id), onRefused);
  const [tab, setTab] = useState("waiting");
  const [sending, setSending] = useState(false);
  const [refusal, setRefusal] = useState("");
  const [rights, setRights] = useState(null);
  const [said, setSaid] = useState(() => new Set());

  const items = useMemo(() => newestFirst([...known.values()]), [known]);
  const waiting = items.filter((item) => item.status === "waiting");
  const listed = tab === "waiting" ? waiting : items.filter((item) => item.status !== "waiting");
  useEffect(() => { document.title = `${waiting.length ? `(${waiting.length}) ` : ""}Approvals · govproxy`; }, [waiting.length]);
  useEffect(() => setRefusal(""), [id]);

  const answer = async (word, reason, grant) => {
    setSending(true);
    setRefusal("");
    try {
      const after = await api.answer(bearer, id, word, reason, grant);
      setSaid((before) => new Set(before).add(id));
      setDetail(after);
      const { sql, ...rest } = after;
      const before = known.get(id);
      keep([{ ...rest, sql: before?.sql ?? sql, sql_is_cut: before?.sql_is_cut ?? false }]);
    } catch (error) {
      if (error instanceof Refused && error.status === 401) onRefused(error);
      setRefusal(error.message);
      if (error instanceof Refused) api.show(bearer, id).then(setDetail, () => {});
    } finally {
      setSending(false);
    }
  };

  const rehearse = async () => {
    setSending(true);
    setRefusal("");
    try {
      setDetail(await api.rehearse(bearer, id));
    } catch (error) {
      if (error instanceof Refused && error.status === 401) onRefused(error);
      setRefusal(error.message);
    } finally {
      setSending(false);
    }
  };

  const loadRights = useCallback(() => api.grants(bearer).then(
    (found) => setRights(found.grants),
    (error) => (error instanceof Refused && error.status === 401 ? onRefused(error) : setRefusal(error.message)),
  ), [bearer, onRefused]);
  useEffect(() => { if (tab === "rights") loadRights(); }, [tab, loadRights]);
  const revoke = async (grant, reason) => {
    try {
      await api.revoke(bearer, grant, reason);
      return "";
    } catch (error) {
      if (error instanceof Refused && error.status === 401) onRefused(error);
      return error.message;
    } finally {
      await loadRights();
    }
  };

  return html`
    <${Bar} me=${me} connection=${connection} onSignOut=${onSignOut} />
    ${connection === "offline" && html`<${Notice} kind="warning">The console cannot be reached. What you see may be old; it is tried again all the time.</${Notice}>`}
    ${me.agent && html`<${Notice} kind="warning">You are signed in with an agent’s token. It may look at its own requests and decide nothing.</${Notice}>`}
    <main class=${`desk ${id ? "open" : ""}`}>
      <${List} items=${loaded ? listed : null} now=${now} selected=${id} tab=${tab} onTab=${setTab} rights=${rights} onRevoke=${revoke} count=${waiting.length}
        more=${tab === "history" && requests.older} onMore=${() => requests.loadOlder().catch(() => {})} />
      <div class="pane">
        ${detail ? html`<${Detail} item=${detail} now=${now} onAnswer=${answer} onRehearse=${rehearse} busy=${sending} problem=${refusal} said=${said.has(id)}
            onBack=${() => { location.hash = ""; }} />`
          : id ? html`<div class="empty">${problem ? html`<h2>Not here</h2><p>${problem}</p>
              <button class="quiet" type="button" onClick=${() => { location.hash = ""; }}>← All requests</button>` : html`<p>Loading…</p>`}</div>`
          : html`<div class="empty wide-only"><p>Choose a request to see what it would do.</p></div>`}
      </div>
    </main>`;
};

const App = () => {
  const [bearer, setBearer] = useState(token.get);
  const [me, setMe] = useState(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const attempt = useRef(0);

  const signOut = useCallback((why) => {
    token.clear();
    setBearer("");
    setMe(null);
    setProblem(why instanceof Error ? why.message : "");
  }, []);

  useEffect(() => {
    if (!bearer || me) return;
    attempt.current += 1;
    const mine = attempt.current;
    setBusy(true);
    api.me(bearer).then(
      (found) => {
        if (mine !== attempt.current) return;
        token.set(bearer);
        setProblem("");
        setMe({ ...found, skew: found.time - Date.now() / 1000 });
      },
      (error) => {
        if (mine !== attempt.current) return;
        if (error instanceof Refused && error.status === 401) token.clear();
        setBearer("");
        setProblem(error.message);
      },
    ).finally(() => setBusy(false));
  }, [bearer, me]);

  if (!me) return bearer && busy && token.get() === bearer
    ? html`<div class="empty"><p>Signing in…</p></div>`
    : html`<${SignIn} onToken=${setBearer} problem=${problem} busy=${busy} />`;
  return html`<${Desk} key=${bearer} bearer=${bearer} me=${me} onSignOut=${signOut} onRefused=${signOut} />`;
};

render(html`<${App} />`, document.getElementById("app"));
