import { isObject, type Json } from "../protocol/json";
import { readPicture } from "../protocol/pictures";

/** A result as a person reads it: text as it is, anything else as indented JSON with opaque things named in ⟨⟩. */
export function describe(value: Json): string {
  if (typeof value === "string") return value;
  return JSON.stringify(named(value), null, 2)
    .replace(/"(⟨[^"]*⟩)"/g, "$1")
    .replace(
      /\[\s*((?:-?[\d.e+]+|true|false|null)(?:,\s*(?:-?[\d.e+]+|true|false|null))*)\s*\]/g,
      (_, items: string) => `[${items.replace(/\s+/g, " ")}]`,
    );
}

function named(value: Json): Json {
  const picture = readPicture(value);
  if (picture !== undefined) return `⟨picture ${picture.width} × ${picture.height}⟩`;
  if (Array.isArray(value)) return value.map(named);
  if (!isObject(value)) return value;
  // A capability's handle is a secret; its type says enough.
  if (typeof value["$cap"] === "string") return `⟨capability ${String(value["type"])}⟩`;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, named(item)]));
}
