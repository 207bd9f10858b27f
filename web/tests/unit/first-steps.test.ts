import { describe, expect, it } from "vitest";
import type { Schema } from "../../src/lib/api/client";
import { next, states, stepOf, taken, type Facts } from "../../src/pages/first-steps/steps";

const check = (check: string, state: Schema["CheckState"]): Schema["Check"] => ({ check, about: "", state, found: "", remedy: "" });
const trunk = { id: 1, pbx: 1, name: "carrier" } as Schema["Trunk"];
const point = { id: 2, pbx: 1, name: "message" } as Schema["EndPoint"];
const attempt = (state: string, connected: boolean) =>
  ({ state, trunk: 1, end_point: 2, connected_at: connected ? "2026-11-21T21:00:00Z" : null, ended_at: "2026-11-21T21:00:09Z" }) as Schema["Attempt"];

const empty: Facts = { checks: [check("disk.space", "ok"), check("pbx", "warning")], pbxs: 0, trunks: [], points: [], call: null, webhooks: [], contacts: 0, campaigns: 0, started: false };
const lines: Facts = {
  ...empty,
  checks: [check("disk.space", "ok"), check("pbx.login", "ok"), check("trunk", "unknown"), check("endpoint", "unknown")],
  pbxs: 1,
  trunks: [trunk],
  points: [point],
};
const none = new Set<never>();

describe("first steps", () => {
  it("lead through an empty system in order", () => {
    const known = states(empty, none);
    expect(known).toEqual({ machine: "done", pbx: "todo", trunk: "blocked", point: "blocked", call: "blocked", webhook: "todo", list: "todo", campaign: "blocked" });
    expect(next(known)).toBe("pbx");
    expect(taken(known)).toBe(1);
  });

  it("do not call proved what no check can tell", () => {
    const known = states(lines, none);
    expect([known.trunk, known.point, known.call]).toEqual(["open", "open", "todo"]);
    expect(next(known)).toBe("call");
  });

  it("take a call that rang as proof of the trunk, and an answer as proof of the end point", () => {
    const busy = states({ ...lines, call: { attempt: attempt("RS_BUSY", false), over: true } }, none);
    expect([busy.trunk, busy.point, busy.call]).toEqual(["done", "open", "failed"]);
    const answered = states({ ...lines, call: { attempt: attempt("TERMINATED", true), over: true } }, none);
    expect([answered.trunk, answered.point, answered.call]).toEqual(["done", "done", "done"]);
    const refused = states({ ...lines, call: { attempt: attempt("RS_REJECTED", false), over: true } }, none);
    expect([refused.trunk, refused.point, refused.call]).toEqual(["open", "open", "failed"]);
  });

  it("put what fails first, and let a call not hide it", () => {
    const known = states({ ...lines, checks: [check("pbx.login", "ok"), check("trunk", "failed"), check("endpoint", "unknown")], call: { attempt: attempt("TERMINATED", true), over: true } }, none);
    expect(known.trunk).toBe("failed");
    expect(next(known)).toBe("trunk");
  });

  it("let a step be left out only while it is to do", () => {
    const known = states({ ...lines, contacts: 3 }, new Set(["webhook", "list"] as const));
    expect([known.webhook, known.list]).toEqual(["skipped", "done"]);
  });

  it("end when a campaign was started", () => {
    const all = { ...lines, call: { attempt: attempt("TERMINATED", true), over: true }, webhooks: null, contacts: 3, campaigns: 1 };
    expect(next(states(all, none))).toBe("campaign");
    expect(next(states({ ...all, started: true }, none))).toBeNull();
  });

  it("know which step a check belongs to", () => {
    expect(["clock", "pbx", "pbx.rights", "trunk", "endpoint"].map((name) => stepOf(check(name, "ok")))).toEqual(["machine", "pbx", "pbx", "trunk", "point"]);
  });
});
