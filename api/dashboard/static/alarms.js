// How near images of a caller come to earlier ones: a histogram for each, with the line under which they hardly differ.
"use strict";

function drawNearest(place, caller, near) {
  const width = caller.to[0];
  const bars = {
    type: "bar",
    x: caller.to.map((end) => end - width / 2),
    y: caller.images,
    width: caller.to.map(() => width),
    marker: { color: caller.to.map((end) => (end - width / 2 <= near ? TEACHERS.closed : TEACHERS.open)) },
    hovertemplate: "%{y} images<extra></extra>",
  };
  Plotly.newPlot(place, [bars], layout({
    title: heading(plainWords(`${caller.who}, ${caller.day}`)),
    bargap: 0,
    xaxis: axis({ title: { text: "distance, in deviations of the input" }, rangemode: "tozero" }),
    yaxis: axis({ title: { text: "images" } }),
    shapes: [{ type: "line", x0: near, x1: near, yref: "paper", y0: 0, y1: 1, line: { color: "#1c2430", width: 1, dash: "dot" } }],
    margin: { l: 48, r: 12, t: 34, b: 44 },
    height: 240,
    showlegend: false,
  }), CONFIG);
}

// Plotly reads some markup in titles, and a name is a name.
function plainWords(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

if (document.getElementById("drawn-alarms")) {
  const { near, callers } = readData("drawn-alarms");
  const places = callers.map((caller) => [addChart(document.getElementById("nearest"), "low"), caller]);
  for (const [place, caller] of places) drawNearest(place, caller, near);
}
