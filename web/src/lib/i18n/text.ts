/** The server's messages begin with a small letter and end without a stop: as a sentence for people. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === "") return trimmed;
  const first = trimmed.charAt(0).toLocaleUpperCase() + trimmed.slice(1);
  return /[.!?:…]$/.test(first) ? first : `${first}.`;
}

/**
 * The server's texts name commands of its command line, which nobody types into a browser: without them.
 * `compare with ari.conf, then: carillon pbx set --help` is `compare with ari.conf` here, where the form is beside it.
 */
export function forScreen(text: string): string {
  return text
    .replace(/[:,]?\s*`carillon [^`]*`( begins one)?/g, "")
    .replace(/\s*\(carillon [^)]*\)/g, "")
    .replace(/[:,]?\s*(then:?\s*)?\bcarillon [a-z-]+( .*)?$/g, "")
    .trim();
}

/** What turns the direction of what stands beside it: letters written from right to left, and the marks that order text. */
const TURNS = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * Somebody's text as it goes into a sentence of ours: whatever is in it, the sentence around it keeps its order.
 * The marks are only put where they are needed; a mark that closes ours too early is taken out.
 */
export function iso(text: string): string {
  return TURNS.test(text) ? `\u2068${text.replace(/[\u2066-\u2069]/g, "")}\u2069` : text;
}
