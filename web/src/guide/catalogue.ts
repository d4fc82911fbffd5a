import { type Json, listOf, numberOf, objectOf, textOf, textsOf } from "../protocol/json";

/** What a model says of itself. */
export interface Model {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  /** Width and height of the pictures it makes when not told otherwise. */
  readonly size: readonly [number, number] | undefined;
  readonly steps: number | undefined;
  /** The words it knows, by subject: things, colours, places … */
  readonly draws: { readonly [subject: string]: readonly string[] };
  readonly examples: readonly string[];
}

/** Reads the answer of `models.list`. */
export function readModels(value: Json): Model[] {
  return listOf(value).map((item) => {
    const { id, title, description, size, steps, draws, examples } = objectOf(item);
    const [width, height] = listOf(size).map(numberOf);
    const subjects = Object.entries(objectOf(draws)).map(([subject, words]) => [subject, textsOf(words)] as const);
    return {
      id: textOf(id) ?? "",
      title: textOf(title) ?? textOf(id) ?? "",
      description: textOf(description) ?? "",
      size: width === undefined || height === undefined ? undefined : [width, height],
      steps: numberOf(steps),
      draws: Object.fromEntries(subjects.filter(([, words]) => words.length > 0)),
      examples: textsOf(examples),
    };
  });
}
