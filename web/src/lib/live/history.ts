/** How calls end, in the groups that charts show. */
export const GROUPS = ["answered", "no_answer", "busy", "refused", "ours"] as const;
export type Group = (typeof GROUPS)[number];

const OF_STATE: Record<string, Group> = {
  TERMINATED: "answered",
  RS_TIMEOUT: "answered",
  RS_NOANSWER: "no_answer",
  RS_BUSY: "busy",
  RS_NUMBER: "refused",
  RS_REJECTED: "refused",
  RS_NOAGENT: "ours",
  RS_ERROR: "ours",
  RS_LOST: "ours",
};

/** Seconds that a chart reaches back, and that one of its points covers. */
export const WINDOW_S = 15 * 60;
export const BUCKET_S = 15;
const BUCKETS = WINDOW_S / BUCKET_S;

interface Bucket {
  /** Of the last sample in it; null: nobody looked. */
  inFlight: number | null;
  connected: number | null;
  ended: Record<Group, number>;
}

/** What happened in the last fifteen minutes, in buckets; time is a value, seconds since 1970. */
export class History {
  #buckets = new Map<number, Bucket>();

  /** So many calls were in progress, and of these so many answered. */
  sample(at: number, inFlight: number, connected: number): void {
    const bucket = this.#bucket(at);
    bucket.inFlight = inFlight;
    bucket.connected = connected;
  }

  /** A call ended in that state; one that is in no chart (suppressed, withdrawn) counts nowhere. */
  ended(at: number, state: string): void {
    const group = OF_STATE[state];
    if (group) this.#bucket(at).ended[group] += 1;
  }

  /** Forgets the ends of calls, before they are counted anew. */
  clearEnded(): void {
    for (const bucket of this.#buckets.values()) bucket.ended = none();
  }

  /** Columns for charts up to `now`; the oldest first, one per bucket. */
  columns(now: number): { x: number[]; inFlight: (number | null)[]; connected: (number | null)[]; rate: (number | null)[]; ended: Record<Group, number[]> } {
    const last = Math.floor(now / BUCKET_S);
    const first = last - BUCKETS + 1;
    for (const key of this.#buckets.keys()) if (key < first) this.#buckets.delete(key);
    const x: number[] = [];
    const inFlight: (number | null)[] = [];
    const connected: (number | null)[] = [];
    const rate: (number | null)[] = [];
    const ended = Object.fromEntries(GROUPS.map((group) => [group, [] as number[]])) as Record<Group, number[]>;
    for (let key = first; key <= last; key += 1) {
      const bucket = this.#buckets.get(key);
      x.push(key * BUCKET_S);
      inFlight.push(bucket?.inFlight ?? null);
      connected.push(bucket?.connected ?? null);
      for (const group of GROUPS) ended[group].push(bucket?.ended[group] ?? 0);
      rate.push(this.rate(key * BUCKET_S, 60));
    }
    return { x, inFlight, connected, rate, ended };
  }

  /** Share of answered calls among those that ended in the `seconds` up to and with the bucket of `at`; null: none did. */
  rate(at: number, seconds: number): number | null {
    const last = Math.floor(at / BUCKET_S);
    let answered = 0;
    let all = 0;
    for (let key = last - Math.ceil(seconds / BUCKET_S) + 1; key <= last; key += 1) {
      const bucket = this.#buckets.get(key);
      if (!bucket) continue;
      answered += bucket.ended.answered;
      for (const group of GROUPS) all += bucket.ended[group];
    }
    return all === 0 ? null : answered / all;
  }

  /** Calls that ended in the `seconds` up to `at`. */
  endedIn(at: number, seconds: number): number {
    const last = Math.floor(at / BUCKET_S);
    let all = 0;
    for (let key = last - Math.ceil(seconds / BUCKET_S) + 1; key <= last; key += 1) {
      for (const group of GROUPS) all += this.#buckets.get(key)?.ended[group] ?? 0;
    }
    return all;
  }

  #bucket(at: number): Bucket {
    const key = Math.floor(at / BUCKET_S);
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      bucket = { inFlight: null, connected: null, ended: none() };
      this.#buckets.set(key, bucket);
    }
    return bucket;
  }
}

function none(): Record<Group, number> {
  return { answered: 0, no_answer: 0, busy: 0, refused: 0, ours: 0 };
}
