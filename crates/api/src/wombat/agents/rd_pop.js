// An agent looks at whom he would call, and says dial or skip. It asks what programs ask: `reserve` of the same API, with
// the token of its own address, or as whoever the browser is signed in as there.
//
// `agent`: his telephone. `url`: a page of another system about the contact, in which `<NUMBER>` and `<NAME>` become its
// number and its attributes, quoted. `inset=1` shows that page here.

const asked = new URLSearchParams(location.search);
const agent = (asked.get("agent") ?? "").trim();
const template = asked.get("url") ?? "";
const inset = asked.get("inset") === "1";

const at = (id) => document.getElementById(id);
/** What is looked at; null: nothing. */
let held = null;

/** One request; the lines of its answer, or why not. */
async function ask(parameters) {
  const query = new URLSearchParams(parameters);
  const token = asked.get("token");
  if (token) query.set("token", token);
  try {
    const answer = await fetch(`../api/reserve/?${query}`, { cache: "no-store", signal: AbortSignal.timeout(15_000) });
    const text = (await answer.text()).trim();
    if (text.startsWith("OK: ")) return { lines: text.slice(4).split("\n") };
    return { why: text.replace(/^ERROR: /, "") || `The server said ${answer.status}.` };
  } catch {
    return { why: "The server does not answer." };
  }
}

const SAID = {
  AGENT_NOT_AVAILABLE: "You are not free, or not logged on to the queue.",
  AGENT_CANNOT_RESERVE: "There is nobody to call now.",
  ID_NOT_FOUND: "This contact is not yours any more.",
  ID_FOUND_WRONG_STATE: "It cannot be dialled now.",
};

/** A refusal for people: what it is, and the reason that stands behind the word. */
function told(why) {
  const [word, ...rest] = why.split(": ");
  const known = SAID[word];
  return known ? [known, rest.join(": ")].filter(Boolean).join(" ") : why;
}

function say(text) {
  at("state").textContent = text;
}

/** Shows what is held, or nothing. */
function show(contact) {
  held = contact;
  at("decide").hidden = contact === null;
  at("next").hidden = contact !== null;
  at("number").textContent = contact ? contact.number : "Preview dialling";
  at("why").value = "";
  at("variables").replaceChildren(...(contact?.variables ?? []).flatMap(([name, value]) => {
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    text.textContent = value;
    return [term, text];
  }));
  const page = contact && pageOf(contact);
  at("elsewhere").hidden = !page || inset;
  at("inset").replaceChildren();
  if (!page) return;
  if (!inset) {
    at("link").href = page;
    return;
  }
  const frame = document.createElement("iframe");
  frame.title = "The contact’s page";
  frame.referrerPolicy = "no-referrer";
  frame.setAttribute("sandbox", "allow-scripts allow-forms allow-same-origin allow-popups allow-downloads");
  frame.src = page;
  at("inset").append(frame);
}

/** The page about the contact; null: none is wanted, or what was given is no address of one. */
function pageOf(contact) {
  if (!template) return null;
  const values = new Map(contact.variables);
  values.set("NUMBER", contact.number);
  const text = template.replace(/<([A-Za-z_][A-Za-z0-9_]*)>/g, (_, name) => encodeURIComponent(values.get(name) ?? ""));
  try {
    const page = new URL(text);
    return page.protocol === "https:" || page.protocol === "http:" ? page.href : null;
  } catch {
    return null;
  }
}

async function next() {
  at("next").disabled = true;
  say("Asking for somebody to call…");
  const { lines, why } = await ask({ op: "reserve", agent });
  at("next").disabled = false;
  if (!lines) {
    show(null);
    say(told(why));
    return;
  }
  const of = (key) => lines.filter((line) => line.startsWith(`${key}: `)).map((line) => line.slice(key.length + 2));
  const variables = of("VAR").map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1)];
  });
  show({ id: of("WOMBATID")[0] ?? "", number: of("NUMBER")[0] ?? "", variables });
  say("Reserved for you.");
  at("dial").focus();
}

async function decide(parameters, done) {
  if (!held) return;
  const buttons = [at("dial"), at("skip")];
  buttons.forEach((button) => (button.disabled = true));
  const { lines, why } = await ask({ ...parameters, id: held.id });
  buttons.forEach((button) => (button.disabled = false));
  if (lines) {
    const number = held.number;
    // What is dialled stays in sight.
    if (parameters.op === "skip") show(null);
    else at("decide").hidden = true;
    at("next").hidden = false;
    say(done(number));
    at("next").focus();
    return;
  }
  // It may be dialled later, or not any more.
  if (why.startsWith("ID_NOT_FOUND")) {
    show(null);
    at("next").focus();
  }
  say(told(why));
}

at("decide").addEventListener("submit", (event) => {
  event.preventDefault();
  void decide({ op: "dial" }, (number) => `${number} is being dialled: your telephone rings first.`);
});
at("skip").addEventListener("click", () => {
  void decide({ op: "skip", withStatus: at("why").value.trim() }, (number) => `${number} was skipped.`);
});
at("next").addEventListener("click", () => void next());

at("agent").textContent = agent;
if (agent) void next();
else say("The address of this page has to name an agent: ?agent=SIP/302");
