import { onSignedOut, raw } from "$lib/api/client";
import { ApiError, asApiError } from "$lib/api/errors";

export type Role = "read" | "operate" | "admin";

/** Who is signed in, and until when. */
export interface Session {
  user: { id: number; login: string; name: string; email: string | null };
  role: Role;
  keys: string[];
  all_keys: boolean;
  signed_in_at: string;
  idle_until: string;
  ends_at: string;
}

/** What the server tells anybody who is not signed in. */
export interface SignInInfo {
  setup_needed: boolean;
  product: string;
  version: string;
  cookie: { possible: boolean; why: string | null };
}

const TOKEN_SESSION: Session = {
  user: { id: 0, login: "token", name: "", email: null },
  role: "admin",
  keys: [],
  all_keys: true,
  signed_in_at: "",
  idle_until: "",
  ends_at: "",
};

const RANK: Record<Role, number> = { read: 0, operate: 1, admin: 2 };

/** `unknown`: not asked yet. `lost`: was signed in, the page stays under the sign-in so that nothing typed is lost. */
type State = "unknown" | "unreachable" | "setup" | "out" | "lost" | "in";

class SessionStore {
  state = $state<State>("unknown");
  session = $state.raw<Session | null>(null);
  info = $state.raw<SignInInfo | null>(null);
  error = $state.raw<ApiError | null>(null);

  constructor() {
    onSignedOut(() => {
      if (this.state === "in") void this.#lost();
    });
  }

  /** Asks the server who is signed in. */
  async load(): Promise<void> {
    try {
      this.session = await raw<Session>("GET", "/api/session");
      this.state = "in";
    } catch (thrown) {
      const error = asApiError(thrown);
      // A server from before sessions, behind a proxy that adds a token: the token's rights hold.
      if (error.status === 404) {
        this.session = TOKEN_SESSION;
        this.state = "in";
      } else if (error.status === 401) await this.#signedOut("out");
      else {
        this.error = error;
        this.state = "unreachable";
      }
    }
  }

  async signIn(login: string, password: string): Promise<void> {
    const before = this.session?.user.id;
    const session = await raw<Session>("POST", "/api/session", { login, password });
    // Another person's page does not stay under this one's session.
    if (before !== undefined && before !== session.user.id) {
      location.assign("/");
      return;
    }
    this.session = session;
    this.state = "in";
  }

  async setUp(token: string, login: string, name: string, password: string): Promise<void> {
    this.session = await raw<Session>("POST", "/api/setup", { token, login, name, password });
    this.state = "in";
  }

  async signOut(): Promise<void> {
    await raw<null>("DELETE", "/api/session");
    this.session = null;
    location.assign("/");
  }

  /** Whether the person may do what needs `role`. The server asks again; this only hides what would be refused. */
  may(role: Role): boolean {
    return this.session !== null && RANK[this.session.role] >= RANK[role];
  }

  async #lost(): Promise<void> {
    this.state = "lost";
    await this.#signedOut("lost");
  }

  async #signedOut(state: "out" | "lost"): Promise<void> {
    try {
      this.info = await raw<SignInInfo>("GET", "/api/sign-in");
      this.state = this.info.setup_needed ? "setup" : state;
    } catch (thrown) {
      this.error = asApiError(thrown);
      if (state === "out") this.state = "unreachable";
    }
  }
}

export const session = new SessionStore();
