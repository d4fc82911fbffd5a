const KEY = "mintaka.token";

/**
 * Where the access token lives: it comes in the fragment of the open link (never sent to a server, never logged), is
 * taken out of the address bar at once, and stays with this tab until it is closed or refused.
 */
export class TokenKeeper {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  get token(): string | undefined {
    return this.#storage.getItem(KEY) ?? undefined;
  }

  keep(token: string): void {
    this.#storage.setItem(KEY, token);
  }

  forget(): void {
    this.#storage.removeItem(KEY);
  }

  /** Takes the token out of the address, if it has one; says whether it did. */
  takeFrom(location: Location, history: History): boolean {
    const fragment = new URLSearchParams(location.hash.slice(1));
    const token = fragment.get("token");
    if (token === null) return false;
    fragment.delete("token");
    const rest = fragment.toString();
    history.replaceState(history.state, "", location.pathname + location.search + (rest && `#${rest}`));
    if (token !== "") this.keep(token);
    return token !== "";
  }
}

/** The token in what a person pasted: the whole open link, its fragment, or the bare token. */
export function tokenIn(pasted: string): string | undefined {
  const text = pasted.trim();
  const inLink = /[#&]token=([^&\s]+)/.exec(text) ?? /^token=([^&\s]+)/.exec(text);
  const token = inLink?.[1] === undefined ? text : decodeURIComponent(inLink[1]);
  return token !== "" && !/\s/.test(token) ? token : undefined;
}
