// A box's evidence as charts: what students learn, and what the teachers say of single images.
"use strict";

function drawStudents(place, students) {
  const rows = [...students].reverse();
  const bars = {
    type: "bar",
    orientation: "h",
    y: rows.map((row) => row.name),
    x: rows.map((row) => row.mean),
    error_x: { type: "data", array: rows.map((row) => row.std), color: "#1c2430", thickness: 1.5, width: 4 },
    marker: { color: rows.map((row) => TEACHERS[row.kind] ?? (row.kind === "from_original" ? TEACHERS.original : "#b4bdc8")) },
    customdata: rows.map((row) => row.std),
    hovertemplate: "%{x:.1f} ± %{customdata:.1f} %<extra></extra>",
  };
  const notes = rows.map((row) => ({
    x: row.mean + row.std, y: row.name, text: row.mean.toFixed(1), showarrow: false, xanchor: "left", xshift: 6,
  }));
  Plotly.newPlot(place, [bars], layout({
    xaxis: axis({ range: [0, place.clientWidth < 480 ? 130 : 112], tickvals: [0, 25, 50, 75, 100], ticksuffix: " %" }),
    yaxis: axis({ gridcolor: "rgba(0,0,0,0)" }),
    annotations: notes,
    hovermode: "closest",
    margin: { l: 8, r: 8, t: 8, b: 36 },
    bargap: 0.35,
    showlegend: false,
  }), CONFIG);
}

function drawSoftLabels(place, image) {
  const bars = Object.entries(TEACHERS).map(([teacher, color]) => ({
    type: "bar", name: teacher, x: image.classes, y: image[teacher], marker: { color }, hovertemplate: "%{y:.3f}",
  }));
  Plotly.newPlot(place, bars, layout({
    title: heading(`test image ${image.index}, class ${image.label}`),
    barmode: "group",
    bargap: 0.25,
    xaxis: axis({ type: "category" }),
    yaxis: axis({ range: [0, 1], tickvals: [0, 0.5, 1] }),
    margin: { l: 36, r: 8, t: 34, b: 30 },
    height: 210,
    showlegend: false,
  }), CONFIG);
}

if (document.getElementById("charts")) { // a box without a report has none
  const charts = readData("charts");
  drawStudents(addChart(document.getElementById("students"), "tall"), charts.students);
  // All places first: each knows its width only when the grid is full.
  const images = charts.soft_labels.map((image) => [addChart(document.getElementById("soft-labels"), "low"), image]);
  for (const [place, image] of images) drawSoftLabels(place, image);
}
