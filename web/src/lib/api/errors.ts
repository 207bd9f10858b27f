/** What a request came to when it did not succeed. `status` 0: no answer at all. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    /** Stable; programs may compare it. */
    readonly code: string,
    message: string,
    /** The field of the request that is wrong, as the server names it: `name`, `rules[0].status`. */
    readonly field: string | null = null,
    /** What to do about it, in one line. */
    readonly remedy: string | null = null,
    /** The server's whole `error`, for the few codes that say more. */
    readonly detail: Record<string, unknown> = {},
  ) {
    super(message);
  }

  /** The server did not answer, or something before it did. */
  get unreachable(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 504;
  }
}

/** Anything thrown, as an `ApiError`. */
export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new ApiError(0, "client", message);
}

/** The error of an answer's body, which may come from something in between that knows no envelope. */
export function errorOf(status: number, body: unknown): ApiError {
  const error = isRecord(body) && isRecord(body.error) ? body.error : null;
  if (!error) return new ApiError(status, "http", `HTTP ${status}`);
  return new ApiError(
    status,
    text(error.code) ?? "http",
    text(error.message) ?? `HTTP ${status}`,
    text(error.field),
    text(error.remedy),
    error,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
