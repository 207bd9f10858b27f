import { ApiError, errorOf } from "./errors";

/** Milliseconds without a byte going out, or without an answer to the whole, after which an upload is given up. */
const SILENCE_MS = 60_000;

/**
 * Sends a file and says how far it is; `fetch` cannot. `stop` gives it up. `answerMs`: how long the server may take to
 * answer once it has everything.
 */
export function upload<T>(path: string, body: Blob, progress: (sent: number) => void, stop: AbortSignal, answerMs = SILENCE_MS): Promise<T> {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    let silence: ReturnType<typeof setTimeout>;
    const heard = (within = SILENCE_MS) => {
      clearTimeout(silence);
      silence = setTimeout(() => {
        request.abort();
        failed(new ApiError(0, "deadline", "late"));
      }, within);
    };
    request.open("POST", path);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.setRequestHeader("accept", "application/json");
    request.upload.onprogress = (event) => {
      heard(event.loaded < event.total ? SILENCE_MS : answerMs);
      progress(event.loaded);
    };
    request.onload = () => {
      clearTimeout(silence);
      let answer: unknown = null;
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        answer = null;
      }
      if (request.status >= 200 && request.status < 300) done(answer as T);
      else failed(errorOf(request.status, answer));
    };
    request.onerror = () => {
      clearTimeout(silence);
      failed(new ApiError(0, "unreachable", "unreachable"));
    };
    stop.addEventListener("abort", () => {
      clearTimeout(silence);
      request.abort();
      failed(new DOMException("given up", "AbortError"));
    });
    heard();
    request.send(body);
  });
}
