// Follows a job by its events: stage, bar, rate, time left. Once it has ended, the page is loaded anew.

const box = document.getElementById("job");
const fields = Object.fromEntries([...box.querySelectorAll("[data-field]")].map((node) => [node.dataset.field, node]));
const note = document.getElementById("follow");
const ACTIVE = new Set(["queued", "running"]);

const number = (value) => value.toLocaleString("en", { maximumSignificantDigits: value < 1000 ? 3 : 21, maximumFractionDigits: 0 });

/** As the page has it: the two largest units. */
function duration(seconds) {
  if (seconds === null) return "–";
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

function stageOf(job) {
  if (job.state === "queued") return "Waiting for a job runner";
  const stage = job.stage ?? "Starting";
  return job.workers ? stage : `${stage} (waiting for a job runner)`;
}

function put(name, text) {
  if (fields[name].textContent !== text) fields[name].textContent = text;
}

function show(job) {
  put("stage", stageOf(job));
  put("done", job.total ? `${number(job.done)} of ${number(job.total)} ${job.unit}` : "–");
  put("rate", job.rate === null ? "–" : `${number(Math.round(job.rate))} ${job.unit}/s`);
  put("left", duration(job.seconds_left));
  put("workers", String(job.workers));
  if (job.total) fields.bar.value = job.done / job.total;
  const badge = document.querySelector(".head .badge");
  badge.textContent = job.state;
  badge.className = `badge ${job.state}`;
  box.dataset.version = job.version;
}

const events = new EventSource(box.dataset.events);
events.addEventListener("open", () => { note.textContent = "Live."; });
events.addEventListener("error", () => { note.textContent = "Connection lost; retrying…"; });
events.addEventListener("job", (event) => {
  const job = JSON.parse(event.data);
  show(job);
  if (!ACTIVE.has(job.state)) {
    events.close();
    location.reload();
  }
});
