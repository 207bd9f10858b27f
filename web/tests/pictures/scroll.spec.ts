// `cargo xtask bench scroll`: a list of a million contacts under the wheel, the keys and the hand, frame by frame.
import { writeFileSync } from "node:fs";
import { api, expect, server, setUp, test, token } from "../browser/world";
import type { Page } from "@playwright/test";

const ROWS = Number(process.env.ROWS ?? 1_000_000);
const figures: Record<string, number> = { rows: ROWS };

/** An Italian number and three attributes a row. */
function file(): string {
  const lines = ["NUM,NAME,TOWN,NOTE"];
  for (let row = 0; row < ROWS; row += 1) lines.push(`+${390_660_000_000 + row},Person ${row},Town ${row % 97},called in week ${row % 52}`);
  return lines.join("\n");
}

/** Counts frames and long tasks of the page from now on. */
async function record(page: Page): Promise<void> {
  await page.evaluate(() => {
    const seen = { frames: [] as number[], tasks: [] as number[], on: true };
    (window as any).seen = seen;
    let last = performance.now();
    const frame = (now: number) => {
      seen.frames.push(now - last);
      last = now;
      if (seen.on) requestAnimationFrame(frame);
    };
    requestAnimationFrame((now) => {
      last = now;
      requestAnimationFrame(frame);
    });
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => seen.tasks.push(entry.duration))).observe({ entryTypes: ["longtask"] });
  });
}

async function recorded(page: Page, name: string): Promise<void> {
  const { frames, tasks } = await page.evaluate(() => {
    const seen = (window as any).seen;
    seen.on = false;
    return { frames: seen.frames as number[], tasks: seen.tasks as number[] };
  });
  expect(frames.length).toBeGreaterThan(10);
  const sorted = frames.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(10 * sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!) / 10;
  Object.assign(figures, { [`${name}_frames`]: frames.length, [`${name}_frame_p50_ms`]: at(0.5), [`${name}_frame_p95_ms`]: at(0.95), [`${name}_frame_max_ms`]: at(1) });
  figures[`${name}_longest_task_ms`] = Math.round(Math.max(0, ...tasks));
}

/** Milliseconds from `move` until the rows from place `first` on, or a little behind it, are there with their numbers. */
async function jump(page: Page, name: string, first: number, move: () => Promise<unknown>): Promise<void> {
  const began = performance.now();
  await move();
  await page.waitForFunction(
    (least) => {
      const lines = [...document.querySelectorAll("[role=rowgroup] [role=row]")];
      const place = Number(lines[0]?.getAttribute("aria-rowindex")) - 2;
      return place >= least && place <= least + 1_000 && lines.length > 10 && lines.every((line) => /\d{9}/.test(line.textContent ?? ""));
    },
    first,
    { polling: "raf" },
  );
  figures[`${name}_rows_shown_ms`] = Math.round(performance.now() - began);
}

test("a list of a million contacts moves", async ({ page }) => {
  await setUp(page);
  const list = (await api("POST", "/api/lists", { name: "a million" })).id;
  const began = performance.now();
  const answer = await fetch(`${server}/api/lists/${list}/imports?file_name=million.csv`, {
    method: "POST",
    headers: { authorization: `Bearer ${token()}`, "content-type": "text/csv" },
    body: file(),
  });
  const job = ((await answer.json()) as { id: number }).id;
  await expect.poll(async () => (await api("GET", `/api/imports/${job}`)).state, { timeout: 600_000 }).toBe("done");
  figures.import_s = Math.round((performance.now() - began) / 1000);

  await jump(page, "first", 0, () => page.goto(`/lists/${list}`));
  await expect(page.getByRole("heading", { name: `${ROWS.toLocaleString("en-GB")} contacts` })).toBeVisible();
  const rows = page.locator("div[role=rowgroup]");
  const box = (await rows.boundingBox())!;
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);

  // The wheel: 120 notches, as quickly as a hand turns it.
  await record(page);
  for (let notch = 0; notch < 120; notch += 1) {
    await page.mouse.wheel(0, 120);
    await page.waitForTimeout(16);
  }
  await recorded(page, "wheel");

  await rows.focus();
  await record(page);
  await jump(page, "end", ROWS - 60, () => page.keyboard.press("End"));
  await expect(rows.getByText(String(390_660_000_000 + ROWS - 1))).toBeVisible();
  await jump(page, "home", 0, () => page.keyboard.press("Home"));
  for (let press = 0; press < 90; press += 1) {
    await page.keyboard.press("PageDown");
    await page.waitForTimeout(16);
  }
  await recorded(page, "keys");

  // The bar is dragged to the middle, through half a million rows that nobody reads.
  await record(page);
  await jump(page, "middle", ROWS / 2 - 500, () =>
    rows.evaluate(async (scroller) => {
      const middle = (scroller.scrollHeight - scroller.clientHeight) / 2;
      for (let step = 1; step <= 60; step += 1) {
        scroller.scrollTop = (middle * step) / 60;
        await new Promise((done) => requestAnimationFrame(done));
      }
    }),
  );
  await recorded(page, "drag");

  // What the server alone takes for a page in the middle and at the end.
  for (const [name, skip] of [["middle", ROWS / 2], ["end", ROWS - 250]] as const) {
    const times = [];
    for (let time = 0; time < 5; time += 1) {
      const from = performance.now();
      await api("GET", `/api/lists/${list}/contacts?skip=${skip}&limit=250`);
      times.push(performance.now() - from);
    }
    figures[`api_${name}_ms`] = Math.round(times.toSorted((a, b) => a - b)[2]!);
  }
  writeFileSync(process.env.CARILLON_FIGURES ?? "figures.json", JSON.stringify(figures));
});
