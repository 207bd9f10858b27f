/** One clock for everything that shows how long ago something was: ticks once a second while it is looked at. */
class Clock {
  /** Milliseconds since 1970, by the browser's clock. */
  now = $state(Date.now());

  constructor() {
    if (typeof window === "undefined") return;
    setInterval(() => {
      if (!document.hidden) this.now = Date.now();
    }, 1000);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.now = Date.now();
    });
  }
}

export const clockNow = new Clock();
