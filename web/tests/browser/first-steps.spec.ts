// First steps from an empty system, at ten in the evening: up to a telephone of one's own that rings and is put through.
import { accessible, api, expect, given, invites, someone, test, token } from "./world";
import type { Locator, Page } from "@playwright/test";

const MINE = "15551004001";

const step = (page: Page, title: string): Locator => page.locator("ol > li").filter({ has: page.getByRole("heading", { name: new RegExp(`^(\\d )?${title}`) }) });

async function open(page: Page, title: string): Promise<Locator> {
  const card = step(page, title);
  // The page opens the step to take next by itself, once it knows which.
  await expect(page.locator('ol > li h2 button[aria-expanded="true"]')).toHaveCount(1);
  const toggle = card.locator("h2 button");
  if ((await toggle.getAttribute("aria-expanded")) !== "true") await toggle.click();
  return card;
}

/** Opens a step, and goes from it to the form that it leads to. */
async function go(page: Page, title: string, link: string): Promise<void> {
  await (await open(page, title)).getByRole("link", { name: link }).click();
}

async function add(page: Page): Promise<void> {
  await page.getByRole("button", { name: /^(Save|Add)/ }).last().click();
  // A form that was opened from here leads back to here.
  await expect(page.getByRole("heading", { level: 1, name: "First steps" })).toBeVisible();
}

test("from an empty system to a telephone that rings", async ({ page }) => {
  test.slow();
  await page.goto("/");
  await page.getByLabel("Administrator token").fill(token());
  await page.getByLabel("Login").fill(someone.login);
  await page.getByLabel("Name", { exact: false }).last().fill(someone.name);
  await page.getByLabel("Password").fill(someone.password);
  await page.getByRole("button", { name: "Make the user and sign in" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "First steps" })).toBeVisible();

  await go(page, "The PBX", "Add a PBX");
  await page.getByLabel("Name").fill("office");
  await page.getByLabel("Host", { exact: true }).fill(given.host!);
  await page.getByLabel("Port", { exact: true }).fill(given.port!);
  await page.getByLabel("ARI user", { exact: true }).fill(given.username!);
  await page.getByLabel("Password", { exact: true }).fill(given.password!);
  await add(page);

  await go(page, "The way out", "Add a trunk");
  await page.getByLabel("Name").fill("carrier");
  await page.getByLabel("Dial string").fill("PJSIP/${num}@carrier");
  await add(page);

  await go(page, "Where answered calls go", "Add an end point");
  await page.getByLabel("Name").fill("message");
  await page.getByLabel("Context").fill("carillon-demo");
  await page.getByLabel("Extension").fill("message");
  await add(page);

  const call = await open(page, "A test call");
  await call.getByLabel("Your telephone’s number").fill(MINE);
  await call.getByRole("button", { name: "Call it" }).click();

  // Nobody is called at night: the rule that says so is named, and until when it does.
  await expect(call.getByText("Is it your own telephone?")).toBeVisible();
  await expect(call.getByText("Not now")).toBeVisible();
  await accessible(page);
  expect(await invites()).toBe(0);

  // It is one's own: said once more, with what that means.
  await call.getByRole("button", { name: "It is mine: call it now" }).click();
  const question = page.getByRole("alertdialog");
  await expect(question).toContainText(MINE);
  await accessible(page);
  await question.getByRole("button", { name: "It is mine: call it now" }).click();
  await expect(call.getByText(/Answered after .*trunk and end point work/)).toBeVisible({ timeout: 40_000 });
  expect(await invites()).toBe(1);
  await accessible(page);

  // The story of the call is there, and its run is over by itself.
  for (const fact of ["Answered", "Ended"]) await expect(call.getByText(fact).first()).toBeVisible();
  await expect.poll(async () => (await api("GET", "/api/runs")).items.filter((run: { ended_at: string | null }) => run.ended_at === null).length).toBe(0);
  for (const title of ["The way out", "Where answered calls go", "A test call"]) await expect(step(page, title)).toContainText("Proved");

  // Who gave their word is written down, and the number is not.
  await page.goto("/audit?entity=campaign");
  await expect(page.getByText("Said the number is their own")).toBeVisible();
  await expect(page.getByRole("main")).not.toContainText(MINE);
});
