import type { Schema } from "$lib/api/client";

/** At most so many are added by hand; larger lists are imported. */
export const BY_HAND_MAX = 10_000;

/** Contacts that were typed, one a line, and which line each came from (1-based). */
export interface Typed {
  contacts: Schema["ContactInput"][];
  lines: number[];
}

/** `+34 600 123 456, NAME=Ana, CITY=Madrid`: the number, then attributes. */
export function parseContacts(text: string): Typed {
  const typed: Typed = { contacts: [], lines: [] };
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === "") return;
    const [number = "", ...rest] = line.split(/[,;\t]/);
    const attributes: Record<string, string> = {};
    for (const part of rest) {
      if (part.trim() === "") continue;
      const at = part.search(/[=:]/);
      // What is no NAME=value is sent as it is: the server says what is wrong with the name.
      if (at < 0) attributes[part.trim()] = "";
      else attributes[part.slice(0, at).trim()] = part.slice(at + 1).trim();
    }
    typed.contacts.push({ number: number.trim(), attributes });
    typed.lines.push(index + 1);
  });
  return typed;
}
