import { isObject, type Json, numberOf, textOf, textsOf } from "./json";

/** A picture the server made. `url` is an address on this origin, or a `data:` URL where the server gave none. */
export interface Picture {
  readonly asset: string;
  readonly url: string;
  readonly width: number;
  readonly height: number;
  readonly seed: number | undefined;
  readonly notes: readonly string[];
}

/** Reads an image as it stands in a result; `undefined` for any other value. */
export function readPicture(value: Json): Picture | undefined {
  if (!isObject(value)) return undefined;
  const bytes = textOf(value["image"]);
  const width = numberOf(value["width"]);
  const height = numberOf(value["height"]);
  const url = textOf(value["image_url"]) ?? (bytes && `data:image/png;base64,${bytes}`);
  if (!url || width === undefined || height === undefined) return undefined;
  return {
    asset: textOf(value["asset"]) ?? url,
    url,
    width,
    height,
    seed: numberOf(value["seed"]),
    notes: textsOf(value["notes"]),
  };
}

/** Every picture in a value, in reading order. */
export function picturesIn(value: Json): Picture[] {
  const picture = readPicture(value);
  if (picture !== undefined) return [picture];
  if (Array.isArray(value)) return value.flatMap(picturesIn);
  if (isObject(value)) return Object.values(value).flatMap(picturesIn);
  return [];
}
