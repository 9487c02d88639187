// How far each attack gets over its floor, by what the attacker holds; the strongest of each group stands first.
"use strict";

const FARTHEST = 10; // points under the floor that are drawn; what lies lower is an arrow, its number stands beside

// Plotly reads some markup in labels, and a name is a name.
function plain(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function signed(points) {
  return `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(1)}`;
}

function told(row) {
  const leak = row.leak === null ? "" : `<br>leak ${row.leak.toFixed(2)}`;
  return `${plain(row.name)} (sees ${plain(row.interface)})<br>${signed(row.over)} ± ${row.error.toFixed(1)} points over the floor`
    + `<br>student ${row.accuracy.toFixed(1)} %, floor ${row.floor.toFixed(1)} %${leak}`;
}

function drawAttacks(place, attacks) {
  const limit = attacks.limit ?? 0;
  const lines = attacks.groups.flatMap((group) => [{ heading: group.heading }, ...group.rows]);
  const rows = lines.map((line, place) => ({ ...line, place })).filter((line) => line.name !== undefined);
  const lowest = Math.max(Math.min(...rows.map((row) => row.over - row.error)), -FARTHEST);
  const highest = Math.max(limit, ...rows.map((row) => row.over + row.error));
  const room = 0.05 * (highest - lowest) + 0.1;
  const rises = (row) => row.useful && row.over > limit;
  const far = (row) => row.over < lowest;
  const trace = {
    type: "scatter",
    mode: "markers",
    x: rows.map((row) => (far(row) ? lowest : row.over)),
    y: rows.map((row) => row.place),
    error_x: { type: "data", array: rows.map((row) => (far(row) ? 0 : row.error)), thickness: 1.5, width: 3, color: "#566171" },
    marker: {
      size: 9,
      color: rows.map((row) => (!row.useful ? TEACHERS.original : rises(row) ? TEACHERS.closed : TEACHERS.open)),
      symbol: rows.map((row) => `${far(row) ? "triangle-left" : rises(row) ? "diamond" : "circle"}${row.useful ? "" : "-open"}`),
    },
    hovertext: rows.map(told),
    hoverinfo: "text",
    cliponaxis: false,
  };
  const numbers = rows.map((row) => ({
    x: 1, xref: "paper", xanchor: "left", xshift: 8, y: row.place, showarrow: false, text: `${signed(row.over)} ± ${row.error.toFixed(1)}`,
  }));
  const headings = lines.flatMap((line, place) => (line.heading === undefined ? [] : [{
    x: 0, xref: "paper", xanchor: "left", y: place, showarrow: false, text: `<b>${plain(line.heading)}</b>`, bgcolor: "#fff",
  }]));
  Plotly.newPlot(place, [trace], layout({
    xaxis: axis({ title: { text: "points over the floor" }, range: [lowest - room, highest + room], zerolinecolor: "#566171" }),
    yaxis: axis({
      range: [lines.length - 0.4, -0.6], zeroline: false, gridcolor: "rgba(0,0,0,0)",
      tickvals: rows.map((row) => row.place), ticktext: rows.map((row) => plain(row.name)),
    }),
    shapes: [{ type: "rect", x0: 0, x1: limit, yref: "paper", y0: 0, y1: 1, fillcolor: "#e3edfb", line: { width: 0 }, layer: "below" }],
    annotations: [...numbers, ...headings],
    hovermode: "closest",
    margin: { l: 8, r: 102, t: 8, b: 44 },
    height: 70 + 26 * lines.length,
    showlegend: false,
  }), CONFIG);
}

if (document.getElementById("attacks")) { // a box without a report has none
  const found = readData("charts").attacks;
  if (found.groups.length) drawAttacks(addChart(document.getElementById("attacks"), ""), found);
}
