import { defineConfig } from "@playwright/test";

// Started by `crates/app/tests/e2e/browser.rs`, one world (server, database, two Asterisks) per spec. Chromium is Debian's.
export default defineConfig({
  testDir: "tests/browser",
  outputDir: "test-results",
  workers: 1,
  retries: 0,
  timeout: 540_000,
  expect: { timeout: 15_000 },
  reporter: "line",
  use: {
    baseURL: process.env.CARILLON_SERVER,
    locale: "en-GB",
    timezoneId: "Europe/Madrid",
    viewport: { width: 1280, height: 860 },
    reducedMotion: "reduce",
    actionTimeout: 30_000,
    navigationTimeout: 30_000,
    trace: "retain-on-failure",
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      // Root has no sandbox; tests run as root in CI.
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
    },
  },
});
