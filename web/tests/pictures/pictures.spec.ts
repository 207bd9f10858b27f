// A picture of every scene in both themes, as wide as a screen and as a telephone, into the folder CARILLON_PICTURES, and a
// page to look at them side by side.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fits } from "../browser/layout";
import { furnish } from "../browser/furnish";
import { scenes, stage } from "../browser/scenes";
import { setUp, test } from "../browser/world";

const folder = process.env.CARILLON_PICTURES ?? "screenshots";
const sizes = [
  { width: 1280, height: 860 },
  { width: 390, height: 844 },
];
/** Pixels of a picture's height, at most. */
const TALLEST = 8_000;
const schemes = ["light", "dark"] as const;

/** Names with commas between them: only these scenes. */
const only = process.env.SCENES?.split(",");

test("a picture of every page", async ({ page, watch }) => {
  watch.expect(404);
  mkdirSync(folder, { recursive: true });
  const things = await furnish();
  const wanted = scenes.filter((scene) => !only || only.includes(scene.name));
  const taken: string[] = [];
  const outside = wanted.filter((scene) => scene.outside);
  for (const scene of [...outside, ...wanted.filter((scene) => !scene.outside)]) {
    if (!scene.outside && scene === wanted.find((first) => !first.outside)) await setUp(page);
    await page.setViewportSize(sizes[0]!);
    await test.step(scene.name, () => stage(page, scene, things));
    taken.push(scene.name);
    writeFileSync(join(folder, "index.html"), index(taken));
    for (const size of sizes) {
      await page.setViewportSize(size);
      for (const colorScheme of schemes) {
        await page.emulateMedia({ colorScheme });
        // As tall as the page: what sticks to an edge is where it is when one has scrolled there, and cuts nothing.
        const whole = scene.over ? 0 : await page.evaluate(() => document.documentElement.scrollHeight);
        await page.setViewportSize({ width: size.width, height: Math.min(Math.max(size.height, whole), TALLEST) });
        await page.screenshot({ path: join(folder, `${scene.name}-${colorScheme}-${size.width}.png`), animations: "disabled", caret: "hide" });
      }
      await page.setViewportSize(size);
      await fits(page, scene.name);
    }
  }
});

function index(names: string[]): string {
  const kinds = sizes.flatMap(({ width }) => schemes.map((scheme) => `${scheme}-${width}`));
  const figures = (name: string) =>
    kinds.map((kind) => `<a href="${name}-${kind}.png"><img loading="lazy" src="${name}-${kind}.png" alt="${name}, ${kind}"></a>`).join("");
  const style = "body{font:14px sans-serif;margin:16px}div{display:flex;gap:8px;align-items:start;overflow:auto}img{height:430px;border:1px solid #888}";
  const rows = names.map((name) => `<h2 id="${name}">${name}</h2><div>${figures(name)}</div>`);
  return `<!doctype html><meta charset="utf-8"><title>Carillon, page by page</title><style>${style}</style>${rows.join("\n")}\n`;
}
