import { wasAborted } from "$lib/api/client";
import { asApiError, type ApiError } from "$lib/api/errors";

/** One thing from the server: what it is, whether it is on its way, what went wrong. */
export class Loaded<T> {
  value = $state.raw<T | null>(null);
  loading = $state(true);
  error = $state.raw<ApiError | null>(null);
  #ask: (signal: AbortSignal) => Promise<T>;
  #running: AbortController | null = null;

  constructor(ask: (signal: AbortSignal) => Promise<T>) {
    this.#ask = ask;
  }

  /** Asks (again); the old value stays until the answer is here. */
  async load(): Promise<void> {
    this.#running?.abort();
    const running = (this.#running = new AbortController());
    this.loading = true;
    try {
      const value = await this.#ask(running.signal);
      if (running.signal.aborted) return;
      this.value = value;
      this.error = null;
    } catch (thrown) {
      if (wasAborted(thrown) || running.signal.aborted) return;
      this.error = asApiError(thrown);
    }
    this.loading = false;
  }

  /** Forgets the value: for a page that now shows another thing. */
  clear(): void {
    this.#running?.abort();
    this.value = null;
    this.error = null;
    this.loading = true;
  }

  /** Puts in what the server answered to a change. */
  set(value: T): void {
    this.value = value;
  }
}
