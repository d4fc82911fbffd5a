import { expect, test } from "vitest";
import { completionsAt, shortName, type Vocabulary } from "./completion";

const parameter = (name: string, fields: string[] = []) => ({
  name,
  type: "any",
  description: "",
  optional: false,
  fields: fields.map((field) => ({ name: field, type: "int", description: "", optional: true, fields: [] })),
});

const VOCABULARY: Vocabulary = {
  ops: ["std.let", "get_capability", "list.map"].map((name) => ({
    name,
    description: "",
    parameters: [],
    returns: "",
  })),
  capabilities: [
    {
      type: "paint.brush",
      label: "Brush",
      description: "",
      methods: [
        {
          name: "stroke",
          description: "",
          parameters: [parameter("path"), parameter("options", ["width"])],
          returns: "",
        },
      ],
    },
  ],
};

function labels(written: string): string[] | undefined {
  const [before = "", rest = ""] = written.split("|");
  return completionsAt(before, before + rest, VOCABULARY)?.options.map(({ label }) => label);
}

const HELD = '(let brush (get-capability "paint.brush"))\n';

test("at the head of a call, ops by their short names and what is bound", () =>
  expect(labels("(let total 1) (l|")).toEqual(["total", "let", "get-capability", "list.map"]));

test("as an argument, only what is bound", () => expect(labels("(let total 1) (log t|)")).toEqual(["total"]));

test("names bound by lambdas are bound", () => expect(labels("(lambda [one two] (log t|))")).toEqual(["one", "two"]));

test("after the dot of a capability, its methods", () => expect(labels(`${HELD}(brush.s|`)).toEqual(["stroke"]));

test("after a colon, the options of the method being called", () =>
  expect(labels(`${HELD}(brush.stroke [1 2] {:w|`)).toEqual([":width"]));

test("where a capability is named, the types that are held", () =>
  expect(labels('(get-capability "p|')).toEqual(["paint.brush"]));

test.each(['(log "l|', "; l|"])("nothing in strings and comments: %s", (written) =>
  expect(labels(written)).toBeUndefined(),
);

test("short names drop the prefix and use hyphens", () =>
  expect(["std.call_method", "list.map"].map(shortName)).toEqual(["call-method", "list.map"]));
