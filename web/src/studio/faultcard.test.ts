import { expect, test } from "vitest";
import { caret } from "./faultcard";

test.each([
  ["stands under its place", { line: 1, column: 3, endLine: 1, endColumn: 6 }, "  ^^^"],
  ["is one wide at least", { line: 1, column: 3, endLine: 1, endColumn: 3 }, "  ^"],
  ["ends with the line", { line: 1, column: 5, endLine: 3, endColumn: 1 }, "    ^^^^"],
])("the caret %s", (_, place, drawn) => expect(caret("(a bcd )", place)).toBe(drawn));
