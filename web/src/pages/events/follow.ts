import type { Schema } from "$lib/api/client";
import { errorOf } from "$lib/api/errors";

export type LoggedEvent = Schema["LoggedEvent"];

/** A line of `text/event-stream`, read across pieces. */
export class SseReader {
  #rest = "";

  /** The `data` of every message that is whole now. Those of ours are one line each. */
  *push(text: string): Generator<string> {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data:")) yield line.slice(5).trim();
  }
}

/** A stream says something every 15 s; without, it is dead. */
const SILENCE_MS = 40_000;

/** Follows the log behind `after` (not given: from now on) until it breaks off or `stop` says so. */
export async function follow(query: URLSearchParams, took: (events: LoggedEvent[]) => void, opened: () => void, stop: AbortSignal): Promise<void> {
  const silent = new AbortController();
  let timer = setTimeout(() => silent.abort(), SILENCE_MS);
  try {
    const response = await fetch(`/api/events?${query}`, {
      headers: { accept: "text/event-stream" },
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.any([stop, silent.signal]),
    });
    if (!response.ok || !response.body) throw errorOf(response.status, await response.json().catch(() => null));
    opened();
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const sse = new SseReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), SILENCE_MS);
      const events: LoggedEvent[] = [];
      for (const data of sse.push(decoder.decode(value, { stream: true }))) {
        if (data !== "") events.push(JSON.parse(data) as LoggedEvent);
      }
      if (events.length > 0) took(events);
    }
  } finally {
    clearTimeout(timer);
  }
}
