// The world around a spec: the server that `browser.rs` started, and what a test may do to it.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test as base, type Page } from "@playwright/test";
import AxeBuilder from "@axe-core/playwright";

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

/** Asks the test around us for something only it can do: `kill` and `serve` the server. */
export async function ask(what: "kill" | "serve"): Promise<void> {
  const file = join(need("CARILLON_CONTROL"), what);
  writeFileSync(file, "");
  await expect.poll(() => existsSync(file), { timeout: 60_000, message: `${what} was not done` }).toBe(false);
}

/** The API, as the token of the installation. */
export async function api<T = any>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(server + path, {
    method,
    headers: { authorization: `Bearer ${token()}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
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

/** No violation of WCAG 2.2 A and AA that a program can find. */
export async function accessible(page: Page): Promise<void> {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
  const { violations } = await new AxeBuilder({ page }).withTags(tags).analyze();
  const found = violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.target.join(" ")).join(" | ")}`);
  expect(found, page.url()).toEqual([]);
}

/** A page that complains (policy, errors) fails its test. */
export const test = base.extend({
  page: async ({ page }, use) => {
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      const text = message.text();
      // The browser itself reports every answer of 400 and more, and a server that is away.
      const expected = /Failed to load resource|WebSocket connection|net::ERR/.test(text);
      if (message.type() === "error" && !expected) complaints.push(text);
    });
    await use(page);
    expect(complaints).toEqual([]);
  },
});
export { expect };
