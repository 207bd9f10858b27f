import { formatLocale } from "./locale";

const formats = new Map<string, Intl.NumberFormat>();

function format(key: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const name = `${formatLocale()} ${key}`;
  let found = formats.get(name);
  if (!found) {
    found = new Intl.NumberFormat(formatLocale(), options);
    formats.set(name, found);
  }
  return found;
}

/** A count: `12,345`. */
export function count(value: number): string {
  return format("count", { maximumFractionDigits: 0 }).format(value);
}

/** A count that may be cut: `1.2M`. */
export function short(value: number): string {
  return format("short", { notation: "compact", maximumFractionDigits: 1 }).format(value);
}

/** A number with at most one digit behind the point. */
export function decimal(value: number): string {
  return format("decimal", { maximumFractionDigits: 1 }).format(value);
}

/** A share, `0..=1`, as `12.3 %`. Unknown is a dash. */
export function share(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return format("share", { style: "percent", maximumFractionDigits: 1, minimumFractionDigits: 1 }).format(value);
}

/** A share for scales, `0..=1`: `25 %`. */
export function wholeShare(value: number): string {
  return format("wholeShare", { style: "percent", maximumFractionDigits: 0 }).format(value);
}

/** A rate: whole when it is large, with a digit behind the point when it is small. */
export function rate(value: number): string {
  return value >= 100 ? count(value) : decimal(value);
}

/** Bytes: `12.3 MB`. */
export function bytes(value: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return format(`bytes${unit}`, {
    style: "unit",
    unit: units[unit],
    // Short, one of them would be "32 byte".
    unitDisplay: unit === 0 ? "long" : "short",
    maximumFractionDigits: unit === 0 ? 0 : 1,
  }).format(value);
}
