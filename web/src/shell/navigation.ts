import type { Component } from "svelte";
import Activity from "@lucide/svelte/icons/activity";
import CalendarClock from "@lucide/svelte/icons/calendar-clock";
import Cable from "@lucide/svelte/icons/cable";
import CircleHelp from "@lucide/svelte/icons/circle-question-mark";
import ChartColumn from "@lucide/svelte/icons/chart-column";
import History from "@lucide/svelte/icons/history";
import Info from "@lucide/svelte/icons/info";
import Logs from "@lucide/svelte/icons/logs";
import ListChecks from "@lucide/svelte/icons/list-checks";
import Headset from "@lucide/svelte/icons/headset";
import Megaphone from "@lucide/svelte/icons/megaphone";
import Phone from "@lucide/svelte/icons/phone";
import ListOrdered from "@lucide/svelte/icons/list-ordered";
import ShieldBan from "@lucide/svelte/icons/shield-ban";
import BellRing from "@lucide/svelte/icons/bell-ring";
import ScrollText from "@lucide/svelte/icons/scroll-text";
import Webhook from "@lucide/svelte/icons/webhook";
import KeyRound from "@lucide/svelte/icons/key-round";
import ShieldUser from "@lucide/svelte/icons/shield-user";
import Users from "@lucide/svelte/icons/users";
import Server from "@lucide/svelte/icons/server";
import { m } from "$lib/paraglide/messages";
import { session, type Role } from "$lib/session.svelte";

/** One entry of the navigation. */
export interface NavItem {
  href: string;
  /** Begins of other paths that belong to it. */
  also?: readonly string[];
  label: () => string;
  /** For the bar at the bottom, where there is little room. */
  short?: () => string;
  icon: Component;
  /** Who sees it; everybody when not given. */
  role?: Role;
  /** The server shows it only to those who see everything, whatever key it has. */
  allKeys?: boolean;
  /** Stands in the bar at the bottom of small screens. */
  bar?: boolean;
}

/** Entries that belong together, with their name; the first group has none. */
export interface NavGroup {
  label?: () => string;
  items: NavItem[];
}

/** The navigation, in order. A page that is no entry belongs to the entry whose path begins its own. */
export const navigation: readonly NavGroup[] = [
  {
    items: [
      { href: "/live", label: () => m.nav_live(), icon: Activity, bar: true },
      { href: "/campaigns", label: () => m.nav_campaigns(), icon: Megaphone, bar: true },
      { href: "/lists", also: ["/contacts", "/imports"], label: () => m.nav_lists(), icon: ListOrdered },
      { href: "/opening-hours", label: () => m.nav_opening_hours(), icon: CalendarClock },
      { href: "/reports", label: () => m.nav_reports(), icon: ChartColumn },
      { href: "/suppression", also: ["/forget"], label: () => m.nav_suppression(), icon: ShieldBan },
      { href: "/calls", label: () => m.nav_calls(), icon: Phone, bar: true },
      { href: "/why", label: () => m.nav_why(), short: () => m.nav_why_short(), icon: CircleHelp, bar: true },
    ],
  },
  {
    label: () => m.nav_group_lines(),
    items: [
      { href: "/pbxs", label: () => m.nav_pbxs(), icon: Server },
      { href: "/trunks", label: () => m.nav_trunks(), icon: Cable },
      { href: "/end-points", label: () => m.nav_end_points(), icon: Headset },
    ],
  },
  {
    label: () => m.nav_group_outside(),
    items: [
      { href: "/alerts", label: () => m.nav_alerts(), icon: BellRing },
      { href: "/webhooks", label: () => m.nav_webhooks(), icon: Webhook, allKeys: true },
      { href: "/events", label: () => m.nav_events(), icon: ScrollText },
    ],
  },
  {
    label: () => m.nav_group_rights(),
    items: [
      { href: "/users", label: () => m.nav_users(), icon: Users, role: "admin", allKeys: true },
      { href: "/classes", label: () => m.nav_classes(), icon: ShieldUser, role: "admin", allKeys: true },
      { href: "/tokens", label: () => m.nav_tokens(), icon: KeyRound, role: "admin", allKeys: true },
      { href: "/audit", label: () => m.nav_audit(), icon: History, role: "admin" },
    ],
  },
  {
    label: () => m.nav_group_installation(),
    items: [
      { href: "/first-steps", label: () => m.nav_first_steps(), icon: ListChecks, role: "admin" },
      { href: "/log", label: () => m.nav_log(), icon: Logs },
      { href: "/about", label: () => m.nav_about(), icon: Info },
    ],
  },
];

/** Whether the person who is signed in sees the entry. */
export function isShown(item: NavItem): boolean {
  return (!item.role || session.may(item.role)) && (!item.allKeys || session.allKeys);
}
