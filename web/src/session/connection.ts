import { Store } from "../page/store";
import { type NotificationHandler, RpcClient } from "../protocol/client";
import { Fault } from "../protocol/fault";
import { isObject, type Json, type JsonObject } from "../protocol/json";
import { retryDelay } from "./backoff";
import type { TokenKeeper } from "./token";

export type ConnectionState =
  | { readonly kind: "connecting" }
  | { readonly kind: "open" }
  /** Lost or never there; another attempt follows at `retryAt` (epoch milliseconds). */
  | { readonly kind: "waiting"; readonly retryAt: number }
  /** The server wants a token: there was none, or the one there was is wrong. */
  | { readonly kind: "locked"; readonly refused: boolean };

/** What the connection needs of its surroundings. */
export interface Surroundings {
  openSocket(): WebSocket;
  now(): number;
  random(): number;
  after(ms: number, then: () => void): () => void;
}

/** The page's surroundings: a socket to the server that served the page. */
export function pageSurroundings(location: Location): Surroundings {
  const address = new URL("/rpc", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  address.hash = "";
  return {
    openSocket: () => new WebSocket(address),
    now: () => Date.now(),
    random: () => Math.random(),
    after: (ms, then) => {
      const timer = setTimeout(then, ms);
      return () => clearTimeout(timer);
    },
  };
}

/** An authenticated line to the server that comes back by itself when it breaks. */
export class Connection {
  readonly state = new Store<ConnectionState>({ kind: "connecting" });
  readonly #surroundings: Surroundings;
  readonly #tokens: TokenKeeper;
  readonly #listeners = new Set<NotificationHandler>();
  #client: RpcClient | undefined;
  #attempt = 0;
  #cancelRetry: (() => void) | undefined;

  constructor(surroundings: Surroundings, tokens: TokenKeeper) {
    this.#surroundings = surroundings;
    this.#tokens = tokens;
  }

  /** Calls a method of the server; rejects with a `Fault`, kind `connection_lost` while there is no connection. */
  call(method: string, params: JsonObject = {}): Promise<Json> {
    if (this.#client === undefined || this.state.value.kind !== "open") {
      return Promise.reject(new Fault("connection_lost", "There is no connection to the server just now."));
    }
    return this.#client.call(method, params);
  }

  /** Hears every notification, on this socket and those that follow it. */
  listen(listener: NotificationHandler): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Connects now, dropping the socket there is and any wait for another attempt. */
  connect(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    const former = this.#client;
    this.#client = undefined;
    former?.close();
    this.state.set({ kind: "connecting" });

    const socket = this.#surroundings.openSocket();
    const client = new RpcClient(socket, (method, params) => {
      for (const listener of [...this.#listeners]) listener(method, params);
    });
    this.#client = client;
    socket.onopen = () => void this.#enter(client);
    socket.onmessage = (event) => {
      if (typeof event.data === "string") client.receive(event.data);
    };
    socket.onclose = () => {
      client.closed();
      if (this.#client === client) this.#lost();
    };
  }

  async #enter(client: RpcClient): Promise<void> {
    const token = this.#tokens.token;
    try {
      // Without a token this is a guest's connection, if the server takes guests: any method tells.
      if (token === undefined) await client.call("get_capability_metadata");
      else this.#keep(await client.call("auth", { token }));
    } catch (error) {
      if (this.#client !== client) return;
      if (error instanceof Fault && error.kind === "unauthenticated") this.#lock(client, token !== undefined);
      else client.close();
      return;
    }
    if (this.#client !== client) return;
    this.#attempt = 0;
    this.state.set({ kind: "open" });
  }

  /** Whoever comes by a share link is answered a token of their own, and is the same guest the next time. */
  #keep(answer: Json): void {
    const token = isObject(answer) ? answer["token"] : undefined;
    if (typeof token === "string") this.#tokens.keep(token);
  }

  #lock(client: RpcClient, refused: boolean): void {
    this.#tokens.forget();
    this.#client = undefined;
    client.close();
    this.state.set({ kind: "locked", refused });
  }

  #lost(): void {
    this.#client = undefined;
    const delay = retryDelay(this.#attempt++, this.#surroundings.random);
    this.state.set({ kind: "waiting", retryAt: this.#surroundings.now() + delay });
    this.#cancelRetry = this.#surroundings.after(delay, () => this.connect());
  }
}
