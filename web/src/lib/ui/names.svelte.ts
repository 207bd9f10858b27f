import { api, take } from "$lib/api/client";
import { everything } from "./paged.svelte";
import { toasts } from "./toasts.svelte";
import type { Pick } from "./PickField.svelte";

/** Things to choose from, hidden ones left out by the server. Asked anew for every page: another person may have made one. */
export class Choices {
  items = $state.raw<Pick<number>[]>([]);
  loaded = $state(false);

  constructor(ask: () => Promise<Pick<number>[]>) {
    ask().then(
      (items) => {
        this.items = items;
        this.loaded = true;
      },
      (thrown: unknown) => toasts.error(thrown),
    );
  }
}

const LIMIT = 1000;

export const choicesOf = {
  campaigns: () =>
    new Choices(async () => {
      const all = await everything((after, signal) =>
        take(api.GET("/api/campaigns", { params: { query: { after, limit: LIMIT, hidden: true } }, signal })),
      );
      return all.map(({ id, name }) => ({ value: id, label: name }));
    }),
  lists: () =>
    new Choices(async () => {
      const all = await everything((after, signal) =>
        take(api.GET("/api/lists", { params: { query: { after, limit: LIMIT, hidden: true } }, signal })),
      );
      return all.map(({ id, name, contacts }) => ({ value: id, label: name, more: contacts.toLocaleString() }));
    }),
  trunks: () =>
    new Choices(async () => {
      const all = await everything((after, signal) =>
        take(api.GET("/api/trunks", { params: { query: { after, limit: LIMIT } }, signal })),
      );
      return all.map(({ id, name, hidden }) => ({ value: id, label: name, hidden }));
    }),
  endPoints: () =>
    new Choices(async () => {
      const all = await everything((after, signal) =>
        take(api.GET("/api/end-points", { params: { query: { after, limit: LIMIT } }, signal })),
      );
      return all.map(({ id, name, hidden }) => ({ value: id, label: name, hidden }));
    }),
  openingHours: () =>
    new Choices(async () => {
      const all = await everything((after, signal) =>
        take(api.GET("/api/opening-hours", { params: { query: { after, limit: LIMIT } }, signal })),
      );
      return all.map(({ id, name, comment, hidden }) => ({ value: id, label: name, more: comment || undefined, hidden }));
    }),
};
