import type { Schema } from "$lib/api/client";

type Input = Schema["CampaignInput"];

/** A campaign while it is edited: every field there, times as fields of the browser hold them. */
export interface CampaignDraft {
  name: string;
  status: Schema["CampaignStatus"];
  priority: number | null;
  lists: number[];
  black_lists: number[];
  trunks: number[];
  end_points: number[];
  /** `HH:MM:SS` */
  time_start: string;
  time_end: string;
  time_days: string;
  zone: string;
  opening_hours: number[];
  answer_timeout_s: number | null;
  forced_closure_s: number | null;
  initial_boost: number | null;
  pacing: PacingDraft;
  autopause: boolean;
  idle_on_termination: boolean;
  batch_size: number | null;
  dial_clid: string;
  agent_clid: string;
  dial_presentation: string;
  dial_account: string;
  queue_log: boolean;
  queue_log_alias: string;
  queue_log_attributes: string[];
  email_events: Schema["RunMailEvents"];
  email_addresses: string[];
  variables: { name: string; value: string }[];
  rules: { id: number | null; status: string; status_ext: string; max_attempts: number | null; retry_after_s: number | null; mode: Schema["Mode"] }[];
  outcome_rules: OutcomeRuleDraft[];
  packs: string[];
  hours: { days: string; from: string; to: string }[];
  holidays: string[];
  caps: { attempts: number | null; hours: number | null; by: Schema["CapBy"] }[];
  gap_minutes: number | null;
  cooldown_hours: number | null;
  consent: boolean;
  consent_days: number | null;
  deny: string[];
  allow: string[];
  hourly: { prefix: string; calls: number | null }[];
  min_ring_s: number | null;
  security_key: string;
}

/** Pacing while it is edited: shares in percent, the deadline in seconds. */
export interface PacingDraft {
  mode: Schema["PacingMode"];
  ratio: number | null;
  policy: Schema["PacingPolicy"];
  cap_percent: number | null;
  period_days: number | null;
  deadline_s: number | null;
  safe_harbour: "pace" | "yes" | "no";
  min_ring_s: number | null;
  false_positives_count: boolean;
  false_positives_percent: number | null;
}

function pacingDraft(pacing: Partial<Schema["Pacing"]>): PacingDraft {
  return {
    mode: pacing.mode ?? "automatic",
    ratio: pacing.ratio ?? 1,
    policy: pacing.policy ?? "budget",
    cap_percent: percent(pacing.cap ?? 0.03),
    period_days: pacing.period_days ?? 30,
    deadline_s: (pacing.deadline_ms ?? 2000) / 1000,
    safe_harbour: pacing.safe_harbour == null ? "pace" : pacing.safe_harbour ? "yes" : "no",
    min_ring_s: pacing.min_ring_s ?? 15,
    false_positives_count: pacing.false_positives_count ?? false,
    false_positives_percent: percent(pacing.false_positives_estimate ?? 0),
  };
}

function pacingInput(pacing: PacingDraft): Schema["Pacing"] {
  return {
    mode: pacing.mode,
    ratio: pacing.ratio ?? 1,
    policy: pacing.policy,
    cap: share(pacing.cap_percent),
    period_days: pacing.period_days ?? 0,
    deadline_ms: Math.round((pacing.deadline_s ?? 0) * 1000),
    safe_harbour: pacing.safe_harbour === "pace" ? null : pacing.safe_harbour === "yes",
    min_ring_s: pacing.min_ring_s ?? 0,
    false_positives_count: pacing.false_positives_count,
    false_positives_estimate: share(pacing.false_positives_percent),
  };
}

/** 0.03 is 3 %, and not 3.0000000000000004. */
function percent(of: number): number {
  return Math.round(of * 1e6) / 1e4;
}

function share(percent: number | null): number {
  return Math.round((percent ?? 0) * 1e4) / 1e6;
}

/** An outcome rule while it is edited: its attributes as one text. */
export interface OutcomeRuleDraft {
  id: number | null;
  status: string;
  status_ext: string;
  with_retries_pending: boolean;
  verb: Schema["Verb"];
  list: number | null;
  campaign: number | null;
  destination: string;
  text: string;
  defer_s: number | null;
  var_mode: Schema["VarMode"];
  /** `NAME=value`, each on a line of its own. */
  attributes: string;
}

/** What a new outcome rule begins with. */
export function newOutcomeRule(): OutcomeRuleDraft {
  return {
    id: null,
    status: "TERMINATED",
    status_ext: "",
    with_retries_pending: false,
    verb: "ADD_LIST",
    list: null,
    campaign: null,
    destination: "",
    text: "",
    defer_s: 0,
    var_mode: "ALL",
    attributes: "",
  };
}

/** A rule of the server as a draft. */
function outcomeDraft(rule: Schema["OutcomeRule"], copy: boolean): OutcomeRuleDraft {
  return {
    id: copy ? null : (rule.id ?? null),
    status: rule.status,
    status_ext: rule.status_ext ?? "",
    with_retries_pending: rule.with_retries_pending ?? false,
    verb: rule.verb,
    list: rule.list ?? null,
    campaign: rule.campaign ?? null,
    destination: rule.destination ?? "",
    text: rule.text ?? "",
    defer_s: rule.defer_s ?? 0,
    var_mode: rule.var_mode ?? "ALL",
    attributes: Object.entries(rule.attributes ?? {})
      .map(([name, value]) => `${name}=${value}`)
      .join("\n"),
  };
}

/** A draft of a rule as the server takes it: what its verb does not need is left behind. */
function outcomeInput(rule: OutcomeRuleDraft): Schema["OutcomeRule"] {
  const pairs = rule.attributes.split("\n").map((pair) => pair.trim()).filter(Boolean);
  const off = rule.verb === "NONE";
  const needs = (...verbs: Schema["Verb"][]) => off || verbs.includes(rule.verb);
  return {
    // 0: a new one.
    id: rule.id ?? 0,
    status: rule.status as Schema["CallState"],
    status_ext: rule.status_ext.trim(),
    with_retries_pending: rule.with_retries_pending,
    verb: rule.verb,
    list: needs("ADD_LIST", "ADD_BLACKLIST") ? rule.list : null,
    campaign: needs("RESCHEDULE") ? rule.campaign : null,
    destination: needs("HTTP_GET", "HTTP_POST", "EMAIL") ? rule.destination : "",
    text: needs("HTTP_POST", "EMAIL") ? rule.text : "",
    defer_s: rule.defer_s ?? 0,
    var_mode: rule.var_mode,
    attributes: Object.fromEntries(
      pairs.map((pair) => {
        const at = pair.indexOf("=");
        return at < 0 ? [pair, ""] : [pair.slice(0, at).trim(), pair.slice(at + 1)];
      }),
    ),
  };
}

/** What WombatDialer's defaults are, as the API has them, and what a new campaign begins with here. */
export function newDraft(zone: string): CampaignDraft {
  return {
    name: "",
    status: "RUNNABLE",
    priority: 10,
    lists: [],
    black_lists: [],
    trunks: [],
    end_points: [],
    time_start: "00:00:00",
    time_end: "23:59:59",
    time_days: "1234567",
    zone,
    opening_hours: [],
    answer_timeout_s: 30,
    forced_closure_s: 0,
    initial_boost: 1,
    pacing: pacingDraft({}),
    autopause: false,
    idle_on_termination: false,
    batch_size: 100,
    dial_clid: "",
    agent_clid: "",
    dial_presentation: "",
    dial_account: "",
    queue_log: false,
    queue_log_alias: "",
    queue_log_attributes: [],
    email_events: "NO",
    email_addresses: [],
    variables: [],
    rules: [],
    outcome_rules: [],
    packs: ["default"],
    hours: [],
    holidays: [],
    caps: [],
    gap_minutes: 0,
    cooldown_hours: 0,
    consent: false,
    consent_days: 0,
    deny: [],
    allow: [],
    hourly: [],
    min_ring_s: 0,
    security_key: "",
  };
}

/** A campaign of the server as a draft. `copy` takes its identity away. */
export function draftOf(campaign: Schema["Campaign"], copy: string | null): CampaignDraft {
  const limits = campaign.limits;
  return {
    name: copy ?? campaign.name,
    status: copy ? "RUNNABLE" : campaign.status,
    priority: campaign.priority,
    lists: [...campaign.lists],
    black_lists: [...campaign.black_lists],
    trunks: [...campaign.trunks],
    end_points: [...campaign.end_points],
    time_start: fromDigits(campaign.time_start),
    time_end: fromDigits(campaign.time_end),
    time_days: campaign.time_days,
    zone: campaign.zone,
    opening_hours: [...campaign.opening_hours],
    answer_timeout_s: campaign.answer_timeout_ms / 1000,
    forced_closure_s: campaign.forced_closure_s,
    initial_boost: campaign.initial_boost,
    pacing: pacingDraft(campaign.pacing),
    autopause: campaign.autopause,
    idle_on_termination: campaign.idle_on_termination,
    batch_size: campaign.batch_size,
    dial_clid: campaign.dial_clid,
    agent_clid: campaign.agent_clid,
    dial_presentation: campaign.dial_presentation,
    dial_account: campaign.dial_account,
    queue_log: campaign.queue_log,
    queue_log_alias: campaign.queue_log_alias,
    queue_log_attributes: [...campaign.queue_log_attributes],
    email_events: campaign.email_events,
    email_addresses: [...campaign.email_addresses],
    variables: Object.entries(campaign.variables).map(([name, value]) => ({ name, value })),
    rules: campaign.rules.map((rule) => ({
      id: copy ? null : (rule.id ?? null),
      status: rule.status,
      status_ext: rule.status_ext ?? "",
      max_attempts: rule.max_attempts,
      retry_after_s: rule.retry_after_s,
      mode: rule.mode ?? "FIXED",
    })),
    outcome_rules: campaign.outcome_rules.map((rule) => outcomeDraft(rule, copy !== null)),
    packs: [...campaign.packs],
    hours: (limits.hours ?? []).map((hours) => ({ ...hours })),
    holidays: [...(limits.holidays ?? [])],
    caps: (limits.caps ?? []).map((cap) => ({ ...cap })),
    gap_minutes: limits.gap_minutes ?? 0,
    cooldown_hours: limits.cooldown_hours ?? 0,
    consent: !!limits.consent,
    consent_days: limits.consent?.max_age_days ?? 0,
    deny: [...(limits.deny ?? [])],
    allow: [...(limits.allow ?? [])],
    hourly: (limits.hourly ?? []).map((cap) => ({ ...cap })),
    min_ring_s: limits.min_ring_s ?? 0,
    security_key: campaign.security_key,
  };
}

/** A draft as the server takes it. What is missing is left out or sent as it is: the server names it. */
export function inputOf(draft: CampaignDraft): Input {
  return {
    name: draft.name,
    status: draft.status,
    priority: draft.priority ?? undefined,
    lists: draft.lists,
    black_lists: draft.black_lists,
    trunks: draft.trunks,
    end_points: draft.end_points,
    time_start: toDigits(draft.time_start),
    time_end: toDigits(draft.time_end),
    time_days: draft.time_days,
    zone: draft.zone || null,
    opening_hours: draft.opening_hours,
    answer_timeout_ms: draft.answer_timeout_s === null ? undefined : Math.round(draft.answer_timeout_s * 1000),
    forced_closure_s: draft.forced_closure_s ?? 0,
    initial_boost: draft.initial_boost ?? 1,
    pacing: pacingInput(draft.pacing),
    autopause: draft.autopause,
    idle_on_termination: draft.idle_on_termination,
    batch_size: draft.batch_size ?? undefined,
    dial_clid: draft.dial_clid,
    agent_clid: draft.agent_clid,
    dial_presentation: draft.dial_presentation,
    dial_account: draft.dial_account,
    queue_log: draft.queue_log,
    queue_log_alias: draft.queue_log_alias,
    queue_log_attributes: draft.queue_log_attributes,
    email_events: draft.email_events,
    email_addresses: draft.email_addresses,
    variables: Object.fromEntries(draft.variables.map(({ name, value }) => [name.trim(), value])),
    rules: draft.rules.map(({ id, max_attempts, retry_after_s, status, ...rule }) => ({
      ...rule,
      ...(id === null ? {} : { id }),
      status: status as Schema["CallState"],
      max_attempts: max_attempts ?? 0,
      retry_after_s: retry_after_s ?? 0,
    })),
    outcome_rules: draft.outcome_rules.map(outcomeInput),
    packs: draft.packs,
    security_key: draft.security_key,
    limits: {
      hours: draft.hours,
      holidays: draft.holidays,
      caps: draft.caps.map((cap) => ({ ...cap, attempts: cap.attempts ?? 0, hours: cap.hours ?? 0 })),
      gap_minutes: draft.gap_minutes ?? 0,
      cooldown_hours: draft.cooldown_hours ?? 0,
      consent: draft.consent ? { max_age_days: draft.consent_days ?? 0 } : null,
      deny: draft.deny,
      allow: draft.allow,
      hourly: draft.hourly.map((cap) => ({ ...cap, calls: cap.calls ?? 0 })),
      min_ring_s: draft.min_ring_s ?? 0,
    },
  };
}

/** `HHMMSS` as `HH:MM:SS`. */
export function fromDigits(time: string): string {
  return `${time.slice(0, 2)}:${time.slice(2, 4)}:${time.slice(4, 6)}`;
}

/** `HH:MM` or `HH:MM:SS` as `HHMMSS`. */
export function toDigits(time: string): string {
  const digits = time.replaceAll(":", "");
  return digits.length === 4 ? `${digits}00` : digits;
}
