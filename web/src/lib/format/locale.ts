import { getLocale } from "$lib/paraglide/runtime";

/** How numbers and dates are written: as the browser's region has it, in the language of the app (`en` in `en-GB`). */
export function formatLocale(): string {
  const language = getLocale();
  const wanted = typeof navigator === "undefined" ? [] : (navigator.languages ?? []);
  return wanted.find((each) => each === language || each.startsWith(`${language}-`)) ?? language;
}
