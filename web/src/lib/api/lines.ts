import { send } from "./client";
import { ApiError, errorOf } from "./errors";

/** Milliseconds without a word after which an answer is given up: long work tells several times a second how far it is. */
const SILENCE_MS = 20_000;

/** Posts, and hands on the answer line by line, a JSON object each. Over when the server is done; `stop` gives it up. */
export async function postLines<T>(path: string, body: unknown, each: (line: T) => void, stop: AbortSignal): Promise<void> {
  const silent = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silent.abort(), SILENCE_MS);
  };
  heard();
  try {
    const headers = { "content-type": "application/json", accept: "application/x-ndjson" };
    const request = new Request(path, { method: "POST", headers, body: JSON.stringify(body), signal: stop });
    const response = await send(request, silent.signal);
    if (!response.ok) throw errorOf(response.status, await response.json().catch(() => null));
    if (!response.body) return;
    await eachLine(response.body, (line) => each(JSON.parse(line) as T), heard);
  } catch (thrown) {
    throw silent.signal.aborted ? new ApiError(0, "deadline", "late") : thrown;
  } finally {
    clearTimeout(timer);
  }
}

/** The lines of a body as they become whole; empty ones, and one that never ended, are left out. `heard` is told of every part. */
export async function eachLine(body: ReadableStream<Uint8Array>, each: (line: string) => void, heard: () => void): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      heard();
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      lines.filter((line) => line !== "").forEach(each);
    }
  } finally {
    // What is not read any more is given up, so that the server ends its work.
    await reader.cancel().catch(() => undefined);
  }
}
