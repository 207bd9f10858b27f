import { api, take, wasAborted, type Schema } from "$lib/api/client";
import { BUCKET_S, History, WINDOW_S } from "./history";
import { live } from "./live.svelte";

/** Attempts of the past that are read at most, in pages of a thousand: more would be megabytes. */
const PAGES_MAX = 5;
const PAGE = 1000;
const EVERY_MS = 2_000;

/** Fills a `History`: with the attempts of the last quarter of an hour, then with what ends from now on. */
export class HistoryFeed {
  /** Changes when there is something new to draw. */
  version = $state(0);
  /** Seconds since 1970 from which on outcomes are known; earlier ones were too many to read. */
  since = $state(0);
  readonly history = new History();

  /** Follows until the returned function is called. */
  start(): () => void {
    const gone = new AbortController();
    const sampler = setInterval(() => this.#sample(), 1000);
    void this.#follow(gone.signal);
    return () => {
      gone.abort();
      clearInterval(sampler);
    };
  }

  #sample(): void {
    const now = live.live;
    if (!now || live.link !== "live") return;
    const connected = now.runs.reduce((sum, run) => sum + run.connected_now, 0);
    this.history.sample(Date.now() / 1000, now.totals.open_calls, connected);
    this.version += 1;
  }

  async #follow(gone: AbortSignal): Promise<void> {
    let after: number | null = null;
    while (!gone.aborted) {
      try {
        if (after === null) {
          // The place in the log first: what ends while the past is read is counted once, by its id.
          const place = await this.#events(0, gone, 1);
          const counted = await this.#past(gone);
          after = place.newest;
          after = await this.#news(after, gone, counted);
        } else {
          after = await this.#news(after, gone, null);
        }
        this.version += 1;
      } catch (thrown) {
        if (wasAborted(thrown)) return;
        // The server is away: it is asked again; what was missed is in the log.
      }
      await new Promise((done) => setTimeout(done, EVERY_MS));
    }
  }

  async #events(after: number, gone: AbortSignal, limit = PAGE): Promise<Schema["EventPage"]> {
    const page = await take(
      api.GET("/api/events", {
        params: { query: { after, kind: "attempt.ended", limit } },
        headers: { accept: "application/json" },
        signal: gone,
      }),
    );
    return page as unknown as Schema["EventPage"];
  }

  /** Counts what ended behind `after`; the place to go on from. */
  async #news(after: number, gone: AbortSignal, counted: Set<number> | null): Promise<number> {
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const answer = await this.#events(after, gone);
      for (const event of answer.items) {
        if (counted?.has(event.entity_id)) continue;
        const state = (event.data as { state?: string } | null)?.state;
        if (state) this.history.ended(Date.parse(event.at) / 1000, state);
      }
      after = Math.max(after, answer.next);
      if (answer.next >= answer.newest) break;
    }
    return after;
  }

  /** Reads the last quarter of an hour, or as much of it as fits; the attempts that were counted as ended. */
  async #past(gone: AbortSignal): Promise<Set<number>> {
    const now = Date.now() / 1000;
    let from = now - WINDOW_S;
    const first = await this.#attempts(from, undefined, gone);
    const begin = first.items[0];
    const end = first.items.at(-1);
    if (first.next && begin && end) {
      const perSecond = PAGE / Math.max(1, (Date.parse(end.scheduled_at) - Date.parse(begin.scheduled_at)) / 1000);
      from = Math.max(from, now - ((PAGES_MAX - 1) * PAGE) / perSecond);
    }
    const attempts: Schema["Attempt"][] = [];
    let after: number | undefined;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const answer = page === 0 && from === now - WINDOW_S ? first : await this.#attempts(from, after, gone);
      attempts.push(...answer.items);
      after = answer.next ?? undefined;
      if (after === undefined) break;
    }
    this.since = from;
    this.history.clearEnded();
    const counted = new Set<number>();
    for (const attempt of attempts) {
      if (!attempt.ended_at) continue;
      counted.add(attempt.id);
      this.history.ended(Date.parse(attempt.ended_at) / 1000, attempt.state);
    }
    this.#sampleThePast(attempts, from, now);
    return counted;
  }

  /** In flight at the end of every bucket that nobody looked at. */
  #sampleThePast(attempts: Schema["Attempt"][], from: number, now: number): void {
    for (let at = Math.ceil(from / BUCKET_S) * BUCKET_S; at < now - BUCKET_S; at += BUCKET_S) {
      let open = 0;
      let connected = 0;
      for (const attempt of attempts) {
        if (Date.parse(attempt.scheduled_at) / 1000 > at) continue;
        if (attempt.ended_at && Date.parse(attempt.ended_at) / 1000 <= at) continue;
        open += 1;
        if (attempt.connected_at && Date.parse(attempt.connected_at) / 1000 <= at) connected += 1;
      }
      this.history.sample(at, open, connected);
    }
  }

  #attempts(from: number, after: number | undefined, gone: AbortSignal): Promise<Schema["Page_Attempt"]> {
    return take(
      api.GET("/api/attempts", {
        params: { query: { from: new Date(from * 1000).toISOString(), after, limit: PAGE } },
        signal: gone,
      }),
    );
  }
}
