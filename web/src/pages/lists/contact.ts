import type { Schema } from "$lib/api/client";

/** One attribute while it is edited. */
export interface Row {
  name: string;
  value: string;
}

/** Attributes that rules read. */
export const MEANT = { zone: "ZONE", consent: "CONSENT_AT", person: "PERSON" } as const;

export function rowsOf(contact: Schema["Contact"]): Row[] {
  return Object.entries(contact.attributes).map(([name, value]) => ({ name, value }));
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
