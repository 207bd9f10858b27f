import { wasAborted } from "$lib/api/client";
import { asApiError, type ApiError } from "$lib/api/errors";

/** A page as the API answers it. */
export interface ApiPage<T, At = number> {
  items: T[];
  next?: At | null;
}

/** Asks for the page behind `after`; undefined: the first. */
export type AskPage<T, At = number> = (after: At | undefined, signal: AbortSignal) => Promise<ApiPage<T, At>>;

/** A list that the server gives in pages: the first one now, more when asked for. `At` names a place in it. */
export class Paged<T, At extends number | string = number> {
  items = $state.raw<T[]>([]);
  /** First answer not here yet. */
  loading = $state(true);
  loadingMore = $state(false);
  /** There is more on the server. */
  more = $state(false);
  error = $state.raw<ApiError | null>(null);
  #ask: AskPage<T, At>;
  #next: At | undefined;
  #running: AbortController | null = null;

  constructor(ask: AskPage<T, At>) {
    this.#ask = ask;
  }

  /** From the beginning; what is shown stays until the answer is here. */
  async load(): Promise<void> {
    this.#running?.abort();
    const running = (this.#running = new AbortController());
    this.loadingMore = false;
    try {
      const page = await this.#ask(undefined, running.signal);
      if (running.signal.aborted) return;
      this.items = page.items;
      this.#next = page.next ?? undefined;
      this.more = this.#next !== undefined;
      this.error = null;
    } catch (thrown) {
      if (wasAborted(thrown) || running.signal.aborted) return;
      this.error = asApiError(thrown);
    }
    this.loading = false;
  }

  async loadMore(): Promise<void> {
    if (!this.more || this.loadingMore || this.loading) return;
    const running = this.#running;
    if (!running) return;
    this.loadingMore = true;
    try {
      const page = await this.#ask(this.#next, running.signal);
      if (running.signal.aborted) return;
      this.items = [...this.items, ...page.items];
      this.#next = page.next ?? undefined;
      this.more = this.#next !== undefined;
      this.error = null;
    } catch (thrown) {
      if (wasAborted(thrown) || running.signal.aborted) return;
      this.error = asApiError(thrown);
    }
    this.loadingMore = false;
  }

  /** Changes what is shown without asking, after the server took a change. */
  change(items: T[]): void {
    this.items = items;
  }
}

/** Pages that are read at most for a choice or a whole list: 10 000 things. */
const PAGES_MAX = 10;

/** Everything of a short list: campaigns, trunks, lists. Bounded. */
export async function everything<T>(ask: AskPage<T>, signal: AbortSignal = new AbortController().signal): Promise<T[]> {
  const items: T[] = [];
  let after: number | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await ask(after, signal);
    items.push(...answer.items);
    after = answer.next ?? undefined;
    if (after === undefined) break;
  }
  return items;
}
