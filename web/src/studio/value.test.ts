import { expect, test } from "vitest";
import { describe } from "./value";

test("text is shown as it is", () => expect(describe('say "hi"')).toBe('say "hi"'));

test("short lists of numbers stay on a line", () => expect(describe([1, 4, 9])).toBe("[1, 4, 9]"));

test("objects are indented", () => expect(describe({ a: 1, b: [] })).toBe('{\n  "a": 1,\n  "b": []\n}'));

test("a picture is named, its bytes are not shown", () =>
  expect(describe({ shot: { image: "AAAA", width: 8, height: 4 } })).toBe('{\n  "shot": ⟨picture 8 × 4⟩\n}'));

test("a capability's handle is not shown", () =>
  expect(describe([{ $cap: "h_secret", type: "sys.mint" }])).toBe("[\n  ⟨capability sys.mint⟩\n]"));
