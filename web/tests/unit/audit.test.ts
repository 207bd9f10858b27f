import { describe, expect, it } from "vitest";
import { differences } from "../../src/pages/audit/difference";

describe("what a change changed", () => {
  it("is the fields that differ, nested ones as JSON", () => {
    const before = { name: "spring", priority: 3, trunks: [1], rules: [{ status: "RS_BUSY", max: 2 }], keys: "" };
    const after = { name: "spring", priority: 4, trunks: [1, 2], rules: [{ max: 2, status: "RS_BUSY" }], keys: "A" };
    expect(differences(before, after)).toEqual([
      { field: "priority", before: "3", after: "4" },
      { field: "trunks", before: "[1]", after: "[1,2]" },
      { field: "keys", before: null, after: "A" },
    ]);
  });

  it("is every field that says something, of what was made or deleted", () => {
    expect(differences(null, { name: "x", keys: "", on: false, lists: [] })).toEqual([
      { field: "name", before: null, after: "x" },
      { field: "on", before: null, after: "false" },
    ]);
    expect(differences({ name: "x", limit: 0 }, null)).toEqual([
      { field: "name", before: "x", after: null },
      { field: "limit", before: "0", after: null },
    ]);
    expect(differences(null, null)).toEqual([]);
  });
});
