import { api, take, wasAborted } from "$lib/api/client";
import { applyDelta, type Live, type StreamMessage } from "./delta";

export type { Live };

/** `stale`: nothing came for `STALE_MS`; what is shown is as old as `heardAt` says. */
export type LinkState = "connecting" | "live" | "stale";

/** Milliseconds without a sign of life after which figures are called stale. */
export const STALE_MS = 5_000;
const WATCH_MS = 250;
const SILENT_TICKS = 4;
const POLL_MS = 1_000;
/** A stream that says nothing for so long is closed and opened anew; it beats every second. */
const SILENCE_MS = 5_000;
/** A server without a stream is polled for so long before it is asked again. */
const POLLED_FOR_MS = 30_000;
const RETRY_MS = { first: 250, longest: 5_000 };

/** What the dialler is doing now, kept up to date for as long as somebody is signed in. */
class LiveStore {
  live = $state.raw<Live | null>(null);
  link = $state<LinkState>("connecting");
  /** Milliseconds since 1970 of the last sign of life, by the browser's clock. */
  heardAt = $state(0);
  #users = 0;
  /** Looks of the watch since the last sign of life. */
  #silentTicks = 0;
  #gone: AbortController | null = null;

  /** Keeps it up to date until the returned function is called; may be called by several. */
  start(): () => void {
    this.#users += 1;
    if (this.#users === 1) {
      const gone = (this.#gone = new AbortController());
      const watch = setInterval(() => this.#watch(), WATCH_MS);
      gone.signal.addEventListener("abort", () => clearInterval(watch));
      void this.#follow(gone.signal);
    }
    let stopped = false;
    return () => {
      if (stopped) return;
      stopped = true;
      this.#users -= 1;
      if (this.#users === 0) this.#gone?.abort();
    };
  }

  #watch(): void {
    this.#silentTicks += 1;
    if (this.heardAt === 0 || Date.now() - this.heardAt <= STALE_MS) return;
    // A page that was too busy to read what came is not one that heard nothing: it gets a second to read it.
    if (this.#silentTicks >= SILENT_TICKS) this.link = "stale";
  }

  #heard(live: Live): void {
    this.live = live;
    this.#alive();
  }

  #alive(): void {
    this.#silentTicks = 0;
    this.heardAt = Date.now();
    this.link = "live";
  }

  async #follow(gone: AbortSignal): Promise<void> {
    let failures = 0;
    while (!gone.aborted) {
      const streamed = await this.#stream(gone);
      if (gone.aborted) return;
      if (streamed) failures = 0;
      // No stream: either the server has none, or it is down, or nobody is signed in any more. Asking says which.
      else if (await this.#poll(gone)) continue;
      const wait = Math.min(RETRY_MS.longest, RETRY_MS.first * 2 ** failures);
      failures += 1;
      // Fifty viewers of a server that restarts do not come back at the same instant.
      await pause(wait * (0.5 + Math.random()), gone);
    }
  }

  /** Follows the stream to its end; whether it ever said something. */
  #stream(gone: AbortSignal): Promise<boolean> {
    return new Promise((done) => {
      const address = new URL("/api/live/stream", location.origin);
      address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
      const socket = new WebSocket(address);
      let seq = -1;
      let last = Date.now();
      const watch = setInterval(() => {
        if (Date.now() - last > SILENCE_MS) socket.close();
      }, 500);
      const stop = () => socket.close();
      gone.addEventListener("abort", stop);
      socket.onmessage = (event) => {
        last = Date.now();
        let message: StreamMessage;
        try {
          message = JSON.parse(String(event.data)) as StreamMessage;
        } catch {
          socket.close();
          return;
        }
        if (message.type === "snapshot") {
          seq = message.seq;
          this.#heard(message.live);
        } else if (message.type === "beat") {
          this.#alive();
        } else if (message.type === "delta" && this.live) {
          // One was missed: what we believe is wrong, and only a new snapshot mends it.
          if (message.after !== seq) {
            socket.close();
            return;
          }
          seq = message.seq;
          this.#heard(applyDelta(this.live, message));
        }
      };
      socket.onclose = () => {
        clearInterval(watch);
        gone.removeEventListener("abort", stop);
        done(seq >= 0);
      };
    });
  }

  /** Asks every second for a while; false when the server does not answer at all. */
  async #poll(gone: AbortSignal): Promise<boolean> {
    const until = Date.now() + POLLED_FOR_MS;
    let answered = false;
    while (!gone.aborted && Date.now() < until) {
      try {
        this.#heard(await take(api.GET("/api/live", { signal: gone })));
        answered = true;
      } catch (thrown) {
        if (wasAborted(thrown)) return answered;
        return answered;
      }
      await pause(POLL_MS, gone);
    }
    return answered;
  }
}

function pause(ms: number, gone: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    gone.addEventListener("abort", () => {
      clearTimeout(timer);
      done();
    }, { once: true });
  });
}

export const live = new LiveStore();
