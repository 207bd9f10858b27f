/** What is wrong with a dial string that everybody gets wrong once; the server says the rest. */
export type DialStringTrouble = "no_num" | "local" | null;

export const NUM = "${num}";

export function troubleOf(dialString: string): DialStringTrouble {
  const text = dialString.trim();
  if (text === "") return null;
  if (!text.includes(NUM)) return "no_num";
  if (/^local\//i.test(text) && !endsInN(text)) return "local";
  return null;
}

/** With `/n` behind it, or with an `n` among the options that it has. */
export function withN(dialString: string): string {
  const text = dialString.trim();
  const [channel, options] = localParts(text);
  return options === null ? `${channel}/n` : `${channel}/${options}n`;
}

/** What a number is dialled as. */
export function dialled(dialString: string, number: string): string {
  return dialString.trim().replaceAll(NUM, number);
}

function endsInN(text: string): boolean {
  return localParts(text)[1]?.includes("n") ?? false;
}

/** `Local/x@context` and its options: `["Local/x@context", "n"]`. */
function localParts(text: string): [string, string | null] {
  const at = text.indexOf("/", "Local/".length);
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
}
