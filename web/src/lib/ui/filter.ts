/** Whether every word of `search` is somewhere in one of `texts`, whatever its case and accents. */
export function matches(search: string, ...texts: (string | number | null | undefined)[]): boolean {
  const words = plain(search).split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const all = plain(texts.filter((text) => text !== null && text !== undefined).join(" "));
  return words.every((word) => all.includes(word));
}

function plain(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
