import { differences } from "./difference";
import { nameOf, type Change } from "./words";
import { api, take } from "$lib/api/client";
import { confirm } from "$lib/ui/confirm.svelte";
import { toasts } from "$lib/ui/toasts.svelte";
import { m } from "$lib/paraglide/messages";

/** Takes a change back after a question that names what is put back; true when it was. */
export async function undo(change: Change): Promise<boolean> {
  const name = nameOf(change);
  const texts: Record<string, () => string> = { created: m.audit_undo_created, deleted: m.audit_undo_deleted };
  const undone = await confirm({
    title: m.audit_undo_title({ name: name }),
    text: texts[change.action]?.() ?? m.audit_undo_changed(),
    affected:
      change.action === "changed"
        ? differences(change.before, change.after).map(({ field, before }) =>
            before === null ? m.audit_undo_empty({ field }) : m.audit_undo_field({ field, value: before }),
          )
        : [name],
    action: change.action === "created" ? m.audit_undo_delete() : m.audit_undo_action(),
    danger: change.action === "created",
    act: async () => {
      await take(api.POST("/api/audit/{id}/undo", { params: { path: { id: change.id } } }));
    },
  });
  if (undone) toasts.ok(m.audit_undone({ name: name }));
  return undone;
}
