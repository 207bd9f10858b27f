// What was known of the agents when the gate said yes to a call for them.
import { count, share } from "$lib/format/number";
import { m } from "$lib/paraglide/messages";

/** Of an observed queue, as the event has it. */
export interface QueueReceipt {
  free: number;
  waiting: number;
  agents: number;
  on_the_way: number;
  boost_permille: number;
  /** What the campaign’s engine went by, if it has one; then the boost does not count. */
  pace?: {
    policy: "budget" | "guaranteed" | null;
    free: number;
    open: number;
    abandoned: number;
    persons: number;
    cap_ppm: number;
  } | null;
}

/** Names and values, in the order in which they are shown. */
export function ofQueue(queue: QueueReceipt | null | undefined): [string, string][] {
  if (!queue) return [];
  const pace = queue.pace;
  if (!pace) {
    const boost = String(queue.boost_permille / 1000);
    return [
      [m.receipt_agents(), m.receipt_agents_value({ free: count(queue.free), waiting: count(queue.waiting) })],
      [m.receipt_on_the_way(), m.receipt_on_the_way_value({ calls: count(queue.on_the_way), agents: count(queue.agents), boost })],
    ];
  }
  const answered = pace.abandoned + pace.persons;
  const promise = pace.policy === "budget" ? m.pacing_budget() : pace.policy === "guaranteed" ? m.pacing_guaranteed() : m.receipt_policy_none();
  return [
    [m.receipt_agents(), m.receipt_pace_value({ free: count(pace.free), open: count(pace.open) })],
    [m.receipt_abandoned(), m.receipt_of({ used: count(pace.abandoned), capacity: count(answered) })],
    [m.receipt_cap({ cap: share(pace.cap_ppm / 1_000_000) }), promise],
  ];
}
