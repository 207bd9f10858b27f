import { describe, expect, it, vi } from "vitest";

vi.mock("../../src/routes", () => ({ routes: [] }));
const { match } = await import("../../src/router.svelte");

const page = { title: () => "", load: () => Promise.reject(new Error("not loaded in this test")) };
const table = [
  { ...page, path: "/" },
  { ...page, path: "/campaigns/new" },
  { ...page, path: "/campaigns/:id" },
  { ...page, path: "/why/:number" },
];

describe("a path", () => {
  it("is found with what stands in it", () => {
    expect(match("/campaigns/3", table)?.params).toEqual({ id: "3" });
    expect(match("/why/%2B34612", table)?.params).toEqual({ number: "+34612" });
  });

  it("takes the first that fits", () => {
    expect(match("/campaigns/new", table)?.route.path).toBe("/campaigns/new");
  });

  it("with an id that is no number is no page", () => {
    expect(match("/campaigns/3x", table)).toBeNull();
    expect(match("/campaigns/%00", table)).toBeNull();
  });

  it("that is malformed or unknown is no page", () => {
    expect(match("/why/%E0%A4%A", table)).toBeNull();
    expect(match("/nothing", table)).toBeNull();
    expect(match("/campaigns/3/4", table)).toBeNull();
  });
});
