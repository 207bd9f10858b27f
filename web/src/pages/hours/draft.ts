import type { Schema } from "$lib/api/client";
import { fromDigits, toDigits } from "$pages/campaigns/draft";

type Rule = Schema["OpeningRule"];

/** A rule while it is edited: every field there, times as fields of the browser hold them. */
export type RuleDraft = Omit<Required<Rule>, "id"> & { id: number | null };

/** A set while it is edited. */
export interface SetDraft {
  name: string;
  comment: string;
  default_mode: Schema["OpeningMode"];
  zone: string;
  rules: RuleDraft[];
  security_key: string;
  hidden: boolean;
}

export function newRule(): RuleDraft {
  return { id: null, mode: "OPEN", days: "23456", date_from: "", date_to: "", time_start: "09:00:00", time_end: "17:59:59", comment: "" };
}

/** A set of the server as a draft; none: a new one. A copy has rules of its own. */
export function draftOf(set: Schema["OpeningHours"] | null, copy: boolean): SetDraft {
  const rule = (rule: Rule): RuleDraft => ({
    id: copy ? null : (rule.id ?? null),
    mode: rule.mode,
    days: rule.days ?? "",
    date_from: rule.date_from ?? "",
    date_to: rule.date_to ?? "",
    time_start: fromDigits(rule.time_start ?? "000000"),
    time_end: fromDigits(rule.time_end ?? "235959"),
    comment: rule.comment ?? "",
  });
  return {
    name: set?.name ?? "",
    comment: set?.comment ?? "",
    default_mode: set?.default_mode ?? "CLOSED",
    zone: set?.zone ?? "",
    rules: set ? set.rules.map(rule) : [newRule()],
    security_key: set?.security_key ?? "",
    hidden: copy ? false : (set?.hidden ?? false),
  };
}

/** A draft as the server takes it. */
export function inputOf(draft: SetDraft): Schema["OpeningHoursInput"] {
  const rule = ({ id, ...rule }: RuleDraft): Rule => ({
    ...rule,
    ...(id === null ? {} : { id }),
    date_from: rule.date_from.trim(),
    date_to: rule.date_to.trim(),
    time_start: toDigits(rule.time_start),
    time_end: toDigits(rule.time_end),
  });
  return { ...draft, rules: draft.rules.map(rule) };
}
