import type { Schema } from "$lib/api/client";

export type Live = Schema["Live"];

/** What changed of a collection: those that are new or different, and those that are gone. */
interface Changes<T> {
  set?: T[];
  gone?: number[];
}

/** What the stream says, as JSON. */
export type StreamMessage =
  | { type: "snapshot"; seq: number; live: Live }
  | ({ type: "delta"; seq: number; after: number; at: string } & Partial<Pick<Live, "dialling" | "hold" | "storage" | "totals">> & {
        runs?: Changes<Schema["LiveRun"]>;
        calls?: Changes<Schema["LiveCall"]>;
        trunks?: Changes<Schema["LiveTrunk"]>;
        pbxs?: Changes<Schema["LivePbx"]>;
        end_points?: Changes<Schema["LiveEndPoint"]>;
      })
  | { type: "beat"; at: string };

type Delta = Extract<StreamMessage, { type: "delta" }>;

/** What is live after a delta; what did not change is the same object as before. */
export function applyDelta(live: Live, delta: Delta): Live {
  return {
    at: delta.at,
    dialling: delta.dialling ?? live.dialling,
    // `null` says that the hold was lifted; absent, that it is as it was.
    hold: delta.hold === undefined ? live.hold : delta.hold,
    storage: delta.storage === undefined ? live.storage : delta.storage,
    totals: delta.totals ?? live.totals,
    runs: changed(live.runs, delta.runs, (run) => run.id, (a, b) => a.priority - b.priority || a.id - b.id),
    calls: changed(live.calls, delta.calls, (call) => call.attempt, (a, b) => a.attempt - b.attempt),
    trunks: changed(live.trunks, delta.trunks, (trunk) => trunk.id, (a, b) => a.id - b.id),
    pbxs: changed(live.pbxs, delta.pbxs, (pbx) => pbx.id, (a, b) => a.id - b.id),
    end_points: changed(live.end_points, delta.end_points, (point) => point.id, (a, b) => a.id - b.id),
  };
}

function changed<T>(items: T[], changes: Changes<T> | undefined, key: (item: T) => number, order: (a: T, b: T) => number): T[] {
  if (!changes || (!changes.set?.length && !changes.gone?.length)) return items;
  const all = new Map(items.map((item) => [key(item), item]));
  for (const id of changes.gone ?? []) all.delete(id);
  for (const item of changes.set ?? []) all.set(key(item), item);
  return [...all.values()].sort(order);
}
