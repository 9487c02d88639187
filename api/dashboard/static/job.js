// One job, live: loss curves from the page's data, then from the event stream until the job is over.
"use strict";

const drawn = readData("drawn");
const place = document.getElementById("curves");
const live = document.getElementById("live");
const charts = new Map(); // stage -> its element
const pending = new Set();
let stream;

function lineOf(stage, name) {
  drawn.stages[stage] ??= {};
  drawn.stages[stage][name] ??= { steps: [], values: [] };
  return drawn.stages[stage][name];
}

// A resumed attempt repeats steps that it had not saved: its values replace the old ones.
function addPoint(line, step, value) {
  while (line.steps.length && line.steps[line.steps.length - 1] >= step) {
    line.steps.pop();
    line.values.pop();
  }
  line.steps.push(step);
  line.values.push(value);
}

// What belongs to the closed stream has one colour, what to the open another; parts of one stream differ in dashes.
function styles(names) {
  const parts = { closed: 0, open: 0 };
  let others = 0;
  return names.map((name) => {
    const stream = name.split("_")[0];
    if (stream in parts) return { color: TEACHERS[stream], dash: DASHES[parts[stream]++ % DASHES.length], width: 1.8 };
    return { color: LINES[others++ % LINES.length], width: name === "loss" ? 2.5 : 1.8 };
  });
}

function draw(stage) {
  if (!charts.has(stage)) charts.set(stage, addChart(place, ""));
  const names = Object.keys(drawn.stages[stage]).sort((a, b) => (b === "loss") - (a === "loss") || (a < b ? -1 : 1));
  const drawing = styles(names);
  const traces = names.map((name, number) => {
    const { steps, values } = drawn.stages[stage][name];
    return { x: [...steps], y: [...values], name: name.replaceAll("_", " "), mode: "lines", line: drawing[number] };
  });
  Plotly.react(charts.get(stage), traces, layout({
    title: heading(stage),
    xaxis: axis({ title: { text: "step" }, rangemode: "tozero" }),
    yaxis: axis({}),
    legend: { orientation: "h", y: -0.28 },
    margin: { l: 48, r: 12, t: 34, b: 84 },
    height: 340,
    showlegend: true,
  }), CONFIG);
}

// Many events come at once; each chart is drawn once a frame at most.
function drawSoon(stage) {
  if (!pending.size) {
    requestAnimationFrame(() => {
      for (const each of pending) draw(each);
      pending.clear();
    });
  }
  pending.add(stage);
}

function onMetrics(data) {
  for (const [name, value] of Object.entries(data.values)) addPoint(lineOf(data.stage, name), data.step, value);
  document.getElementById("no-curves").hidden = true;
  drawSoon(data.stage);
}

function onState(data) {
  if (data.state !== live.querySelector(".progress").dataset.state) location.reload();
}

function listen() {
  stream = new EventSource(`/dashboard/jobs/${live.dataset.job}/events?after=${drawn.after}`);
  const tell = (kind, show) => stream.addEventListener(kind, (message) => {
    drawn.after = Number(message.lastEventId);
    show(JSON.parse(message.data).data);
  });
  tell("metrics", onMetrics);
  tell("progress", (data) => showProgress(live, data));
  tell("state", onState);
  stream.addEventListener("end", () => { stream.close(); location.reload(); });
}

for (const stage of drawn.order) charts.set(stage, addChart(place, ""));
for (const stage of charts.keys()) draw(stage);
if (!drawn.over) {
  listen();
  // A browser keeps six connections to a server: pages in the background give theirs back.
  document.addEventListener("visibilitychange", () => {
    stream.close();
    if (!document.hidden) listen();
  });
}
