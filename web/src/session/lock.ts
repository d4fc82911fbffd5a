import { element } from "../page/element";
import { TEXTS } from "../texts";
import { tokenIn } from "./token";

/** Asks for the token when the server wants one. */
export class Lock {
  readonly element: HTMLElement;
  readonly #input = element("input", {
    type: "password",
    id: "token",
    autocomplete: "off",
    spellcheck: false,
    attributes: { "aria-describedby": "token-problem" },
  });
  readonly #problem = element("p", { id: "token-problem", className: "problem", attributes: { role: "alert" } });

  constructor(onToken: (token: string) => void) {
    const form = element(
      "form",
      {},
      element("h2", {}, TEXTS.unlockTitle),
      element("p", {}, TEXTS.unlockText),
      element("label", { htmlFor: "token" }, TEXTS.unlockLabel),
      element(
        "div",
        { className: "field" },
        this.#input,
        element("button", { type: "submit", className: "primary" }, TEXTS.unlockButton),
      ),
      this.#problem,
    );
    form.onsubmit = (event) => {
      event.preventDefault();
      const token = tokenIn(this.#input.value);
      this.#problem.textContent = token === undefined ? TEXTS.unlockEmpty : "";
      if (token !== undefined) onToken(token);
    };
    this.element = element("section", { className: "lock", hidden: true }, element("div", { className: "card" }, form));
  }

  show(refused: boolean): void {
    this.element.hidden = false;
    this.#problem.textContent = refused ? TEXTS.unlockRefused : "";
    this.#input.value = "";
    this.#input.focus();
  }

  hide(): void {
    this.element.hidden = true;
  }
}
