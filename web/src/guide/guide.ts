import { iconButton } from "../page/button";
import { element } from "../page/element";
import { ICONS } from "../page/icons";
import { Fault } from "../protocol/fault";
import { TEXTS } from "../texts";
import type { Model } from "./catalogue";

export interface GuideNeeds {
  readonly models: () => Promise<readonly Model[]>;
  readonly onPrompt: (prompt: string) => void;
}

/** "What can the model draw?": the words the models know, with prompts to try. */
export class Guide {
  readonly element: HTMLDialogElement;
  readonly #needs: GuideNeeds;
  readonly #body = element("div", { className: "guide-body" });

  constructor(needs: GuideNeeds) {
    this.#needs = needs;
    const close = iconButton(ICONS.close, TEXTS.close, () => this.element.close(), "quiet only-icon");
    this.element = element(
      "dialog",
      { className: "guide", attributes: { "aria-labelledby": "guide-title" } },
      element("header", {}, element("h2", { id: "guide-title" }, TEXTS.guideTitle), close),
      element("p", { className: "soft" }, TEXTS.guideText),
      this.#body,
    );
    // A click beside the panel closes it.
    this.element.onclick = (event) => {
      if (event.target === this.element) this.element.close();
    };
  }

  async open(): Promise<void> {
    this.#body.replaceChildren(element("p", { className: "soft" }, TEXTS.guideLoading));
    this.element.showModal();
    try {
      const models = await this.#needs.models();
      if (models.length === 0) this.#body.replaceChildren(element("p", {}, TEXTS.guideNone));
      else this.#body.replaceChildren(...models.map((model) => this.#describe(model)));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#body.replaceChildren(element("p", { className: "problem" }, TEXTS.guideFailed(error.message)));
    }
  }

  #describe(model: Model): HTMLElement {
    const { title, description, size, steps, draws, examples } = model;
    const article = element("article", {}, element("h3", {}, title), element("p", {}, description));
    if (size !== undefined && steps !== undefined) {
      article.append(element("p", { className: "soft" }, TEXTS.guideFacts(...size, steps)));
    }
    if (examples.length > 0) {
      const tries = examples.map((prompt) => {
        const button = element("button", { type: "button", className: "chip" }, prompt);
        button.onclick = () => {
          this.element.close();
          this.#needs.onPrompt(prompt);
        };
        return element("li", {}, button);
      });
      article.append(element("h4", {}, TEXTS.guideExamples), element("ul", { className: "tries" }, ...tries));
    }
    for (const [subject, words] of Object.entries(draws)) {
      article.append(
        element("h4", {}, TEXTS.guideWords[subject] ?? subject),
        element("ul", { className: "words" }, ...words.map((word) => element("li", {}, word))),
      );
    }
    return article;
  }
}
