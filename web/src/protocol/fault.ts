import { type Json, listOf, numberOf, objectOf, textOf } from "./json";

/** A place in a script: lines and columns count from 1; the end is exclusive. */
export interface Place {
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** Something the checker found. */
export interface Diagnostic {
  readonly severity: "error" | "warning" | "info";
  readonly message: string;
  readonly hint: string | undefined;
  readonly place: Place | undefined;
}

/** An error as the server tells it: `kind` is one of the protocol's closed set, `message` says what to do. */
export class Fault extends Error {
  readonly kind: string;
  readonly hint: string | undefined;
  readonly op: string | undefined;
  readonly place: Place | undefined;
  readonly diagnostics: readonly Diagnostic[];

  constructor(
    kind: string,
    message: string,
    about: { hint?: string | undefined; op?: string | undefined; place?: Place | undefined } = {},
    diagnostics: readonly Diagnostic[] = [],
  ) {
    super(message);
    this.name = "Fault";
    this.kind = kind;
    this.hint = about.hint;
    this.op = about.op;
    this.place = about.place;
    this.diagnostics = diagnostics;
  }
}

/** Reads the `error` member of an answer, or of a failed job. */
export function readFault(error: Json | undefined): Fault {
  const { message, data } = objectOf(error);
  const { kind, hint, op, diagnostics, ...where } = objectOf(data);
  const found = readDiagnostics(diagnostics);
  return new Fault(
    textOf(kind) ?? "internal",
    textOf(message) ?? "The server failed without saying why. Look at its log.",
    { hint: textOf(hint) ?? found[0]?.hint, op: textOf(op), place: readPlace(where) ?? found[0]?.place },
    found,
  );
}

export function readDiagnostics(value: Json | undefined): Diagnostic[] {
  return listOf(value).map((item) => {
    const { severity, message, hint, ...where } = objectOf(item);
    return {
      severity: severity === "warning" || severity === "info" ? severity : "error",
      message: textOf(message) ?? "",
      hint: textOf(hint),
      place: readPlace(where),
    };
  });
}

function readPlace(where: { [key: string]: Json }): Place | undefined {
  const line = numberOf(where["line"]);
  const column = numberOf(where["column"]);
  if (line === undefined || column === undefined) return undefined;
  return {
    line,
    column,
    endLine: numberOf(where["end_line"]) ?? line,
    endColumn: numberOf(where["end_column"]) ?? column + 1,
  };
}
