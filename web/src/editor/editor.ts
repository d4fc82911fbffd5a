import { closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit } from "@codemirror/language";
import { lintKeymap } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import type { Place } from "../protocol/fault";
import { scriptCompletion, type Vocabulary } from "./completion";
import { type Check, checkAgain, faultMark, markFault, rangeOf, scriptChecks } from "./marks";
import { scriptSyntax } from "./syntax";
import { editorTheme } from "./theme";
import { typingOverSelection } from "./typing";

/** What the editor asks of the page around it. */
export interface EditorNeeds {
  readonly source: string;
  readonly label: string;
  readonly check: Check;
  readonly vocabulary: () => Vocabulary;
  readonly onChange: (source: string) => void;
}

/**
 * The text editor of a script.
 *
 * It lives in a shadow root: there CodeMirror adopts its style sheets as objects instead of writing `<style>` elements,
 * which the page's content security policy would refuse.
 */
export class ScriptEditor {
  readonly element: HTMLElement;
  readonly #view: EditorView;

  constructor(needs: EditorNeeds) {
    this.element = document.createElement("div");
    this.element.className = "editor";
    const root = this.element.attachShadow({ mode: "open", delegatesFocus: true });
    this.#view = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: needs.source,
        extensions: [
          lineNumbers(),
          history(),
          drawSelection(),
          indentOnInput(),
          indentUnit.of("  "),
          bracketMatching(),
          closeBrackets(),
          typingOverSelection,
          highlightActiveLine(),
          EditorView.lineWrapping,
          scriptSyntax(),
          scriptCompletion(needs.vocabulary),
          scriptChecks(needs.check),
          faultMark,
          editorTheme,
          // Tab is left alone: it moves the focus on, as everywhere on the page.
          keymap.of([...closeBracketsKeymap, ...completionKeymap, ...lintKeymap, ...historyKeymap, ...defaultKeymap]),
          EditorView.contentAttributes.of({ "aria-label": needs.label, autocapitalize: "off", autocorrect: "off" }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) needs.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
  }

  get source(): string {
    return this.#view.state.doc.toString();
  }

  /** Puts another script into the editor; undo brings the former one back. */
  replace(source: string): void {
    this.#view.dispatch({
      changes: { from: 0, to: this.#view.state.doc.length, insert: source },
      selection: { anchor: 0 },
      scrollIntoView: true,
    });
  }

  checkAgain(): void {
    this.#view.dispatch({ effects: checkAgain.of(null) });
  }

  /** Marks where a run stopped, or takes the mark away. */
  markFault(place: Place | undefined): void {
    this.#view.dispatch({ effects: markFault.of(place) });
  }

  /** Moves the cursor to a place and the focus into the editor. */
  goTo(place: Place): void {
    this.#view.dispatch({ selection: { anchor: rangeOf(this.#view.state.doc, place).from }, scrollIntoView: true });
    this.#view.focus();
  }

  focus(): void {
    this.#view.focus();
  }
}
