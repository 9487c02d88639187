// What every page does: local times, buttons that copy, forms that ask first, progress bars that move.
"use strict";

const POLL_MS = 1500;

for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  time.title = time.textContent;
  time.textContent = moment.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

for (const form of document.querySelectorAll("form[data-confirm]")) {
  form.addEventListener("submit", (event) => {
    if (!window.confirm(form.dataset.confirm)) event.preventDefault();
  });
}

// Used by job.js too, which hears of progress from its stream.
function showProgress(place, progress) {
  const bar = place.querySelector("progress");
  if (!bar || !progress.total) return;
  bar.max = progress.total;
  bar.value = progress.done;
  place.querySelector(".stage").textContent = `${progress.stage} ${progress.done}/${progress.total}`;
}

function unfinished() {
  return [...document.querySelectorAll(".progress")].filter((place) => ["queued", "running"].includes(place.dataset.state));
}

async function poll() {
  if (!document.hidden) {
    const answer = await fetch("/dashboard/progress", { headers: { Accept: "application/json" } });
    if (!answer.ok) return; // the session is over; a reload says so
    const jobs = new Map((await answer.json()).map((job) => [job.id, job]));
    for (const place of unfinished()) {
      const job = jobs.get(place.dataset.job);
      if (!job) continue;
      if (job.state !== place.dataset.state) { location.reload(); return; }
      showProgress(place, job.progress);
    }
  }
  setTimeout(poll, POLL_MS);
}

if (unfinished().length && !document.getElementById("live")) setTimeout(poll, POLL_MS);
