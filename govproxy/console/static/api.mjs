// Talking to the API: the token, requests, and the live feed with polling as its stand-in.

const KEY = "govproxy.token";

export class Refused extends Error {
  constructor(status, word, message) {
    super(message);
    this.status = status;
    this.word = word;
  }
}

export class Offline extends Error {}

// Kept for this tab alone, and gone when it is closed.
export const token = {
  get: () => {
    try { return sessionStorage.getItem(KEY) ?? ""; } catch { return ""; }
  },
  set: (value) => {
    try { sessionStorage.setItem(KEY, value); } catch { /* private windows: for this page load only */ }
  },
  clear: () => {
    try { sessionStorage.removeItem(KEY); } catch { /* nothing was kept */ }
  },
};

async function refusal(answer) {
  let said = null;
  try { said = await answer.json(); } catch { /* an answer of something in between */ }
  const message = said?.error?.message ?? `The console answered with ${answer.status}.`;
  return new Refused(answer.status, said?.error?.word ?? "unknown", message);
}

export async function call(bearer, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        Authorization: `Bearer ${bearer}`,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
  } catch {
    throw new Offline("The console cannot be reached.");
  }
  if (!answer.ok) throw await refusal(answer);
  return answer.json();
}

const segment = (id) => encodeURIComponent(id);
export const api = {
  me: (bearer) => call(bearer, "api/me"),
  show: (bearer, id) => call(bearer, `api/approvals/${segment(id)}`),
  rehearse: (bearer, id) => call(bearer, `api/approvals/${segment(id)}/rehearse`, {}),
  answer: (bearer, id, answer, reason, grant) =>
    call(bearer, `api/approvals/${segment(id)}/answer`, { answer, reason, ...(grant ? { grant } : {}) }),
  grants: (bearer) => call(bearer, "api/grants"),
  revoke: (bearer, id, reason) => call(bearer, `api/grants/${segment(id)}/revoke`, { reason }),
  page: (bearer, { status, after, limit = 50 }) => {
    const query = new URLSearchParams({ limit: String(limit) });
    if (status) query.set("status", status);
    if (after) query.set("after", after);
    return call(bearer, `api/approvals?${query}`);
  },
  waiting: async (bearer) => {
    const found = [];
    let after;
    for (let pages = 0; pages < 10; pages += 1) {
      const page = await api.page(bearer, { status: "waiting", after, limit: 200 });
      found.push(...page.approvals);
      after = page.next;
      if (!after) break;
    }
    return found;
  },
};

// Server-sent events over fetch, because EventSource cannot send the token in a header.
async function* read(bearer, last, signal) {
  const headers = { Authorization: `Bearer ${bearer}`, Accept: "text/event-stream" };
  if (last) headers["Last-Event-ID"] = last;
  const answer = await fetch("api/events", { headers, signal, cache: "no-store", credentials: "omit", redirect: "error" });
  if (!answer.ok) throw await refusal(answer);
  yield { type: "open" };
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
      const event = { type: "message", id: null, data: "" };
      for (const line of rest.slice(0, end).split("\n")) {
        const [, field, text] = /^(\w*): ?(.*)$/.exec(line) ?? [];
        if (field === "event") event.type = text;
        if (field === "id") event.id = text;
        if (field === "data") event.data += text;
      }
      rest = rest.slice(end + 2);
      yield event;
    }
  }
}

const POLL_MS = 4000;
const RETRY_MS = [1000, 2000, 5000, 15000];

// Calls onChange(summary), onStale() when everything must be read anew, onState("live" | "polling" | "offline"),
// onRefused(error). Gives a function that ends it.
export function follow(bearer, { onChange, onStale, onState, onRefused }) {
  const ended = new AbortController();
  let last = null;
  let live = false;

  const wait = (ms) => new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    ended.signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });

  const readAnew = async () => {
    try {
      await onStale();
      return true;
    } catch (error) {
      if (ended.signal.aborted) return false;
      if (error instanceof Refused && error.status === 401) onRefused(error);
      else if (!live) onState("offline");
      return false;
    }
  };

  (async () => {
    for (let failures = 0; !ended.signal.aborted; failures += 1) {
      try {
        for await (const event of read(bearer, last, ended.signal)) {
          if (event.type === "open") {
            live = true;
            if (failures > 0 || last === null) readAnew();
            failures = 0;
            onState("live");
          }
          if (event.id) last = event.id;
          if (event.type === "change") onChange(JSON.parse(event.data));
          if (event.type === "reset") readAnew();
        }
      } catch (error) {
        if (ended.signal.aborted) return;
        if (error instanceof Refused && error.status === 401) {
          onRefused(error);
          return;
        }
      }
      live = false;
      await wait(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]);
    }
  })();

  (async () => {
    while (!ended.signal.aborted) {
      await wait(POLL_MS);
      if (live || ended.signal.aborted) continue;
      if (await readAnew() && !live) onState("polling");
    }
  })();

  return () => ended.abort();
}
