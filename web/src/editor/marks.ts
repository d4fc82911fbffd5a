import { linter, type Diagnostic as Mark } from "@codemirror/lint";
import { type Extension, StateEffect, StateField, type Text } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView } from "@codemirror/view";
import type { Diagnostic, Place } from "../protocol/fault";

const CHECK_DELAY_MS = 350;

/** Checks a script; gives nothing while that cannot be done. */
export type Check = (source: string) => Promise<readonly Diagnostic[]>;

/** Has the script checked once more: what can check it is there now. */
export const checkAgain = StateEffect.define<null>();

/** Underlines what `check` finds a moment after the last keystroke. */
export function scriptChecks(check: Check): Extension {
  return linter(async ({ state }) => (await check(state.doc.toString())).map((found) => markOf(state.doc, found)), {
    delay: CHECK_DELAY_MS,
    needsRefresh: ({ transactions }) => transactions.some(({ effects }) => effects.some((one) => one.is(checkAgain))),
  });
}

function markOf(doc: Text, { place, severity, message, hint }: Diagnostic): Mark {
  const { from, to } = place === undefined ? { from: 0, to: 0 } : rangeOf(doc, place);
  return { from, to, severity, message: hint === undefined ? message : `${message} (${hint})` };
}

/** Where a place lies in the document as it is now; places outside it are drawn to its ends. */
export function rangeOf(doc: Text, place: Place): { readonly from: number; readonly to: number } {
  const from = offsetOf(doc, place.line, place.column);
  const to = offsetOf(doc, place.endLine, place.endColumn);
  return { from, to: Math.max(from, to) };
}

function offsetOf(doc: Text, line: number, column: number): number {
  if (line < 1) return 0;
  if (line > doc.lines) return doc.length;
  const { from, text } = doc.line(line);
  // Columns count code points, the document counts UTF-16 units.
  const units = [...text].slice(0, Math.max(0, column - 1)).join("").length;
  return from + units;
}

/** Marks the place where a run stopped, or takes the mark away. */
export const markFault = StateEffect.define<Place | undefined>();

const faultLine = Decoration.line({ class: "cm-fault-line" });
const faultPlace = Decoration.mark({ class: "cm-fault-place" });

/** The mark of the last run's error; any edit takes it away, for it may no longer be true. */
export const faultMark = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    for (const effect of transaction.effects) {
      if (!effect.is(markFault)) continue;
      if (effect.value === undefined) return Decoration.none;
      const { doc } = transaction.state;
      const { from, to } = rangeOf(doc, effect.value);
      const line = faultLine.range(doc.lineAt(from).from);
      return Decoration.set(to > from ? [line, faultPlace.range(from, to)] : [line], true);
    }
    return transaction.docChanged ? Decoration.none : marks;
  },
  provide: (field) => EditorView.decorations.from(field),
});
