import { type Fault, readFault } from "./fault";
import { type Json, type JsonObject, numberOf, textOf } from "./json";

/**
 * What a running job tells. `seq` grows with every event of a job, so that a gap can be filled from `jobs.events`.
 * `call` tells the pictures apart that are being made at the same time.
 */
export type JobEvent = { readonly job: string; readonly seq: number } & (
  | { readonly kind: "started" }
  | {
      readonly kind: "progress";
      readonly call: string;
      readonly step: number;
      readonly steps: number;
      readonly fraction: number;
      readonly etaMs: number | undefined;
    }
  | { readonly kind: "preview"; readonly call: string; readonly image: string }
  | { readonly kind: "log"; readonly text: string }
  | {
      readonly kind: "asset";
      readonly call: string;
      readonly asset: string;
      readonly url: string;
      readonly width: number;
      readonly height: number;
    }
  | { readonly kind: "done"; readonly result: Json }
  | { readonly kind: "failed"; readonly fault: Fault }
);

/** Reads a `job.…` notification; `undefined` for any other and for kinds this page does not know. */
export function readJobEvent(method: string, params: JsonObject): JobEvent | undefined {
  const job = textOf(params["job"]);
  if (job === undefined || !method.startsWith("job.")) return undefined;
  const head = { job, seq: numberOf(params["seq"]) ?? 0 };
  const call = textOf(params["call"]) ?? "";
  switch (method.slice("job.".length)) {
    case "started":
      return { ...head, kind: "started" };
    case "progress": {
      const step = numberOf(params["step"]) ?? 0;
      const steps = numberOf(params["steps"]) ?? 0;
      const fraction = numberOf(params["fraction"]) ?? (steps > 0 ? step / steps : 0);
      return { ...head, kind: "progress", call, step, steps, fraction, etaMs: numberOf(params["eta_ms"]) };
    }
    case "preview": {
      const image = textOf(params["image"]);
      return image === undefined ? undefined : { ...head, kind: "preview", call, image }; // told later: no longer there
    }
    case "log":
      return { ...head, kind: "log", text: textOf(params["text"]) ?? "" };
    case "asset":
      return {
        ...head,
        kind: "asset",
        call,
        asset: textOf(params["asset"]) ?? "",
        url: textOf(params["image_url"]) ?? "",
        width: numberOf(params["width"]) ?? 0,
        height: numberOf(params["height"]) ?? 0,
      };
    case "done":
      return { ...head, kind: "done", result: params["result"] ?? null };
    case "failed":
      return { ...head, kind: "failed", fault: readFault(params["error"]) };
    default:
      return undefined;
  }
}
