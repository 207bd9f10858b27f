// From an empty system to a report, as a person does it the first time. Only the first contact list is a file.
import { accessible, api, expect, given, someone, test, token } from "./world";
import type { Locator, Page } from "@playwright/test";

async function pick(page: Page, label: string, option: string): Promise<void> {
  const box = page.getByRole("combobox", { name: label, exact: true });
  await box.click();
  await box.fill(option);
  // Not the options of selects, which are there and not shown.
  await page.locator("[role=option]").filter({ hasText: option }).first().click();
}

async function open(page: Page, path: string, title: string): Promise<Locator> {
  await page.goto(path);
  const heading = page.getByRole("heading", { level: 1, name: title });
  await expect(heading).toBeVisible();
  return heading;
}

test("set up, dial and explain", async ({ page }) => {
  await page.goto("/");
  await accessible(page);
  await page.getByLabel("Administrator token").fill(token());
  await page.getByLabel("Login").fill(someone.login);
  await page.getByLabel("Name", { exact: false }).last().fill(someone.name);
  await page.getByLabel("Password").fill(someone.password);
  await page.getByRole("button", { name: "Make the user and sign in" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "First steps" })).toBeVisible();
  await accessible(page);

  await open(page, "/pbxs/new", "New PBX");
  await page.getByLabel("Name").fill("office");
  await page.getByLabel("Host", { exact: true }).fill(given.host!);
  await page.getByLabel("Port", { exact: true }).fill(given.port!);
  await page.getByLabel("ARI user", { exact: true }).fill(given.username!);
  await page.getByLabel("Password", { exact: true }).fill(given.password!);
  await page.getByRole("button", { name: /Save|Add/ }).last().click();
  await expect(page).toHaveURL(/\/pbxs$/);
  await expect(page.getByText("Up", { exact: true }).first()).toBeVisible();
  await accessible(page);

  await open(page, "/trunks/new", "New trunk");
  await page.getByLabel("Name").fill("carrier");
  await pick(page, "PBX", "office");
  await page.getByLabel("Dial string").fill("PJSIP/${num}@carrier");
  await page.getByLabel("Calls at once").fill("5");
  await page.getByRole("button", { name: /Save|Add/ }).last().click();
  await expect(page.getByRole("link", { name: "carrier" }).first()).toBeVisible();

  await open(page, "/end-points/new", "New end point");
  await page.getByLabel("Name").fill("message");
  await pick(page, "PBX", "office");
  await page.getByLabel("Context").fill("carillon-demo");
  await page.getByLabel("Extension").fill("message");
  await page.getByLabel("Calls at once").fill("5");
  await page.getByRole("button", { name: /Save|Add/ }).last().click();
  await expect(page.getByRole("link", { name: "message" }).first()).toBeVisible();

  // A file with a byte-order mark, semicolons and one row that is no number.
  await open(page, "/lists/import", "Import a file");
  const rows = ["Phone;Name", "15551001001;Ana", "15554000002;Bruno", "nobody;Carla", "15553001004;<b>Dora</b>"];
  await page.locator('input[type="file"]').setInputFiles({ name: "people.csv", mimeType: "text/csv", buffer: Buffer.from(`\ufeff${rows.join("\r\n")}`) });
  await expect(page.getByText("<b>Dora</b>")).toBeVisible();
  await accessible(page);
  await page.getByLabel("Name of the new list").fill("people");
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await expect(page.getByText("Refused and remarked rows, by reason")).toBeVisible();
  await expect(page.getByText("line 4", { exact: false })).toBeVisible();
  await accessible(page);

  await open(page, "/campaigns/new", "New campaign");
  await page.getByLabel("Name", { exact: true }).first().fill("first");
  await pick(page, "Lists", "people");
  await pick(page, "Trunks", "carrier");
  await pick(page, "End points", "message");
  // The test runs at any hour of the day.
  await pick(page, "Rule packs", "unrestricted");
  await page.getByRole("button", { name: /Take .*default|Remove .*default|default/ }).last().click();
  await accessible(page);
  await page.getByRole("button", { name: "Make the campaign" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "first" })).toBeVisible();
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await expect(page.getByRole("alertdialog").or(page.getByRole("dialog"))).toContainText("people: 3 contacts");
  await page.getByRole("alertdialog").or(page.getByRole("dialog")).getByRole("button", { name: "Start" }).click();
  await accessible(page);

  await page.goto("/live");
  await expect(page.getByText("first").first()).toBeVisible();
  const [run] = (await api<{ items: { id: number }[] }>("GET", "/api/runs")).items;
  await expect.poll(async () => (await api("GET", `/api/runs/${run!.id}`)).state, { timeout: 60_000 }).toBe("COMPLETED");

  // Why was the second one not reached?
  await page.goto("/calls");
  await accessible(page);
  await page.getByRole("link", { name: /15554000002/ }).first().click();
  await expect(page.getByText("Busy").first()).toBeVisible();
  await expect(page.getByText(/17\s*user busy/i).first()).toBeVisible();
  await accessible(page);
});
