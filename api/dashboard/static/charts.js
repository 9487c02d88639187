// What all charts share: the Okabe-Ito colours, which people who see no red or no green can tell apart, and a calm layout.
"use strict";

const TEACHERS = { original: "#5b6675", closed: "#d55e00", open: "#0072b2" };
const LINES = ["#1c2430", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#d55e00", "#0072b2"];
const DASHES = ["solid", "dot", "dash"];
const CONFIG = { displayModeBar: false };

function layout(changes) {
  return {
    font: { family: 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif', size: 12, color: "#1c2430" },
    margin: { l: 48, r: 12, t: 34, b: 40 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    hovermode: "x unified",
    ...changes,
  };
}

function axis(changes) {
  return { gridcolor: "#e6ebf0", zerolinecolor: "#c3ccd7", linecolor: "#c3ccd7", automargin: true, ...changes };
}

function heading(text) {
  return { text, x: 0, xanchor: "left", xref: "paper", font: { size: 13 } };
}

function readData(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

// A chart changes its width with its place in the grid, also when another one joins: Plotly itself hears of windows only.
const watcher = new ResizeObserver((entries) => {
  for (const { target } of entries) if (target.classList.contains("js-plotly-plot")) Plotly.Plots.resize(target);
});

function addChart(place, size) {
  const chart = document.createElement("div");
  chart.className = `chart ${size}`;
  place.append(chart);
  watcher.observe(chart);
  return chart;
}
