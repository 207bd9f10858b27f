import type { Component } from "svelte";
import ArrowRightLeft from "@lucide/svelte/icons/arrow-right-left";
import BellRing from "@lucide/svelte/icons/bell-ring";
import CircleCheck from "@lucide/svelte/icons/circle-check";
import CircleDot from "@lucide/svelte/icons/circle-dot";
import CircleHelp from "@lucide/svelte/icons/circle-question-mark";
import Flag from "@lucide/svelte/icons/flag";
import Headset from "@lucide/svelte/icons/headset";
import Hourglass from "@lucide/svelte/icons/hourglass";
import LifeBuoy from "@lucide/svelte/icons/life-buoy";
import PenLine from "@lucide/svelte/icons/pen-line";
import PhoneCall from "@lucide/svelte/icons/phone-call";
import PhoneOff from "@lucide/svelte/icons/phone-off";
import PlugZap from "@lucide/svelte/icons/plug-zap";
import Send from "@lucide/svelte/icons/send";
import ShieldCheck from "@lucide/svelte/icons/shield-check";
import TriangleAlert from "@lucide/svelte/icons/triangle-alert";
import Undo from "@lucide/svelte/icons/undo-2";
import Volume from "@lucide/svelte/icons/volume-2";
import type { Schema } from "$lib/api/client";
import { instant, dateClock, spanLong } from "$lib/format/time";
import { iso, sentence } from "$lib/i18n/text";
import { lookOf, type Tone } from "$lib/ui/states";
import { m } from "$lib/paraglide/messages";
import { verbText } from "./verbs";
import { causeName, enderName, faultName } from "./causes";

/** An event of a call in people's words. */
export interface Told {
  icon: Component;
  tone: Tone;
  title: string;
  notes: string[];
}

type Data = Record<string, unknown>;

const looks: Record<string, { icon: Component; tone: Tone; title: () => string }> = {
  "attempt.scheduled": { icon: ShieldCheck, tone: "info", title: m.event_scheduled },
  "attempt.accepted": { icon: CircleCheck, tone: "info", title: m.event_attempt_accepted },
  "agent.requested": { icon: Send, tone: "neutral", title: m.event_agent_requested },
  "agent.called": { icon: PlugZap, tone: "neutral", title: m.event_agent_called },
  "agent.answered": { icon: PhoneCall, tone: "info", title: m.event_agent_answered },
  "agent.ended": { icon: PhoneOff, tone: "neutral", title: m.event_agent_ended },
  "leg.requested": { icon: Send, tone: "neutral", title: m.event_requested },
  "leg.created": { icon: PlugZap, tone: "neutral", title: m.event_created },
  "leg.progress_seen": { icon: Volume, tone: "info", title: m.event_progress },
  "leg.ringing_seen": { icon: BellRing, tone: "info", title: m.event_ringing },
  "leg.answered": { icon: PhoneCall, tone: "ok", title: m.event_answered },
  "queue.entered": { icon: Hourglass, tone: "info", title: m.event_queue_entered },
  "queue.given_up": { icon: Undo, tone: "warn", title: m.event_queue_given_up },
  "agent.connected": { icon: Headset, tone: "ok", title: m.event_agent_connected },
  "call.harbour_requested": { icon: Send, tone: "neutral", title: m.event_harbour_requested },
  "call.harbour_reached": { icon: LifeBuoy, tone: "warn", title: m.event_harbour_reached },
  "call.harbour_missed": { icon: TriangleAlert, tone: "bad", title: m.event_harbour_missed },
  "call.abandoned": { icon: TriangleAlert, tone: "warn", title: m.event_abandoned },
  "leg.refused": { icon: TriangleAlert, tone: "bad", title: m.event_refused },
  "leg.became_uncertain": { icon: CircleHelp, tone: "warn", title: m.event_uncertain },
  "leg.adopted": { icon: LifeBuoy, tone: "warn", title: m.event_adopted },
  "leg.hang_up_requested": { icon: ArrowRightLeft, tone: "neutral", title: m.event_hang_up },
  "leg.ended": { icon: PhoneOff, tone: "neutral", title: m.event_leg_ended },
  "attempt.status_set": { icon: PenLine, tone: "info", title: m.event_status },
  "attempt.ended": { icon: Flag, tone: "ok", title: m.event_ended },
  "attempt.action_done": { icon: CircleCheck, tone: "ok", title: m.event_action_done },
  "attempt.action_failed": { icon: TriangleAlert, tone: "bad", title: m.event_action_failed },
  "attempt.withdrawn": { icon: Undo, tone: "neutral", title: m.event_withdrawn },
};

/** What an event says; one of an unknown kind keeps its name, and its data can be seen. */
export function tell(event: Schema["Event"]): Told {
  const look = looks[event.kind];
  const data: Data = typeof event.data === "object" && event.data !== null ? (event.data as Data) : {};
  const told: Told = {
    icon: look?.icon ?? CircleDot,
    tone: look?.tone ?? "neutral",
    title: look?.title() ?? event.kind,
    notes: [],
  };
  if (event.actor) told.notes.push(m.event_by({ actor: iso(event.actor) }));
  switch (event.kind) {
    case "attempt.scheduled":
      told.notes.push(picked(data.receipt), ...whichNumber(data.receipt));
      break;
    case "leg.refused":
      told.notes.push(sentence(m.event_refused_note({ status: String(data.status ?? "–"), message: iso(String(data.message ?? "")) })));
      break;
    case "queue.entered":
    case "queue.given_up":
      if (data.queue) told.notes.push(m.event_queue_note({ queue: iso(String(data.queue)) }));
      break;
    case "agent.connected":
      if (data.agent) told.notes.push(m.event_agent_note({ agent: iso(String(data.agent)) }));
      if (number(data.waited_ms) !== null) told.notes.push(m.event_waited_note({ ms: String(data.waited_ms) }));
      break;
    case "call.harbour_missed":
    case "leg.became_uncertain":
    case "attempt.withdrawn":
      if (data.why) told.notes.push(sentence(String(data.why)));
      break;
    case "leg.hang_up_requested":
      told.notes.push(enderName(text(data.by)));
      break;
    case "leg.ended":
      told.notes.push(m.event_leg_ended_note({ by: enderName(text(data.ended_by)), cause: causeName(number(data.cause)) }));
      if (number(data.tech_cause)) told.notes.push(m.event_sip({ code: String(data.tech_cause) }));
      break;
    case "attempt.status_set":
      told.notes.push(`“${String(data.status ?? "")}”`);
      break;
    case "attempt.action_done":
      told.notes.push(m.event_action_note({ rule: String(data.rule ?? "–"), verb: verbText(text(data.verb)) }));
      told.notes.push(sentence(iso(String(data.said ?? ""))));
      break;
    case "attempt.action_failed":
      told.notes.push(m.event_action_note({ rule: String(data.rule ?? "–"), verb: verbText(text(data.verb)) }));
      told.notes.push(sentence(m.event_action_why({ tries: String(data.tries ?? "–"), why: iso(String(data.why ?? "")) })));
      break;
    case "attempt.ended": {
      const state = text(data.state) ?? "";
      const outcome = lookOf("call", state);
      told.title = m.event_ended_as({ outcome: outcome.word() });
      told.tone = outcome.tone;
      told.notes.push(m.event_fault({ fault: faultName(text(data.fault)) }));
      told.notes.push(...leftOut(data.left_out));
      told.notes.push(number(data.next_number) === null ? retry(data.retry) : m.event_next_number({ no: String(data.next_number) }));
      if (Array.isArray(data.outcome_rules) && data.outcome_rules.length) told.notes.push(m.event_outcome_rules({ rules: data.outcome_rules.join(", ") }));
      break;
    }
  }
  return told;
}

/** Why this contact, and not another. */
function picked(receipt: unknown): string {
  const choice = (receipt as { picked?: unknown } | null)?.picked;
  if (choice === "fresh_in_order") return m.picked_fresh();
  if (typeof choice === "object" && choice !== null) {
    const [key, value] = Object.entries(choice)[0] ?? [];
    const since = typeof value === "object" && value !== null ? Object.values(value)[0] : value;
    const at = instant(typeof since === "string" ? since : null);
    const when = at ? dateClock(at) : "–";
    if (key === "retry_due") return m.picked_retry({ at: when });
    if (key === "next_number") return m.picked_next_number({ at: when });
    if (key === "put_off_over") return m.picked_put_off({ at: when });
  }
  return m.picked_unknown();
}

/** Which of several numbers of a contact it is, and which were passed over before it. */
function whichNumber(receipt: unknown): string[] {
  const chosen = (receipt as { number?: { no?: number; of?: number; left_out?: unknown } | null } | null)?.number;
  if (!chosen) return [];
  const of = String(chosen.of ?? "–");
  const said = chosen.no ? m.event_number_of({ no: String(chosen.no), of }) : m.event_own_number({ of });
  return [said, ...leftOut(chosen.left_out)];
}

const leftOutWhy: Record<string, () => string> = {
  malformed: m.left_out_malformed,
  duplicate: m.left_out_duplicate,
  suppressed: m.left_out_suppressed,
  black_listed: m.left_out_black_listed,
  denied: m.left_out_denied,
  no_hour: m.left_out_no_hour,
};

/** Numbers that were passed over, and why. */
function leftOut(all: unknown): string[] {
  if (!Array.isArray(all)) return [];
  return all.map(({ no, why }: { no?: number; why?: string }) =>
    m.event_left_out({ no: String(no ?? "–"), why: leftOutWhy[why ?? ""]?.() ?? why ?? "–" }),
  );
}

/** What follows for the contact. */
function retry(next: unknown): string {
  if (typeof next !== "object" || next === null) return m.event_no_retry();
  const { at, rule, delay_s } = next as { at?: string; rule?: number; delay_s?: number };
  const when = instant(at);
  return m.event_retry({ at: when ? dateClock(when) : "–", rule: String(rule ?? "–"), span: spanLong(delay_s ?? 0) });
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function number(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
