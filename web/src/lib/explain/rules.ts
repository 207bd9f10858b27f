import { m } from "$lib/paraglide/messages";

/** The rules and stages of the gate in people's words, by the server's name. */
const names: Record<string, () => string> = {
  dialling_not_held: m.rule_dialling_not_held,
  run_active: m.rule_run_active,
  inside_hours: m.rule_inside_hours,
  number_allowed: m.rule_number_allowed,
  number_not_suppressed: m.rule_number_not_suppressed,
  consent_given: m.rule_consent_given,
  retry_due: m.rule_retry_due,
  attempts_below_cap: m.rule_attempts_below_cap,
  cooled_down: m.rule_cooled_down,
  gap_kept: m.rule_gap_kept,
  inside_callee_window: m.rule_inside_callee_window,
  number_not_in_flight: m.rule_number_not_in_flight,
  lists_running: m.rule_lists_running,
  pbx_up: m.rule_pbx_up,
  trunk_free: m.rule_trunk_free,
  circuit_closed: m.rule_circuit_closed,
  end_point_free: m.rule_end_point_free,
  rate_kept: m.rule_rate_kept,
  agents_free: m.rule_agents_free,
  hourly_cap_kept: m.rule_hourly_cap_kept,
};

const stages: Record<string, () => string> = {
  finished: m.stage_finished,
  in_call: m.stage_in_call,
  number_allowed: m.stage_number_allowed,
  number_not_suppressed: m.stage_number_not_suppressed,
  consent_given: m.stage_consent_given,
  retry_due: m.stage_retry_due,
  attempts_below_cap: m.stage_attempts_below_cap,
  cooled_down: m.stage_cooled_down,
  gap_kept: m.stage_gap_kept,
  inside_callee_window: m.stage_inside_callee_window,
  number_not_in_flight: m.stage_number_not_in_flight,
  waits_for_reload: m.stage_waits_for_reload,
};

/** What a rule asks, as a claim: `Consent given`. One that this version does not know keeps the server's name. */
export function ruleName(rule: string): string {
  return names[rule]?.() ?? rule.replaceAll("_", " ");
}

/** Whom a stage of the funnel keeps back; the server's text for one that is not known here. */
export function stageName(stage: string, text: string): string {
  return stages[stage]?.() ?? text;
}
