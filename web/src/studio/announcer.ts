import { element } from "../page/element";
import { TEXTS } from "../texts";
import { progressOf, type Run } from "./run";

/** Tells screen readers how a run goes: at its start, at every quarter, at its good end. */
export class Announcer {
  readonly element = element("p", { className: "unseen", attributes: { role: "status", "aria-live": "polite" } });
  #said = "";

  hear(run: Run): void {
    const words = wordsFor(run);
    if (words === this.#said) return;
    this.#said = words;
    this.element.textContent = words;
  }
}

function wordsFor(run: Run): string {
  switch (run.phase) {
    case "done":
      return TEXTS.announceDone(run.pictures.length);
    case "cancelled":
      return TEXTS.announceCancelled;
    case "failed":
      // The error's own card speaks.
      return "";
    default: {
      const quarter = Math.floor((progressOf(run)?.fraction ?? 0) * 4) * 25;
      return quarter === 0 ? TEXTS.announceRunning : TEXTS.announceStep(quarter);
    }
  }
}
