import { confirm } from "./confirm.svelte";
import { router } from "../../router.svelte";
import { m } from "$lib/paraglide/messages";

/** What a person edits, and whether it differs from what is saved. */
export class Draft<T extends object> {
  value = $state() as T;
  #saved = $state.raw("");

  constructor(initial: T) {
    this.value = initial;
    this.#saved = JSON.stringify(initial);
  }

  get changed(): boolean {
    return JSON.stringify(this.value) !== this.#saved;
  }

  /** Now it is as the server has it. */
  saved(): void {
    this.#saved = JSON.stringify(this.value);
  }

  /** Asks before a page with changes is left; to be called while the page's component is made. */
  guard(): void {
    $effect(() => {
      const off = router.guard(async () => !this.changed || (await askToLeave()));
      const unload = (event: BeforeUnloadEvent) => {
        if (this.changed) event.preventDefault();
      };
      window.addEventListener("beforeunload", unload);
      return () => {
        off();
        window.removeEventListener("beforeunload", unload);
      };
    });
  }
}

function askToLeave(): Promise<boolean> {
  return confirm({ title: m.editor_leave_title(), text: m.editor_leave_text(), action: m.editor_leave() });
}
