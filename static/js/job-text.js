// What the page of a job says of its state, as `templates/job.html` has it.
import { UNDEFINED, count, duration, number } from "./format.js";

const ACTIVE = new Set(["queued", "running"]);

/** Whether more events will come. */
export function isActive(job) {
  return ACTIVE.has(job.state);
}

function stageOf(job) {
  if (job.state === "queued") return "Waiting for a job runner";
  const stage = job.stage ?? "Starting";
  return job.workers ? stage : `${stage} (waiting for a job runner)`;
}

/** Name of a field on the page to its text. */
export function textsOf(job) {
  return {
    stage: stageOf(job),
    done: job.total ? `${count(job.done)} of ${count(job.total)} ${job.unit}` : UNDEFINED,
    rate: job.rate === null ? UNDEFINED : `${number(job.rate)} ${job.unit}/s`,
    left: duration(job.seconds_left),
    workers: String(job.workers),
  };
}
