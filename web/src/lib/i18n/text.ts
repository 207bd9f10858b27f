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
