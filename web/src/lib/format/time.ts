import { formatLocale } from "./locale";

/** IANA name of the zone that times are shown in: the browser's. */
export const zone: string = Intl.DateTimeFormat().resolvedOptions().timeZone;

const formats = new Map<string, Intl.DateTimeFormat>();

function format(key: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const name = `${formatLocale()} ${key}`;
  let found = formats.get(name);
  if (!found) {
    found = new Intl.DateTimeFormat(formatLocale(), options);
    formats.set(name, found);
  }
  return found;
}

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" } as const;

/** `18:25:03` */
export function clock(at: Date): string {
  return format("clock", CLOCK).format(at);
}

/** `18:25:03.142` */
export function clockMs(at: Date): string {
  return format("clockMs", { ...CLOCK, fractionalSecondDigits: 3 }).format(at);
}

/** `21 Nov 18:25:03`, with the year when it is not this one. */
export function dateClock(at: Date, now: Date = new Date()): string {
  const sameYear = at.getFullYear() === now.getFullYear();
  const year = sameYear ? {} : ({ year: "numeric" } as const);
  return format(sameYear ? "dateClock" : "dateClockYear", { day: "numeric", month: "short", ...year, ...CLOCK }).format(at);
}

/** Everything, zone included, for titles: `Saturday, 21 November 2026 at 18:25:03 UTC`. */
export function whole(at: Date): string {
  return `${format("whole", { dateStyle: "full", timeStyle: "long" }).format(at)} (${zone})`;
}

/** The zone's abbreviation at that instant: `CET`, `GMT+1`. */
export function zoneShort(at: Date = new Date()): string {
  const parts = format("zone", { timeZoneName: "short" }).formatToParts(at);
  return parts.find((part) => part.type === "timeZoneName")?.value ?? zone;
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** `5 min ago`, `in 2 hr`. */
export function relative(at: Date, now: number): string {
  const seconds = Math.round((at.getTime() - now) / 1000);
  const [unit, size] = STEPS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  const name = `relative ${formatLocale()}`;
  let found = relatives.get(name);
  if (!found) {
    found = new Intl.RelativeTimeFormat(formatLocale(), { style: "short", numeric: "auto" });
    relatives.set(name, found);
  }
  return found.format(Math.trunc(seconds / size), unit);
}

const relatives = new Map<string, Intl.RelativeTimeFormat>();

/** Seconds as `42 s`, `3:07`, `1:02:09`, `3 d 4 h`: as short as a table wants it. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const pad = (value: number) => String(value).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${pad(whole % 60)}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}:${pad(minutes % 60)}:${pad(whole % 60)}`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

const UNITS: [string, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** Seconds in words, for sentences: `2 hours`, `1 day`, `1 hour 30 minutes`. */
export function spanLong(seconds: number): string {
  let left = Math.max(0, Math.round(seconds));
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    const amount = Math.floor(left / size);
    if (amount === 0 && !(unit === "second" && parts.length === 0)) continue;
    left -= amount * size;
    parts.push(new Intl.NumberFormat(formatLocale(), { style: "unit", unit, unitDisplay: "long" }).format(amount));
  }
  return parts.slice(0, 2).join(" ");
}

/** Milliseconds with as many digits as they deserve: `340 ms`, `2.4 s`, `3:07`. */
export function spanMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  return span(ms / 1000);
}

/** An instant of the API, or null for one that is none. */
export function instant(text: string | null | undefined): Date | null {
  if (!text) return null;
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? null : at;
}

/** What `<input type="datetime-local">` holds, in the browser's zone, to the second. */
export function toLocalInput(at: Date): string {
  const pad = (value: number) => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return `${day}T${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

/** RFC 3339 in UTC of what `<input type="datetime-local">` holds; null when it is empty or no time. */
export function fromLocalInput(text: string): string | null {
  const at = instant(text);
  return at ? at.toISOString() : null;
}
