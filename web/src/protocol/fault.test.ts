import { expect, test } from "vitest";
import { readDiagnostics, readFault } from "./fault";

test("an error without data is an internal one that still says something", () => {
  expect(readFault(null)).toMatchObject({ kind: "internal", place: undefined });
  expect(readFault(null).message).not.toBe("");
});

test("an error's place is read, and its end guessed where it is missing", () => {
  const fault = readFault({ message: "no", data: { kind: "type", line: 3, column: 5 } });
  expect(fault.place).toEqual({ line: 3, column: 5, endLine: 3, endColumn: 6 });
});

test("a rejected script stands at its first diagnostic and takes its hint", () => {
  const place = { line: 2, column: 1, end_line: 2, end_column: 5 };
  const fault = readFault({
    message: "rejected",
    data: { kind: "unbound", diagnostics: [{ severity: "error", message: "m", hint: "did you mean `a`?", ...place }] },
  });
  expect(fault.place).toEqual({ line: 2, column: 1, endLine: 2, endColumn: 5 });
  expect(fault.hint).toBe("did you mean `a`?");
});

test("a severity this page does not know counts as an error", () => {
  expect(readDiagnostics([{ severity: "fatal", message: "m" }])).toEqual([
    { severity: "error", message: "m", hint: undefined, place: undefined },
  ]);
});
