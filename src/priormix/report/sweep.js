"use strict";
// Any field against any metric: two drop-downs and one picture, without a library and without a network.
const sweep = JSON.parse(document.getElementById("sweep").textContent);
const box = { left: 80, right: 700, top: 16, bottom: 420 };
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#777777"];
const control = (id) => document.getElementById(id);

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function words(value) {
  if (value === null) return "null";
  if (typeof value !== "number") return String(value);
  const size = Math.abs(value);
  if (value === 0 || (size >= 0.001 && size < 1e6)) return String(Number(value.toPrecision(4)));
  return value.toExponential(2).replace(/\.?0+e/, "e");
}

function lightest(values) {
  return values.slice().sort((a, b) => (typeof a === "number" && typeof b === "number" ? a - b : words(a).localeCompare(words(b))));
}

// numbers lie where they are, everything else side by side in its order
function axis(values, from, to, wantsLog) {
  const distinct = lightest([...new Set(values)]);
  if (!distinct.length || !distinct.every((value) => typeof value === "number")) {
    const step = (to - from) / Math.max(1, distinct.length);
    return { place: (value) => from + step * (distinct.indexOf(value) + 0.5), ticks: distinct };
  }
  const log = wantsLog && distinct[0] > 0;
  const scale = log ? Math.log10 : (value) => value;
  let [low, high] = [scale(distinct[0]), scale(distinct[distinct.length - 1])];
  const margin = high > low ? 0.06 * (high - low) : 0.5 * Math.abs(high) || 0.5;
  [low, high] = [low - margin, high + margin];
  const place = (value) => from + ((scale(value) - low) / (high - low)) * (to - from);
  const few = distinct.length <= 6;
  return { place, ticks: few && wantsTicksOfRuns(distinct, place) ? distinct : log ? logTicks(low, high) : linearTicks(low, high) };
}

function wantsTicksOfRuns(distinct, place) {
  return distinct.every((value, k) => k === 0 || Math.abs(place(value) - place(distinct[k - 1])) > 45);
}

function linearTicks(low, high) {
  const rough = (high - low) / 8;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const ticks = [];
  for (let k = Math.ceil(low / step); k * step <= high; k += 1) ticks.push(Number((k * step).toPrecision(12)));
  return ticks;
}

function logTicks(low, high) {
  const ticks = [];
  for (let k = Math.floor(low); k <= high; k += 1) {
    for (const factor of high - low > 2 ? [1] : [1, 2, 5]) {
      const at = Math.log10(factor) + k;
      if (at >= low && at <= high) ticks.push(Number((factor * 10 ** k).toPrecision(3)));
    }
  }
  return ticks.length > 1 ? ticks : linearTicks(low, high).map((at) => Number((10 ** at).toPrecision(3)));
}

function drawFrame(plot, across, up, x, y) {
  for (const tick of up.ticks) {
    const at = up.place(tick);
    plot.append(element("line", { class: "grid", x1: box.left, x2: box.right, y1: at, y2: at }));
    plot.append(element("text", { x: box.left - 8, y: at + 4, "text-anchor": "end" }, words(tick)));
  }
  for (const tick of across.ticks) {
    const at = across.place(tick);
    plot.append(element("line", { class: "grid", x1: at, x2: at, y1: box.bottom, y2: box.bottom + 5 }));
    const text = words(tick);
    const label = element("text", { x: at, y: box.bottom + 20, "text-anchor": "middle" }, text.length > 22 ? text.slice(0, 21) + "…" : text);
    label.append(element("title", {}, text));
    plot.append(label);
  }
  plot.append(element("rect", { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top, fill: "none", stroke: "#5b6670" }));
  plot.append(element("text", { x: (box.left + box.right) / 2, y: box.bottom + 48, "text-anchor": "middle" }, x));
  const middle = (box.top + box.bottom) / 2;
  plot.append(element("text", { x: 18, y: middle, "text-anchor": "middle", transform: `rotate(-90 18 ${middle})` }, y));
}

function described(row) {
  const named = [...sweep.fields, "status", ...(row.reason === null ? sweep.metrics : ["reason"])];
  return [`run ${row.run_id}`, ...named.map((name) => `${name}: ${words(row[name])}`)].join("\n");
}

function drawGroup(plot, rows, colour, across, up, x, y) {
  const byPlace = new Map();
  for (const row of rows) byPlace.set(row[x], [...(byPlace.get(row[x]) || []), row[y]]);
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const means = lightest([...byPlace.keys()]).map((value) => `${across.place(value)},${up.place(mean(byPlace.get(value)))}`);
  plot.append(element("polyline", { points: means.join(" "), fill: "none", stroke: colour, "stroke-width": 1.5, opacity: 0.6 }));
  for (const row of rows) {
    const point = element("circle", { cx: across.place(row[x]), cy: up.place(row[y]), r: 4.5, fill: colour, "fill-opacity": 0.75 });
    point.append(element("title", {}, described(row)));
    plot.append(point);
  }
}

function drawFailed(plot, row, colour, across, x) {
  const [at, low] = [across.place(row[x]), box.bottom - 9];
  const cross = element("path", { d: `M${at - 5} ${low - 5}l10 10m0 -10l-10 10`, stroke: colour, "stroke-width": 2.5 });
  cross.append(element("title", {}, described(row)));
  plot.append(cross);
}

function drawLegend(plot, field, groups, colourOf) {
  if (field === "") return;
  plot.append(element("text", { x: box.right + 16, y: box.top + 12, "font-weight": 600 }, field.length > 24 ? "…" + field.slice(-23) : field));
  groups.forEach((group, k) => {
    const at = box.top + 34 + 20 * k;
    plot.append(element("circle", { cx: box.right + 21, cy: at - 4, r: 4.5, fill: colourOf(group) }));
    plot.append(element("text", { x: box.right + 32, y: at }, words(group).slice(0, 24)));
  });
}

function draw() {
  const [x, y, field] = [control("x").value, control("y").value, control("colour").value];
  const plot = control("plot");
  plot.replaceChildren();
  const shown = sweep.rows.filter((row) => row.status === "finished" && row[y] !== null && row[x] !== null);
  const failed = sweep.rows.filter((row) => row.status === "failed" && row[x] !== null);
  const across = axis([...shown, ...failed].map((row) => row[x]), box.left, box.right, control("log-x").checked);
  const up = axis(shown.map((row) => row[y]), box.bottom - 14, box.top, control("log-y").checked);
  drawFrame(plot, across, up, x, y);
  const groups = field === "" ? [null] : lightest([...new Set(sweep.rows.map((row) => row[field]))]);
  const colourOf = (group) => COLOURS[Math.max(0, groups.indexOf(group)) % COLOURS.length];
  const groupOf = (row) => (field === "" ? null : row[field]);
  for (const group of groups) drawGroup(plot, shown.filter((row) => groupOf(row) === group), colourOf(group), across, up, x, y);
  for (const row of failed) drawFailed(plot, row, colourOf(groupOf(row)), across, x);
  drawLegend(plot, field, groups, colourOf);
  const missing = sweep.rows.length - shown.length - failed.length;
  control("left-out").textContent = missing ? `${missing} runs have no ${y} or no ${x} and are not drawn.` : "";
}

function offer(id, names, chosen) {
  for (const name of names) control(id).append(new Option(name === "" ? "one for all" : name, name, name === chosen, name === chosen));
}

const measured = sweep.metrics.filter((metric) => sweep.rows.some((row) => row[metric] !== null));
const varied = sweep.fields.filter((field) => new Set(sweep.rows.map((row) => row[field])).size > 1);
offer("x", [...sweep.fields, ...sweep.metrics], varied[0] || sweep.metrics[0]);
offer("y", sweep.metrics, measured.includes("excess") ? "excess" : "loss");
offer("colour", ["", ...sweep.fields], varied[1] || "");
for (const id of ["x", "y", "colour", "log-x", "log-y"]) control(id).addEventListener("change", draw);
draw();
