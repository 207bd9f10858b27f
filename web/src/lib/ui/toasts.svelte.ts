import { asApiError } from "$lib/api/errors";
import { m } from "$lib/paraglide/messages";
import { sentence } from "$lib/i18n/text";

export interface Toast {
  id: number;
  tone: "ok" | "bad";
  text: string;
  /** What to do about it. */
  remedy?: string | null;
  /** Takes back what was done. */
  undo?: () => void | Promise<void>;
}

const STAYS_MS = 6_000;
const UNDO_STAYS_MS = 12_000;
/** Older ones make room. */
const MAX = 4;

class Toasts {
  items = $state<Toast[]>([]);
  #next = 1;

  /** Something was done; with `undo` it can be taken back for a while. */
  ok(text: string, undo?: () => void | Promise<void>): void {
    this.#add({ tone: "ok", text, undo }, undo ? UNDO_STAYS_MS : STAYS_MS);
  }

  /** Something failed; stays until it is closed. */
  bad(text: string, remedy?: string | null): void {
    this.#add({ tone: "bad", text, remedy }, null);
  }

  /** Whatever was thrown, with its remedy. */
  error(thrown: unknown): void {
    const error = asApiError(thrown);
    this.bad(sentence(errorText(error)), error.remedy ? sentence(error.remedy) : null);
  }

  close(id: number): void {
    this.items = this.items.filter((toast) => toast.id !== id);
  }

  #add(toast: Omit<Toast, "id">, stays: number | null): void {
    const id = this.#next++;
    this.items = [...this.items, { ...toast, id }].slice(-MAX);
    if (stays !== null) setTimeout(() => this.close(id), stays);
  }
}

export const toasts = new Toasts();

/** What an error says; those that are ours and not the server's are in the catalogue. */
export function errorText(error: { code: string; message: string; status: number }): string {
  if (error.code === "deadline") return m.error_deadline();
  if (error.code === "unreachable") return m.error_unreachable();
  if (error.code === "http") return m.error_http({ status: error.status });
  return error.message;
}
