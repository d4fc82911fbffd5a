import { expect, test } from "vitest";
import { readModels } from "./catalogue";

test("a model tells its size, its steps and the words it knows", () => {
  const told = {
    id: "starter",
    title: "Starter",
    description: "Small.",
    size: [256, 256],
    steps: 20,
    draws: { objects: ["circle"], relations: [] },
    examples: ["a red circle"],
  };
  expect(readModels([told])).toEqual([{ ...told, draws: { objects: ["circle"] } }]);
});

test("a model that tells only its id is named by it", () => {
  expect(readModels([{ id: "other" }])).toMatchObject([{ title: "other", size: undefined, examples: [] }]);
});
