import createClient from "openapi-fetch";
import { ApiError, asApiError, errorOf } from "./errors";
import type { components, paths } from "./schema";

/** The shapes of the API, generated: `Schema["Campaign"]`. */
export type Schema = components["schemas"];

/** Milliseconds after which a request that has no answer is given up. */
export const DEADLINE_MS = 20_000;
/** The checks look at every PBX and read the whole database; the server gives them up after 90 s itself. */
const LONG_MS: Record<string, number> = { "/api/checks": 95_000 };

/** Paths whose 401 says something else than that a session ended. */
const UNSIGNED = new Set(["/api/session", "/api/session/password", "/api/setup", "/api/sign-in"]);

let signedOut: () => void = () => {};

/** `then` runs when the server says that nobody is signed in (any more). */
export function onSignedOut(then: () => void): void {
  signedOut = then;
}

function fetchInTime(request: Request): Promise<Response> {
  return send(request, AbortSignal.timeout(LONG_MS[new URL(request.url).pathname] ?? DEADLINE_MS));
}

/** Sends a request that is given up when `deadline` says so. */
export async function send(request: Request, deadline: AbortSignal): Promise<Response> {
  const signal = request.signal ? AbortSignal.any([request.signal, deadline]) : deadline;
  let response: Response;
  try {
    response = await fetch(request, { signal, credentials: "same-origin", cache: "no-store" });
  } catch (thrown) {
    if (request.signal?.aborted) throw thrown;
    const late = deadline.aborted;
    throw new ApiError(0, late ? "deadline" : "unreachable", late ? "late" : "unreachable");
  }
  if (response.status === 401 && !UNSIGNED.has(new URL(request.url).pathname)) signedOut();
  return response;
}

/** Typed by the OpenAPI document: `await take(api.GET("/api/campaigns/{id}", { params: { path: { id } } }))`. */
export const api = createClient<paths>({ baseUrl: "", fetch: fetchInTime });

/** The data of an answer; throws an `ApiError` for everything else. */
export async function take<T>(request: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  let answer: { data?: T; error?: unknown; response: Response };
  try {
    answer = await request;
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === "AbortError") throw thrown;
    throw asApiError(thrown);
  }
  if (!answer.response.ok) throw errorOf(answer.response.status, answer.error);
  return answer.data as T;
}

/** Whether a request was given up by us because its page is gone or asked anew. */
export function wasAborted(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === "AbortError";
}
