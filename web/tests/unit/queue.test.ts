import { describe, expect, it } from "vitest";
import { ofQueue } from "../../src/lib/explain/queue";

const queue = { free: 3, waiting: 1, agents: 2, on_the_way: 1, boost_permille: 1300 };

describe("what was known of the agents of a call", () => {
  it("is nothing where the end point has no queue", () => {
    expect(ofQueue(null)).toEqual([]);
    expect(ofQueue(undefined)).toEqual([]);
  });

  it("is the queue and the boost where no engine paces", () => {
    expect(ofQueue(queue).map(([, value]) => value)).toEqual(["3 free, 1 callers waiting", "1 for 2 agents, boost 1.3"]);
  });

  it("is what the engine went by, with the cap and what it promises of it", () => {
    const pace = { policy: "budget" as const, free: 4, open: 6, abandoned: 2, persons: 98, cap_ppm: 30_000 };
    expect(ofQueue({ ...queue, pace })).toEqual([
      ["Agents", "4 free in the campaign, 6 calls for them before this one"],
      ["Abandoned of live answers", "2 of 100"],
      ["The cap of 3.0% holds", "over the counting period"],
    ]);
    expect(ofQueue({ ...queue, pace: { ...pace, policy: "guaranteed" } }).at(-1)?.[1]).toBe("at every instant");
    expect(ofQueue({ ...queue, pace: { ...pace, policy: null } }).at(-1)?.[1]).toBe("nothing is promised");
  });
});
