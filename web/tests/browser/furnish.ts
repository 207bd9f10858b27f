// A system in which every page has something to show: runs that go on, wait and are over, imports that failed, a carrier
// that refuses, a webhook that is away, people. All of it through the API and, where calls are made, through Asterisk.
import { api, expect, given, someone, token } from "./world";
import type { Things } from "./scenes";

/** Makes the text of a field from the usual one; `max` is the field's limit in characters. */
export type Say = (usual: string, max: number) => string;
export const plainly: Say = (usual) => usual;

const number = (behaviour: string, seconds: number, place: number): string =>
  `+1555${behaviour}${String(seconds).padStart(2, "0")}${String(place).padStart(3, "0")}`;

const NAMES = ["Ada Rossi", "Bruno Müller", "Chiara da Silva", "Davide Nowak", "Elena O'Brien", "Fatima Yılmaz", "Goran Smith", "Hélène Rossi", "Ivo Nowak", "João da Silva"];
const TOWNS = ["Milan", "Zürich", "Porto", "Kraków", "Dublin", "İzmir", "Lyon"];

interface Row {
  number: string;
  name: string;
  town: string;
}

/** So many people of a behaviour of the carrier. */
function people(behaviour: string, seconds: number, from: number, count: number): Row[] {
  return Array.from({ length: count }, (_, place) => ({
    number: number(behaviour, seconds, from + place),
    name: NAMES[(from + place) % NAMES.length]!,
    town: TOWNS[(from + place) % TOWNS.length]!,
  }));
}

const idOf = async (path: string, body: unknown): Promise<number> => (await api<{ id: number }>("POST", path, body)).id;

async function upload(path: string, content: string): Promise<any> {
  const answer = await fetch(new URL(path, process.env.CARILLON_SERVER), {
    method: "POST",
    headers: { authorization: `Bearer ${token()}`, "content-type": "text/csv" },
    body: content,
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return await answer.json();
}

async function imported(list: number, file: string, content: string): Promise<number> {
  const { id } = await upload(`/api/lists/${list}/imports?file_name=${encodeURIComponent(file)}`, content);
  await expect.poll(async () => (await api("GET", `/api/imports/${id}`)).state, { timeout: 30_000 }).toMatch(/done|failed/);
  return id;
}

/** Furnishes an empty system. Texts of people and things are `say`'s. */
export async function furnish(say: Say = plainly): Promise<Things> {
  await api("POST", "/api/setup", { token: token(), ...someone, name: say(someone.name, 200) });

  const pbx = await idOf("/api/pbxs", { name: say("office", 60), host: given.host, port: Number(given.port), username: given.username, password: given.password });
  const trunkOf = (name: string, more: object) =>
    idOf("/api/trunks", { pbx, name: say(name, 60), dial_string: "PJSIP/${num}@carrier", capacity: 20, calls_per_second: 20, ...more });
  const trunk = await trunkOf("carrier one", { capacity: 40 });
  const second = await trunkOf("carrier two", {});
  const third = await trunkOf("carrier three", { capacity: 10 });
  const pointOf = (name: string, extension: string) =>
    idOf("/api/end-points", { pbx, name: say(name, 60), context: "carillon-demo", extension, max_channels: 14 });
  const message = await pointOf("message", "message");
  const music = await pointOf("music on hold", "music");
  await expect.poll(async () => (await api("GET", "/api/live")).pbxs[0]?.state, { timeout: 30_000 }).toBe("up");

  // People and what they may do.
  const supervisors = await idOf("/api/user-classes", { name: say("Supervisor", 100), description: say("Runs campaigns of the sales team", 500), role: "operate", keys: "SALES" });
  const user = await idOf("/api/users", { login: "bruno", name: say("Bruno Müller", 200), email: "bruno@example.com", class: supervisors, keys: "", comment: say("Works from Zürich", 2000), password: "quite a long pass phrase" });
  await idOf("/api/users", { login: "chiara", name: say("Chiara da Silva", 200), class: supervisors, enabled: false, password: "quite a long pass phrase" });
  await api("POST", "/api/tokens", { name: say("nightly report", 200), scopes: ["read"] });

  // Whom nobody may call.
  const optOuts = await idOf("/api/suppression-lists", { name: say("no more offers", 200), kind: "optout" });
  const silenced = people("40", 0, 800, 5).map((one) => one.number);
  await api("POST", "/api/suppressions", { list: optOuts, numbers: silenced, why: say("asked us to stop", 200) });
  const registry = await idOf("/api/suppression-lists", { name: say("national registry", 200), kind: "registry" });
  await upload(`/api/suppression-lists/${registry}/file`, people("40", 0, 900, 60).map((one) => one.number).join("\n"));

  // A hold that is over is an alert that is over.
  await api("POST", "/api/dialling/hold", { why: say("fire drill", 200) });
  const alerts = async () => (await api("GET", "/api/alerts")).items.length;
  await expect.poll(alerts, { timeout: 15_000 }).toBeGreaterThan(0);
  await api("POST", "/api/dialling/lift");

  // When the shop is open: half a Saturday, and nobody at Christmas.
  const hours = await idOf("/api/opening-hours", {
    name: say("shop", 200), zone: "Europe/Rome", default_mode: "CLOSED", comment: say("as on the door", 500),
    rules: [
      { mode: "CLOSED", date_from: "12-24", date_to: "12-26", comment: say("Christmas", 200) },
      { mode: "OPEN", days: "23456", time_start: "090000", time_end: "175959", comment: "" },
      { mode: "OPEN", days: "7", time_start: "090000", time_end: "125959", comment: "" },
    ],
  });

  // A webhook whose receiver is not there.
  const webhook = await idOf("/api/webhooks", { name: say("CRM", 60), url: "http://127.0.0.1:9/carillon", kinds: ["attempt.ended", "run.*"] });

  // Lists: one by a file with bad rows, one whose file has no numbers.
  const listOf = (name: string) => idOf("/api/lists", { name: say(name, 200) });
  const list = await listOf("customers of spring");
  const crowd = [
    ...people("10", 0, 100, 26), ...people("40", 0, 120, 12), ...people("31", 1, 140, 8), ...people("43", 0, 150, 4),
    ...people("48", 0, 160, 3), ...people("40", 0, 800, 3), ...people("30", 0, 170, 5),
  ];
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const rows = crowd.map((one) => `${one.number},${quoted(say(one.name, 250))},${quoted(say(one.town, 250))}`);
  const csv = ["number,NAME,TOWN", ...rows, 'nobody,"No Number",Rome', "12,Too Short,Oslo", rows[0]].join("\n");
  const importOk = await imported(list, say("customers of spring.csv", 200), csv);
  const names = await listOf("names without numbers");
  const failedImport = await imported(names, say("names.csv", 200), "NAME,TOWN\nAda,Milan\nBruno,Porto\n");

  // Somebody with several numbers, corrected since; no campaign has the list.
  const families = await listOf("families");
  const several = { NAME: say("Ada Rossi", 250), MULTINUM1: "+390669820002", MULTINUM2: say("at home", 250), MULTINUM3: "+390669820003" };
  const family: number = (await api("POST", `/api/lists/${families}/contacts`, { contacts: [{ number: "+390669820001", attributes: several }] })).ids[0];
  await api("PATCH", `/api/contacts/${family}`, { attributes: { TOWN: say("Milan", 250) } });

  const campaignOf = (name: string, list: number, trunks: number[], point: number, more: object = {}) =>
    idOf("/api/campaigns", { name: say(name, 200), lists: [list], trunks, end_points: [point], packs: ["unrestricted"], ...more });
  const filled = async (name: string, rows: Row[]) => {
    const list = await listOf(name);
    await api("POST", `/api/lists/${list}/contacts`, {
      contacts: rows.map((one) => ({ number: one.number, attributes: { NAME: say(one.name, 250), TOWN: say(one.town, 250) } })),
    });
    return list;
  };
  const start = async (campaign: number): Promise<number> => (await api("POST", `/api/campaigns/${campaign}/start`)).id;

  // A campaign that is over, with every kind of outcome.
  const rules = [
    { status: "RS_BUSY", max_attempts: 1, retry_after_s: 2, mode: "FIXED" },
    { status: "RS_NOANSWER", max_attempts: 1, retry_after_s: 2, mode: "FIXED" },
  ];
  const outcome_rules = [
    { status: "RS_NUMBER", verb: "ADD_LIST", list: await listOf("wrong numbers") },
    { status: "RS_BUSY", status_ext: "*", verb: "HTTP_POST", destination: "http://127.0.0.1:9/busy?n=${num}", defer_s: 30, with_retries_pending: true },
  ];
  const over = await campaignOf("spring offers", list, [trunk, second], message, { rules, outcome_rules, answer_timeout_ms: 2_000, variables: { GREETING: say("hello", 200) } });
  // Played ahead first: its forecast stands beside what comes.
  await api("POST", `/api/campaigns/${over}/forecast`, { hours: 2, seeds: 3, answer_rate: 0.3 });
  const run = await start(over);

  // One whose carrier refuses until the trunk rests.
  const refused = await filled("winter survey", people("42", 0, 200, 30));
  const waiting = await campaignOf("winter survey", refused, [third], message);
  await start(waiting);

  // One that goes on while it is looked at: some listen to music, some ring, the others wait for a place.
  const going = await campaignOf("renewals", await filled("contracts of autumn", [...people("10", 1, 300, 8), ...people("30", 0, 320, 60)]), [trunk], music, {
    answer_timeout_ms: 60_000, rules: [{ status: "RS_NOANSWER", max_attempts: 3, retry_after_s: 3_600, mode: "MULT" }],
  });

  // One that somebody paused, one that nobody started, one that is hidden.
  const paused = await start(await campaignOf("reminders", await filled("appointments", people("31", 1, 400, 40)), [second], message));
  await api("POST", `/api/runs/${paused}/pause`);
  await campaignOf("thank-you calls", list, [second], message, { status: "CLOSED" });
  await campaignOf("last year", list, [second], message, { status: "HIDDEN" });

  // A busy line whose retry is an hour away: somebody whom a rule keeps back.
  const later = await campaignOf("call-backs", await filled("call-backs", people("40", 0, 500, 4)), [second], message, {
    rules: [{ status: "RS_BUSY", max_attempts: 3, retry_after_s: 3_600, mode: "MULT" }],
  });
  const laterRun = await start(later);
  await start(going);

  await expect.poll(async () => (await api("GET", `/api/runs/${run}`)).state, { timeout: 60_000 }).toBe("COMPLETED");
  await expect.poll(async () => (await api("GET", `/api/attempts?run=${laterRun}&state=RS_BUSY`)).items.length, { timeout: 30_000 }).toBe(4);
  const kept = (await api("GET", `/api/attempts?run=${laterRun}&state=RS_BUSY`)).items[0];
  await api("POST", `/api/attempts/${kept.id}/status`, { status: say("call back at six", 64) }).catch(() => undefined);
  const connected = async () => (await api("GET", "/api/live")).calls.filter((call: { state: string }) => call.state === "CONNECTED");
  await expect.poll(async () => (await connected()).length, { timeout: 30_000 }).toBeGreaterThanOrEqual(8);
  await expect.poll(alerts, { timeout: 30_000 }).toBeGreaterThan(0);
  const busy = (await api("GET", `/api/attempts?run=${run}&state=RS_BUSY`)).items[0].id;
  const open = (await connected())[0].attempt;
  return {
    hours, going, over, waiting, busy, open, contact: kept.contact, family, number: silenced[0]!, list, import: importOk, failedImport, optOuts, registry,
    webhook, user, class: supervisors, pbx, trunk, endPoint: music, run,
  };
}
