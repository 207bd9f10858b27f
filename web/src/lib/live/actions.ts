import { api, take, type Schema } from "$lib/api/client";
import { confirm } from "$lib/ui/confirm.svelte";
import { toasts } from "$lib/ui/toasts.svelte";
import { count } from "$lib/format/number";
import { iso } from "$lib/i18n/text";
import { m } from "$lib/paraglide/messages";

/** What has to be known of a run to ask before something is done to it. */
export interface RunRef {
  id: number;
  campaign_name: string;
  /** Calls in progress, where that is known. */
  in_flight?: number;
  remaining?: number;
}

export function refOf(run: Schema["LiveRun"]): RunRef {
  return { id: run.id, campaign_name: run.campaign_name, in_flight: run.in_flight, remaining: run.remaining_estimate };
}

export async function pauseRun(run: RunRef): Promise<boolean> {
  const path = { params: { path: { id: run.id } } };
  const done = await confirm({
    title: m.run_pause_title({ name: iso(run.campaign_name) }),
    text: m.run_pause_text({ calls: count(run.in_flight ?? 0) }),
    action: m.run_pause(),
    act: async () => {
      await take(api.POST("/api/runs/{id}/pause", path));
    },
  });
  if (done) {
    toasts.ok(m.run_pause_done({ name: iso(run.campaign_name) }), async () => {
      await take(api.POST("/api/runs/{id}/unpause", path));
    });
  }
  return done;
}

/** Goes on at once: nothing is lost by it. */
export async function unpauseRun(run: RunRef): Promise<boolean> {
  try {
    await take(api.POST("/api/runs/{id}/unpause", { params: { path: { id: run.id } } }));
    toasts.ok(m.run_unpause_done({ name: iso(run.campaign_name) }));
    return true;
  } catch (thrown) {
    toasts.error(thrown);
    return false;
  }
}

export async function reloadRun(run: RunRef): Promise<boolean> {
  const done = await confirm({
    title: m.run_reload_title({ name: iso(run.campaign_name) }),
    text: m.run_reload_text(),
    action: m.run_reload(),
    act: async () => {
      await take(api.POST("/api/runs/{id}/reload", { params: { path: { id: run.id } } }));
    },
  });
  if (done) toasts.ok(m.run_reload_done({ name: iso(run.campaign_name) }));
  return done;
}

export async function removeRun(run: RunRef): Promise<boolean> {
  const done = await confirm({
    title: m.run_remove_title({ name: iso(run.campaign_name) }),
    text: m.run_remove_text({ calls: count(run.in_flight ?? 0), contacts: count(run.remaining ?? 0) }),
    action: m.run_remove(),
    danger: true,
    typed: m.run_remove_typed(),
    act: async () => {
      await take(api.POST("/api/runs/{id}/remove", { params: { path: { id: run.id } } }));
    },
  });
  if (done) toasts.ok(m.run_remove_done({ name: iso(run.campaign_name) }));
  return done;
}

/** Hangs a call up, after a question that names it. */
export async function hangUp(call: { attempt: number; number: string; answered: boolean }): Promise<boolean> {
  const done = await confirm({
    title: m.hang_up_title(),
    text: call.answered ? m.hang_up_text_answered() : m.hang_up_text(),
    affected: [call.number || m.live_adopted({ id: call.attempt })],
    action: m.hang_up(),
    danger: true,
    act: async () => {
      await take(api.POST("/api/attempts/{id}/hang-up", { params: { path: { id: call.attempt } } }));
    },
  });
  if (done) toasts.ok(m.hang_up_done());
  return done;
}

/** Takes a contact from the agent who looks at it, after a question that names both: as if it had not been picked. */
export async function giveBack(call: { attempt: number; number: string; agent: string }): Promise<boolean> {
  const done = await confirm({
    title: m.give_back_title(),
    text: m.give_back_text({ agent: iso(call.agent) }),
    affected: [call.number || m.live_adopted({ id: call.attempt })],
    action: m.give_back(),
    act: async () => {
      await take(api.POST("/api/reservations/{id}/release", { params: { path: { id: call.attempt } } }));
    },
  });
  if (done) toasts.ok(m.give_back_done());
  return done;
}
