import type { Vocabulary } from "../editor/completion";
import { ScriptEditor } from "../editor/editor";
import type { Check } from "../editor/marks";
import { iconButton } from "../page/button";
import { element, icon } from "../page/element";
import { ICONS } from "../page/icons";
import { TEXTS } from "../texts";
import { Announcer } from "./announcer";
import { EXAMPLES, type Example } from "./examples";
import { FaultCard } from "./faultcard";
import { isActive, type Run } from "./run";
import type { Runner } from "./runner";
import { Stage } from "./stage";
import { Strip } from "./strip";

export interface StudioNeeds {
  readonly runner: Runner;
  readonly draft: string | undefined;
  readonly onDraft: (source: string) => void;
  readonly check: Check;
  readonly vocabulary: () => Vocabulary;
  readonly mac: boolean;
}

/** The first view: a script, its examples, its run and what came of it. */
export class Studio {
  readonly element: HTMLElement;
  readonly #runner: Runner;
  readonly #editor: ScriptEditor;
  readonly #stage: Stage;
  readonly #strip: Strip;
  readonly #fault: FaultCard;
  readonly #announcer = new Announcer();
  readonly #run: HTMLButtonElement;
  readonly #cancel: HTMLButtonElement;
  readonly #log = element("pre", { className: "log-lines", tabIndex: 0, attributes: { "aria-label": TEXTS.log } });
  readonly #logCard = element(
    "section",
    { className: "card log", hidden: true },
    element("h2", {}, TEXTS.log),
    this.#log,
  );

  constructor(needs: StudioNeeds) {
    this.#runner = needs.runner;
    this.#editor = new ScriptEditor({
      source: needs.draft ?? EXAMPLES[0].source,
      label: TEXTS.editor,
      check: needs.check,
      vocabulary: needs.vocabulary,
      onChange: needs.onDraft,
    });
    this.#stage = new Stage({ onReuse: (source) => this.open(source) });
    this.#strip = new Strip((picture, source) => this.#stage.showPictures([picture], source));
    this.#fault = new FaultCard((place) => this.#editor.goTo(place));
    this.#run = element(
      "button",
      { type: "button", className: "primary", onclick: () => this.#start() },
      icon(ICONS.run),
      element("span", {}, TEXTS.run),
      element("kbd", {}, TEXTS.shortcut(needs.mac)),
    );
    this.#cancel = iconButton(ICONS.stop, TEXTS.cancel, () => void this.#runner.cancel(), "stop");
    this.#cancel.hidden = true;

    this.element = element(
      "main",
      { className: "studio" },
      element(
        "div",
        { className: "column" },
        element(
          "section",
          { className: "card script", attributes: { "aria-label": TEXTS.script } },
          this.#exampleList(),
          this.#editor.element,
          element("div", { className: "script-foot" }, this.#run, this.#cancel),
        ),
        this.#fault.element,
        this.#logCard,
      ),
      element("div", { className: "column" }, this.#stage.element, this.#strip.element),
      this.#announcer.element,
    );
    // Before the editor sees it, where the same keys would open a line.
    this.element.addEventListener("keydown", (event) => this.#onKey(event), { capture: true });
    this.#runner.run.watch((run) => {
      if (run !== undefined) this.#show(run);
    });
  }

  /** Puts a script into the editor and the cursor with it. */
  open(source: string): void {
    this.#editor.replace(source);
    this.#editor.focus();
  }

  /** The server is there, perhaps again: what can be known of the script is asked anew. */
  refresh(): void {
    this.#editor.checkAgain();
  }

  #onKey(event: KeyboardEvent): void {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    event.stopPropagation();
    this.#start();
  }

  #start(): void {
    if (isActive(this.#runner.run.value)) return;
    this.#editor.markFault(undefined);
    void this.#runner.start(this.#editor.source);
    // On a narrow page the result stands below the script.
    if (this.#stage.element.getBoundingClientRect().top > window.innerHeight * 0.7) {
      this.#stage.element.scrollIntoView({ block: "start" });
    }
  }

  #show(run: Run): void {
    const active = isActive(run);
    const hadFocus = this.#run.matches(":focus") || this.#cancel.matches(":focus");
    this.#run.hidden = active;
    this.#cancel.hidden = !active;
    // Not `disabled`: that would lose the focus.
    this.#cancel.setAttribute("aria-disabled", String(run.phase !== "running"));
    // The buttons take turns; whoever pressed one from the keyboard stays in place.
    if (hadFocus) (active ? this.#cancel : this.#run).focus();

    this.#stage.show(run);
    this.#strip.add(run.made, run.source);
    this.#strip.mark(active ? [] : run.pictures);
    this.#fault.show(run.fault, run.source);
    if (run.fault?.place !== undefined && this.#editor.source === run.source) this.#editor.markFault(run.fault.place);
    this.#logCard.hidden = run.log.length === 0;
    this.#log.textContent = run.log.join("\n");
    this.#announcer.hear(run);
  }

  #exampleList(): HTMLElement {
    const choice = ({ title, source }: Example) => {
      const button = element("button", { type: "button", className: "chip" }, title);
      button.onclick = () => this.open(source);
      return element("li", {}, button);
    };
    const groups = (["picture", "language"] as const).flatMap((group) => {
      const label = TEXTS.exampleGroups[group];
      const choices = EXAMPLES.filter((example) => example.group === group).map(choice);
      return [
        element("span", { attributes: { "aria-hidden": "true" } }, label),
        element("ul", { attributes: { "aria-label": label } }, ...choices),
      ];
    });
    return element("nav", { className: "examples", attributes: { "aria-label": TEXTS.examples } }, ...groups);
  }
}
