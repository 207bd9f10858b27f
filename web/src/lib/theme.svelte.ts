export type Theme = "system" | "light" | "dark";

const KEY = "carillon.theme";

class ThemeStore {
  chosen = $state<Theme>("system");
  #system = typeof window === "undefined" ? null : window.matchMedia("(prefers-color-scheme: dark)");
  #systemDark = $state(false);

  constructor() {
    if (!this.#system) return;
    this.#systemDark = this.#system.matches;
    this.#system.addEventListener("change", (event) => (this.#systemDark = event.matches));
    const stored = read();
    if (stored === "light" || stored === "dark") this.chosen = stored;
  }

  /** Whether the page is dark now: charts draw on canvas and have to know. */
  get dark(): boolean {
    return this.chosen === "system" ? this.#systemDark : this.chosen === "dark";
  }

  choose(theme: Theme): void {
    this.chosen = theme;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      if (theme === "system") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // No storage: it holds for this page.
    }
  }
}

function read(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export const theme = new ThemeStore();
