import Check from "@lucide/svelte/icons/check";
import Pause from "@lucide/svelte/icons/pause";
import RefreshCw from "@lucide/svelte/icons/refresh-cw";
import TriangleAlert from "@lucide/svelte/icons/triangle-alert";
import type { Schema } from "$lib/api/client";
import type { Look } from "$lib/ui/states";
import { m } from "$lib/paraglide/messages";

/** How a webhook does: what a person wants to know first. */
export function hookLook(hook: Schema["Webhook"]): Look {
  if (!hook.enabled) return { tone: "neutral", icon: Pause, word: m.hooks_off };
  if (hook.dead > 0) return { tone: "bad", icon: TriangleAlert, word: m.hooks_failing };
  if (hook.waiting > 0) return { tone: "warn", icon: RefreshCw, word: m.hooks_waiting_state };
  return { tone: "ok", icon: Check, word: m.hooks_ok };
}

/** `Name: value` a line; a line that is none is given by its number. */
export function headersOf(text: string): { headers: Record<string, string> } | { wrongLine: number } {
  const headers: Record<string, string> = {};
  const lines = text.split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const at = line.indexOf(":");
    if (at < 1) return { wrongLine: index + 1 };
    headers[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  return { headers };
}
