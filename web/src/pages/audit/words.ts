import type { Component } from "svelte";
import Ban from "@lucide/svelte/icons/ban";
import FileCheck from "@lucide/svelte/icons/file-check";
import FileUp from "@lucide/svelte/icons/file-up";
import Hand from "@lucide/svelte/icons/hand";
import Lock from "@lucide/svelte/icons/lock";
import LockOpen from "@lucide/svelte/icons/lock-open";
import LogIn from "@lucide/svelte/icons/log-in";
import LogOut from "@lucide/svelte/icons/log-out";
import Pencil from "@lucide/svelte/icons/pencil";
import Play from "@lucide/svelte/icons/play";
import PhoneOutgoing from "@lucide/svelte/icons/phone-outgoing";
import Plus from "@lucide/svelte/icons/plus";
import ShieldX from "@lucide/svelte/icons/shield-x";
import Trash from "@lucide/svelte/icons/trash-2";
import UserPlus from "@lucide/svelte/icons/user-plus";
import type { Schema } from "$lib/api/client";
import type { Tone } from "$lib/ui/states";
import { iso } from "$lib/i18n/text";
import { m } from "$lib/paraglide/messages";

export type Change = Schema["Change"];

/** Kinds of things whose changes are written down, and where one of them is shown. */
export const kinds: Record<string, { word: () => string; place: (id: number) => string }> = {
  campaign: { word: m.audit_campaign, place: (id) => `/campaigns/${id}` },
  list: { word: m.audit_list, place: (id) => `/lists/${id}` },
  suppression_list: { word: m.audit_suppression_list, place: (id) => `/suppression/${id}` },
  opening_hours: { word: m.audit_opening_hours, place: (id) => `/opening-hours/${id}` },
  pbx: { word: m.audit_pbx, place: (id) => `/pbxs/${id}` },
  trunk: { word: m.audit_trunk, place: (id) => `/trunks/${id}` },
  end_point: { word: m.audit_end_point, place: (id) => `/end-points/${id}` },
  webhook: { word: m.audit_webhook, place: (id) => `/webhooks/${id}` },
  user: { word: m.audit_user, place: (id) => `/users/${id}` },
  user_class: { word: m.audit_user_class, place: (id) => `/classes/${id}` },
  // Tokens have no page of their own.
  token: { word: m.audit_token, place: () => "/tokens" },
  dialling: { word: m.audit_dialling, place: () => "/live" },
};

export const actions: Record<string, { word: () => string; tone: Tone; icon: Component }> = {
  created: { word: m.audit_created, tone: "ok", icon: Plus },
  changed: { word: m.audit_changed, tone: "info", icon: Pencil },
  deleted: { word: m.audit_deleted, tone: "bad", icon: Trash },
  contacts_added: { word: m.audit_contacts_added, tone: "ok", icon: UserPlus },
  contact_changed: { word: m.audit_contact_changed, tone: "info", icon: Pencil },
  own_number: { word: m.audit_own_number, tone: "warn", icon: PhoneOutgoing },
  import_began: { word: m.audit_import_began, tone: "info", icon: FileUp },
  import_finished: { word: m.audit_import_finished, tone: "ok", icon: FileCheck },
  import_cancelled: { word: m.audit_import_cancelled, tone: "warn", icon: FileUp },
  imported: { word: m.audit_imported, tone: "ok", icon: FileCheck },
  suppressed: { word: m.audit_suppressed, tone: "warn", icon: Ban },
  held: { word: m.audit_held, tone: "warn", icon: Hand },
  lifted: { word: m.audit_lifted, tone: "ok", icon: Play },
  signed_in: { word: m.audit_signed_in, tone: "neutral", icon: LogIn },
  signed_out: { word: m.audit_signed_out, tone: "neutral", icon: LogOut },
  sign_in_refused: { word: m.audit_sign_in_refused, tone: "warn", icon: ShieldX },
  locked: { word: m.audit_locked, tone: "bad", icon: Lock },
  unlocked: { word: m.audit_unlocked, tone: "ok", icon: LockOpen },
};

/** "Campaign spring", for titles and questions. */
export function nameOf(change: Change): string {
  return m.audit_thing({ kind: kinds[change.entity]?.word() ?? change.entity, name: iso(change.name || String(change.entity_id)) });
}

/** Whether a change is of those that can be taken back at all; whether this one still can, the server says. */
export function canUndo(change: Change): boolean {
  return change.action === "created" || change.action === "changed" || change.action === "deleted";
}
