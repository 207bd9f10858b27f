import { asApiError, type ApiError } from "$lib/api/errors";
import { sentence } from "$lib/i18n/text";
import { tick } from "svelte";

/** What a form knows about its sending: whether it is under way and what was wrong, field by field. */
export class Form {
  busy = $state(false);
  error = $state.raw<ApiError | null>(null);
  #placed = new Set<string>();

  /** What is wrong with a field, by the server's name for it; a name ending in `*` takes everything that begins so. */
  at(field: string): string | null {
    this.#placed.add(field);
    const wrong = this.error?.field;
    if (!wrong || !this.error) return null;
    const fits = field.endsWith("*") ? wrong.startsWith(field.slice(0, -1)) : wrong === field;
    return fits ? sentence(this.error.message) : null;
  }

  /** Runs `act`; true when it went through. The first wrong field gets the focus. */
  async send(act: () => Promise<void>, within?: HTMLElement | null): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.error = null;
    try {
      await act();
      return true;
    } catch (thrown) {
      this.error = asApiError(thrown);
      void tick().then(() => {
        const find = (what: string) => (within ?? document).querySelector<HTMLElement>(what);
        (find('[aria-invalid="true"]') ?? find("[data-form-error]"))?.focus();
      });
      return false;
    } finally {
      this.busy = false;
    }
  }
}
