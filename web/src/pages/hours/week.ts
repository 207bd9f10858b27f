import type { Schema } from "$lib/api/client";

/** The day that is so many days away from `date` (`2026-12-21`). */
export function weekFrom(date: string, days: number): string {
  const day = new Date(`${date}T00:00:00Z`);
  day.setUTCDate(day.getUTCDate() + days);
  return day.toISOString().slice(0, 10);
}

/** `09:00–13:00, 14:00–18:00`; seconds that say nothing are left out. */
export function spanText(day: Schema["OpeningDay"]): string {
  const short = (clock: string) => (clock.endsWith(":00") ? clock.slice(0, 5) : clock);
  return day.open.map((span) => `${short(span.opens)}–${short(span.closes)}`).join(", ");
}
