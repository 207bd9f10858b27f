import { match, router } from "../../router.svelte";

/** Where a page leads back to. */
export interface Back {
  label: string;
  href: string;
}

/**
 * The page that sent somebody here with `?then=/path`; null: nobody did. To be asked while the page's component is made.
 * Only paths of the app count: nobody is led elsewhere by a link.
 */
export function backAsked(): Back | null {
  const then = router.query.get("then");
  if (!then || !then.startsWith("/") || then.startsWith("//")) return null;
  const found = match(new URL(then, "http://app").pathname);
  return found ? { label: found.route.title(), href: then } : null;
}

/** Where an editor returns to: the page that sent somebody here, else `usual`. */
export function backTo(usual: Back): Back {
  return backAsked() ?? usual;
}

/** `href` that comes back to the page `then`. */
export function andBack(href: string, then: string): string {
  return `${href}${href.includes("?") ? "&" : "?"}then=${encodeURIComponent(then)}`;
}
