import type { Schema } from "$lib/api/client";

/** The steps, in order: each one needs those before it. */
export const STEPS = ["machine", "pbx", "trunk", "point", "call", "webhook", "list", "campaign"] as const;
export type Step = (typeof STEPS)[number];

/**
 * `done`: proved. `remarks`: works, with something to look at. `open`: there, and only the test call can prove it.
 * `blocked`: needs an earlier step. `skipped`: not wanted. `checking`: not known yet.
 */
export type StepState = "done" | "remarks" | "open" | "failed" | "todo" | "blocked" | "skipped" | "checking";

/** The campaign that the server makes for test calls. */
export const TEST_CALLS = "Test calls";

/** What the system says of itself. */
export interface Facts {
  /** null: the checks are still being made. */
  checks: Schema["Check"][] | null;
  pbxs: number;
  trunks: Schema["Trunk"][];
  points: Schema["EndPoint"][];
  /** The last test call; null: there was none. */
  call: { attempt: Schema["Attempt"] | null; over: boolean } | null;
  /** null: this person may not see them. */
  webhooks: Schema["Webhook"][] | null;
  /** Contacts over all lists that are shown. */
  contacts: number;
  campaigns: number;
  /** A campaign of the person's own was started. */
  started: boolean;
}

/** Which step a check belongs to. */
export function stepOf(check: Schema["Check"]): Step {
  if (check.check === "pbx" || check.check.startsWith("pbx.")) return "pbx";
  if (check.check === "trunk") return "trunk";
  if (check.check === "endpoint") return "point";
  return "machine";
}

/** What the last test call proved: that it rang proves the trunk, that it was answered the end point, too. */
export function proved(facts: Facts): { trunk: number | null; point: number | null } {
  const attempt = facts.call?.attempt;
  if (!attempt) return { trunk: null, point: null };
  const rang = attempt.connected_at !== null || attempt.state === "RS_NOANSWER" || attempt.state === "RS_BUSY";
  return { trunk: rang ? attempt.trunk : null, point: attempt.connected_at !== null ? attempt.end_point : null };
}

/** How far each step is. `skipped` are those that somebody said no to. */
export function states(facts: Facts, skipped: ReadonlySet<Step>): Record<Step, StepState> {
  const lines = facts.trunks.length > 0 && facts.points.length > 0;
  const by = proved(facts);
  const result: Record<Step, StepState> = {
    machine: judged(facts, "machine"),
    pbx: facts.pbxs === 0 ? "todo" : judged(facts, "pbx"),
    trunk: facts.pbxs === 0 ? "blocked" : facts.trunks.length === 0 ? "todo" : line(judged(facts, "trunk"), by.trunk !== null),
    point: facts.pbxs === 0 ? "blocked" : facts.points.length === 0 ? "todo" : line(judged(facts, "point"), by.point !== null),
    call: lines ? called(facts.call) : "blocked",
    webhook: facts.webhooks === null ? "skipped" : hooked(facts.webhooks),
    list: facts.contacts > 0 ? "done" : "todo",
    campaign: facts.started ? "done" : !lines || facts.contacts === 0 ? "blocked" : facts.campaigns > 0 ? "open" : "todo",
  };
  for (const step of skipped) if (result[step] === "todo") result[step] = "skipped";
  return result;
}

/** The step to take next; null: all are taken. */
export function next(states: Record<Step, StepState>): Step | null {
  const failed = STEPS.find((step) => states[step] === "failed");
  return failed ?? STEPS.find((step) => states[step] === "todo") ?? STEPS.find((step) => states[step] === "open") ?? null;
}

/** Steps that need nothing more. */
export function taken(states: Record<Step, StepState>): number {
  return STEPS.filter((step) => ["done", "remarks", "skipped"].includes(states[step])).length;
}

/** The worst of a step's checks. */
function judged(facts: Facts, step: Step): StepState {
  if (!facts.checks) return "checking";
  const found = facts.checks.filter((check) => stepOf(check) === step).map((check) => check.state);
  if (found.includes("failed")) return "failed";
  if (found.includes("warning")) return "remarks";
  // Of what is there and was not looked at, nothing is known: an earlier check failed.
  return found.includes("unknown") || found.length === 0 ? "open" : "done";
}

/** A trunk or an end point: what no check can tell, a call can. */
function line(judged: StepState, called: boolean): StepState {
  return called && judged === "open" ? "done" : judged;
}

function called(call: Facts["call"]): StepState {
  if (!call) return "todo";
  if (!call.over) return "open";
  return call.attempt?.connected_at ? "done" : "failed";
}

function hooked(hooks: Schema["Webhook"][]): StepState {
  if (hooks.length === 0) return "todo";
  return hooks.some((hook) => hook.enabled && (hook.dead > 0 || hook.waiting > 0)) ? "remarks" : "done";
}
