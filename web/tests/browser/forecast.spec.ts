// A campaign played ahead from its page: a mistake named at its field, an answer, an end on the way, and the run beside what was said.
import { accessible, api, expect, given, setUp, test } from "./world";

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, at) => ({ number: String(from + at) }));

async function campaignOf(name: string, contacts: { number: string }[]): Promise<number> {
  const list = (await api("POST", "/api/lists", { name })).id;
  for (let at = 0; at < contacts.length; at += 1000) await api("POST", `/api/lists/${list}/contacts`, { contacts: contacts.slice(at, at + 1000) });
  const more = { lists: [list], trunks: [Number(given.trunk)], end_points: [Number(given.message)], packs: ["unrestricted"] };
  return (await api("POST", "/api/campaigns", { name, ...more })).id;
}

test("a campaign is played ahead, and what comes stands beside what was said", async ({ page, watch }) => {
  await setUp(page);
  const id = await campaignOf("spring", numbers(15551001001, 12));
  await page.goto(`/campaigns/${id}`);
  await page.getByRole("link", { name: "Forecast" }).click();
  await expect(page.getByText("No forecast was made yet")).toBeVisible();
  await accessible(page);

  // What is wrong is said where it is.
  watch.expect(422);
  const answered = page.getByLabel("Calls that are answered");
  await answered.fill("140");
  await page.getByRole("button", { name: "Play ahead" }).click();
  await expect(answered).toBeFocused();
  await expect(answered).toHaveAttribute("aria-invalid", "true");

  await answered.fill("100");
  await page.getByRole("button", { name: "Play ahead" }).click();
  const figures = page.getByRole("table", { name: "Figures of the forecast" });
  await expect(figures.getByRole("row", { name: /^Placed/ })).toContainText("12");
  await expect(page.getByRole("table", { name: "What it goes by" })).toContainText("what you said");
  await accessible(page);
  expect((await api("GET", `/api/campaigns/${id}/forecasts`)).items).toHaveLength(1);

  const run = (await api("POST", `/api/campaigns/${id}/start`)).id;
  await expect.poll(async () => (await api("GET", `/api/runs/${run}`)).ended_at, { timeout: 60_000 }).not.toBeNull();
  await page.reload();
  await expect(page.getByRole("heading", { name: "Forecast and what came" })).toBeVisible();
  await expect(figures.getByRole("row", { name: /^Placed/ }).getByRole("link", { name: "12" })).toHaveAttribute("href", `/calls?run=${run}`);
  await accessible(page);
});

test("a forecast is ended on the way", async ({ page }) => {
  await setUp(page);
  const id = await campaignOf("autumn", numbers(15551100000, 5_000));
  await page.goto(`/campaigns/${id}/forecast`);
  await page.getByLabel("Plays").fill("100");
  await page.getByRole("button", { name: "Play ahead" }).click();
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(page.getByRole("button", { name: "Stop", exact: true })).toHaveCount(0);
  await expect(page.getByText("No forecast was made yet")).toBeVisible();
  // The place is free again: one more can be made at once.
  await page.getByLabel("Plays").fill("1");
  await page.getByRole("button", { name: "Play ahead" }).click();
  await expect(page.getByRole("table", { name: "Figures of the forecast" })).toBeVisible();
});
