import { describe, expect, it } from "vitest";
import { match } from "../../src/router.svelte";
import { routes } from "../../src/routes";
import { scenes, type Things } from "../browser/scenes";

const things = new Proxy({}, { get: (_, name) => (name === "number" ? "+15551000001" : 7) }) as Things;

describe("the list of scenes", () => {
  it("has every page of the router", () => {
    const seen = new Set(scenes.map((scene) => scene.route));
    expect(routes.map((route) => route.path).filter((path) => !seen.has(path))).toEqual([]);
  });

  it.each(scenes.map((scene) => [scene.name, scene] as const))("%s is at the page that it says", (_, scene) => {
    expect(match(new URL(scene.at(things), "http://here").pathname)?.route.path).toBe(scene.route);
  });

  it("names each once", () => {
    expect(new Set(scenes.map((scene) => scene.name)).size).toBe(scenes.length);
  });
});
