import { describe, expect, it } from "vitest";
import { callsHref, choiceOf, csvHref, endedOf, outcomeKey, queryOf } from "../../src/pages/reports/choice";

describe("what a report is of", () => {
  it("is read from the address, and nonsense is passed over", () => {
    const choice = choiceOf(new URLSearchParams("runs=3,x,4&campaign=2&from=2026-11-21T10:00:00Z&to=never"));
    expect(choice).toEqual({ runs: [3, 4], campaign: 2, from: "2026-11-21T10:00:00.000Z", to: null });
    expect(queryOf(choice)).toEqual({ run: [3, 4] });
    expect(csvHref(choice, "raw")).toBe("/api/reports/attempts.csv?run=3&run=4&cells=raw");
  });

  it("becomes a list of the runs and outcomes that were chosen, or of all", () => {
    const busy = { state: "RS_BUSY", ext_state: "" };
    const report = { runs: [{ id: 7 }, { id: 8 }], outcomes: [{ ...busy, count: 3 }, { state: "TERMINATED", ext_state: "sold", count: 1 }] };
    expect(endedOf(report, [], [])).toEqual({ runs: [7, 8], outcomes: [] });
    expect(endedOf(report, [8], [outcomeKey(busy)])).toEqual({ runs: [8], outcomes: [busy] });
  });

  it("leads to the calls behind it", () => {
    const run = (id: number, campaign: number, day: number, ended_at: string | null = null) => ({ id, campaign, started_at: `2026-11-0${day}T00:00:00Z`, ended_at });
    expect(callsHref([run(7, 1, 2)], { state: "RS_BUSY" })).toBe("/calls?run=7&state=RS_BUSY");
    expect(callsHref([run(7, 1, 2), run(8, 1, 1)])).toBe("/calls?campaign=1&from=2026-11-01T00%3A00%3A00Z");
    expect(callsHref([run(7, 1, 2, "2026-11-03T00:00:00Z"), run(8, 2, 1, "2026-11-02T00:00:00Z")])).toBe(
      "/calls?from=2026-11-01T00%3A00%3A00Z&to=2026-11-03T00%3A00%3A01.000Z",
    );
  });
});
