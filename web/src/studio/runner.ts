import { Store } from "../page/store";
import { Fault } from "../protocol/fault";
import { type JobEvent, readJobEvent } from "../protocol/jobs";
import { listOf, objectOf, textOf } from "../protocol/json";
import type { Connection } from "../session/connection";
import { advance, fail, isActive, newRun, type Run } from "./run";

/** Runs one script at a time on the server and keeps what is known of it. */
export class Runner {
  /** The latest run. */
  readonly run = new Store<Run | undefined>(undefined);
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
    connection.listen((method, params) => this.#take(readJobEvent(method, params)));
    connection.state.watch(({ kind }) => {
      if (kind === "open") void this.#catchUp();
    });
  }

  /** Sends a script; does nothing while another one runs. */
  async start(source: string): Promise<void> {
    if (isActive(this.run.value)) return;
    const run = newRun(source);
    this.run.set(run);
    try {
      const answer = objectOf(await this.#connection.call("execute_script", { source, mode: "job" }));
      const job = textOf(answer["job"]);
      if (job === undefined) throw new Fault("internal", "The server took the script but named no job.");
      if (this.run.value === run) this.run.set({ ...run, job, phase: "running" });
    } catch (error) {
      if (this.run.value === run) this.run.set(fail(run, asFault(error)));
    }
  }

  /** Asks the server to stop the script; its end comes as an event. */
  async cancel(): Promise<void> {
    const run = this.run.value;
    if (run?.phase !== "running" || run.job === undefined) return;
    this.run.set({ ...run, phase: "cancelling" });
    try {
      await this.#connection.call("jobs.cancel", { job: run.job });
    } catch (error) {
      // The job goes on; so does what the page shows of it.
      const now = this.run.value;
      if (now?.job === run.job && now.phase === "cancelling") this.run.set({ ...now, phase: "running" });
      if (!(error instanceof Fault)) throw error;
    }
  }

  #take(event: JobEvent | undefined): void {
    const run = this.run.value;
    if (event !== undefined && run !== undefined) this.run.set(advance(run, event));
  }

  /** After a broken connection: takes the events that were missed, or the end of the job itself. */
  async #catchUp(): Promise<void> {
    const run = this.run.value;
    if (run?.job === undefined || !isActive(run)) return;
    const { job } = run;
    try {
      const missed = await this.#connection.call("jobs.events", { job, after: Math.max(run.seq, 0) });
      for (const item of listOf(missed).map(objectOf)) this.#take(readJobEvent(textOf(item["event"]) ?? "", item));
    } catch (error) {
      const fault = asFault(error);
      const now = this.run.value;
      // A connection that broke again is tried again when it is back.
      if (fault.kind !== "connection_lost" && now?.job === job && isActive(now)) this.run.set(fail(now, fault));
    }
  }
}

function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  throw error;
}
