import type { Schema } from "$lib/api/client";

/** One attribute while it is edited. */
export interface Row {
  name: string;
  value: string;
}

/** Attributes that rules read. */
export const MEANT = { zone: "ZONE", consent: "CONSENT_AT", person: "PERSON" } as const;

/** Further numbers that a contact may have. */
export const FURTHER_MAX = 20;

/** One further number while it is edited. */
export interface FurtherRow {
  /** That of the attribute `MULTINUMn` that it was, or became when it was added. */
  place: number;
  value: string;
}

/** The place of a further number; null: the attribute is another one. */
export function placeOf(name: string): number | null {
  const place = Number(/^MULTINUM([1-9]\d?)$/.exec(name)?.[1] ?? 0);
  return place >= 1 && place <= FURTHER_MAX ? place : null;
}

/** The attributes but the further numbers. */
export function rowsOf(contact: Schema["Contact"]): Row[] {
  return Object.entries(contact.attributes)
    .filter(([name]) => placeOf(name) === null)
    .map(([name, value]) => ({ name, value }));
}

/** The further numbers in the order in which they are called. */
export function furtherOf(contact: Schema["Contact"]): FurtherRow[] {
  return Object.entries(contact.attributes)
    .flatMap(([name, value]) => (placeOf(name) === null ? [] : [{ place: placeOf(name) ?? 0, value }]))
    .sort((one, other) => one.place - other.place);
}

/** The place of a number that is added: behind the others as long as there is room. */
export function nextPlace(rows: readonly FurtherRow[]): number {
  const taken = new Set(rows.map((row) => row.place));
  const last = Math.max(0, ...taken);
  if (last < FURTHER_MAX) return last + 1;
  for (let place = 1; place <= FURTHER_MAX; place += 1) if (!taken.has(place)) return place;
  return FURTHER_MAX;
}

/** As attributes: in the order of the rows, at the places that these have. Empty ones are left out. */
export function furtherRows(rows: readonly FurtherRow[]): Row[] {
  const places = rows.map((row) => row.place).sort((one, other) => one - other);
  return rows.flatMap((row, index) => (row.value.trim() === "" ? [] : [{ name: `MULTINUM${places[index] ?? row.place}`, value: row.value.trim() }]));
}

/** What is known of a further number as it is written here; null: nothing, it is new. */
export function stateOf(contact: Schema["Contact"] | null, value: string): Schema["FurtherNumber"] | null {
  return contact?.further_numbers.find((one) => contact.attributes[`MULTINUM${one.no}`] === value.trim()) ?? null;
}

/** As the API takes them; rows without a name are left out. */
export function attributesOf(rows: readonly Row[]): Record<string, string> {
  return Object.fromEntries(rows.filter((row) => row.name.trim() !== "").map((row) => [row.name.trim(), row.value]));
}

/** Names that are given more than once. */
export function twice(rows: readonly Row[]): ReadonlySet<string> {
  const names = rows.map((row) => row.name.trim()).filter(Boolean);
  return new Set(names.filter((name, index) => names.indexOf(name) !== index));
}

/** What is to be sent: only what is not as it was, so that what somebody else corrected meanwhile stays. Rows without a name are left out. */
export function patchOf(was: Schema["Contact"], number: string, rows: readonly Row[]): Schema["ContactPatch"] {
  const attributes: Record<string, string | null> = {};
  const now = new Map(Object.entries(attributesOf(rows)));
  for (const [name, value] of now) if (was.attributes[name] !== value) attributes[name] = value;
  for (const name of Object.keys(was.attributes)) if (!now.has(name)) attributes[name] = null;
  return { ...(number.trim() === was.as_given ? {} : { number: number.trim() }), attributes };
}

export function changesNothing(patch: Schema["ContactPatch"]): boolean {
  return patch.number === undefined && Object.keys(patch.attributes ?? {}).length === 0;
}

/** What puts a contact back as it was, of what `patch` changed and nothing else. */
export function inverse(was: Schema["Contact"], patch: Schema["ContactPatch"]): Schema["ContactPatch"] {
  const attributes = Object.fromEntries(Object.keys(patch.attributes ?? {}).map((name) => [name, was.attributes[name] ?? null]));
  return { ...(patch.number === undefined ? {} : { number: was.as_given }), attributes };
}
