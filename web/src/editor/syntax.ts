import { HighlightStyle, StreamLanguage, type StringStream, syntaxHighlighting } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { tags } from "@lezer/highlight";

/** Words that shape a program rather than compute a value; they are set apart in colour. */
const FORMS = new Set(
  "let set if for while break continue return lambda define params try throw quote seq and or not with-timeout".split(
    " ",
  ),
);

const ATOM_END = /[\s,()[\]{}"';]/;

interface Bracket {
  readonly open: string;
  readonly column: number;
}

interface State {
  readonly brackets: Bracket[];
  inString: boolean;
  /** The next word is the head of a call. */
  atHead: boolean;
}

function token(stream: StringStream, state: State): string | null {
  if (state.inString) return string(stream, state);
  if (stream.eatWhile(/[\s,]/)) return null;
  const next = stream.next();
  switch (next) {
    case ";":
      stream.skipToEnd();
      return "comment";
    case '"':
      state.atHead = false;
      state.inString = true;
      return string(stream, state);
    case "(":
    case "[":
    case "{":
      state.brackets.push({ open: next, column: stream.column() });
      state.atHead = next === "(";
      return "bracket";
    case ")":
    case "]":
    case "}":
      state.brackets.pop();
      state.atHead = false;
      return "bracket";
    case "'":
      return "meta";
    case "#":
      return stream.eat("_") ? "meta" : "invalid";
    default:
      stream.eatWhile((character: string) => !ATOM_END.test(character));
      return word(stream.current(), state);
  }
}

function string(stream: StringStream, state: State): string {
  for (let next = stream.next(); next !== undefined; next = stream.next()) {
    if (next === "\\") stream.next();
    else if (next === '"') {
      state.inString = false;
      break;
    }
  }
  return "string";
}

function word(text: string, state: State): string {
  const head = state.atHead;
  state.atHead = false;
  if (text.startsWith(":")) return "propertyName";
  if (/^[-+]?\d/.test(text)) return "number";
  if (text === "true" || text === "false" || text === "null") return "atom";
  if (!head) return "variableName";
  return FORMS.has(text.replace(/^std\./, "")) ? "keyword" : "function";
}

const language = StreamLanguage.define<State>({
  name: "mintaka",
  startState: () => ({ brackets: [], inString: false, atHead: false }),
  copyState: (state) => ({ ...state, brackets: [...state.brackets] }),
  token,
  /** Arguments stand two columns into their call; items of lists and objects stand under the first one. */
  indent(state, textAfter) {
    const inner = state.brackets.at(-1);
    if (inner === undefined) return 0;
    if (/^\s*[)\]}]/.test(textAfter)) return inner.column;
    return inner.column + (inner.open === "(" ? 2 : 1);
  },
  languageData: {
    commentTokens: { line: ";" },
    closeBrackets: { brackets: ["(", "[", "{", '"'] },
    wordChars: "-._",
    indentOnInput: /^\s*[)\]}]$/,
  },
  tokenTable: { function: tags.function(tags.variableName) },
});

const colours = HighlightStyle.define([
  { tag: tags.comment, color: "var(--code-comment)", fontStyle: "italic" },
  { tag: tags.string, color: "var(--code-string)" },
  { tag: tags.number, color: "var(--code-number)" },
  { tag: tags.atom, color: "var(--code-number)" },
  { tag: tags.keyword, color: "var(--code-form)", fontWeight: "600" },
  { tag: tags.function(tags.variableName), color: "var(--code-call)" },
  { tag: tags.propertyName, color: "var(--code-key)" },
  { tag: tags.bracket, color: "var(--code-bracket)" },
  { tag: tags.meta, color: "var(--code-key)" },
]);

/** The text form of a script: colours and indentation. */
export function scriptSyntax(): Extension {
  return [language, syntaxHighlighting(colours)];
}
