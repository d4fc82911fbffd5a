import { element } from "../page/element";
import { TEXTS } from "../texts";
import type { Connection, ConnectionState } from "./connection";

const TICK_MS = 500;

/** The state of the connection in a few words, with a way to try again at once. */
export class Status {
  readonly element: HTMLElement;
  readonly #words = element("span", { attributes: { role: "status" } });
  readonly #again = element("button", { type: "button", className: "link", hidden: true }, TEXTS.tryNow);
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(connection: Connection) {
    this.element = element(
      "div",
      { className: "status" },
      element("i", { className: "dot" }),
      this.#words,
      this.#again,
    );
    this.#again.onclick = () => connection.connect();
    connection.state.watch((state) => this.#show(state));
  }

  #show(state: ConnectionState): void {
    clearInterval(this.#timer);
    this.element.dataset["state"] = state.kind;
    this.#again.hidden = state.kind !== "waiting";
    switch (state.kind) {
      case "connecting":
        this.#words.textContent = TEXTS.connecting;
        break;
      case "open":
        this.#words.textContent = TEXTS.connected;
        break;
      case "locked":
        this.#words.textContent = TEXTS.locked;
        break;
      case "waiting": {
        const count = () => {
          const seconds = Math.ceil((state.retryAt - Date.now()) / 1000);
          this.#words.textContent = seconds > 0 ? TEXTS.lost(seconds) : TEXTS.lostNow;
        };
        count();
        this.#timer = setInterval(count, TICK_MS);
      }
    }
  }
}
