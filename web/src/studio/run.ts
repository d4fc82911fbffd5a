import type { Fault } from "../protocol/fault";
import type { JobEvent } from "../protocol/jobs";
import type { Json } from "../protocol/json";
import { type Picture, picturesIn } from "../protocol/pictures";

/** A picture that is being made. */
export interface Emerging {
  readonly call: string;
  readonly progress: Progress | undefined;
  readonly preview: string | undefined;
}

/** How far a picture is. */
export interface Progress {
  readonly step: number;
  readonly steps: number;
  readonly fraction: number;
  readonly etaMs: number | undefined;
}

/** One run of a script, as the page shows it. Events turn one such record into the next. */
export interface Run {
  readonly source: string;
  readonly job: string | undefined;
  /** The last event taken: what comes again after a reconnection is known by it. */
  readonly seq: number;
  readonly phase: "sending" | "running" | "cancelling" | "done" | "failed" | "cancelled";
  /** The pictures being made, in the order they were begun. */
  readonly emerging: readonly Emerging[];
  readonly log: readonly string[];
  /** Every picture made so far, in the order they came. */
  readonly made: readonly Picture[];
  /** The pictures to show: those of the result where it holds some, else every one made. */
  readonly pictures: readonly Picture[];
  readonly result: Json | undefined;
  readonly fault: Fault | undefined;
}

export function newRun(source: string): Run {
  return {
    source,
    job: undefined,
    seq: -1,
    phase: "sending",
    emerging: [],
    log: [],
    made: [],
    pictures: [],
    result: undefined,
    fault: undefined,
  };
}

export function isActive(run: Run | undefined): boolean {
  return run?.phase === "sending" || run?.phase === "running" || run?.phase === "cancelling";
}

/** The run after `event`; the same run when the event is another job's or was taken before. */
export function advance(run: Run, event: JobEvent): Run {
  if (event.job !== run.job || event.seq <= run.seq || !isActive(run)) return run;
  const next: Run = { ...run, seq: event.seq };
  switch (event.kind) {
    case "started":
      return next;
    case "progress": {
      const { step, steps, fraction, etaMs } = event;
      return { ...next, emerging: told(run.emerging, event.call, { progress: { step, steps, fraction, etaMs } }) };
    }
    case "preview":
      return { ...next, emerging: told(run.emerging, event.call, { preview: event.image }) };
    case "log":
      return { ...next, log: [...run.log, event.text] };
    case "asset": {
      const { asset, url, width, height, call } = event;
      const made = joined(run.made, [{ asset, url, width, height, seed: undefined, notes: [] }]);
      return { ...next, made, pictures: made, emerging: run.emerging.filter((one) => one.call !== call) };
    }
    case "done": {
      const own = picturesIn(event.result);
      const made = joined(run.made, own);
      return { ...settled(next), phase: "done", result: event.result, made, pictures: own.length > 0 ? own : made };
    }
    case "failed":
      return fail(next, event.fault);
  }
}

/** The run, ended by `fault`; being cancelled is an end, not an error. */
export function fail(run: Run, fault: Fault): Run {
  const ended = settled(run);
  return fault.kind === "cancelled" ? { ...ended, phase: "cancelled" } : { ...ended, phase: "failed", fault };
}

function settled(run: Run): Run {
  return { ...run, emerging: [] };
}

/** How far the pictures being made are together: their mean, and the time until the last is ready. */
export function progressOf({ emerging }: Run): Progress | undefined {
  const told = emerging.map(({ progress }) => progress).filter((progress) => progress !== undefined);
  const first = told[0];
  if (first === undefined) return undefined;
  const etas = told.map(({ etaMs }) => etaMs).filter((etaMs) => etaMs !== undefined);
  return {
    step: first.step,
    steps: first.steps,
    fraction: told.reduce((sum, { fraction }) => sum + fraction, 0) / told.length,
    etaMs: etas.length > 0 ? Math.max(...etas) : undefined,
  };
}

/** What is known of `call`, renewed; a call not heard of before comes last. */
function told(emerging: readonly Emerging[], call: string, news: Partial<Emerging>): Emerging[] {
  const known = emerging.some((one) => one.call === call);
  const all = known ? emerging : [...emerging, { call, progress: undefined, preview: undefined }];
  return all.map((one) => (one.call === call ? { ...one, ...news } : one));
}

/** Both lists with each asset once; the later telling of an asset knows more (its seed, its notes) and wins. */
function joined(before: readonly Picture[], after: readonly Picture[]): Picture[] {
  const byAsset = new Map(before.map((picture) => [picture.asset, picture]));
  for (const picture of after) byAsset.set(picture.asset, picture);
  return [...byAsset.values()];
}
