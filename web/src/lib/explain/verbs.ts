import { m } from "$lib/paraglide/messages";
import type { Schema } from "$lib/api/client";

const words: Record<Schema["Verb"], () => string> = {
  NONE: m.verb_none,
  HTTP_GET: m.verb_http_get,
  HTTP_POST: m.verb_http_post,
  ADD_LIST: m.verb_add_list,
  ADD_BLACKLIST: m.verb_add_blacklist,
  EMAIL: m.verb_email,
  RESCHEDULE: m.verb_reschedule,
};

/** The verbs of outcome rules to choose from. */
export const VERBS = Object.keys(words) as Schema["Verb"][];

/** What an outcome rule does; a word that is not known stays as it is. */
export function verbText(verb: string | null): string {
  return words[verb as Schema["Verb"]]?.() ?? verb ?? "–";
}
