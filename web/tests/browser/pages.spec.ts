// Every page of a furnished system: no barrier that a program can find, in both themes; nothing wider than a telephone.
import type { Page } from "@playwright/test";
import { accessible, expect, given, setUp, test } from "./world";
import { fits } from "./layout";
import { furnish } from "./furnish";
import { scenes, stage, type Scene } from "./scenes";

// A trace of thousands of elements for every step costs more than the step.
test.use({ trace: "off" });

/** Which of how many parts of the scenes: each has a world of its own, and they go side by side. */
const [part, parts] = [Number(given.part), Number(given.parts)];

test("every page is accessible in both themes and fits narrow screens", async ({ page, watch }) => {
  // A page about what is not there is one of them.
  watch.expect(404);
  const mine = scenes.filter((_, place) => place % parts === part);
  expect(mine.length).toBeGreaterThan(10);
  const things = await furnish();
  const size = page.viewportSize()!;
  for (const scene of mine.filter((scene) => scene.outside)) await test.step(scene.name, () => look(scene));
  await setUp(page);
  for (const scene of mine.filter((scene) => !scene.outside)) await test.step(scene.name, () => look(scene));

  async function look(scene: Scene): Promise<void> {
    await page.setViewportSize(size);
    await stage(page, scene, things);
    await inBothThemes(page, scene);
    for (const width of [390, 320]) {
      await page.setViewportSize({ width, height: 844 });
      await fits(page, scene.name);
    }
  }
});

async function inBothThemes(page: Page, { name, over }: Scene): Promise<void> {
  await wear(page, "light");
  await accessible(page, { where: name, within: over });
  await wear(page, "dark");
  // What differs between the themes is colour.
  await accessible(page, { where: `${name}, dark`, within: over, rules: ["color-contrast"] });
}

async function wear(page: Page, colorScheme: "light" | "dark"): Promise<void> {
  await page.emulateMedia({ colorScheme });
  // Colours change over a frame or two.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await page.waitForFunction(() => document.getAnimations().length === 0);
}
