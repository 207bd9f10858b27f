import { instant } from "$lib/format/time";

/** What a report is of; the address holds it. */
export interface Choice {
  runs: number[];
  campaign: number | null;
  /** RFC 3339, of the runs' start. */
  from: string | null;
  to: string | null;
}

/** The server takes no more. */
export const RUNS_MAX = 200;

export function choiceOf(query: URLSearchParams): Choice {
  const id = (text: string | null) => (text !== null && /^\d{1,18}$/.test(text) ? Number(text) : null);
  return {
    runs: (query.get("runs") ?? "").split(",").map(id).filter((run) => run !== null).slice(0, RUNS_MAX),
    campaign: id(query.get("campaign")),
    from: instant(query.get("from"))?.toISOString() ?? null,
    to: instant(query.get("to"))?.toISOString() ?? null,
  };
}

const DAY_MS = 86_400_000;

/** Midnight of the browser's zone, so many days before today: 0 is today's. */
export function daysAgo(days: number): string {
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  return new Date(midnight.getTime() - days * DAY_MS).toISOString();
}

/** Nothing is chosen, and of nothing there is no report. */
export function isEmpty(choice: Choice): boolean {
  return choice.runs.length === 0 && choice.campaign === null && choice.from === null && choice.to === null;
}

/** As the API takes it. */
export function queryOf(choice: Choice): { run?: number[]; campaign?: number; from?: string; to?: string } {
  if (choice.runs.length > 0) return { run: choice.runs };
  return { campaign: choice.campaign ?? undefined, from: choice.from ?? undefined, to: choice.to ?? undefined };
}

export function csvHref(choice: Choice, cells: "spreadsheet" | "raw"): string {
  const query = new URLSearchParams();
  const asked = queryOf(choice);
  for (const run of asked.run ?? []) query.append("run", String(run));
  if (asked.campaign !== undefined) query.set("campaign", String(asked.campaign));
  if (asked.from) query.set("from", asked.from);
  if (asked.to) query.set("to", asked.to);
  query.set("cells", cells);
  return `/api/reports/attempts.csv?${query}`;
}

/**
 * The calls behind a figure. One run is named; of several runs of one campaign, the campaign; otherwise all from the
 * first start on.
 */
export function callsHref(runs: { id: number; campaign: number; started_at: string; ended_at?: string | null }[], more: Record<string, string | number> = {}): string {
  const query = new URLSearchParams();
  const [first] = runs;
  if (runs.length === 1 && first) query.set("run", String(first.id));
  else if (first) {
    const campaigns = new Set(runs.map((run) => run.campaign));
    if (campaigns.size === 1) query.set("campaign", String(first.campaign));
    const starts = runs.map((run) => run.started_at).sort((a, b) => Date.parse(a) - Date.parse(b));
    if (starts[0]) query.set("from", starts[0]);
    const ends = runs.map((run) => run.ended_at);
    const last = ends.every((end) => !!end) ? Math.max(...ends.map((end) => Date.parse(end ?? ""))) : null;
    // Decided before: the last one may have been decided in the very millisecond in which its run ended.
    if (last !== null && Number.isFinite(last)) query.set("to", new Date(last + 1000).toISOString());
  }
  for (const [name, value] of Object.entries(more)) query.set(name, String(value));
  return `/calls?${query}`;
}
