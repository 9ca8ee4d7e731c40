// Follows a job by its events: stage, bar, rate, time left. Once it has ended, the page is loaded anew.
import { isActive, textsOf } from "./job-text.js";

const box = document.getElementById("job");
const fields = Object.fromEntries([...box.querySelectorAll("[data-field]")].map((node) => [node.dataset.field, node]));
const note = document.getElementById("follow");

function show(job) {
  for (const [name, text] of Object.entries(textsOf(job))) {
    // Written only where it changes: a screen reader reads out what is written.
    if (fields[name].textContent !== text) fields[name].textContent = text;
  }
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
  if (!isActive(job)) {
    events.close();
    location.reload();
  }
});
