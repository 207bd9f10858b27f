import { api, take, wasAborted, type Schema } from "$lib/api/client";

export type Live = Schema["Live"];

/** `stale`: nothing came for `STALE_MS`; what is shown is as old as `heardAt` says. */
export type LinkState = "connecting" | "live" | "stale";

/** Milliseconds without a sign of life after which figures are called stale. */
export const STALE_MS = 5_000;
const POLL_MS = 1_000;

/** What the dialler is doing now, kept up to date for as long as somebody is signed in. */
class LiveStore {
  live = $state.raw<Live | null>(null);
  link = $state<LinkState>("connecting");
  /** Milliseconds since 1970 of the last sign of life, by the browser's clock. */
  heardAt = $state(0);
  #stop: (() => void) | null = null;

  start(): () => void {
    if (this.#stop) return this.#stop;
    const gone = new AbortController();
    const watch = setInterval(() => {
      if (this.heardAt !== 0 && Date.now() - this.heardAt > STALE_MS) this.link = "stale";
    }, 500);
    void this.#poll(gone.signal);
    this.#stop = () => {
      gone.abort();
      clearInterval(watch);
      this.#stop = null;
    };
    return this.#stop;
  }

  async #poll(gone: AbortSignal): Promise<void> {
    while (!gone.aborted) {
      try {
        this.live = await take(api.GET("/api/live", { signal: gone }));
        this.heardAt = Date.now();
        this.link = "live";
      } catch (thrown) {
        if (wasAborted(thrown)) return;
      }
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  }
}

export const live = new LiveStore();
