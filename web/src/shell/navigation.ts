import type { Component } from "svelte";
import Activity from "@lucide/svelte/icons/activity";
import { m } from "$lib/paraglide/messages";
import type { Role } from "$lib/session.svelte";

/** One entry of the navigation. */
export interface NavItem {
  href: string;
  label: () => string;
  icon: Component;
  /** Who sees it; everybody when not given. */
  role?: Role;
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
    items: [{ href: "/live", label: () => m.nav_live(), icon: Activity, bar: true }],
  },
];
