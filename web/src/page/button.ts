import { type Child, element, icon } from "./element";

/** An icon and a word: the inside of a button or a link. */
export function labelled(path: string, label: string): Child[] {
  return [icon(path), element("span", {}, label)];
}

/** A button with an icon and a word. */
export function iconButton(
  path: string,
  label: string,
  onclick: (button: HTMLButtonElement) => void,
  className = "quiet",
): HTMLButtonElement {
  const button = element("button", { type: "button", className }, ...labelled(path, label));
  button.onclick = () => onclick(button);
  return button;
}
