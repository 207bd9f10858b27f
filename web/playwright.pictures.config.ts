import { defineConfig } from "@playwright/test";
import specs from "./playwright.config";

// Started by `cargo xtask screenshots`; Chromium is Debian's.
export default defineConfig({
  ...specs,
  testDir: "tests/pictures",
  timeout: 1_800_000,
  use: { ...specs.use, trace: "off", screenshot: "off", actionTimeout: 60_000, navigationTimeout: 60_000 },
});
