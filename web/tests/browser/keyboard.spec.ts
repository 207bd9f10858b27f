// From the sign-in to the report without a mouse: Tab, Enter, Space, arrows. At every stop the focus can be seen.
import { api, expect, given, someone, test, token } from "./world";
import type { Locator, Page } from "@playwright/test";

/** More stops than any page has. */
const STOPS = 150;

/** What has the focus, and whether that can be seen: an outline or a frame of its own, on the screen, not below something. */
async function focus(page: Page): Promise<{ name: string; seen: boolean; why: string }> {
  return page.evaluate(async () => {
    // What changes with the focus has changed by the next frame.
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const element = document.activeElement as HTMLElement | null;
    if (!element || element === document.body) return { name: "nothing", seen: true, why: "" };
    const name = `${element.tagName.toLowerCase()} ${element.getAttribute("aria-label") ?? element.textContent?.trim().slice(0, 40) ?? ""}`;
    const shows = (at: Element) => {
      const style = getComputedStyle(at);
      return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1) || style.boxShadow !== "none";
    };
    // A field of several parts shows it at its frame; a way of jumping (`tabindex=-1`) is no stop.
    const marked = shows(element) || (element.parentElement !== null && shows(element.parentElement)) || element.tabIndex < 0;
    const box = element.getBoundingClientRect();
    const onScreen = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth && box.width > 0 && box.height > 0;
    const middle = document.elementFromPoint(
      Math.min(innerWidth - 1, Math.max(0, box.left + Math.min(box.width, 40) / 2)),
      Math.min(innerHeight - 1, Math.max(0, (Math.max(0, box.top) + Math.min(innerHeight, box.bottom)) / 2)),
    );
    const free = !!middle && (element.contains(middle) || middle.contains(element) || !!element.closest("label")?.contains(middle) || !!element.parentElement?.contains(middle));
    return { name, seen: marked && onScreen && free, why: `marked ${marked}, on the screen ${onScreen}, free ${free}` };
  });
}

/** Steps on with Tab until the control is reached. */
async function tabTo(page: Page, target: Locator, key = "Tab"): Promise<void> {
  await expect(target).toBeVisible();
  const stops: string[] = [];
  for (let stop = 0; stop < STOPS; stop += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press(key);
    const now = await focus(page);
    stops.push(now.name);
    expect(now.seen, `${now.name}: ${now.why}`).toBe(true);
  }
  throw new Error(`not reached by ${key}: ${target}; the stops: ${stops.join(" | ")}`);
}

const field = (page: Page, label: string | RegExp, exact = true) => page.getByLabel(label, typeof label === "string" ? { exact } : {}).first();

async function type(page: Page, target: Locator, text: string): Promise<void> {
  await tabTo(page, target);
  await page.keyboard.press("Control+a");
  await page.keyboard.type(text);
}

/** Chooses in a box that searches while one types. */
async function pick(page: Page, label: string, option: string): Promise<void> {
  await tabTo(page, page.getByRole("combobox", { name: label, exact: true }));
  await page.keyboard.type(option);
  // Not the options of selects, which are there and not shown.
  await expect(page.locator("[role=option]").filter({ hasText: option }).first()).toBeVisible();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
}

async function press(page: Page, target: Locator): Promise<void> {
  await tabTo(page, target);
  await page.keyboard.press("Enter");
}

/** Goes to a page as somebody without a mouse does: Ctrl+K and its name. */
async function find(page: Page, name: string): Promise<void> {
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("combobox", { name: /find/i }).or(page.locator(".palette-input")).first()).toBeFocused();
  await page.keyboard.type(name);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
}

test("from the sign-in to the report without a mouse", async ({ page }) => {
  await api("POST", "/api/setup", { token: token(), ...someone });
  const list = (await api("POST", "/api/lists", { name: "people" })).id;
  await api("POST", `/api/lists/${list}/contacts`, { contacts: ["15551000001", "15554000002", "15553101003"].map((number) => ({ number })) });

  await page.goto("/");
  await expect(page.getByLabel("Login")).toBeFocused();
  await page.keyboard.type(someone.login);
  await page.keyboard.press("Tab");
  await page.keyboard.type(someone.password);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "Live" })).toBeVisible();

  // The way past the navigation is the first stop.
  await page.reload();
  await expect(page.getByRole("heading", { level: 1, name: "Live" })).toBeVisible();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.locator("#main")).toBeFocused();
  // The keys say themselves.
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);

  await find(page, "Campaigns");
  await press(page, page.locator("#main").getByRole("link", { name: "New campaign" }).or(page.locator("#main").getByRole("button", { name: "New campaign" })).first());
  await expect(page.getByRole("heading", { level: 1, name: "New campaign" })).toBeVisible();
  await type(page, field(page, "Name"), "by hand");
  await pick(page, "Lists", "people");
  await pick(page, "Trunks", "carrier");
  await pick(page, "End points", "message");
  await pick(page, "Rule packs", "unrestricted");
  await press(page, page.getByRole("button", { name: /Take .*default/ }).last().or(page.getByRole("button", { name: /default/ }).last()).first());
  await press(page, page.getByRole("button", { name: "Make the campaign" }));
  await expect(page.getByRole("heading", { level: 1, name: "by hand" })).toBeVisible();

  await press(page, page.getByRole("button", { name: "Start", exact: true }));
  const question = page.getByRole("alertdialog").or(page.getByRole("dialog"));
  await expect(question).toContainText("people: 3 contacts");
  // The focus is inside, and cannot leave.
  for (let stop = 0; stop < 6; stop += 1) {
    await page.keyboard.press("Tab");
    expect(await question.evaluate((dialog) => dialog.contains(document.activeElement))).toBe(true);
  }
  await press(page, question.getByRole("button", { name: "Start" }));
  await expect(question).toHaveCount(0);
  const [run] = (await api<{ items: { id: number }[] }>("GET", "/api/runs")).items;
  await expect.poll(async () => (await api("GET", `/api/runs/${run!.id}`)).state, { timeout: 60_000 }).toBe("COMPLETED");

  // Why was the second one not reached? A table is one stop, arrows move within.
  await find(page, "Calls");
  const rows = page.locator("#main tbody").getByRole("row");
  const busy = rows.filter({ hasText: "15554000002" });
  await tabTo(page, rows.first());
  for (let row = 1; row < 3 && !(await busy.evaluate((element) => element === document.activeElement)); row += 1) {
    await page.keyboard.press("ArrowDown");
    expect((await focus(page)).seen).toBe(true);
  }
  await expect(busy).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByText(/17\s*user busy/i).first()).toBeVisible();

  await find(page, "Reports");
  await expect(page.getByText("by hand").first()).toBeVisible();
  await tabTo(page, page.locator("#main").getByRole("link", { name: /Attempts/ }).first());
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "Calls" })).toBeVisible();
  expect(given.trunk).toBeTruthy();
});
