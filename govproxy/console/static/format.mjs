// Values as people read them.

export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export function ago(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 5) return "just now";
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86400)} d ago`;
}

export const moment = (time) =>
  new Date(time * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });

export const STATUS = {
  waiting: "Waiting",
  approved: "Approved",
  refused: "Denied",
  timed_out: "Timed out",
  withdrawn: "Withdrawn",
};

export const OBJECTION = {
  decided: "It is not waiting any more.",
  too_late: "Its time is over.",
  agent: "This token is an agent’s, and agents decide nothing.",
  own_request: "This is your own request. Somebody else must decide.",
  own_agent: "An agent asks for you. Somebody else must decide.",
  not_an_approver: "The rule names other approvers.",
  not_yet: "You are a delegate, and may decide once the approvers have had their time.",
  answered: "You have answered. It waits for others.",
};

export const words = (name) => name.replace(/[_-]+/g, " ").replace(/^./, (c) => c.toUpperCase());

// A statement cut where something in it needs a second look: what the server spelt out because it cannot be seen,
// and letters beyond ASCII, which may look like others.
export function pieces(sql) {
  return sql.split(/(⟨U\+[0-9A-F]{4,6}⟩|[^\x00-\x7f⟨⟩]+)/u).filter(Boolean).map((text) => {
    if (/^⟨U\+/.test(text)) return { kind: "unseen", text };
    if (/[^\x00-\x7f]/.test(text)) return { kind: "foreign", text };
    return { kind: "plain", text };
  });
}

export const points = (text) =>
  [...text].map((c) => `U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`).join(" ");
