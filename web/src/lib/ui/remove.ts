import { confirm } from "./confirm.svelte";
import { toasts } from "./toasts.svelte";
import { iso } from "$lib/i18n/text";
import { m } from "$lib/paraglide/messages";

interface Removal {
  name: string;
  /** What goes with it, in a sentence. */
  text: string;
  /** Names of what uses it: as long as there are any, it cannot go. */
  usedBy: string[];
  act: () => Promise<void>;
}

/** Deletes something after its name was typed; what is used is not deleted and says by what. True when it is gone. */
export async function remove({ name, text, usedBy, act }: Removal): Promise<boolean> {
  if (usedBy.length > 0) {
    await confirm({ title: m.remove_used_title({ name: iso(short(name)) }), text: m.remove_used_text(), affected: usedBy, action: m.remove_used_ok() });
    return false;
  }
  // A name that nobody can type is not asked for.
  const typed = name.length <= TYPED_MAX ? name : m.remove_word();
  const gone = await confirm({ title: m.remove_title({ name: iso(short(name)) }), text, action: m.remove_action(), danger: true, typed, act });
  if (gone) toasts.ok(m.remove_done({ name: iso(short(name)) }));
  return gone;
}

const TYPED_MAX = 40;
const SHOWN_MAX = 80;

function short(name: string): string {
  return name.length <= SHOWN_MAX ? name : `${name.slice(0, SHOWN_MAX)}…`;
}
