import { session } from "$lib/session.svelte";
import { STEPS, type Step } from "./steps";

/** The steps that this person said no to; the browser remembers them. */
export class Skipped {
  steps = $state.raw<ReadonlySet<Step>>(read());

  take(step: Step, skip: boolean): void {
    const next = new Set(this.steps);
    if (skip) next.add(step);
    else next.delete(step);
    this.steps = next;
    try {
      localStorage.setItem(key(), [...next].join(" "));
    } catch {
      // No storage: it holds for this page.
    }
  }
}

function key(): string {
  return `carillon.skipped.${session.session?.user.id ?? 0}`;
}

function read(): ReadonlySet<Step> {
  try {
    const words = (localStorage.getItem(key()) ?? "").split(" ");
    return new Set(STEPS.filter((step) => words.includes(step)));
  } catch {
    return new Set();
  }
}
