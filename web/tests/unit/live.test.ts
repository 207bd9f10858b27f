import { describe, expect, it } from "vitest";
import { applyDelta, type Live } from "../../src/lib/live/delta";
import { BUCKET_S, History } from "../../src/lib/live/history";

const live = {
  at: "2026-11-21T18:00:00Z",
  dialling: "dialling",
  hold: null,
  storage: null,
  totals: { open_calls: 1, placed: 1, terminated: 0, termination_rate: 0, backlog: 0 },
  runs: [{ id: 2, priority: 10 }],
  calls: [{ attempt: 7, state: "DIALLING" }],
  trunks: [],
  pbxs: [],
  end_points: [],
} as unknown as Live;

describe("a delta", () => {
  it("changes what it names and keeps the rest as it was", () => {
    const next = applyDelta(live, {
      type: "delta",
      seq: 2, after: 1,
      at: "2026-11-21T18:00:01Z",
      calls: { set: [{ attempt: 8 } as never, { attempt: 7, state: "CONNECTED" } as never] },
    });
    expect(next.calls).toEqual([{ attempt: 7, state: "CONNECTED" }, { attempt: 8 }]);
    expect(next.runs).toBe(live.runs);
    expect(next.at).toBe("2026-11-21T18:00:01Z");
  });

  it("takes out what is gone and orders runs by priority", () => {
    const next = applyDelta(live, {
      type: "delta",
      seq: 2, after: 1,
      at: live.at,
      calls: { gone: [7, 99] },
      runs: { set: [{ id: 3, priority: 5 } as never] },
    });
    expect(next.calls).toEqual([]);
    expect(next.runs.map((run) => run.id)).toEqual([3, 2]);
  });

  it("tells a hold that was lifted from one that did not change", () => {
    const held = applyDelta(live, { type: "delta", seq: 2, after: 1, at: live.at, dialling: "held", hold: { by: "ana", since: live.at, why: "" } });
    expect(applyDelta(held, { type: "delta", seq: 3, after: 2, at: live.at }).hold?.by).toBe("ana");
    expect(applyDelta(held, { type: "delta", seq: 3, after: 2, at: live.at, dialling: "dialling", hold: null }).hold).toBeNull();
  });
});

describe("the last fifteen minutes", () => {
  const now = 1_000_000 * BUCKET_S;

  it("count answers among the calls that ended; none is unknown, not zero", () => {
    const history = new History();
    expect(history.rate(now, 60)).toBeNull();
    history.ended(now, "TERMINATED");
    history.ended(now - 30, "RS_BUSY");
    history.ended(now, "RS_BLACKLIST");
    history.ended(now - 600, "RS_LOST");
    expect(history.rate(now, 60)).toBe(0.5);
    expect(history.rate(now, 900)).toBeCloseTo(1 / 3);
    expect(history.endedIn(now, 60)).toBe(2);
  });

  it("are as many columns whatever is known, and forget what is older", () => {
    const history = new History();
    history.sample(now - 3600, 5, 1);
    history.sample(now, 9, 4);
    const columns = history.columns(now);
    expect(columns.x).toHaveLength(60);
    expect(columns.inFlight.at(-1)).toBe(9);
    expect(columns.inFlight.slice(0, -1).every((value) => value === null)).toBe(true);
    expect(columns.ended.busy).toHaveLength(60);
  });
});
