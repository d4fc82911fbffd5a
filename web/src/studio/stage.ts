import { iconButton, labelled } from "../page/button";
import { copyFrom } from "../page/clipboard";
import { type Child, element } from "../page/element";
import { ICONS } from "../page/icons";
import type { Picture } from "../protocol/pictures";
import { TEXTS } from "../texts";
import { isActive, progressOf, type Run } from "./run";
import { describe } from "./value";

export interface StageNeeds {
  readonly onReuse: (source: string) => void;
}

/** Where the result appears: progress and previews while it is made, then pictures with their facts, or a value. */
export class Stage {
  readonly element: HTMLElement;
  readonly #needs: StageNeeds;
  readonly #canvas = element("div", { className: "stage-canvas" });
  readonly #progress = element("div", { className: "stage-progress", hidden: true });
  readonly #bar = element("progress", { max: 1, attributes: { "aria-label": TEXTS.progress } });
  readonly #step = element("span", { className: "stage-step" });
  readonly #eta = element("span", { className: "stage-eta" });
  readonly #facts = element("div", { className: "stage-facts" });
  #shown: string | undefined;

  constructor(needs: StageNeeds) {
    this.#needs = needs;
    this.#progress.append(this.#bar, element("div", { className: "stage-words" }, this.#step, this.#eta));
    this.element = element(
      "section",
      { className: "card stage", attributes: { "aria-label": TEXTS.stage } },
      this.#canvas,
      this.#progress,
      this.#facts,
    );
    this.#say(TEXTS.emptyTitle, TEXTS.emptyText);
  }

  /** Shows a run as it is now. */
  show(run: Run): void {
    const active = isActive(run);
    this.element.dataset["phase"] = run.phase;
    this.#canvas.setAttribute("aria-busy", String(active));
    this.#showProgress(run, active);
    if (active) this.#showWork(run);
    else if (run.pictures.length > 0) this.showPictures(run.pictures, run.source);
    else if (run.phase === "done") this.#showValue(run);
    else this.#say(run.phase === "cancelled" ? TEXTS.cancelled : TEXTS.failedStage);
  }

  /** Shows finished pictures and the facts of the first. */
  showPictures(pictures: readonly Picture[], source: string): void {
    this.#shown = undefined;
    const first = pictures[0];
    if (first === undefined) return;
    const [only] = pictures.length === 1 ? pictures : [];
    if (only !== undefined) {
      this.#fill("one", pictureImage(only));
      this.#showFacts(only, source);
      return;
    }
    const tiles = pictures.map((picture) => {
      const tile = element("button", { type: "button", className: "tile" }, pictureImage(picture));
      tile.onclick = () => choose(picture, tile);
      return tile;
    });
    const choose = (picture: Picture, chosen: HTMLElement) => {
      for (const tile of tiles) tile.setAttribute("aria-pressed", String(tile === chosen));
      this.#showFacts(picture, source);
    };
    this.#fill("several", ...tiles);
    if (tiles[0] !== undefined) choose(first, tiles[0]);
  }

  #showProgress(run: Run, active: boolean): void {
    this.#progress.hidden = !active;
    if (!active) return;
    const progress = progressOf(run);
    if (progress === undefined) {
      this.#bar.removeAttribute("value");
      this.#step.textContent = run.phase === "sending" ? TEXTS.sending : TEXTS.starting;
      this.#eta.textContent = "";
    } else {
      this.#bar.value = progress.fraction;
      this.#step.textContent = whereabouts(run, TEXTS.step(progress.step, progress.steps));
      this.#eta.textContent = progress.etaMs === undefined ? "" : TEXTS.eta(Math.round(progress.etaMs / 1000));
    }
    if (run.phase === "cancelling") this.#step.textContent = TEXTS.cancelling;
  }

  #showWork({ made, emerging }: Run): void {
    this.#facts.replaceChildren();
    const calls = emerging.length > 0 ? emerging.map(({ call }) => call) : [""];
    // The tiles stay while only previews change: nothing flickers.
    const key = [...made.map(({ asset }) => asset), ...calls].join(" ");
    if (this.#shown !== key) {
      this.#shown = key;
      const several = made.length + calls.length > 1;
      const finished = made.map((picture) => element("div", { className: "tile" }, pictureImage(picture)));
      const coming = calls.map(() => element("div", { className: several ? "tile emerging" : "emerging" }));
      this.#fill(several ? "several" : "one", ...finished, ...coming);
    }
    const tiles = this.#canvas.querySelectorAll(".emerging");
    for (const [index, { preview }] of emerging.entries()) {
      const tile = tiles[index];
      if (preview === undefined || tile === undefined) continue;
      const image = tile.querySelector("img") ?? element("img", { alt: TEXTS.preview, className: "preview" });
      image.src = preview;
      if (!image.isConnected) tile.append(image);
    }
  }

  #showValue({ result }: Run): void {
    if (result === undefined || result === null) this.#say(TEXTS.nothing);
    else this.#fill("value", element("h2", {}, TEXTS.value), element("pre", { tabIndex: 0 }, describe(result)));
  }

  #showFacts(picture: Picture, source: string): void {
    const { width, height, seed, notes, url } = picture;
    const name = `mintaka-${seed ?? "picture"}-${picture.asset.slice(0, 8)}.png`;
    const download = element(
      "a",
      { className: "button quiet", href: url, download: name },
      ...labelled(ICONS.download, TEXTS.download),
    );
    this.#facts.replaceChildren(
      element(
        "dl",
        {},
        ...fact(TEXTS.size, TEXTS.sizeValue(width, height)),
        ...(seed === undefined ? [] : fact(TEXTS.seed, String(seed))),
      ),
      element(
        "div",
        { className: "actions" },
        download,
        iconButton(ICONS.copy, TEXTS.copyScript, (button) => void copyFrom(button, source)),
        iconButton(ICONS.reuse, TEXTS.reuseScript, () => this.#needs.onReuse(source)),
      ),
      notes.length > 0
        ? element(
            "ul",
            { className: "notes", attributes: { "aria-label": TEXTS.notes } },
            ...notes.map((note) => element("li", {}, note)),
          )
        : "",
    );
  }

  #say(title: string, text?: string): void {
    this.#facts.replaceChildren();
    this.#fill(
      "word",
      element("p", { className: "say" }, title),
      text === undefined ? undefined : element("p", {}, text),
    );
  }

  #fill(kind: "one" | "several" | "value" | "word", ...children: Child[]): void {
    if (kind === "word" || kind === "value") this.#shown = undefined;
    this.#canvas.dataset["kind"] = kind;
    this.#canvas.replaceChildren(...children.filter((child) => child !== undefined));
  }
}

/** Which picture is at which step, where there is more than one. */
function whereabouts({ made, emerging }: Run, step: string): string {
  if (emerging.length > 1) return `${TEXTS.picturesAtOnce(emerging.length)} · ${step}`;
  return made.length > 0 ? `${TEXTS.pictureNumber(made.length + 1)} · ${step}` : step;
}

function pictureImage({ url, width, height, seed }: Picture): HTMLImageElement {
  return element("img", { src: url, width, height, alt: TEXTS.picture(width, height, seed), className: "picture" });
}

function fact(name: string, value: string): HTMLElement[] {
  return [element("div", {}, element("dt", {}, name), element("dd", {}, value))];
}
