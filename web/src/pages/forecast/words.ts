import { count, decimal, share } from "$lib/format/number";
import { spanMs } from "$lib/format/time";
import { m } from "$lib/paraglide/messages";
import type { Schema } from "$lib/api/client";

export type Spread = Schema["Spread"];

/** What a forecast goes by, by the server's name. */
const assumed: Record<string, () => string> = {
  agents: m.forecast_agents,
  answer_rate: m.forecast_answer_rate,
  machine_share: m.forecast_machine_share,
  busy_share: m.forecast_busy_share,
  wrong_number_share: m.forecast_wrong_number_share,
  rejected_share: m.forecast_rejected_share,
  no_answer_share: m.forecast_no_answer_share,
  ring_s: m.forecast_ring,
  talk_s: m.forecast_talk,
  wrap_up_s: m.forecast_wrap_up,
};

export function assumptionName(name: string): string {
  return assumed[name]?.() ?? name;
}

/** Shares as shares, seconds as seconds, the rest as counts. */
export function assumptionValue(name: string, value: number): string {
  if (name.endsWith("_s")) return spanMs(value * 1000);
  return name === "agents" ? count(value) : share(value);
}

/** Where a figure is from. */
export function sourceText({ source, seen }: Schema["ForecastAssumption"]): string {
  switch (source) {
    case "given":
      return m.forecast_given();
    case "learnt":
      return m.forecast_learnt({ seen: count(seen) });
    case "seen":
      return m.forecast_seen();
    case "assumed":
      return m.forecast_assumed();
  }
}

/** How a figure is written. */
export type Write = (value: number) => string;

export const writeSeconds: Write = (value) => spanMs(value * 1000);
/** Few are written with a digit behind the point: half of the plays may have one more. */
export const writeCount: Write = (value) => (value < 10 ? decimal(value) : count(value));

/** `120 to 140`; nothing where all plays agree. */
export function rangeText(spread: Spread | null | undefined, write: Write): string {
  if (!spread) return "";
  const [low, high] = [write(spread.low), write(spread.high)];
  return low === high ? "" : m.forecast_range({ low, high });
}
