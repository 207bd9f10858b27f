// The server dies and comes back while somebody looks.
import { api, ask, expect, setUp, test } from "./world";

test("a page outlives its server", async ({ page }) => {
  await setUp(page);
  await page.goto("/live");
  await expect(page.getByRole("heading", { name: "No run is open" }).or(page.getByText("No run is open")).first()).toBeVisible();
  await page.evaluate(() => ((window as any).sameAsBefore = true));
  await ask("kill");
  await expect(page.getByText("Stale: nothing was heard").first()).toBeVisible();
  await ask("serve");
  await expect(page.getByText("Stale: nothing was heard")).toHaveCount(0, { timeout: 30_000 });
  // Nothing was loaded anew, and what happens now is shown.
  expect(await page.evaluate(() => (window as any).sameAsBefore)).toBe(true);
  await api("POST", "/api/dialling/hold", { why: "a test" });
  await expect(page.getByText("a test").first()).toBeVisible();
});
