// The server dies and comes back while somebody looks.
import { accessible, api, ask, expect, setUp, test } from "./world";

test("a page outlives its server", async ({ page, watch }) => {
  await setUp(page);
  await page.goto("/live");
  await expect(page.getByRole("heading", { name: "No run is open" }).or(page.getByText("No run is open")).first()).toBeVisible();
  await page.evaluate(() => ((window as any).sameAsBefore = true));
  const stale = page.getByText("Stale: nothing was heard").first();
  watch.expectAway(true);
  await ask("kill");
  const killed = Date.now();
  await expect(stale).toBeVisible();
  // Five seconds without a sign of life, not sooner; what is old is said to be so on every page.
  expect(Date.now() - killed).toBeGreaterThan(3_500);
  await expect(page.getByRole("status").filter({ hasText: "Stale since" })).toBeVisible();
  await accessible(page);
  await ask("serve");
  await expect(stale).toHaveCount(0, { timeout: 30_000 });
  await expect(page.getByRole("status").filter({ hasText: "Live" })).toBeVisible();
  watch.expectAway(false);
  // Nothing was loaded anew, and what happens now is shown.
  expect(await page.evaluate(() => (window as any).sameAsBefore)).toBe(true);
  await api("POST", "/api/dialling/hold", { why: "a test" });
  await expect(page.getByText("a test").first()).toBeVisible();
});

test("a stream that falls silent is noticed, and opened anew when the way is free", async ({ page }) => {
  // The network between browser and server swallows everything: no end, no error, no data.
  let silent = false;
  await page.routeWebSocket("**/api/live/stream", (socket) => {
    const server = socket.connectToServer();
    server.onMessage((message) => {
      if (!silent) socket.send(message);
    });
  });
  await setUp(page);
  await page.goto("/live");
  await expect(page.getByRole("status").filter({ hasText: "Live" })).toBeVisible();
  await page.evaluate(() => ((window as any).sameAsBefore = true));
  silent = true;
  // Asking instead of listening is cut, too.
  await page.route("**/api/live", (route) => route.abort());
  await expect(page.getByRole("status").filter({ hasText: "Stale since" })).toBeVisible({ timeout: 10_000 });
  silent = false;
  await page.unroute("**/api/live");
  await expect(page.getByRole("status").filter({ hasText: "Stale since" })).toHaveCount(0, { timeout: 20_000 });
  expect(await page.evaluate(() => (window as any).sameAsBefore)).toBe(true);
});
