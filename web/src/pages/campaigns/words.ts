import { m } from "$lib/paraglide/messages";
import { spanLong } from "$lib/format/time";
import type { Schema } from "$lib/api/client";

/** Names of the digits 1 (Sunday) to 7 (Saturday). */
export const dayNames: Record<string, () => string> = {
  "1": m.day_sunday,
  "2": m.day_monday,
  "3": m.day_tuesday,
  "4": m.day_wednesday,
  "5": m.day_thursday,
  "6": m.day_friday,
  "7": m.day_saturday,
};

/** Monday first, as calendars of the field have it. */
export const WEEK = ["2", "3", "4", "5", "6", "7", "1"];

/** `Mon–Fri`, `every day`, `Sat, Sun`. */
export function daysText(days: string): string {
  const has = WEEK.map((day) => days.includes(day));
  if (has.every(Boolean)) return m.days_every();
  const parts: string[] = [];
  for (let at = 0; at < WEEK.length; at += 1) {
    if (!has[at]) continue;
    let end = at;
    while (end + 1 < WEEK.length && has[end + 1]) end += 1;
    const name = (index: number) => dayNames[WEEK[index] ?? ""]?.() ?? "";
    parts.push(end - at >= 2 ? `${name(at)}–${name(end)}` : end > at ? `${name(at)}, ${name(end)}` : name(at));
    at = end;
  }
  return parts.join(", ") || m.days_none();
}

/** The ways to pace, the usual ones first. */
export const MODES = ["automatic", "predictive", "progressive", "boost", "ratio", "adapt_hard_limit", "adapt_average", "adapt_tapered"] as const;

/** How a campaign is paced, in a few words. */
export function pacingText(mode: Schema["PacingMode"]): string {
  const words: Record<Schema["PacingMode"], () => string> = {
    automatic: m.pacing_automatic,
    predictive: m.pacing_predictive,
    progressive: m.pacing_progressive,
    boost: m.pacing_boost,
    ratio: m.pacing_ratio,
    adapt_hard_limit: m.pacing_adapt_hard_limit,
    adapt_average: m.pacing_adapt_average,
    adapt_tapered: m.pacing_adapt_tapered,
  };
  return words[mode]();
}

/** `HHMMSS` as `HH:MM:SS`; seconds that say nothing are left out. */
export function timeText(time: string): string {
  const [hours, minutes, seconds] = [time.slice(0, 2), time.slice(2, 4), time.slice(4, 6)];
  return seconds === "00" || (minutes === "59" && seconds === "59") ? `${hours}:${minutes}` : `${hours}:${minutes}:${seconds}`;
}

/** Everything that a campaign is limited to, a line each. */
export function limitsText(limits: Schema["Limits"]): string[] {
  const lines: string[] = [];
  for (const hours of limits.hours ?? []) lines.push(m.limit_hours({ days: daysText(hours.days), from: hours.from, to: hours.to }));
  if (limits.holidays?.length) lines.push(m.limit_holidays({ days: limits.holidays.join(", ") }));
  for (const cap of limits.caps ?? []) {
    const text = cap.by === "person" ? m.limit_cap_person : m.limit_cap_number;
    lines.push(text({ attempts: String(cap.attempts), span: spanLong(cap.hours * 3600) }));
  }
  if (limits.gap_minutes) lines.push(m.limit_gap({ span: spanLong(limits.gap_minutes * 60) }));
  if (limits.cooldown_hours) lines.push(m.limit_cooldown({ span: spanLong(limits.cooldown_hours * 3600) }));
  if (limits.consent) {
    lines.push(limits.consent.max_age_days ? m.limit_consent({ days: String(limits.consent.max_age_days) }) : m.limit_consent_any());
  }
  if (limits.deny?.length) lines.push(m.limit_deny({ prefixes: limits.deny.join(", ") }));
  if (limits.allow?.length) lines.push(m.limit_allow({ prefixes: limits.allow.join(", ") }));
  for (const cap of limits.hourly ?? []) lines.push(m.limit_hourly({ calls: String(cap.calls), prefix: cap.prefix }));
  if (limits.min_ring_s) lines.push(m.limit_min_ring({ span: spanLong(limits.min_ring_s) }));
  return lines;
}

/** Which letters about runs are written. */
export function lettersText(events: Schema["RunMailEvents"]): string {
  return { NO: m.letters_no, ALL: m.letters_all, COMPLETED: m.letters_completed }[events]();
}
