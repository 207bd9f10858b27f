// Texts that are meant to do harm, in every field of every thing: shown as text everywhere, and no layout breaks.
import { expect, setUp, test } from "./world";
import { fits } from "./layout";
import { furnish, type Say } from "./furnish";
import { scenes, stage, type Things } from "./scenes";

test.describe.configure({ mode: "serial" });

/** Markup that acts when it is taken for markup, marks that turn the direction, letters that tower, emoji of many parts; then one word without end. */
const HARM =
  `"><script>window.harmed=1</script><img src=x onerror="window.harmed=2"><svg onload=window.harmed=3>{{7*7}}\${7*7}javascript:window.harmed=4 ` +
  "\u202egnirts desrever\u202c \u200f\u061c\u2067rtl\u2069 \u0645\u0631\u062d\u0628\u0627 " +
  `Z\u0361\u036b\u0353\u036a\u0302a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309\u030a\u030b\u030clgo \u{1f469}\u200d\u{1f469}\u200d\u{1f467}\u200d\u{1f466}\u{1f3f4}\u{e0067}\u{e007f} `;

/** Exactly as long as the field allows, counted as the server counts; what it begins with tells things apart. */
const hostile: Say = (usual, max) => {
  const letters = [...`${usual.slice(0, 24)} ${HARM}`];
  return [...letters, ..."W".repeat(Math.max(0, max - letters.length))].slice(0, max).join("").trimEnd().padEnd(1, "W");
};
const endless = `${HARM}${"W".repeat(10_000)}`.slice(0, 10_000);

let things: Things;

test("a system is furnished with them", async () => {
  things = await furnish(hostile);
});

test("nothing of it is more than text", async ({ page, watch }) => {
  // Ten thousand letters are refused as a search, and what is not there is a page, too.
  watch.expect(400, 404, 413, 414, 422, 431);
  await setUp(page);
  const size = page.viewportSize()!;
  for (const scene of scenes.filter((scene) => !scene.outside)) {
    await test.step(scene.name, async () => {
      await page.setViewportSize(size);
      await stage(page, scene, things);
      for (const width of [1280, 390, 320]) {
        await page.setViewportSize({ width, height: 844 });
        await fits(page, scene.name);
      }
      await page.setViewportSize(size);
      // What can be typed is typed, as much as fits; nothing is sent.
      const fields = page.locator("#main").getByRole("textbox").or(page.locator("#main").getByRole("searchbox"));
      for (const field of await fields.all()) {
        if (!(await field.isEditable().catch(() => false))) continue;
        await field.fill(endless, { timeout: 2_000 }).catch(() => undefined);
      }
      await fits(page, `${scene.name}, typed into`);
      expect.soft(await page.evaluate(() => (window as any).harmed), scene.name).toBeUndefined();
      // A page with changes asks before it is left: that is not what this is about.
      await page.goto("about:blank");
    });
  }
});
