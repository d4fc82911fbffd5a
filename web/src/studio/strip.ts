import { element } from "../page/element";
import type { Picture } from "../protocol/pictures";
import { TEXTS } from "../texts";

interface Kept {
  readonly picture: Picture;
  readonly source: string;
  readonly item: HTMLLIElement;
  readonly button: HTMLButtonElement;
}

/** Every picture made since the page was opened, newest first, each with the script that made it. */
export class Strip {
  readonly element: HTMLElement;
  readonly #list = element("ol", { className: "strip" });
  readonly #onChoose: (picture: Picture, source: string) => void;
  readonly #kept = new Map<string, Kept>();

  constructor(onChoose: (picture: Picture, source: string) => void) {
    this.#onChoose = onChoose;
    this.element = element(
      "section",
      { className: "card history", hidden: true, attributes: { "aria-label": TEXTS.strip } },
      element("h2", {}, TEXTS.strip),
      this.#list,
    );
  }

  /** Takes pictures of a run in; one that is there already is renewed. */
  add(pictures: readonly Picture[], source: string): void {
    for (const picture of pictures) {
      const there = this.#kept.get(picture.asset);
      if (there?.picture === picture) continue;
      const button = there?.button ?? element("button", { type: "button" }, element("img", { alt: "" }));
      const item = there?.item ?? element("li", {}, button);
      const number = there === undefined ? this.#kept.size + 1 : [...this.#kept.keys()].indexOf(picture.asset) + 1;
      const image = button.querySelector("img");
      if (image !== null && image.getAttribute("src") !== picture.url) image.src = picture.url;
      button.setAttribute("aria-label", TEXTS.stripItem(number, picture.seed));
      button.onclick = () => {
        this.mark([picture]);
        this.#onChoose(picture, source);
      };
      if (there === undefined) this.#list.prepend(item);
      this.#kept.set(picture.asset, { picture, source, item, button });
    }
    this.element.hidden = this.#kept.size === 0;
  }

  /** Says which pictures are on the stage. */
  mark(pictures: readonly Picture[]): void {
    const shown = new Set(pictures.map(({ asset }) => asset));
    for (const [asset, { button }] of this.#kept) button.setAttribute("aria-current", String(shown.has(asset)));
  }
}
