// Outcome rules by keyboard and mouse: written, read as sentences, turned round, refused, saved and followed.
import { accessible, api, expect, given, setUp, test } from "./world";

/** Busy at the carrier of the tests. */
const BUSY = "15554000001";

test("outcome rules are written in the editor and followed", async ({ page, watch }) => {
  // An address that is refused is one of its parts.
  watch.expect(422);
  await setUp(page);
  const people = (await api("POST", "/api/lists", { name: "people" })).id;
  const busy = (await api("POST", "/api/lists", { name: "busy ones" })).id;
  await api("POST", `/api/lists/${people}/contacts`, { contacts: [{ number: BUSY, attributes: { NAME: "Ada" } }] });
  const campaign = (await api("POST", "/api/campaigns", {
    name: "spring", lists: [people], trunks: [Number(given.trunk)], end_points: [Number(given.message)], packs: ["unrestricted"],
  })).id;

  await page.goto(`/campaigns/${campaign}/edit`);
  const rules = page.getByRole("group", { name: "Outcome rules" });
  await expect(rules.getByText("Nothing is done about calls that have ended.")).toBeVisible();
  await rules.getByRole("button", { name: "Add an outcome rule" }).press("Enter");
  const first = rules.locator(".item").nth(0);
  await first.getByLabel("After", { exact: true }).selectOption({ label: "Busy" });
  await first.getByRole("combobox", { name: "List" }).fill("busy");
  await page.getByRole("option", { name: /busy ones/ }).click();
  await first.getByLabel(/And these/).fill("WHY=${state}");
  await expect(first.getByText("After “Busy”: put the number on the list busy ones")).toBeVisible();
  await rules.getByRole("button", { name: "Add an outcome rule" }).click();
  const second = rules.locator(".item").nth(1);
  await second.getByLabel("After", { exact: true }).selectOption({ label: "Busy" });
  await second.getByLabel("Do", { exact: true }).selectOption({ label: "ask an address (GET)" });
  // Only what the verb needs is asked for, and what is wrong with it is said where it is.
  await expect(second.getByRole("combobox", { name: "List" })).toHaveCount(0);
  await second.getByLabel(/^Address/).fill("http://10.9.8.7/busy?n=${num}");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(rules.getByText(/10\.9\.8\.7 is not on the internet/)).toBeVisible();
  // A list that is gone: no address is needed to see a failure. Order by keyboard.
  await second.getByLabel("Do", { exact: true }).selectOption({ label: "put on a black list" });
  await second.getByRole("combobox", { name: "List" }).fill("busy");
  await page.getByRole("option", { name: /busy ones/ }).click();
  await rules.getByRole("button", { name: "Move Outcome rules 2 up" }).press("Enter");
  await expect(rules.locator(".item").nth(0)).toContainText("put the number on the black list busy ones");
  await accessible(page);
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.getByRole("button", { name: "Save" }).click();

  await expect(page.getByRole("heading", { level: 1, name: "spring" })).toBeVisible();
  await expect(page.getByText("After “Busy”: put the number on the black list busy ones")).toBeVisible();
  await api("POST", `/api/campaigns/${campaign}/start`);
  await expect.poll(async () => (await api("GET", `/api/lists/${busy}`)).contacts, { timeout: 60_000 }).toBe(2);
  const { items } = await api<{ items: { id: number }[] }>("GET", `/api/attempts?campaign=${campaign}`);
  await page.goto(`/calls/${items[0]!.id}`);
  await expect(page.getByText("An outcome rule was followed")).toHaveCount(2);
  await expect(page.getByText(/put on list/i)).toHaveCount(2);
});
