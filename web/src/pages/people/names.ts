import { api, take, type Schema } from "$lib/api/client";
import { everything } from "$lib/ui/paged.svelte";
import { m } from "$lib/paraglide/messages";

const PAGE = 1000;

export function allClasses(signal?: AbortSignal): Promise<Schema["UserClass"][]> {
  return everything((after, signal) => take(api.GET("/api/user-classes", { params: { query: { after, limit: PAGE } }, signal })), signal);
}

export function allUsers(signal?: AbortSignal): Promise<Schema["User"][]> {
  return everything((after, signal) => take(api.GET("/api/users", { params: { query: { after, limit: PAGE } }, signal })), signal);
}

/** What a role may do, in words. */
export const roleWord: Record<Schema["TokenScope"], () => string> = {
  read: m.tokens_scope_read,
  operate: m.tokens_scope_operate,
  admin: m.tokens_scope_admin,
};

export const ROLES: Schema["TokenScope"][] = ["read", "operate", "admin"];
