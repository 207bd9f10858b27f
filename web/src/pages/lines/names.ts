import { api, take, type Schema } from "$lib/api/client";
import { everything } from "$lib/ui/paged.svelte";

const PAGE = 1000;

export function allPbxs(signal?: AbortSignal): Promise<Schema["Pbx"][]> {
  return everything((after, signal) => take(api.GET("/api/pbxs", { params: { query: { after, limit: PAGE } }, signal })), signal);
}

export function allTrunks(signal?: AbortSignal): Promise<Schema["Trunk"][]> {
  return everything((after, signal) => take(api.GET("/api/trunks", { params: { query: { after, limit: PAGE } }, signal })), signal);
}

export function allEndPoints(signal?: AbortSignal): Promise<Schema["EndPoint"][]> {
  return everything((after, signal) => take(api.GET("/api/end-points", { params: { query: { after, limit: PAGE } }, signal })), signal);
}

/** Hidden ones too: they use things as well. */
export function allCampaigns(signal?: AbortSignal): Promise<Schema["Campaign"][]> {
  return everything(
    (after, signal) => take(api.GET("/api/campaigns", { params: { query: { after, limit: PAGE, hidden: true } }, signal })),
    signal,
  );
}

/** Hidden ones too. */
export function allLists(signal?: AbortSignal): Promise<Schema["List"][]> {
  return everything(
    (after, signal) => take(api.GET("/api/lists", { params: { query: { after, limit: PAGE, hidden: true } }, signal })),
    signal,
  );
}
