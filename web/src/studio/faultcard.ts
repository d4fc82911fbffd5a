import { element } from "../page/element";
import type { Fault, Place } from "../protocol/fault";
import { TEXTS } from "../texts";

/** What went wrong, with the line it happened in, a caret beneath it, and what to do. */
export class FaultCard {
  readonly element = element("section", { className: "card fault", hidden: true, attributes: { role: "alert" } });
  readonly #onGo: (place: Place) => void;

  constructor(onGo: (place: Place) => void) {
    this.#onGo = onGo;
  }

  show(fault: Fault | undefined, source: string): void {
    this.element.hidden = fault === undefined;
    if (fault === undefined) {
      this.element.replaceChildren();
      return;
    }
    const { place, hint, message, kind } = fault;
    const parts: HTMLElement[] = [
      element("p", { className: "fault-message" }, message, element("code", { className: "fault-kind" }, kind)),
    ];
    if (place !== undefined) {
      const line = source.split("\n")[place.line - 1] ?? "";
      const go = element("button", { type: "button", className: "link" }, TEXTS.goThere);
      go.onclick = () => this.#onGo(place);
      parts.push(
        element("pre", { className: "fault-line" }, line, "\n", element("b", {}, caret(line, place))),
        element("p", { className: "fault-where" }, TEXTS.faultWhere(place.line, place.column), " · ", go),
      );
    }
    if (hint !== undefined && !message.includes(hint)) {
      parts.splice(place === undefined ? 1 : 2, 0, element("p", { className: "fault-hint" }, hint));
    }
    this.element.replaceChildren(...parts);
  }
}

/** `^^^` beneath the place; one caret at least, and none beyond the line. */
export function caret(line: string, place: Place): string {
  const length = [...line].length;
  const end = place.endLine > place.line ? length + 1 : place.endColumn;
  const width = Math.max(1, Math.min(end, length + 1) - place.column);
  return " ".repeat(Math.max(0, place.column - 1)) + "^".repeat(width);
}
