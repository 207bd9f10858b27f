import { tick, type Component } from "svelte";
import { routes, type Route } from "./routes";

/** A page gets what stands in its path: `/campaigns/:id` gives `{ id }`. */
export interface PageProps {
  params: Record<string, string>;
}

/** One that shows the same whatever stands in its path need not take it. */
export type Page = Component<PageProps> | Component<Record<string, never>>;

/** Asked before a page is left; false stays. */
type Guard = () => boolean | Promise<boolean>;

interface Match {
  route: Route;
  params: Record<string, string>;
}

/** The route of a path, and what its `:names` stand for; null: there is no such page. */
export function match(path: string, table: readonly Route[] = routes): Match | null {
  const parts = path.split("/").filter(Boolean);
  for (const route of table) {
    const wanted = route.path.split("/").filter(Boolean);
    if (wanted.length !== parts.length) continue;
    const params: Record<string, string> = {};
    const fits = wanted.every((want, index) => {
      const part = parts[index] ?? "";
      if (!want.startsWith(":")) return want === part;
      // Ids are numbers everywhere; a path with anything else is no page of ours.
      if (want === ":id" && !/^\d{1,18}$/.test(part)) return false;
      try {
        params[want.slice(1)] = decodeURIComponent(part);
      } catch {
        return false;
      }
      return true;
    });
    if (fits) return { route, params };
  }
  return null;
}

/** Where the app is: path routes, plain `<a href>` links, the query as state. */
class Router {
  path = $state("/");
  query = $state.raw(new URLSearchParams());
  matched = $derived(match(this.path));
  #guard: Guard | null = null;
  #depth = 0;

  start(): () => void {
    this.#read();
    history.scrollRestoration = "manual";
    const onPop = () => void this.#popped();
    const onClick = (event: MouseEvent) => this.#clicked(event);
    window.addEventListener("popstate", onPop);
    document.addEventListener("click", onClick);
    return () => {
      window.removeEventListener("popstate", onPop);
      document.removeEventListener("click", onClick);
    };
  }

  /** Opens a path of the app; `replace` leaves no step back. */
  async go(to: string, options: { replace?: boolean } = {}): Promise<void> {
    const url = new URL(to, location.origin);
    if (url.pathname !== this.path && !(await this.#mayLeave())) return;
    const samePage = url.pathname === this.path;
    if (options.replace) history.replaceState(history.state, "", url);
    else {
      history.replaceState({ depth: this.#depth, top: window.scrollY }, "");
      this.#depth += 1;
      history.pushState({ depth: this.#depth, top: 0 }, "", url);
    }
    this.#read();
    if (!samePage) await this.#arrive(0);
  }

  /** Changes some of the query, for filters: null or "" takes a name out. Leaves no step back. */
  setQuery(changes: Record<string, string | number | null | undefined>): void {
    const query = new URLSearchParams(this.query);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === undefined || value === "") query.delete(name);
      else query.set(name, String(value));
    }
    const text = query.toString();
    history.replaceState(history.state, "", text === "" ? this.path : `${this.path}?${text}`);
    this.query = query;
  }

  /** Asks `guard` before the present page is left, until the returned function is called. */
  guard(guard: Guard): () => void {
    this.#guard = guard;
    return () => {
      if (this.#guard === guard) this.#guard = null;
    };
  }

  async #mayLeave(): Promise<boolean> {
    if (!this.#guard) return true;
    const leave = await this.#guard();
    if (leave) this.#guard = null;
    return leave;
  }

  async #popped(): Promise<void> {
    const state = history.state as { depth?: number; top?: number } | null;
    const depth = state?.depth ?? 0;
    if (location.pathname !== this.path && this.#guard && !(await this.#mayLeave())) {
      // The browser has moved already: put the address back.
      const query = this.query.toString();
      history.pushState({ depth: this.#depth, top: 0 }, "", query === "" ? this.path : `${this.path}?${query}`);
      return;
    }
    this.#depth = depth;
    const samePage = location.pathname === this.path;
    this.#read();
    if (!samePage) await this.#arrive(state?.top ?? 0);
  }

  #read(): void {
    this.path = location.pathname.replace(/\/+$/, "") || "/";
    this.query = new URLSearchParams(location.search);
  }

  async #arrive(top: number): Promise<void> {
    await tick();
    window.scrollTo(0, top);
    // A reader of the screen starts at the new page, not at the link that is gone.
    document.getElementById("main")?.focus({ preventScroll: true });
  }

  #clicked(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const anchor = event.target instanceof Element ? event.target.closest("a") : null;
    if (!anchor?.href || anchor.target || anchor.hasAttribute("download")) return;
    const url = new URL(anchor.href);
    if (url.origin !== location.origin || url.pathname.startsWith("/api/")) return;
    if (url.pathname === location.pathname && url.hash) return;
    event.preventDefault();
    void this.go(url.pathname + url.search);
  }
}

export const router = new Router();
