import { TEXTS } from "../texts";

/** A button's short answer to being pressed: its label turns into "Copied" for a moment. */
const SHOWN_MS = 1600;

/** Puts `text` on the clipboard and says so on the button that asked. */
export async function copyFrom(button: HTMLButtonElement, text: string): Promise<void> {
  const label = button.querySelector("span");
  let said: string = TEXTS.copied;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    said = TEXTS.notCopied;
  }
  if (label === null || button.dataset["busy"] !== undefined) return;
  const before = label.textContent;
  button.dataset["busy"] = "";
  label.textContent = said;
  setTimeout(() => {
    label.textContent = before;
    delete button.dataset["busy"];
  }, SHOWN_MS);
}
