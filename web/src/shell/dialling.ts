import { api, take } from "$lib/api/client";
import { live } from "$lib/live/live.svelte";
import { confirm, confirmation } from "$lib/ui/confirm.svelte";
import { toasts } from "$lib/ui/toasts.svelte";
import { count } from "$lib/format/number";
import { m } from "$lib/paraglide/messages";

/** Stops all dialling, after a question that says what that means now. */
export async function stopDialling(): Promise<void> {
  const runs = live.live?.runs ?? [];
  const calls = live.live?.totals.open_calls ?? 0;
  const done = await confirm({
    title: m.hold_title(),
    text: m.hold_text({ calls: count(calls), runs: count(runs.length) }),
    affected: runs.map((run) => run.campaign_name),
    action: m.hold_action(),
    danger: true,
    reason: { label: m.hold_reason(), hint: m.hold_reason_hint(), max: 200 },
    act: async () => {
      await take(api.POST("/api/dialling/hold", { body: { why: confirmation.reason.trim() } }));
    },
  });
  if (done) toasts.ok(m.hold_done());
}

/** Lets dialling go on. After a restore the question says what is not known. */
export async function liftHold(): Promise<void> {
  const state = await take(api.GET("/api/dialling")).catch((thrown: unknown) => {
    toasts.error(thrown);
    return null;
  });
  if (!state) return;
  const runs = live.live?.runs ?? [];
  const restored = !!state.restore;
  const done = await confirm({
    title: m.lift_title(),
    text: restored ? m.lift_text_restored() : m.lift_text({ runs: count(runs.length) }),
    affected: runs.map((run) => run.campaign_name),
    action: m.lift_action(),
    danger: restored,
    typed: restored ? m.lift_typed() : undefined,
    act: async () => {
      await take(api.POST("/api/dialling/lift", { params: { query: restored ? { accept_restore: true } : {} } }));
    },
  });
  if (done) toasts.ok(m.lift_done());
}
