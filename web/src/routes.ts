import type { Page } from "./router.svelte";
import { m } from "$lib/paraglide/messages";
import type { Role } from "$lib/session.svelte";

/** One page. Pages load when they are first opened. */
export interface Route {
  /** `:id` matches a number, another `:name` anything. */
  path: string;
  title: () => string;
  load: () => Promise<{ default: Page }>;
  /** Who may open it; `read` when not given. */
  role?: Role;
}

/** Every page, first match wins. */
export const routes: readonly Route[] = [
  { path: "/", title: () => m.nav_live(), load: () => import("$pages/live/LivePage.svelte") },
  { path: "/live", title: () => m.nav_live(), load: () => import("$pages/live/LivePage.svelte") },
];
