import { type Json, type JsonObject, listOf, numberOf, objectOf, textOf, textsOf } from "../protocol/json";
import type { CapabilityType } from "../protocol/vocabulary";

/** What a model says of itself. */
export interface Model {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly steps: number | undefined;
  /** The words it knows, by subject: things, colours, places … */
  readonly draws: { readonly [subject: string]: readonly string[] };
  readonly examples: readonly string[];
}

type Call = (method: string, params: JsonObject) => Promise<Json>;

/** The method by which a capability tells which models it may use. */
const TELLS_MODELS = "models";

/** Asks every capability that can tell for the models it may use; each model comes once. */
export async function findModels(call: Call, types: readonly CapabilityType[]): Promise<Model[]> {
  const models = new Map<string, Model>();
  for (const { type, methods } of types) {
    const tells = methods.some(
      ({ name, parameters }) => name === TELLS_MODELS && parameters.every((one) => one.optional),
    );
    if (!tells) continue;
    const object = await call("get_capability", { type });
    const answer = await call("std.call_method", { object, method: TELLS_MODELS, args: [] });
    for (const model of listOf(answer).map(readModel)) models.set(model.id, model);
  }
  return [...models.values()];
}

export function readModel(value: Json): Model {
  const { id, title, description, size, steps, draws, examples } = objectOf(value);
  const [width, height] = listOf(size);
  const subjects = Object.entries(objectOf(draws)).map(([subject, words]) => [subject, textsOf(words)] as const);
  return {
    id: textOf(id) ?? textOf(value) ?? "",
    title: textOf(title) ?? textOf(id) ?? textOf(value) ?? "",
    description: textOf(description) ?? "",
    width: numberOf(width),
    height: numberOf(height),
    steps: numberOf(steps),
    draws: Object.fromEntries(subjects.filter(([, words]) => words.length > 0)),
    examples: textsOf(examples),
  };
}
