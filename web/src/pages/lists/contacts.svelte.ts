import { api, take, wasAborted, type Schema } from "$lib/api/client";
import { asApiError, type ApiError } from "$lib/api/errors";

export type Contact = Schema["Contact"];

/** Contacts asked for at a time. */
export const PAGE = 250;
/** Pages kept in memory: 40 000 contacts. */
const KEPT = 160;
/** Milliseconds that a place has to be looked at before it is asked for: nobody reads what flies by. */
const SETTLE_MS = 80;

/** Asks for the contacts from a place on. */
export type AskContacts = (skip: number, signal: AbortSignal) => Promise<Contact[]>;

export function contactsOf(list: number): AskContacts {
  return async (skip, signal) =>
    (await take(api.GET("/api/lists/{id}/contacts", { params: { path: { id: list }, query: { skip, limit: PAGE } }, signal }))).items;
}

/** The contacts of a list by their place, a page at a time, for a table that shows any part of millions. */
export class ContactSource {
  /** Grows when something arrived: what reads `at` is drawn anew. */
  version = $state(0);
  error = $state.raw<ApiError | null>(null);
  #pages = new Map<number, Contact[]>();
  #wanted = { first: 0, last: 0 };
  #running: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ask: AskContacts;

  constructor(ask: AskContacts) {
    this.#ask = ask;
  }

  at(index: number): Contact | undefined {
    void this.version;
    return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** Rows `first..last` are looked at. */
  want(first: number, last: number): void {
    this.#wanted = { first: Math.floor(first / PAGE), last: Math.floor(Math.max(first, last - 1) / PAGE) };
    clearTimeout(this.#timer);
    if (this.#running || this.#missing() === null) return;
    this.#timer = setTimeout(() => void this.#fetch(), this.#pages.size === 0 ? 0 : SETTLE_MS);
  }

  /** What is known may be wrong: contacts were added or taken out. */
  forget(): void {
    this.stop();
    this.#running = null;
    this.#pages.clear();
    this.version += 1;
    this.error = null;
    void this.#fetch();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#running?.abort();
  }

  #missing(): number | null {
    for (let page = this.#wanted.first; page <= this.#wanted.last; page += 1) if (!this.#pages.has(page)) return page;
    return null;
  }

  async #fetch(): Promise<void> {
    const running = (this.#running = new AbortController());
    try {
      // What is wanted may change while an answer is on its way: every round looks anew.
      for (let page = this.#missing(); page !== null; page = this.#missing()) {
        const items = await this.#ask(page * PAGE, running.signal);
        if (running.signal.aborted) return;
        this.#pages.set(page, items);
        this.#makeRoom();
        this.version += 1;
      }
      this.error = null;
    } catch (thrown) {
      if (wasAborted(thrown) || running.signal.aborted) return;
      this.error = asApiError(thrown);
    } finally {
      if (this.#running === running) this.#running = null;
    }
  }

  #makeRoom(): void {
    for (const page of this.#pages.keys()) {
      if (this.#pages.size <= KEPT) break;
      if (page < this.#wanted.first || page > this.#wanted.last) this.#pages.delete(page);
    }
  }
}
