import { Fault, readFault } from "./fault";
import { isObject, type Json, type JsonObject, objectOf } from "./json";

/** What the client needs of a WebSocket: text frames out; frames and the end come in through the two handlers. */
export interface Channel {
  send(frame: string): void;
  close(): void;
}

export type NotificationHandler = (method: string, params: JsonObject) => void;

interface Pending {
  resolve(value: Json): void;
  reject(fault: Fault): void;
}

/** JSON-RPC 2.0 over one channel: answers find their call by id, everything else is a notification. */
export class RpcClient {
  readonly #channel: Channel;
  readonly #onNotification: NotificationHandler;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #closed = false;

  constructor(channel: Channel, onNotification: NotificationHandler) {
    this.#channel = channel;
    this.#onNotification = onNotification;
  }

  /** Calls a method; rejects with the server's `Fault`, or with kind `connection_lost` when the channel ends first. */
  call(method: string, params: JsonObject = {}): Promise<Json> {
    if (this.#closed) return Promise.reject(connectionLost());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#channel.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  /** Takes a frame that came in. What is no message of the protocol is dropped: there is nobody to answer. */
  receive(frame: string): void {
    const message = parse(frame);
    if (Array.isArray(message)) for (const item of message) this.#take(item);
    else this.#take(message);
  }

  /** The channel has ended: every call still open fails. */
  closed(): void {
    this.#closed = true;
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const call of waiting) call.reject(connectionLost());
  }

  close(): void {
    this.#channel.close();
    this.closed();
  }

  #take(message: Json | undefined): void {
    if (!isObject(message)) return;
    const { id, method, params, result, error } = message;
    if (typeof id === "number") {
      const call = this.#pending.get(id);
      if (call === undefined) return;
      this.#pending.delete(id);
      if (error !== undefined && error !== null) call.reject(readFault(error));
      else call.resolve(result ?? null);
    } else if (typeof method === "string") {
      this.#onNotification(method, objectOf(params));
    }
  }
}

function parse(frame: string): Json | undefined {
  try {
    return JSON.parse(frame) as Json;
  } catch {
    return undefined;
  }
}

function connectionLost(): Fault {
  return new Fault("connection_lost", "The connection to the server was lost before it answered.");
}
