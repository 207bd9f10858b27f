// The world around a spec: the server that `browser.rs` started, and what a test may do to it.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test as base, type Page } from "@playwright/test";
import AxeBuilder from "@axe-core/playwright";
import { Watch } from "./watch";

const need = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: these specs are run by \`cargo nextest run --test e2e browser\``);
  return value;
};

export const server = need("CARILLON_SERVER");
/** What the world made beforehand: ids, ports, names. */
export const given: Record<string, string> = JSON.parse(process.env.CARILLON_GIVEN ?? "{}");
/** The data folder's token, which set-up asks for. */
export const token = (): string => readFileSync(need("CARILLON_TOKEN_FILE"), "utf8").trim();

/** Asks the test around us for what only it can do or know: `kill` and `serve` the server; `invites`, how many calls reached the carrier; `channels`, how many the PBX has. */
export async function ask(what: "kill" | "serve" | "invites" | "channels"): Promise<string> {
  const file = join(need("CARILLON_CONTROL"), what);
  const deadline = Date.now() + 60_000;
  writeFileSync(file, "");
  while (existsSync(file)) {
    if (Date.now() > deadline) throw new Error(`${what} was not done`);
    await new Promise((done) => setTimeout(done, 20));
  }
  return readFileSync(`${file}.answer`, "utf8");
}

/** Calls that reached the carrier since the world began, as it counts them itself. */
export const invites = async (): Promise<number> => Number(await ask("invites"));
/** Channels of ours on the PBX, as Asterisk itself lists them. */
export const channels = async (): Promise<number> => Number(await ask("channels"));

/** The API, as the token of the installation. */
export async function api<T = any>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(server + path, {
    method,
    headers: { authorization: `Bearer ${token()}`, accept: "application/json", ...(body === undefined ? {} : { "content-type": "application/json" }) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return (text ? JSON.parse(text) : null) as T;
}

export const someone = { login: "olga", name: "Olga Operator", password: "a long enough pass phrase" };

/** The first person of an installation, who may do everything. */
export async function setUp(page: Page): Promise<void> {
  await api("POST", "/api/setup", { token: token(), ...someone }).catch((error: Error) => {
    if (!error.message.includes("409")) throw error;
  });
  await signIn(page, someone.login, someone.password);
}

export async function signIn(page: Page, login: string, password: string): Promise<void> {
  await page.goto("/");
  await page.getByLabel("Login").fill(login);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("navigation").first()).toBeVisible();
}

/** What `accessible` looks at, and for. */
interface Look {
  /** Told when something is found. */
  where?: string;
  /** Only these rules; otherwise all of WCAG 2.2 A and AA. */
  rules?: string[];
  /** Only within this. */
  within?: string;
}

/** No violation of WCAG 2.2 A and AA that a program can find. What is found is told, and the spec goes on. */
export async function accessible(page: Page, { where = page.url(), rules, within }: Look = {}): Promise<void> {
  const axe = new AxeBuilder({ page });
  // Rows of a table are alike; judging the contrast of hundreds takes a minute.
  axe.exclude("tbody tr:nth-child(n+9)").exclude("[role=rowgroup] [role=row]:nth-child(n+9)");
  if (within) axe.include(within);
  if (rules) axe.withRules(rules);
  else axe.withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]);
  const { violations } = await axe.analyze();
  const found = violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.target.join(" ")).join(" | ")}`);
  expect.soft(found, where).toEqual([]);
}

/** A page that complains, or asks anybody but our server, fails its test: `watch` says what is expected. */
export const test = base.extend<{ watch: Watch }>({
  watch: [
    async ({ context }, use) => {
      const watch = new Watch(context, server);
      await use(watch);
      expect(watch.complaints).toEqual([]);
    },
    { auto: true },
  ],
});
export { expect };
