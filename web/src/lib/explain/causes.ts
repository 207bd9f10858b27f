import { m } from "$lib/paraglide/messages";

const enders: Record<string, () => string> = {
  answer_timeout: m.ender_answer_timeout,
  progress_timeout: m.ender_progress_timeout,
  forced_closure: m.ender_forced_closure,
  operator: m.ender_operator,
  agent: m.ender_agent,
  no_agent: m.ender_no_agent,
  agent_skip: m.ender_agent_skip,
  pacing: m.ender_pacing,
  far_end: m.ender_far_end,
  pbx: m.ender_pbx,
  refused: m.ender_refused,
  suppression: m.ender_suppression,
  unknown: m.ender_unknown,
};

const faults: Record<string, () => string> = {
  none: m.fault_none,
  callee: m.fault_callee,
  number: m.fault_number,
  carrier: m.fault_carrier,
  ours: m.fault_ours,
  unclear: m.fault_unclear,
};

/** Who ended a call. */
export function enderName(by: string | null | undefined): string {
  return by ? (enders[by]?.() ?? by) : "–";
}

/** Whose fault it is that no conversation happened. */
export function faultName(fault: string | null | undefined): string {
  return fault ? (faults[fault]?.() ?? fault) : "–";
}

/** The names of Q.850 causes are the standard's own, in every language of an engineer. */
const Q850: Record<number, string> = {
  1: "unallocated number",
  2: "no route to transit network",
  3: "no route to destination",
  16: "normal clearing",
  17: "user busy",
  18: "no user responding",
  19: "no answer",
  20: "subscriber absent",
  21: "call rejected",
  22: "number changed",
  26: "non-selected user clearing",
  27: "destination out of order",
  28: "invalid number format",
  29: "facility rejected",
  31: "normal, unspecified",
  34: "no circuit available",
  38: "network out of order",
  41: "temporary failure",
  42: "switching congestion",
  44: "channel not available",
  50: "facility not subscribed",
  58: "bearer capability not available",
  88: "incompatible destination",
  102: "recovery on timer expiry",
  127: "interworking",
};

/** `17 user busy`; 0 is unknown. */
export function causeName(cause: number | null | undefined): string {
  if (!cause) return "–";
  return Q850[cause] ? `${cause} ${Q850[cause]}` : String(cause);
}
