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
  /** The server shows it only to those who see everything, whatever keys they hold. */
  allKeys?: boolean;
}

/** Every page, first match wins. */
export const routes: readonly Route[] = [
  { path: "/", title: () => m.nav_live(), load: () => import("$pages/live/LivePage.svelte") },
  { path: "/live", title: () => m.nav_live(), load: () => import("$pages/live/LivePage.svelte") },
  { path: "/first-steps", title: () => m.nav_first_steps(), load: () => import("$pages/first-steps/FirstStepsPage.svelte"), role: "admin" },
  { path: "/about", title: () => m.nav_about(), load: () => import("$pages/about/AboutPage.svelte") },
  { path: "/campaigns", title: () => m.nav_campaigns(), load: () => import("$pages/campaigns/CampaignsPage.svelte") },
  { path: "/campaigns/new", title: () => m.campaign_new(), load: () => import("$pages/campaigns/EditPage.svelte"), role: "admin" },
  { path: "/campaigns/:id/edit", title: () => m.nav_campaigns(), load: () => import("$pages/campaigns/EditPage.svelte"), role: "admin" },
  { path: "/campaigns/:id/forecast", title: () => m.forecast_title(), load: () => import("$pages/forecast/ForecastPage.svelte") },
  { path: "/campaigns/:id", title: () => m.nav_campaigns(), load: () => import("$pages/campaigns/CampaignPage.svelte") },
  { path: "/calls", title: () => m.nav_calls(), load: () => import("$pages/calls/CallsPage.svelte") },
  { path: "/calls/:id", title: () => m.nav_calls(), load: () => import("$pages/calls/CallPage.svelte") },
  { path: "/why", title: () => m.nav_why(), load: () => import("$pages/why/WhyPage.svelte") },
  { path: "/opening-hours", title: () => m.nav_opening_hours(), load: () => import("$pages/hours/HoursPage.svelte") },
  { path: "/opening-hours/new", title: () => m.opening_new(), load: () => import("$pages/hours/OpeningHoursPage.svelte"), role: "admin" },
  { path: "/opening-hours/:id", title: () => m.nav_opening_hours(), load: () => import("$pages/hours/OpeningHoursPage.svelte") },
  { path: "/lists", title: () => m.nav_lists(), load: () => import("$pages/lists/ListsPage.svelte") },
  { path: "/lists/import", title: () => m.import_title(), load: () => import("$pages/lists/ImportPage.svelte"), role: "operate" },
  { path: "/lists/:id", title: () => m.nav_lists(), load: () => import("$pages/lists/ListPage.svelte") },
  { path: "/lists/:id/history", title: () => m.history_title(), load: () => import("$pages/lists/ListHistoryPage.svelte") },
  { path: "/lists/:id/import", title: () => m.import_title(), load: () => import("$pages/lists/ImportPage.svelte"), role: "operate" },
  { path: "/contacts/:id", title: () => m.call_contact(), load: () => import("$pages/lists/ContactPage.svelte") },
  { path: "/imports/:id", title: () => m.nav_lists(), load: () => import("$pages/lists/ImportJobPage.svelte") },
  { path: "/suppression", title: () => m.nav_suppression(), load: () => import("$pages/suppression/SuppressionPage.svelte") },
  { path: "/suppression/:id", title: () => m.nav_suppression(), load: () => import("$pages/suppression/SuppressionListPage.svelte") },
  { path: "/forget", title: () => m.forget_title(), load: () => import("$pages/suppression/ForgetPage.svelte"), role: "admin" },
  { path: "/reports", title: () => m.nav_reports(), load: () => import("$pages/reports/ReportsPage.svelte") },
  { path: "/webhooks", title: () => m.nav_webhooks(), load: () => import("$pages/webhooks/WebhooksPage.svelte"), allKeys: true },
  { path: "/webhooks/new", title: () => m.hooks_new(), load: () => import("$pages/webhooks/WebhookPage.svelte"), role: "admin", allKeys: true },
  { path: "/webhooks/:id", title: () => m.nav_webhooks(), load: () => import("$pages/webhooks/WebhookPage.svelte"), allKeys: true },
  { path: "/alerts", title: () => m.nav_alerts(), load: () => import("$pages/alerts/AlertsPage.svelte") },
  { path: "/events", title: () => m.nav_events(), load: () => import("$pages/events/EventsPage.svelte") },
  { path: "/log", title: () => m.nav_log(), load: () => import("$pages/log/LogPage.svelte") },
  { path: "/users", title: () => m.nav_users(), load: () => import("$pages/people/UsersPage.svelte"), role: "admin", allKeys: true },
  { path: "/users/new", title: () => m.users_new(), load: () => import("$pages/people/UserPage.svelte"), role: "admin", allKeys: true },
  { path: "/users/:id", title: () => m.nav_users(), load: () => import("$pages/people/UserPage.svelte"), role: "admin", allKeys: true },
  { path: "/classes", title: () => m.nav_classes(), load: () => import("$pages/people/ClassesPage.svelte"), role: "admin", allKeys: true },
  { path: "/classes/new", title: () => m.classes_new(), load: () => import("$pages/people/ClassPage.svelte"), role: "admin", allKeys: true },
  { path: "/classes/:id", title: () => m.nav_classes(), load: () => import("$pages/people/ClassPage.svelte"), role: "admin", allKeys: true },
  { path: "/tokens", title: () => m.nav_tokens(), load: () => import("$pages/people/TokensPage.svelte"), role: "admin", allKeys: true },
  { path: "/audit", title: () => m.nav_audit(), load: () => import("$pages/audit/AuditPage.svelte"), role: "admin" },
  { path: "/pbxs", title: () => m.nav_pbxs(), load: () => import("$pages/lines/PbxsPage.svelte") },
  { path: "/pbxs/new", title: () => m.pbxs_new(), load: () => import("$pages/lines/PbxPage.svelte"), role: "admin" },
  { path: "/pbxs/:id", title: () => m.nav_pbxs(), load: () => import("$pages/lines/PbxPage.svelte") },
  { path: "/trunks", title: () => m.nav_trunks(), load: () => import("$pages/lines/TrunksPage.svelte") },
  { path: "/trunks/new", title: () => m.trunks_new(), load: () => import("$pages/lines/TrunkPage.svelte"), role: "admin" },
  { path: "/trunks/:id", title: () => m.nav_trunks(), load: () => import("$pages/lines/TrunkPage.svelte") },
  { path: "/end-points", title: () => m.nav_end_points(), load: () => import("$pages/lines/EndPointsPage.svelte") },
  { path: "/end-points/new", title: () => m.points_new(), load: () => import("$pages/lines/EndPointPage.svelte"), role: "admin" },
  { path: "/end-points/:id", title: () => m.nav_end_points(), load: () => import("$pages/lines/EndPointPage.svelte") },
];
