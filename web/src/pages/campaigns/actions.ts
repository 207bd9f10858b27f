import { api, take, type Schema } from "$lib/api/client";
import { confirm } from "$lib/ui/confirm.svelte";
import { toasts } from "$lib/ui/toasts.svelte";
import { count } from "$lib/format/number";
import { iso } from "$lib/i18n/text";
import { m } from "$lib/paraglide/messages";
import { router } from "../../router.svelte";

type Campaign = Schema["Campaign"];

/** Starts a run after a question that says how many people that is; true when it began. */
export async function startCampaign(campaign: Campaign): Promise<boolean> {
  const lists = await Promise.all(
    campaign.lists.map((id) => take(api.GET("/api/lists/{id}", { params: { path: { id } } })).catch(() => null)),
  );
  const contacts = lists.reduce((sum, list) => sum + (list?.contacts ?? 0), 0);
  const unrestricted = campaign.packs.includes("unrestricted");
  const done = await confirm({
    title: m.run_start_title({ name: iso(campaign.name) }),
    text: [m.run_start_text({ contacts: count(contacts) }), unrestricted ? m.campaign_unrestricted_help() : ""].filter(Boolean).join(" "),
    affected: lists.flatMap((list) => (list ? [m.run_start_list({ name: iso(list.name), contacts: count(list.contacts) })] : [])),
    action: m.run_start(),
    danger: unrestricted,
    act: async () => {
      await take(api.POST("/api/campaigns/{id}/start", { params: { path: { id: campaign.id } } }));
    },
  });
  if (done) toasts.ok(m.run_start_done({ name: iso(campaign.name) }));
  return done;
}

/** Opens the editor with a copy that is not saved yet. */
export async function cloneCampaign(campaign: Campaign): Promise<void> {
  await router.go(`/campaigns/new?from=${campaign.id}`);
}

/** Hides or shows a campaign; it can be taken back. */
export async function hideCampaign(campaign: Campaign, hide: boolean): Promise<Campaign | null> {
  const set = (status: Campaign["status"]) =>
    take(api.PATCH("/api/campaigns/{id}", { params: { path: { id: campaign.id } }, body: { status } }));
  try {
    const now = await set(hide ? "HIDDEN" : "RUNNABLE");
    toasts.ok(hide ? m.campaign_hidden_done({ name: iso(campaign.name) }) : m.campaign_shown_done({ name: iso(campaign.name) }), async () => {
      await set(campaign.status);
      location.reload();
    });
    return now;
  } catch (thrown) {
    toasts.error(thrown);
    return null;
  }
}

/** Deletes a campaign that never ran, after its name was typed. */
export async function deleteCampaign(campaign: Campaign): Promise<boolean> {
  const done = await confirm({
    title: m.campaign_delete_title(),
    text: m.campaign_delete_text(),
    affected: [campaign.name],
    action: m.campaign_delete(),
    danger: true,
    typed: m.campaign_delete_typed(),
    act: async () => {
      await take(api.DELETE("/api/campaigns/{id}", { params: { path: { id: campaign.id } } }));
    },
  });
  if (done) {
    toasts.ok(m.campaign_deleted({ name: iso(campaign.name) }));
    await router.go("/campaigns");
  }
  return done;
}
