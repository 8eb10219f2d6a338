// What is on the screen, as functions of what is known. No requests are made here.
import { html, useEffect, useRef, useState } from "./html.mjs";
import { ago, moment, OBJECTION, pieces, points, span, STATUS, words } from "./format.mjs";

const Tag = ({ kind = "plain", title, children }) => html`<span class=${`tag tag-${kind}`} title=${title}>${children}</span>`;

export const Who = ({ who }) => html`
  <span class="who">
    ${who.agent ? html`<${Tag} kind="agent" title="An agent">agent</${Tag}><b>${who.agent}</b><span class="dim"> for ${who.user}</span>`
      : html`<b>${who.user}</b>`}
  </span>`;

const Status = ({ item, now }) => {
  if (item.status !== "waiting") return html`<span class=${`status status-${item.status}`}>${STATUS[item.status]}</span>`;
  const left = item.deadline - now;
  const share = Math.max(0, Math.min(100, (100 * left) / Math.max(1, item.deadline - item.asked)));
  return html`<span class=${`status status-waiting ${left < 30 ? "soon" : ""}`}>
    <progress max="100" value=${share} aria-hidden="true"></progress>
    ${left > 0 ? html`<span><span class="tabular">${span(left)}</span> left</span>` : "Time is over"}
  </span>`;
};

export const Sql = ({ text }) => html`<code>${pieces(text).map(({ kind, text: part }) => {
  if (kind === "unseen") return html`<mark class="odd" title="A character that cannot be seen">${part}</mark>`;
  if (kind === "foreign") return html`<mark class="foreign" title=${points(part)}>${part}</mark>`;
  return part;
})}</code>`;

// ------------------------------------------------------------------ sign in

export const SignIn = ({ onToken, problem, busy }) => {
  const [text, setText] = useState("");
  const field = useRef(null);
  useEffect(() => field.current?.focus(), []);
  const submit = (event) => {
    event.preventDefault();
    if (text.trim()) onToken(text.trim());
  };
  return html`<main class="signin">
    <form class="card" onSubmit=${submit}>
      <h1><img src="static/icon.svg" alt="" width="28" height="28" /> Approvals</h1>
      <p>Sign in with the token that you use as your password at the database.</p>
      <label for="token">Token</label>
      <input id="token" ref=${field} type="password" autocomplete="off" spellcheck=${false} autocapitalize="off"
        value=${text} onInput=${(event) => setText(event.target.value)} aria-describedby="token-note"
        aria-invalid=${problem ? "true" : undefined} />
      ${problem && html`<p class="problem" role="alert">${problem}</p>`}
      <button class="primary" type="submit" disabled=${busy || !text.trim()}>${busy ? "Signing in…" : "Sign in"}</button>
      <p class="note" id="token-note">It stays in this tab and is gone when you close it.</p>
    </form>
  </main>`;
};

// ------------------------------------------------------------------ frame

const CONNECTION = {
  live: ["live", "Live", "Changes show as they happen"],
  polling: ["polling", "Every few seconds", "The live feed is interrupted; the list is read again and again"],
  offline: ["offline", "Offline", "The console cannot be reached"],
  connecting: ["polling", "Connecting", "The live feed is being opened"],
};

export const Bar = ({ me, connection, onSignOut }) => {
  const [kind, label, title] = CONNECTION[connection];
  return html`<header class="bar">
    <a class="brand" href="#" aria-label="All requests"><img src="static/icon.svg" alt="" width="22" height="22" /><span>Approvals</span></a>
    <span class=${`connection ${kind}`} role="status" title=${title}>${label}</span>
    <span class="me" title=${me.groups.join(", ")}>${me.agent ? `${me.agent} for ${me.user}` : me.user}</span>
    <button class="quiet" type="button" onClick=${onSignOut}>Sign out</button>
  </header>`;
};

export const Notice = ({ kind, children }) => html`<p class=${`notice ${kind}`} role="status">${children}</p>`;

// ------------------------------------------------------------------ list

const Row = ({ item, now, selected }) => html`<li>
  <a class=${`row ${selected ? "selected" : ""}`} href=${`#${encodeURIComponent(item.id)}`} aria-current=${selected ? "true" : undefined}>
    <span class="row-top"><${Who} who=${item.requester} /><${Status} item=${item} now=${now} /></span>
    <span class="row-sql"><${Sql} text=${item.sql} /></span>
    <span class="row-end">
      <${Tag} kind=${item.environment === "production" ? "production" : "plain"}>${item.environment}</${Tag}>
      <span>${item.database}</span>
      ${item.tags.slice(0, 3).map((tag) => html`<${Tag} kind="sensitive">${tag}</${Tag}>`)}
      ${item.tags.length > 3 && html`<span class="dim">+${item.tags.length - 3}</span>`}
      ${item.oddities > 0 && html`<${Tag} kind="warning">look twice</${Tag}>`}
      ${item.mine && html`<${Tag}>yours</${Tag}>`}
      <span class="dim age" title=${moment(item.asked)}>${ago(now - item.asked)}</span>
    </span>
  </a>
</li>`;

const Empty = ({ waiting }) => html`<div class="empty">
  <svg viewBox="0 0 48 48" width="48" height="48" aria-hidden="true"><circle cx="24" cy="24" r="21" /><path d="M15 24.5l6.5 6.5L34 18" /></svg>
  <h2>${waiting ? "Nothing waits" : "Nothing yet"}</h2>
  <p>${waiting ? "A statement that needs somebody’s yes appears here at once." : "What is decided stays here, with who said what."}</p>
</div>`;

const RIGHT = { live: "approved", ended: "withdrawn", revoked: "refused" };

const Right = ({ right, now, onRevoke }) => {
  const [reason, setReason] = useState("");
  const [problem, setProblem] = useState("");
  const state = right.state === "live" ? (now < right.until ? `for ${span(right.until - now)} more` : "ended") : right.state;
  const what = right.scope.map((one) => `${one.action} on ${one.tables.join(", ")}`);
  return html`<li class="row">
    <span class="row-top"><${Who} who=${right} /><span class=${`status status-${RIGHT[right.state]}`}>${state}</span></span>
    ${what.map((text) => html`<span class="who">${text}</span>`)}
    <span class="row-end"><span>${right.database}</span><${Tag}>${right.clear ? "as it is" : "masked"}</${Tag}>
      ${right.mine && html`<${Tag}>yours</${Tag}>`}<span class="dim">given by ${right.by}</span></span>
    <q class="who dim">${right.reason}</q>
    ${right.revoked_by && html`<span class="dim who">Taken back by ${right.revoked_by}: <q>${right.revoked_reason}</q></span>`}
    ${right.revocable && html`<details class="more"><summary>Take it back</summary>
      <form class="take-back" onSubmit=${async (event) => { event.preventDefault(); setProblem(await onRevoke(right.id, reason)); }}>
        <label for=${`why-${right.id}`}>Reason</label>
        <input id=${`why-${right.id}`} maxlength="1000" autocomplete="off" value=${reason} onInput=${(event) => setReason(event.target.value)} />
        ${problem && html`<p class="problem" role="alert">${problem}</p>`}
        <button type="submit" class="deny" disabled=${reason.trim() === ""}>Take it back</button>
      </form></details>`}
  </li>`;
};

const Rights = ({ rights, now, onRevoke }) => rights === null ? html`<ul class="rows" aria-busy="true"><li class="ghost"></li></ul>`
  : rights.length === 0 ? html`<div class="empty"><h2>No rights for a time</h2><p>What approvers give beyond a single run is listed here.</p></div>`
  : html`<ul class="rows">${rights.map((right) => html`<${Right} key=${right.id} right=${right} now=${now} onRevoke=${onRevoke} />`)}</ul>`;

export const List = ({ items, now, selected, tab, onTab, rights, onRevoke, more, onMore, count }) => html`<section class="list" aria-label="Requests">
  <nav class="tabs" aria-label="Which requests">
    ${[["waiting", "Waiting"], ["history", "History"], ["rights", "Rights"]].map(([name, label]) => html`
      <button type="button" class=${tab === name ? "on" : ""} aria-pressed=${tab === name ? "true" : "false"} onClick=${() => onTab(name)}>
        ${label}${name === "waiting" && count > 0 ? html` <span class="count">${count}</span>` : ""}
      </button>`)}
  </nav>
  ${tab === "rights" ? html`<${Rights} rights=${rights} now=${now} onRevoke=${onRevoke} />`
    : items === null ? html`<ul class="rows" aria-busy="true">${[1, 2, 3].map(() => html`<li class="ghost"></li>`)}</ul>`
    : items.length === 0 ? html`<${Empty} waiting=${tab === "waiting"} />`
    : html`<ul class="rows">${items.map((item) => html`<${Row} key=${item.id} item=${item} now=${now} selected=${item.id === selected} />`)}</ul>`}
  ${more && html`<button class="quiet wide" type="button" onClick=${onMore}>Older ones</button>`}
</section>`;

// ------------------------------------------------------------------ one request

const plain = (value) => value === null || typeof value !== "object";
const shown = (value) => (value === null || value === undefined ? "–" : typeof value === "boolean" ? (value ? "yes" : "no") : String(value));

const Grid = ({ columns, rows }) => html`<div class="scroll"><table>
  <thead><tr>${columns.map((name) => html`<th scope="col">${String(name)}</th>`)}</tr></thead>
  <tbody>${rows.map((row) => html`<tr>${row.map((value) => html`<td>${plain(value) ? shown(value) : JSON.stringify(value)}</td>`)}</tr>`)}</tbody>
</table></div>`;

// Whatever reviewers are told, in the form in which it came: values, lists, tables, and values by name.
const Fact = ({ value, depth = 0 }) => {
  if (plain(value)) return html`<span>${shown(value)}</span>`;
  if (depth > 3) return html`<code>${JSON.stringify(value)}</code>`;
  if (Array.isArray(value)) {
    if (value.length === 0) return html`<span class="dim">none</span>`;
    if (value.every(plain)) return html`<ul class="plain">${value.map((one) => html`<li>${shown(one)}</li>`)}</ul>`;
    if (value.every((one) => !plain(one) && !Array.isArray(one))) {
      const columns = [...new Set(value.flatMap((one) => Object.keys(one)))];
      return html`<${Grid} columns=${columns} rows=${value.map((one) => columns.map((name) => one[name]))} />`;
    }
    return html`<ul class="plain">${value.map((one) => html`<li><${Fact} value=${one} depth=${depth + 1} /></li>`)}</ul>`;
  }
  if (Array.isArray(value.columns) && Array.isArray(value.rows) && value.rows.every(Array.isArray)) {
    const others = Object.entries(value).filter(([name]) => name !== "columns" && name !== "rows");
    return html`<${Grid} columns=${value.columns} rows=${value.rows} />${others.length > 0 && html`<${Fact} value=${Object.fromEntries(others)} depth=${depth + 1} />`}`;
  }
  return html`<dl>${Object.entries(value).map(([name, one]) => html`<div><dt>${words(name)}</dt><dd><${Fact} value=${one} depth=${depth + 1} /></dd></div>`)}</dl>`;
};

const Section = ({ title, children }) => html`<section class="part"><h3>${title}</h3>${children}</section>`;

const count = (number) => Number(number).toLocaleString();
const rows = (number) => `${count(number)} ${number === 1 ? "row" : "rows"}`;

// A row as it was, and under it what became of it. Rows without an "after" at all were not found again; null: gone, or not there before.
const Diff = ({ columns, before, after }) => html`<div class="scroll"><table class="diff">
  <thead><tr><th scope="col">row</th>${columns.map((name) => html`<th scope="col">${String(name)}</th>`)}</tr></thead>
  <tbody>${Array.from({ length: Math.max(before.length, after.length) }, (_, at) => {
    const [was, is] = [before[at] ?? null, after[at] ?? null];
    const cells = (row, other) => row.map((value, column) => html`<td class=${other && value !== other[column] ? "changed" : ""}>${shown(value)}</td>`);
    const gone = html`<td class="dim" colspan=${columns.length}>gone</td>`;
    return html`
      ${was && html`<tr class="before"><th scope="row">before</th>${cells(was, is)}</tr>`}
      ${at < after.length && html`<tr class="after"><th scope="row">${was ? "after" : "new"}</th>${is ? cells(is, was) : gone}</tr>`}`;
  })}</tbody>
</table></div>`;

const Rehearsal = ({ found, now }) => {
  const { tag, changed = [], columns = [], before = [], after = [], failed, until = 0, ...others } = found;
  const left = Object.entries(others).filter(([, value]) => value !== null && value !== "");
  return html`<${Section} title="Rehearsal">
    ${failed ? html`<p class="notice bad">It failed with ${failed}. Nothing of it is left.</p>`
      : html`<p><b class="figure">${tag}</b> <span class="dim">${until > now ? `stands in its transaction until ${moment(until)}; an answer commits it or rolls it back`
        : "was rolled back"}</span></p>`}
    ${changed.length > 0 && html`<${Grid} columns=${["table", "inserted", "updated", "deleted"]}
      rows=${changed.map((one) => [one.table, one.inserted, one.updated, one.deleted])} />`}
    ${before.length + after.length > 0 && html`<p class="dim">Some of the rows, masked</p><${Diff} columns=${columns} before=${before} after=${after} />`}
    ${left.length > 0 && html`<${Fact} value=${Object.fromEntries(left)} />`}
  </${Section}>`;
};

// Facts with a form of their own; all others are shown in the form in which they came.
const Facts = ({ facts, now }) => {
  const { risk, risk_score: score, actual_rows: actual = -1, planned_rows: planned = -1, sample, rehearsal, notes = [], tables = [], ...others } = facts;
  const columns = tables.filter((table) => table.sensitive.length > 0);
  const [, parts] = typeof risk === "string" ? /^[^:]*:?\s*(.*)$/.exec(risk) : [];
  return html`
    ${(actual >= 0 || planned >= 0) && html`<${Section} title="Rows concerned">
      <p>${actual >= 0 ? html`<b class="figure">${rows(actual)}</b> <span class="dim">counted just now</span>`
        : html`<b class="figure">about ${rows(planned)}</b> <span class="dim">by the planner’s estimate</span>`}</p></${Section}>`}
    ${typeof score === "number" && html`<${Section} title="Risk">
      <p class="risk"><meter min="0" max="100" low="34" high="67" optimum="0" value=${score}></meter><b class="figure">${score}</b><span class="dim">of 100</span></p>
      ${parts && html`<p class="dim">${parts}</p>`}</${Section}>`}
    ${columns.length > 0 && html`<${Section} title="Sensitive columns within reach">
      <ul class="plain tables">${columns.map((table) => html`<li><code>${table.name}</code>
        ${table.sensitive.map(([column, what]) => html`<${Tag} kind="sensitive">${column}: ${what}</${Tag}>`)}</li>`)}</ul></${Section}>`}
    ${sample && html`<${Section} title="Some of these rows, masked"><${Grid} columns=${sample.columns} rows=${sample.rows} /></${Section}>`}
    ${rehearsal && html`<${Rehearsal} found=${rehearsal} now=${now} />`}
    ${Object.entries(others).map(([name, value]) => html`<${Section} title=${words(name)}><${Fact} value=${value} /></${Section}>`)}
    ${notes.length > 0 && html`<ul class="plain dim">${notes.map((text) => html`<li>${text}</li>`)}</ul>`}`;
};

const Votes = ({ item }) => item.votes.length > 0 && html`<${Section} title="Answers">
  <ul class="votes">${item.votes.map((vote) => html`<li>
    <span class=${`status status-${vote.answer === "approve" ? "approved" : "refused"}`}>${vote.answer === "approve" ? "Approved" : "Denied"}</span>
    ${vote.rule ? html`<span>rule <b>${vote.rule}</b></span>` : html`<${Who} who=${vote.by} />`}
    <time class="dim" title=${moment(vote.time)}>after ${span(vote.time - item.asked)}</time>
    <q>${vote.reason}</q>
    ${vote.grant && html`<p class="dim">Also ${vote.grant.scope.map((one) => `${one.action} on ${one.tables.join(", ")}`).join("; ")}, until ${moment(vote.grant.until)}</p>`}
    ${vote.evidence.length > 0 && html`<ul class="plain dim">${vote.evidence.map((text) => html`<li>${text}</li>`)}</ul>`}
  </li>`)}</ul>
</${Section}>`;

const LASTING = [[900, "15 minutes"], [3600, "1 hour"], [28800, "8 hours"], [86400, "1 day"]];

const AnswerForm = ({ item, now, onAnswer, busy, problem }) => {
  const [reason, setReason] = useState("");
  const [lasting, setLasting] = useState(0);
  const offered = item.grantable ? LASTING.filter(([seconds]) => seconds <= item.grantable.within_s) : [];
  const grant = lasting > 0 ? { until: now + lasting } : undefined;
  const ready = reason.trim() !== "" && !busy;
  return html`<form class="answer" onSubmit=${(event) => event.preventDefault()}>
    <label for="reason">Reason <span class="dim">– goes into the record, and to whoever asked</span></label>
    <textarea id="reason" rows="1" maxlength="1000" value=${reason} onInput=${(event) => setReason(event.target.value)}></textarea>
    ${offered.length > 0 && html`<div class="lasting"><label for="lasting">Approve</label>
      <select id="lasting" value=${String(lasting)} onChange=${(event) => setLasting(Number(event.target.value))}>
        <option value="0">this statement, once</option>
        ${offered.map(([seconds, label]) => html`<option value=${String(seconds)}>for ${label}, on these tables</option>`)}
      </select></div>`}
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <div class="buttons">
      <button type="button" class="deny" disabled=${!ready} onClick=${() => onAnswer("refuse", reason)}>Deny</button>
      <button type="button" class="approve" disabled=${!ready} onClick=${() => onAnswer("approve", reason, grant)}>
        ${busy ? "Sending…" : item.quorum > item.approvals + 1 ? `Approve (${item.approvals + 1} of ${item.quorum})` : "Approve"}
      </button>
    </div>
  </form>`;
};

const Outcome = ({ item, said }) => {
  if (item.status === "waiting") {
    if (said) return html`<p class="notice good" role="status">Your answer counts. It waits for ${item.quorum - item.approvals} more.</p>`;
    return item.objection && html`<p class="notice">${OBJECTION[item.objection] ?? item.objection}</p>`;
  }
  const text = {
    approved: said ? "Approved. It runs now." : "Approved.",
    refused: said ? "Denied. It does not run." : "Denied.",
    timed_out: "Nobody answered in time. It did not run.",
    withdrawn: "Whoever asked does not wait any more. It did not run.",
  }[item.status];
  return html`<p class=${`notice ${item.status === "approved" ? "good" : item.status === "refused" ? "bad" : ""}`} role="status">${text}</p>`;
};

export const Detail = ({ item, now, onAnswer, onRehearse, busy, problem, said, onBack }) => {
  const heading = useRef(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), [item.id]);
  return html`<article class="detail" aria-labelledby="detail-title">
    <button class="quiet back" type="button" onClick=${onBack}>← All requests</button>
    <header>
      <h2 id="detail-title" tabindex="-1" ref=${heading}><${Who} who=${item.requester} /></h2>
      <p class="meta">
        <${Status} item=${item} now=${now} />
        <${Tag} kind=${item.environment === "production" ? "production" : "plain"}>${item.environment}</${Tag}>
        <span>${item.database}</span>
        <time class="dim" title=${moment(item.asked)}>asked ${ago(now - item.asked)}</time>
      </p>
    </header>
    <${Outcome} item=${item} said=${said} />
    ${item.notices.length > 0 && html`<div class="notice warning"><b>Look twice.</b>
      <ul>${item.notices.map((text) => html`<li>${text}</li>`)}</ul></div>`}
    <${Section} title="Statement">
      <pre class="sql" tabindex="0"><${Sql} text=${item.sql} /></pre>
      ${item.has_parameters && html`<p class="dim">With bound parameters, which are part of what is approved.</p>`}
    </${Section}>
    ${item.effects.length > 0 && html`<${Section} title="What it does">
      <ul class="plain effects">${item.effects.map((text) => html`<li>${text}</li>`)}</ul></${Section}>`}
    ${item.tables.length > 0 && html`<${Section} title="What it touches">
      <ul class="plain tables">${item.tables.map((table) => html`<li><code>${table.name}</code>
        ${table.tags.map((tag) => html`<${Tag} kind="sensitive">${tag}</${Tag}>`)}</li>`)}</ul></${Section}>`}
    ${item.facts === null ? html`<p class="dim" role="status">Looking up the rows concerned…</p>` : html`<${Facts} facts=${item.facts} now=${now} />`}
    <${Votes} item=${item} />
    ${item.status === "waiting" && !item.objection && !said && item.facts && !(item.facts.rehearsal?.until > now) && html`
      <p class="rehearse"><button type="button" class="quiet" disabled=${busy} onClick=${onRehearse}>Rehearse</button>
        <span class="dim">runs it in a transaction that your answer commits or rolls back</span></p>`}
    ${item.status === "waiting" && !item.objection && !said
      && html`<${AnswerForm} key=${item.id} item=${item} now=${now} onAnswer=${onAnswer} busy=${busy} problem=${problem} />`}
    <details class="more"><summary>Everything else</summary><dl>
      <div><dt>Held by</dt><dd>${item.rules.join(", ") || "–"}</dd></div>
      <div><dt>Who may answer</dt><dd>${item.approvers.join(", ") || "nobody"}${item.quorum > 1 ? `, ${item.quorum} of them` : ""}</dd></div>
      ${item.delegates.length > 0 && html`<div><dt>Delegates</dt><dd>${item.delegates.join(", ")}${item.delegates_from ? `, from ${moment(item.delegates_from)}` : ""}</dd></div>`}
      <div><dt>Groups of whoever asks</dt><dd>${item.requester.groups.join(", ") || "none"}</dd></div>
      ${item.settings.length > 0 && html`<div><dt>Settings</dt><dd><code>${item.settings.join("\n")}</code></dd></div>`}
      <div><dt>Asked</dt><dd>${moment(item.asked)}</dd></div>
      <div><dt>Policy, catalog</dt><dd><code>${item.policy_version}, ${item.catalog_version}</code></dd></div>
      <div><dt>Meaning (SHA-256)</dt><dd><code>${item.digest}</code></dd></div>
      <div><dt>Request, statement, session</dt><dd><code>${item.id}, ${item.statement}, ${item.session}</code></dd></div>
    </dl></details>
  </article>`;
};
