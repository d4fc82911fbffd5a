import { expect, test } from "vitest";
import { type JobEvent, readJobEvent } from "../protocol/jobs";
import type { JsonObject } from "../protocol/json";
import { advance, isActive, newRun, progressOf, type Run } from "./run";

const RUNNING: Run = { ...newRun("(draw)"), job: "j_1", phase: "running" };

function event(kind: string, seq: number, facts: JsonObject = {}, job = "j_1"): JobEvent {
  const read = readJobEvent(`job.${kind}`, { job, seq, ...facts });
  if (read === undefined) throw new Error(`no event: ${kind}`);
  return read;
}

const asset = (name: string) => ({ asset: name, image_url: `/assets/${name}.png?key=k`, width: 256, height: 256 });
const picture = (name: string, seed: number) => ({ ...asset(name), image: "AA==", format: "png", seed, notes: ["n"] });

const after = (...events: JobEvent[]) => events.reduce(advance, RUNNING);

test("progress tells the step, the fraction and the time left", () => {
  const run = after(event("progress", 1, { step: 5, steps: 20, fraction: 0.25, eta_ms: 900 }));
  expect(progressOf(run)).toEqual({ step: 5, steps: 20, fraction: 0.25, etaMs: 900 });
});

test("events of other jobs and events taken before change nothing", () => {
  const run = after(event("log", 2, { text: "a" }));
  expect(advance(run, event("log", 3, { text: "b" }, "j_2"))).toBe(run);
  expect(advance(run, event("log", 2, { text: "a" }))).toBe(run);
});

test("a finished picture takes the place of its preview", () => {
  const run = after(event("preview", 1, { image: "data:," }), event("asset", 2, asset("aa")));
  expect(run.emerging).toEqual([]);
  expect(run.pictures.map((one) => one.asset)).toEqual(["aa"]);
});

test("pictures made at the same time are told apart, and their progress is the mean", () => {
  const run = after(
    event("progress", 1, { call: "a", step: 10, steps: 20, eta_ms: 500 }),
    event("progress", 2, { call: "b", step: 5, steps: 20, eta_ms: 900 }),
    event("preview", 3, { call: "b", image: "data:b" }),
  );
  expect(run.emerging.map(({ call, preview }) => [call, preview])).toEqual([
    ["a", undefined],
    ["b", "data:b"],
  ]);
  expect(progressOf(run)).toMatchObject({ fraction: 0.375, etaMs: 900 });
  expect(advance(run, event("asset", 4, { call: "a", ...asset("aa") })).emerging.map(({ call }) => call)).toEqual([
    "b",
  ]);
});

test("the result's pictures are shown with seed and notes, in the result's order", () => {
  const run = after(
    event("asset", 1, asset("bb")),
    event("asset", 2, asset("aa")),
    event("done", 3, { result: [picture("aa", 1), picture("bb", 2)] }),
  );
  expect(run.phase).toBe("done");
  expect(run.pictures.map((one) => [one.asset, one.seed])).toEqual([
    ["aa", 1],
    ["bb", 2],
  ]);
  expect(run.made.map((one) => [one.asset, one.seed])).toEqual([
    ["bb", 2],
    ["aa", 1],
  ]);
});

test("a result without pictures still shows those that were made", () => {
  const run = after(event("asset", 1, asset("aa")), event("done", 2, { result: null }));
  expect(run.pictures.map((one) => one.asset)).toEqual(["aa"]);
});

test("being cancelled is an end, not an error", () => {
  const run = after(event("failed", 1, { error: { message: "The job was cancelled.", data: { kind: "cancelled" } } }));
  expect(run).toMatchObject({ phase: "cancelled", fault: undefined });
});

test("a failure keeps its error and lets the progress go", () => {
  const run = after(
    event("progress", 1, { step: 1, steps: 2 }),
    event("failed", 2, { error: { message: "No.", data: { kind: "denied" } } }),
  );
  expect(run).toMatchObject({ phase: "failed", emerging: [], fault: { kind: "denied" } });
  expect(isActive(run)).toBe(false);
});

test("a kind of event this page does not know is passed over", () => {
  expect(readJobEvent("job.paused", { job: "j_1", seq: 1 })).toBeUndefined();
  expect(readJobEvent("resources", {})).toBeUndefined();
});
