// What no page may do: complain, ask anybody but our server, ask the person by a dialog of the browser's own.
import type { BrowserContext, Page } from "@playwright/test";

/** Complaints of every page of a context, from now on. */
export class Watch {
  readonly complaints: string[] = [];
  readonly #origin: string;
  /** Answers that a spec brings about on purpose: 401 before anybody is signed in, always. */
  readonly #expected = new Set([401]);
  #away = false;

  constructor(context: BrowserContext, server: string) {
    this.#origin = new URL(server).origin;
    for (const page of context.pages()) this.#listen(page);
    context.on("page", (page) => this.#listen(page));
    // A page's own requests and those of its workers and sockets.
    context.on("request", (request) => this.#asked(request.url()));
    context.on("response", (response) => {
      if (response.status() >= 400 && !this.#expected.has(response.status()))
        this.complaints.push(`${response.status()} for ${response.request().method()} ${response.url()}`);
    });
  }

  /** From now on these answers of the server are no complaint. */
  expect(...statuses: number[]): void {
    statuses.forEach((status) => this.#expected.add(status));
  }

  /** Whether the server is expected to be away: requests that fail are no complaint then. */
  expectAway(away: boolean): void {
    this.#away = away;
  }

  #asked(url: string): void {
    const { origin, protocol } = new URL(url);
    if (["data:", "blob:", "about:"].includes(protocol)) return;
    if (origin.replace(/^ws/, "http") !== this.#origin) this.complaints.push(`a request to ${url}`);
  }

  #listen(page: Page): void {
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("websocket", (socket) => this.#asked(socket.url()));
    page.on("dialog", (dialog) => {
      // The browser asks whether what was typed may be lost: that is what a form with changes is for.
      if (dialog.type() === "beforeunload") return void dialog.accept();
      this.complaints.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("console", (message) => {
      const text = message.text();
      // Answers of 400 and more are judged by their number above.
      if (/Failed to load resource: the server responded/.test(text)) return;
      if (this.#away && /net::ERR|WebSocket connection/.test(text)) return;
      // A violation of the content security policy is an error of the console, too.
      if (message.type() === "error") this.complaints.push(text);
    });
  }
}
