// Sessions. A session is a signed cookie; the Worker stores nothing. The key derives from
// the password, so a new password ends every session.

/** An editor, until a time in milliseconds since 1970 UTC. */
export interface Session {
  name: string;
  expires: number;
  /** The cookie's value. */
  token: string;
}

/** A working day. */
const sessionLasts = 8 * 3_600_000;

/** From the login form to its answer. */
const loginLasts = 3_600_000;

const encoder = new TextEncoder();

/** Signs and checks sessions. */
export class Sessions {
  readonly #password: string;
  readonly #key: Promise<CryptoKey>;

  constructor(password: string) {
    this.#password = password;
    this.#key = crypto.subtle.importKey(
      "raw",
      encoder.encode(`publisher session ${password}`),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["sign", "verify"],
    );
  }

  /** Compares in a time that does not depend on the password. */
  async isPassword(given: string): Promise<boolean> {
    const [ours, theirs] = await Promise.all(
      [this.#password, given].map((text) => crypto.subtle.digest("SHA-256", encoder.encode(text))),
    );
    return crypto.subtle.timingSafeEqual(ours!, theirs!);
  }

  /** A new session of an editor. */
  start(name: string): Promise<Session> {
    return this.#issue("editor", name, sessionLasts);
  }

  /** The session of a cookie's value, or null if it was changed or has expired. */
  open(token: string | undefined): Promise<Session | null> {
    return this.#open("editor", token);
  }

  /** A session that binds the login form to the browser that got it. */
  startLogin(): Promise<Session> {
    return this.#issue("login", "", loginLasts);
  }

  /** Like open, for sessions of startLogin. */
  openLogin(token: string | undefined): Promise<Session | null> {
    return this.#open("login", token);
  }

  /** The token that a form of this session must contain. Other sites cannot know it. */
  async formToken(session: Session): Promise<string> {
    return base64url(await this.#sign(`form ${session.token}`));
  }

  /** Whether the token of a form belongs to this session. */
  async isFormToken(session: Session, given: string): Promise<boolean> {
    return crypto.subtle.verify("HMAC", await this.#key, bytesOf(given), encoder.encode(`form ${session.token}`));
  }

  async #issue(kind: string, name: string, lasts: number): Promise<Session> {
    const expires = Date.now() + lasts;
    const payload = base64url(encoder.encode(JSON.stringify({ kind, name, expires, id: crypto.randomUUID() })));
    return { name, expires, token: `${payload}.${base64url(await this.#sign(`session ${payload}`))}` };
  }

  async #open(wanted: string, token: string | undefined): Promise<Session | null> {
    const [payload, signature, ...more] = (token ?? "").split(".");
    if (!token || !payload || !signature || more.length > 0) return null;
    if (
      !(await crypto.subtle.verify("HMAC", await this.#key, bytesOf(signature), encoder.encode(`session ${payload}`)))
    )
      return null;
    const { kind, name, expires } = JSON.parse(new TextDecoder().decode(bytesOf(payload))) as {
      kind: string;
      name: string;
      expires: number;
    };
    return kind === wanted && Date.now() < expires ? { name, expires, token } : null;
  }

  async #sign(text: string): Promise<Uint8Array> {
    return new Uint8Array(await crypto.subtle.sign("HMAC", await this.#key, encoder.encode(text)));
  }
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");
}

/** Decodes a text. An invalid text gives no bytes, which is no valid signature. */
function bytesOf(text: string): Uint8Array {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return new Uint8Array();
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0));
}
