import { VERBS, verbText } from "$lib/explain/verbs";
import { m } from "$lib/paraglide/messages";
import { spanLong } from "$lib/format/time";
import { lookOf } from "$lib/ui/states";
import type { Schema } from "$lib/api/client";

type Verb = Schema["Verb"];

/** What a verb needs to know where to. */
export const LEAD: Record<Verb, "list" | "campaign" | "address" | "receivers" | null> = {
  NONE: null,
  HTTP_GET: "address",
  HTTP_POST: "address",
  ADD_LIST: "list",
  ADD_BLACKLIST: "list",
  EMAIL: "receivers",
  RESCHEDULE: "campaign",
};

/** The verbs to choose from. */
export function verbs(): { value: Verb; label: string }[] {
  return VERBS.map((value) => ({ value, label: verbText(value) }));
}

/** As far as a sentence needs it; times are null while nobody has filled them in. */
export interface Spoken {
  status: string;
  status_ext?: string;
  with_retries_pending?: boolean;
  verb: Verb;
  destination?: string;
  defer_s?: number | null;
}

/** A rule as a sentence: `After “Busy”: put the number on the list do-not-call, after 30 seconds`. */
export function outcomeText(rule: Spoken, names: { list: string; campaign: string }): string {
  const state = lookOf("call", rule.status).word();
  const ext = rule.status_ext ?? "";
  const on = ext === "*" ? m.outcome_on_any({ state }) : ext ? m.outcome_on_ext({ state, ext }) : m.outcome_on({ state });
  const unknown = m.outcome_not_chosen();
  const list = names.list || unknown;
  const target = rule.destination || unknown;
  const does: Record<Verb, () => string> = {
    NONE: () => m.outcome_does_nothing(),
    HTTP_GET: () => m.outcome_does_get({ target }),
    HTTP_POST: () => m.outcome_does_post({ target }),
    ADD_LIST: () => m.outcome_does_list({ list }),
    ADD_BLACKLIST: () => m.outcome_does_black({ list }),
    EMAIL: () => m.outcome_does_mail({ target }),
    RESCHEDULE: () => m.outcome_does_reschedule({ campaign: names.campaign || unknown }),
  };
  const parts = [`${on} ${does[rule.verb]()}`];
  if (rule.verb !== "NONE" && rule.defer_s) parts.push(m.outcome_after({ span: spanLong(rule.defer_s) }));
  if (rule.verb !== "NONE" && rule.with_retries_pending) parts.push(m.outcome_also_pending());
  return parts.join(", ");
}
