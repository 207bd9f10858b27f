import { api, onSignedOut, take, type Schema } from "$lib/api/client";
import { ApiError, asApiError } from "$lib/api/errors";

export type Role = Schema["TokenScope"];
export type Session = Schema["Session"];

const RANK: Record<Role, number> = { read: 0, operate: 1, admin: 2 };

/** `unknown`: not asked yet. `lost`: was signed in, the page stays under the sign-in so that nothing typed is lost. */
type State = "unknown" | "unreachable" | "setup" | "out" | "lost" | "in";

class SessionStore {
  state = $state<State>("unknown");
  session = $state.raw<Session | null>(null);
  /** What the server tells anybody who is not signed in. */
  info = $state.raw<Schema["SignInPage"] | null>(null);
  error = $state.raw<ApiError | null>(null);

  constructor() {
    onSignedOut(() => {
      if (this.state !== "in") return;
      this.state = "lost";
      void this.#signedOut("lost");
    });
  }

  /** Asks the server who is signed in. */
  async load(): Promise<void> {
    try {
      this.session = await take(api.GET("/api/session"));
      this.state = "in";
    } catch (thrown) {
      const error = asApiError(thrown);
      if (error.status === 401) await this.#signedOut("out");
      else {
        this.error = error;
        this.state = "unreachable";
      }
    }
  }

  async signIn(login: string, password: string): Promise<void> {
    const before = this.session?.user.id;
    const session = await take(api.POST("/api/session", { body: { login, password } }));
    // Another person's page does not stay under this one's session.
    if (before !== undefined && before !== session.user.id) {
      location.assign("/");
      return;
    }
    this.session = session;
    this.state = "in";
  }

  async setUp(token: string, login: string, name: string, password: string): Promise<void> {
    this.session = await take(api.POST("/api/setup", { body: { token, login, name, password } }));
    this.state = "in";
  }

  /** Every other session of the user ends by it. */
  async changePassword(current: string, next: string): Promise<void> {
    this.session = await take(api.POST("/api/session/password", { body: { current, new: next } }));
  }

  async signOut(): Promise<void> {
    await take(api.DELETE("/api/session"));
    this.session = null;
    location.assign("/");
  }

  /** Whether the person may do what needs `role`. The server asks again; this only hides what would be refused. */
  may(role: Role): boolean {
    return this.session !== null && RANK[this.session.role] >= RANK[role];
  }

  /** Whether the person sees everything: some pages list what has no key, and are refused to all others. */
  get allKeys(): boolean {
    return this.session?.all_keys ?? false;
  }

  async #signedOut(state: "out" | "lost"): Promise<void> {
    try {
      this.info = await take(api.GET("/api/sign-in"));
      this.state = this.info.setup_needed ? "setup" : state;
    } catch (thrown) {
      this.error = asApiError(thrown);
      if (state === "out") this.state = "unreachable";
    }
  }
}

export const session = new SessionStore();
