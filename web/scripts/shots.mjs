// Takes pictures of pages: node scripts/shots.mjs [base address] path ... ; into screenshots/, both themes, 1280 and 390 px.
// What the browser complains about (content security policy, errors) is printed: nothing is expected.
import { mkdir } from "node:fs/promises";
import { chromium } from "@playwright/test";

const [base = "http://127.0.0.1:4173", ...paths] = process.argv.slice(2);
const only = process.env.SHOTS;
await mkdir("screenshots", { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
for (const scheme of ["light", "dark"]) {
  for (const width of [1280, 390]) {
    if (only && only !== `${scheme}-${width}`) continue;
    const context = await browser.newContext({
      viewport: { width, height: width === 390 ? 844 : 860 },
      colorScheme: scheme,
      locale: "en-GB",
      timezoneId: "Europe/Madrid",
      reducedMotion: "reduce",
    });
    const page = await context.newPage();
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") console.log(`${scheme} ${width}: ${message.text()}`);
    });
    page.on("pageerror", (error) => console.log(`${scheme} ${width}: ${error.stack}`));
    if (process.env.CARILLON_LOGIN) {
      await page.goto(base + "/");
      await page.getByLabel("Login").fill(process.env.CARILLON_LOGIN);
      await page.getByLabel("Password").fill(process.env.CARILLON_PASSWORD ?? "");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("main").and(page.locator("#main")).waitFor();
    }
    for (const path of paths) {
      await page.goto(base + path, { waitUntil: "load" });
      await page.waitForTimeout(Number(process.env.WAIT ?? 1800));
      const name = path.replace(/[^a-z0-9]+/gi, "-").replace(/^-|-$/g, "") || "home";
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (overflow > 0) console.log(`${scheme} ${width} ${path}: ${overflow} px wider than the screen`);
      await page.screenshot({ path: `screenshots/${name}-${scheme}-${width}.png`, fullPage: !!process.env.FULL });
    }
    await context.close();
  }
}
await browser.close();
