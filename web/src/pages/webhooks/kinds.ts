import { api, take } from "$lib/api/client";
import type { Pick } from "$lib/ui/PickField.svelte";

interface KindSchema {
  description?: string;
  properties?: { kind?: { const?: string } };
}

/** Every kind of event as the server's schema has it, and `leg.*` for those that begin alike. */
export async function eventKinds(signal?: AbortSignal): Promise<Pick<string>[]> {
  const schema = (await take(api.GET("/api/events/schema", { signal }))) as { anyOf?: KindSchema[] };
  const kinds = (schema.anyOf ?? []).flatMap((each) => {
    const value = each.properties?.kind?.const;
    return value ? [{ value, label: value, more: each.description }] : [];
  });
  const families = new Map<string, number>();
  for (const { value } of kinds) {
    const family = value.split(".")[0] ?? value;
    families.set(family, (families.get(family) ?? 0) + 1);
  }
  const wide = [...families].filter(([, count]) => count > 1).map(([family]) => ({ value: `${family}.*`, label: `${family}.*` }));
  return [...wide, ...kinds].sort((a, b) => a.value.localeCompare(b.value));
}
