// A run under somebody's hands: paused and resumed in the middle, a call hung up, everything stopped and let go again.
// What the screen says is held against what the carrier and the PBX see.
import { accessible, api, channels, expect, given, invites, setUp, test } from "./world";
import type { Locator, Page } from "@playwright/test";

/** Nobody begins a call within this, when something keeps it back. */
const QUIET_MS = 2_500;

/** Somebody who rings for ever; somebody who listens until we hang up; somebody who is busy. */
const ringing = (place: number) => `15553000${String(place).padStart(3, "0")}`;
const listening = (place: number) => `15551000${String(place).padStart(3, "0")}`;
const busy = "15554000777";

interface Asked {
  name: string;
  numbers: string[];
  endPoint: number;
  more?: object;
}

async function started({ name, numbers, endPoint, more }: Asked): Promise<{ run: number; campaign: number }> {
  const list = (await api("POST", "/api/lists", { name })).id;
  await api("POST", `/api/lists/${list}/contacts`, { contacts: numbers.map((number) => ({ number })) });
  const campaign = await api("POST", "/api/campaigns", {
    name, lists: [list], trunks: [Number(given.trunk)], end_points: [endPoint], packs: ["unrestricted"], answer_timeout_ms: 2_000, ...more,
  });
  return { campaign: campaign.id, run: (await api("POST", `/api/campaigns/${campaign.id}/start`)).id };
}

/** The row of a run or call. */
const row = (page: Page, text: string): Locator => page.getByRole("row").filter({ hasText: text });

async function answer(page: Page, button: string, ...says: (string | RegExp)[]): Promise<void> {
  const dialog = page.getByRole("alertdialog");
  for (const text of says) await expect(dialog).toContainText(text);
  await dialog.getByRole("button", { name: button, exact: true }).click();
  await expect(dialog).toHaveCount(0);
}

/** What the carrier has seen, once it has seen nothing new for a while. */
async function quiet(page: Page): Promise<number> {
  for (let before = -1, now = await invites(); ; [before, now] = [now, await invites()]) {
    if (before === now) return now;
    await page.waitForTimeout(QUIET_MS);
  }
}

test("a run is paused and resumed in the middle", async ({ page }) => {
  await setUp(page);
  const music = await api("POST", "/api/end-points", { pbx: Number(given.pbx), name: "music", context: "carillon-demo", extension: "music", max_channels: 10 });
  // One at a time that listens, and a stream of others that nobody answers: a run that would go on for minutes.
  const numbers = [listening(1), ...Array.from({ length: 300 }, (_, place) => ringing(place))];
  const { run } = await started({ name: "renewals", numbers, endPoint: music.id });
  await page.goto("/live");
  const runs = page.getByRole("table", { name: "Runs" });
  await expect(runs.getByRole("row").filter({ hasText: "renewals" })).toContainText("Running");
  await expect(row(page, listening(1))).toContainText("Connected");
  await expect.poll(invites).toBeGreaterThan(12);

  await page.getByRole("button", { name: "Pause renewals" }).click();
  await answer(page, "Pause", "Pause renewals?", "calls in flight go on to their end");
  await expect(runs.getByRole("row").filter({ hasText: "renewals" })).toContainText("Paused");
  await expect(page.getByText("renewals is paused.")).toBeVisible();
  // Who rings stops ringing, who talks goes on, and the carrier sees nobody new.
  await expect(row(page, "15553000")).toHaveCount(0);
  await expect(row(page, listening(1))).toContainText("Connected");
  const before = await quiet(page);
  expect(await channels()).toBe(1);
  expect((await api("GET", `/api/runs/${run}`)).state).toBe("PAUSED");
  await accessible(page);

  await page.getByRole("button", { name: "Resume renewals" }).click();
  await expect(runs.getByRole("row").filter({ hasText: "renewals" })).toContainText("Running");
  await expect.poll(invites).toBeGreaterThan(before);
  await expect(row(page, "15553000").first()).toBeVisible();

  // The conversation is hung up by hand: it is gone from the screen and from the PBX, and its story says by whom.
  const call = (await api("GET", "/api/live")).calls.find((one: { number: string }) => one.number === listening(1));
  await page.getByRole("button", { name: `Hang up ${listening(1)}` }).click();
  await answer(page, "Hang up", listening(1), "The call ends at once");
  await expect(row(page, listening(1))).toHaveCount(0);
  await expect.poll(async () => (await api("GET", `/api/attempts/${call.attempt}`)).ended_by).toBe("operator");
  await page.goto(`/calls/${call.attempt}`);
  await expect(page.getByText(/olga/).first()).toBeVisible();

  // The end of it, typed out.
  await page.goto("/live");
  await page.getByRole("button", { name: "More for renewals" }).click();
  await page.getByRole("menuitem", { name: "End the run…" }).click();
  const dialog = page.getByRole("alertdialog");
  await expect(dialog.getByRole("button", { name: "End the run" })).toBeDisabled();
  await dialog.getByRole("textbox").fill("end");
  await answer(page, "End the run", "cannot go on afterwards");
  await expect.poll(async () => (await api("GET", `/api/runs/${run}`)).state).toBe("REMOVED");
});

test("all dialling is stopped and let go again", async ({ page }) => {
  await setUp(page);
  const { run } = await started({ name: "survey", numbers: Array.from({ length: 300 }, (_, place) => ringing(400 + place)), endPoint: Number(given.message) });
  await page.goto("/live");
  await expect.poll(invites).toBeGreaterThan(5);
  await page.getByRole("button", { name: "Stop dialling" }).click();
  await page.getByRole("alertdialog").getByRole("textbox").fill("fire drill");
  await answer(page, "Stop dialling", "survey", "No call is placed");
  await expect(page.getByText(/Dialling is stopped by olga/)).toBeVisible();
  await expect(page.getByText("Fire drill")).toBeVisible();
  const before = await quiet(page);
  await expect.poll(channels).toBe(0);
  await accessible(page);
  // Somebody who looks at another page is told, too, and may lift it there.
  await page.goto("/campaigns");
  await page.getByRole("button", { name: "Lift the hold" }).click();
  await answer(page, "Lift the hold", "survey");
  await expect(page.getByRole("button", { name: "Stop dialling" })).toBeVisible();
  await expect.poll(invites).toBeGreaterThan(before);
  await api("POST", `/api/runs/${run}/remove`);
});

test("a busy call explains itself", async ({ page }) => {
  await setUp(page);
  const rules = [{ status: "RS_BUSY", max_attempts: 3, retry_after_s: 600, mode: "MULT" }];
  const { run } = await started({ name: "busy ones", numbers: [busy], endPoint: Number(given.message), more: { rules } });
  const attempts = () => api("GET", `/api/attempts?run=${run}`);
  await expect.poll(async () => (await attempts()).items[0]?.state).toBe("RS_BUSY");
  await page.goto("/calls");
  await page.getByRole("link", { name: new RegExp(busy) }).first().click();
  await expect(page.getByRole("heading", { level: 1, name: new RegExp(busy) })).toBeVisible();
  await expect(page.getByText(/17\s*user busy/i).first()).toBeVisible();
  await expect(page.getByText("486").first()).toBeVisible();
  // What decided before, and what comes after.
  await expect(page.getByText(/rule \d+/i).first()).toBeVisible();
  await accessible(page);
  // Why is nobody calling it now? Because its retry is not due.
  const contact = (await attempts()).items[0].contact;
  await page.goto(`/why?contact=${contact}`);
  await expect(page.getByText(/retry/i).first()).toBeVisible();
  await accessible(page);
  await api("POST", `/api/runs/${run}/remove`);
});
