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

type Outcome = { state: string; ext_state: string };

/** An outcome as one text, for fields that choose. */
export function outcomeKey(outcome: Outcome): string {
  return JSON.stringify([outcome.state, outcome.ext_state]);
}

/** Whom a list is made of: of the chosen runs and outcomes; none chosen are all. */
export function endedOf(report: { runs: { id: number }[]; outcomes: Outcome[] }, runs: readonly number[], outcomes: readonly string[]): { runs: number[]; outcomes: Outcome[] } {
  return {
    runs: runs.length > 0 ? [...runs] : report.runs.map((run) => run.id),
    outcomes: report.outcomes.filter((outcome) => outcomes.includes(outcomeKey(outcome))).map(({ state, ext_state }) => ({ state, ext_state })),
  };
}

type RunSpan = { id: number; campaign: number; started_at: string; ended_at?: string | null };

/**
 * Which calls are behind a figure, as the API takes it. One run is named; of several runs of one campaign, the campaign;
 * otherwise all from the first start on.
 */
export function callsQuery(runs: RunSpan[]): { run?: number; campaign?: number; from?: string; to?: string } {
  const [first] = runs;
  if (!first) return {};
  if (runs.length === 1) return { run: first.id };
  const query: ReturnType<typeof callsQuery> = {};
  if (new Set(runs.map((run) => run.campaign)).size === 1) query.campaign = first.campaign;
  query.from = runs.map((run) => run.started_at).sort((a, b) => Date.parse(a) - Date.parse(b))[0];
  const ends = runs.map((run) => run.ended_at);
  const last = ends.every((end) => !!end) ? Math.max(...ends.map((end) => Date.parse(end ?? ""))) : null;
  // Decided before: the last one may have been decided in the very millisecond in which its run ended.
  if (last !== null && Number.isFinite(last)) query.to = new Date(last + 1000).toISOString();
  return query;
}

/** The page with the calls behind a figure. */
export function callsHref(runs: RunSpan[], more: Record<string, string | number> = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...callsQuery(runs), ...more })) query.set(name, String(value));
  return `/calls?${query}`;
}
