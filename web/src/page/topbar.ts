import { TEXTS } from "../texts";
import { type Child, element } from "./element";

/** The name of the place, and on the right whatever the page puts there. */
export function topbar(...children: Child[]): HTMLElement {
  const mark = element("img", { src: new URL("./mark.svg", import.meta.url).href, alt: "", width: 28, height: 28 });
  return element(
    "header",
    { className: "topbar" },
    element("h1", {}, mark, TEXTS.title),
    element("p", { className: "tagline" }, TEXTS.tagline),
    element("div", { className: "topbar-side" }, ...children),
  );
}
