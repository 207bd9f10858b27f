// The page of an agent who looks before he dials: by keyboard, on a telephone, with texts that want to be more.
import { accessible, api, expect, given, server, setUp, test, token } from "./world";
import { fits } from "./layout";

const AGENT = "SIP/302";
const NASTY = `"><img src=x onerror=alert(1)><script>alert(2)</script>`;

const address = (more: Record<string, string> = {}): string =>
  `${server}/wombat/agents/rd_pop.jsp?${new URLSearchParams({ agent: AGENT, token: token(), ...more })}`;

const attempt = (id: number) => api<{ state: string; ext_state: string }>("GET", `/api/attempts/${id}`);
const reserved = async (): Promise<number> => (await api("GET", "/api/reservations")).items[0]?.id ?? 0;

test("an agent looks, skips and dials without a mouse", async ({ page }) => {
  await page.goto(address({ url: `${server}/healthz?n=<NUMBER>&who=<NAME>&x=<NOTHING>`, inset: "0" }));
  const number = page.getByRole("heading", { name: given.first });
  await expect(number).toBeVisible();
  await expect(page.getByRole("status")).toHaveText("Reserved for you.");
  await expect(page.getByText(AGENT)).toBeVisible();
  // What is a text stays one.
  await expect(page.getByRole("definition").filter({ hasText: NASTY })).toBeVisible();
  expect(await page.locator("dl img, dl script").count()).toBe(0);
  const link = page.getByRole("link", { name: "Open the contact’s page" });
  await expect(link).toHaveAttribute("href", `${server}/healthz?n=${given.first}&who=${encodeURIComponent(NASTY).replaceAll("'", "%27")}&x=`);
  await accessible(page);
  for (const width of [390, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    await fits(page, `the agent's page at ${width}`);
  }
  // Loaded again it is the same contact.
  const first = await reserved();
  await page.reload();
  await expect(number).toBeVisible();
  expect(await reserved()).toBe(first);
  await expect(page.getByRole("button", { name: "Dial" })).toBeFocused();
  await page.keyboard.press("Tab");
  await page.keyboard.type("LATER");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("status")).toContainText("was skipped");
  expect(await attempt(first)).toMatchObject({ state: "RS_AGENTSKIP", ext_state: "LATER" });
  await expect(page.getByRole("button", { name: "Next contact" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: given.second })).toBeVisible();
  const second = await reserved();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("status")).toContainText("is being dialled");
  await expect.poll(async () => (await attempt(second)).state).toBe("CONNECTED");
  await api("POST", `/api/attempts/${second}/hang-up`);
  await expect.poll(async () => (await attempt(second)).state).toBe("TERMINATED");
  // Nobody is left, and it is said; asking again is one key.
  await expect(async () => {
    await page.getByRole("button", { name: "Next contact" }).press("Enter");
    await expect(page.getByRole("status")).toContainText("There is nobody to call now", { timeout: 1_000 });
  }).toPass();
  await accessible(page);
});

test("a page of another system is shown beside it, and nothing else is", async ({ page }) => {
  await api("POST", `/api/lists/${given.list}/contacts`, { contacts: [{ number: given.third, attributes: { NAME: "John & Mike" } }] });
  const ask = async (url: string): Promise<void> => {
    await page.goto(address({ url, inset: "1" }));
    await expect(page.getByRole("heading", { name: given.third })).toBeVisible();
  };
  await expect(async () => ask(`${server}/healthz?n=<NUMBER>&who=<NAME>`)).toPass();
  const frame = page.getByTitle("The contact’s page");
  await expect(frame).toHaveAttribute("src", `${server}/healthz?n=${given.third}&who=John%20%26%20Mike`);
  await accessible(page, { within: "main" });
  for (const url of ["javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "<NAME>", "//x"]) {
    await ask(url);
    await expect(frame).toHaveCount(0);
    await expect(page.getByRole("link")).toHaveCount(0);
  }
  // What became of it elsewhere is told.
  const id = await reserved();
  await api("POST", `/api/reservations/${id}/release`);
  await page.getByRole("button", { name: "Dial" }).click();
  await expect(page.getByRole("status")).toContainText("This contact is not yours any more");
  await page.goto(`${server}/wombat/agents/rd_pop.jsp`);
  await expect(page.getByRole("status")).toContainText("has to name an agent");
  await page.goto(`${server}/wombat/agents/rd_pop.jsp?agent=${AGENT}&token=wrong`);
  await expect(page.getByRole("status")).toContainText("token");
});

test("a supervisor sees who looks at whom, and gives a contact back without a mouse", async ({ page }) => {
  await setUp(page);
  await api("POST", `/api/lists/${given.list}/contacts`, { contacts: [{ number: given.fourth, attributes: {} }] });
  await expect(async () => void (await api("POST", "/api/reservations", { agent: AGENT }))).toPass();
  await page.goto(`${server}/live`);
  await page.getByLabel("State").selectOption("RD_RESERVED");
  const row = page.getByRole("row").filter({ hasText: AGENT });
  await expect(row).toContainText("Reserved");
  await accessible(page);
  for (const width of [390, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    await fits(page, `the live page at ${width}`);
  }
  await row.getByRole("button", { name: /^Give / }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alertdialog")).toContainText(AGENT);
  await page.getByRole("alertdialog").getByRole("button", { name: "Give it back" }).press("Enter");
  await expect(page.getByText("The contact is back.")).toBeVisible();
  // Live: it goes without the page being asked again.
  await expect(row).toHaveCount(0);
  expect(await reserved()).toBe(0);
});
