import {
  autocompletion,
  type Completion,
  type CompletionContext,
  type CompletionResult,
} from "@codemirror/autocomplete";
import type { Extension } from "@codemirror/state";
import type { CapabilityType, Op, Parameter } from "../protocol/vocabulary";

/** What the server says can be written. */
export interface Vocabulary {
  readonly ops: readonly Op[];
  readonly capabilities: readonly CapabilityType[];
}

const NAME = "[\\p{L}_][\\p{L}\\p{N}_-]*";
const BINDING = new RegExp(`\\((?:let|define|for|set|params)\\s+\\(?(${NAME})|\\(lambda\\s+\\[([^\\]]*)\\]`, "gu");
const HOLDING = new RegExp(`\\(let\\s+(${NAME})\\s+\\(get[-_]capability\\s+"([^"]*)"`, "gu");

/** What could stand at the end of `before`, the script up to the cursor; `from` is where the unfinished word begins. */
export function completionsAt(
  before: string,
  script: string,
  vocabulary: Vocabulary,
): { readonly from: number; readonly options: Completion[] } | undefined {
  const place = placeAtEnd(before);
  if (place.kind === "comment") return undefined;
  if (place.kind === "string") {
    if (!/\((get|has)[-_]capability\s+$/.test(before.slice(0, place.from - 1))) return undefined;
    const options = vocabulary.capabilities.map(({ type, label }) => ({ label: type, detail: label, type: "class" }));
    return { from: place.from, options };
  }
  const unfinished = /[^\s()[\]{}"';]*$/.exec(before)?.[0] ?? "";
  const from = before.length - unfinished.length;
  if (unfinished.startsWith(":")) return { from, options: keysFor(place.head, script, vocabulary) };
  const dot = unfinished.lastIndexOf(".");
  if (dot > 0) {
    const methods = methodsOf(unfinished.slice(0, dot), script, vocabulary);
    if (methods.length > 0) return { from: from + dot + 1, options: methods.map(completionOf) };
  }
  const names = boundNames(script).map((label) => ({ label, type: "variable", boost: 1 }));
  const heads =
    before[from - 1] === "(" ? vocabulary.ops.map((op) => completionOf({ ...op, name: shortName(op.name) })) : [];
  return { from, options: [...names, ...heads] };
}

/** The name people write: without the `std.` prefix, with hyphens. */
export function shortName(op: string): string {
  return op.replace(/^std\./, "").replaceAll("_", "-");
}

function completionOf(op: Op): Completion {
  const detail = op.parameters.map(({ name, optional }) => (optional ? `${name}?` : name)).join(" ");
  return { label: op.name, detail, info: op.description, type: "function" };
}

function keysFor(head: string | undefined, script: string, vocabulary: Vocabulary): Completion[] {
  const dot = head?.lastIndexOf(".") ?? -1;
  const methods =
    head === undefined || dot <= 0
      ? []
      : methodsOf(head.slice(0, dot), script, vocabulary).filter(({ name }) => name === head.slice(dot + 1));
  return methods
    .flatMap(({ parameters }) => parameters)
    .flatMap(({ fields }) => fields)
    .map(({ name, type, description }: Parameter) => ({
      label: `:${name}`,
      detail: type,
      info: description,
      type: "property",
    }));
}

/** The methods a variable offers: those of the capability it holds, so far as the script's text shows. */
function methodsOf(variable: string, script: string, vocabulary: Vocabulary): readonly Op[] {
  for (const [, name, type] of script.matchAll(HOLDING)) {
    if (name === variable) return vocabulary.capabilities.find((capability) => capability.type === type)?.methods ?? [];
  }
  return [];
}

function boundNames(script: string): string[] {
  const names = [...script.matchAll(BINDING)].flatMap(([, one, several]) =>
    one === undefined ? (several ?? "").split(/\s+/) : [one],
  );
  return [...new Set(names)].filter((name) => name !== "");
}

type Place =
  | { readonly kind: "comment" }
  | { readonly kind: "string"; readonly from: number }
  | { readonly kind: "code"; readonly head: string | undefined };

/** Where the end of `before` stands: in a comment, in a string, or in code, with the head of the innermost open call. */
function placeAtEnd(before: string): Place {
  const calls: number[] = [];
  let at = 0;
  while (at < before.length) {
    const character = before[at++];
    if (character === ";") {
      const end = before.indexOf("\n", at);
      if (end < 0) return { kind: "comment" };
      at = end;
    } else if (character === '"') {
      const from = at;
      while (at < before.length && before[at] !== '"') at += before[at] === "\\" ? 2 : 1;
      if (at >= before.length) return { kind: "string", from };
      at++;
    } else if (character === "(") calls.push(at);
    else if (character === ")") calls.pop();
  }
  const call = calls.at(-1);
  const head = call === undefined ? undefined : /^[^\s()[\]{}"';]+/.exec(before.slice(call))?.[0];
  return { kind: "code", head };
}

/** Completion from what `vocabulary` gives at the moment of asking. */
export function scriptCompletion(vocabulary: () => Vocabulary): Extension {
  function source(context: CompletionContext): CompletionResult | null {
    const script = context.state.doc.toString();
    const found = completionsAt(script.slice(0, context.pos), script, vocabulary());
    if (found === undefined || found.options.length === 0) return null;
    if (found.from === context.pos && !context.explicit) return null;
    return { from: found.from, options: found.options, validFor: /^[^\s()[\]{}"';.]*$/ };
  }
  return autocompletion({ override: [source], icons: false });
}
