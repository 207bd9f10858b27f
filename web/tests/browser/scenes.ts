// Every page of the app, and what lies over pages: the one list that accessibility, narrow screens, hostile texts and
// pictures go through. `tests/unit/scenes.test.ts` fails when the router has a page that is not here.
import type { Page } from "@playwright/test";

/** What a furnished system holds, by id. */
export interface Things {
  /** A campaign with calls in progress, one whose run is over, one that waits for a carrier. */
  going: number;
  over: number;
  waiting: number;
  /** A call that found the line busy; one in progress. */
  busy: number;
  open: number;
  /** A contact whom a rule keeps back, and its number. */
  contact: number;
  number: string;
  /** One with several numbers. */
  family: number;
  list: number;
  /** An import with refused rows, one that failed. */
  import: number;
  failedImport: number;
  optOuts: number;
  registry: number;
  webhook: number;
  hours: number;
  user: number;
  class: number;
  pbx: number;
  trunk: number;
  endPoint: number;
  /** The run that is over. */
  run: number;
}

export interface Scene {
  /** Of its picture; unique. */
  name: string;
  /** As in `src/routes.ts`. */
  route: string;
  at: (things: Things) => string;
  /** What is done before it is looked at: a dialog is opened, a question asked. */
  act?: (page: Page) => Promise<void>;
  /** Nobody is signed in. */
  outside?: boolean;
  /** What lies over the page: only this is new. */
  over?: string;
}

const press = (name: string | RegExp) => (page: Page) => page.locator("#main").getByRole("button", { name }).first().click();

/** A line of the menu of what else can be done. */
const more = (name: string) => async (page: Page) => {
  await page.locator("#main").getByRole("button", { name: "More" }).first().click();
  await page.getByRole("menuitem", { name }).click();
};

export const scenes: readonly Scene[] = [
  { name: "sign-in", route: "/", at: () => "/", outside: true },
  { name: "live", route: "/live", at: () => "/live" },
  { name: "home", route: "/", at: () => "/" },
  { name: "first-steps", route: "/first-steps", at: () => "/first-steps" },
  { name: "first-steps-pbx", route: "/first-steps", at: () => "/first-steps?step=pbx" },
  { name: "first-steps-call", route: "/first-steps", at: () => "/first-steps?step=call" },
  { name: "live-start", route: "/live", at: () => "/live", act: press("Start a campaign"), over: "[role=dialog]" },
  { name: "live-stop", route: "/live", at: () => "/live", act: (page) => page.getByRole("button", { name: "Stop dialling" }).click(), over: "[role=alertdialog]" },
  { name: "find", route: "/live", at: () => "/live", act: (page) => page.keyboard.press("Control+k"), over: "[role=dialog]" },
  { name: "keys", route: "/live", at: () => "/live", act: (page) => page.keyboard.press("?"), over: "[role=dialog]" },
  { name: "person", route: "/live", at: () => "/live", act: (page) => page.getByRole("button", { name: /^You: theme/ }).click(), over: "[role=menu]" },
  { name: "about", route: "/about", at: () => "/about" },
  { name: "campaigns", route: "/campaigns", at: () => "/campaigns" },
  { name: "campaign-new", route: "/campaigns/new", at: () => "/campaigns/new" },
  { name: "campaign-edit", route: "/campaigns/:id/edit", at: (it) => `/campaigns/${it.over}/edit` },
  { name: "campaign-letters", route: "/campaigns/:id/edit", at: (it) => `/campaigns/${it.over}/edit`, act: writeTo },
  { name: "campaign-going", route: "/campaigns/:id", at: (it) => `/campaigns/${it.going}` },
  { name: "campaign-call", route: "/campaigns/:id", at: (it) => `/campaigns/${it.going}`, act: addCall, over: "[role=dialog]" },
  { name: "campaign-over", route: "/campaigns/:id", at: (it) => `/campaigns/${it.over}` },
  { name: "campaign-waiting", route: "/campaigns/:id", at: (it) => `/campaigns/${it.waiting}` },
  { name: "forecast", route: "/campaigns/:id/forecast", at: (it) => `/campaigns/${it.waiting}/forecast` },
  { name: "forecast-came", route: "/campaigns/:id/forecast", at: (it) => `/campaigns/${it.over}/forecast` },
  { name: "calls", route: "/calls", at: () => "/calls" },
  { name: "calls-none", route: "/calls", at: () => "/calls?state=RS_LOST" },
  { name: "call-busy", route: "/calls/:id", at: (it) => `/calls/${it.busy}` },
  { name: "call-open", route: "/calls/:id", at: (it) => `/calls/${it.open}` },
  { name: "why", route: "/why", at: () => "/why" },
  { name: "why-contact", route: "/why", at: (it) => `/why?contact=${it.contact}` },
  { name: "why-number", route: "/why", at: (it) => `/why?number=${encodeURIComponent(it.number)}` },
  { name: "lists", route: "/lists", at: () => "/lists" },
  { name: "list", route: "/lists/:id", at: (it) => `/lists/${it.list}` },
  { name: "list-history", route: "/lists/:id/history", at: (it) => `/lists/${it.list}/history` },
  { name: "list-add", route: "/lists/:id", at: (it) => `/lists/${it.list}`, act: press("Add by hand"), over: "[role=dialog]" },
  { name: "contact", route: "/contacts/:id", at: (it) => `/contacts/${it.contact}` },
  { name: "contact-edit", route: "/contacts/:id", at: (it) => `/contacts/${it.contact}`, act: press("Edit"), over: "[role=dialog]" },
  { name: "contact-several", route: "/contacts/:id", at: (it) => `/contacts/${it.family}` },
  { name: "contact-numbers", route: "/contacts/:id", at: (it) => `/contacts/${it.family}`, act: press("Edit"), over: "[role=dialog]" },
  { name: "list-export", route: "/lists/:id", at: (it) => `/lists/${it.list}`, act: more("Export to a file"), over: "[role=dialog]" },
  { name: "list-generate", route: "/lists/:id", at: (it) => `/lists/${it.list}`, act: more("Add numbers in a row"), over: "[role=dialog]" },
  { name: "import-new", route: "/lists/import", at: () => "/lists/import" },
  { name: "import-into", route: "/lists/:id/import", at: (it) => `/lists/${it.list}/import`, act: chooseFile },
  { name: "import", route: "/imports/:id", at: (it) => `/imports/${it.import}` },
  { name: "import-failed", route: "/imports/:id", at: (it) => `/imports/${it.failedImport}` },
  { name: "suppression", route: "/suppression", at: () => "/suppression" },
  { name: "suppression-list", route: "/suppression/:id", at: (it) => `/suppression/${it.optOuts}` },
  { name: "suppression-registry", route: "/suppression/:id", at: (it) => `/suppression/${it.registry}` },
  { name: "forget", route: "/forget", at: () => "/forget" },
  { name: "reports", route: "/reports", at: (it) => `/reports?runs=${it.run}` },
  { name: "reports-list", route: "/reports", at: (it) => `/reports?runs=${it.run}`, act: press("Make a list of them"), over: "[role=dialog]" },
  { name: "reports-week", route: "/reports", at: () => "/reports" },
  { name: "webhooks", route: "/webhooks", at: () => "/webhooks" },
  { name: "webhook-new", route: "/webhooks/new", at: () => "/webhooks/new" },
  { name: "webhook", route: "/webhooks/:id", at: (it) => `/webhooks/${it.webhook}` },
  { name: "alerts", route: "/alerts", at: () => "/alerts" },
  { name: "events", route: "/events", at: () => "/events" },
  { name: "log", route: "/log", at: () => "/log" },
  { name: "users", route: "/users", at: () => "/users" },
  { name: "user-new", route: "/users/new", at: () => "/users/new" },
  { name: "user", route: "/users/:id", at: (it) => `/users/${it.user}` },
  { name: "classes", route: "/classes", at: () => "/classes" },
  { name: "class-new", route: "/classes/new", at: () => "/classes/new" },
  { name: "class", route: "/classes/:id", at: (it) => `/classes/${it.class}` },
  { name: "tokens", route: "/tokens", at: () => "/tokens" },
  { name: "audit", route: "/audit", at: () => "/audit" },
  { name: "pbxs", route: "/pbxs", at: () => "/pbxs" },
  { name: "pbx-new", route: "/pbxs/new", at: () => "/pbxs/new" },
  { name: "pbx", route: "/pbxs/:id", at: (it) => `/pbxs/${it.pbx}` },
  { name: "trunks", route: "/trunks", at: () => "/trunks" },
  { name: "trunk-new", route: "/trunks/new", at: () => "/trunks/new" },
  { name: "trunk", route: "/trunks/:id", at: (it) => `/trunks/${it.trunk}` },
  { name: "trunk-delete", route: "/trunks/:id", at: (it) => `/trunks/${it.trunk}`, act: press("Delete"), over: "[role=alertdialog]" },
  { name: "end-points", route: "/end-points", at: () => "/end-points" },
  { name: "end-point-new", route: "/end-points/new", at: () => "/end-points/new" },
  { name: "end-point", route: "/end-points/:id", at: (it) => `/end-points/${it.endPoint}` },
  { name: "opening-hours", route: "/opening-hours", at: () => "/opening-hours" },
  { name: "opening-hours-new", route: "/opening-hours/new", at: () => "/opening-hours/new" },
  { name: "opening-hours-set", route: "/opening-hours/:id", at: (it) => `/opening-hours/${it.hours}` },
  { name: "no-such-page", route: "/pbxs/:id", at: () => "/pbxs/999999999" },
];

/** A file whose columns are looked at before it is sent. */
async function chooseFile(page: Page): Promise<void> {
  const rows = ["number;NAME;TOWN", "+15551000001;Ada Rossi;Milan", "15551000002;Bruno Müller;Zürich", "nobody;Chiara;Rome"];
  await page.locator('input[type="file"]').setInputFiles({ name: "autumn.csv", mimeType: "text/csv", buffer: Buffer.from(rows.join("\r\n")) });
  await page.getByText("Bruno Müller").waitFor();
}

/** Letters about runs, to somebody. */
async function writeTo(page: Page): Promise<void> {
  await page.getByLabel("Letters", { exact: true }).selectOption("ALL");
  await page.getByPlaceholder("ana@example.com").fill("ana@example.com");
  await page.getByPlaceholder("ana@example.com").press("Enter");
}

async function addCall(page: Page): Promise<void> {
  await more("Add a call")(page);
  await page.getByRole("dialog").getByRole("button", { name: "Add an attribute" }).click();
}

/** Opens a scene and waits until it shows what it is about. */
export async function stage(page: Page, scene: Scene, things: Things): Promise<void> {
  await page.goto(scene.at(things));
  await settled(page);
  await scene.act?.(page);
  if (scene.act) await settled(page);
}

/** Nothing is being loaded any more. */
export async function settled(page: Page): Promise<void> {
  await page.locator("h1, h2").first().waitFor();
  await page.waitForFunction(() => !document.querySelector(".skeleton, [aria-busy=true], .waiting"));
  await page.evaluate(() => document.fonts.ready.then(() => undefined));
}
