"use strict";
const report = JSON.parse(document.getElementById("report").textContent);
const byId = (id) => document.getElementById(id);
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// An element with text or children; text is never read as HTML.
function element(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(options)) key === "class" ? (made.className = value) : made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const MISSING = "–";
const decibels = (x) => (x === null ? MISSING : x === "exact" ? "exact" : x.toFixed(1));
const milliseconds = (x) => (x === null ? MISSING : x.toFixed(3));
const megabytes = (x) => (x / 1e6).toFixed(x < 1e6 ? 2 : 1) + " MB";
const percent = (x, digits = 1) => (100 * x).toFixed(digits) + " %";
const short = (x) => (x === null ? MISSING : Number(x.toPrecision(4)).toString());
const times = (x) => (x === null ? MISSING : x.toFixed(1) + " times");
const asNumber = (x) => (x === "exact" ? Infinity : x);

function copyButton(text) {
  const button = element("button", { type: "button" }, "Copy");
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Press Ctrl-C";
      getSelection().selectAllChildren(button.previousSibling);
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  };
  return button;
}

const code = (text) => element("div", { class: "code" }, element("code", {}, text), copyButton(text));
const fixCode = (fix) => [code(fix.python), code(fix.flags)];

function showSummary() {
  byId("about").textContent = `${report.backend} · layers measured on ${report.samples} samples · eightbit ${report.eightbit}`;
  const check = byId("float-check");
  const problems = report.float_check.problems;
  check.className = problems.length ? "broken" : "sound";
  check.append(
    element("p", {}, problems.length
      ? "The float model looks broken by itself, so do not blame quantization yet:"
      : `The float model by itself looks sound on ${report.float_check.samples} samples: finite outputs that depend on the input.`),
    ...(problems.length ? [element("ul", {}, ...problems.map((text) => element("li", {}, text)))] : []),
  );
  const card = (value, label, bad = false) => byId("cards").append(element("div", { class: "card" }, element("b", bad ? { class: "bad" } : {}, value), element("span", {}, label)));
  for (const output of report.outputs.slice(0, 4))
    card(`${decibels(output.sqnr_db)} dB`, `output ${output.name}`, asNumber(output.sqnr_db) < 15);
  if (report.agreement !== null) card(percent(report.agreement), "same largest output", report.agreement < 0.95);
  card(`${megabytes(report.bytes_before)} → ${megabytes(report.bytes)}`, "stored constants");
  card(`${report.milliseconds_before.toFixed(2)} → ${report.milliseconds.toFixed(2)} ms`, "all layers, one sample");
  const quantized = report.layers.filter((layer) => layer.quantized).length;
  card(`${quantized} of ${report.layers.length}`, "layers quantized");
}

function showFixes() {
  byId("fixes-section").hidden = !report.fixes.length;
  for (const fix of report.fixes) byId("fixes").append(element("li", {}, fix.text, ...fixCode(fix)));
  byId("notes-section").hidden = !report.notes.length;
  for (const note of report.notes) byId("notes").append(element("li", {}, note));
}

Chart.defaults.animation = false;
Chart.defaults.color = color("--soft");
Chart.defaults.borderColor = color("--line");
Chart.defaults.font.family = "system-ui, sans-serif";

function showOverview() {
  const ordered = [...report.layers].sort((a, b) => a.position - b.position);
  const points = (key) => ordered.map((layer) => (typeof layer[key] === "number" ? layer[key] : null));
  new Chart(byId("overview"), {
    type: "line",
    data: {
      labels: ordered.map((layer) => layer.name),
      datasets: [
        { label: "alone", data: points("alone_db"), borderColor: color("--alone"), backgroundColor: color("--alone"), borderWidth: 1.5, pointRadius: 3 },
        { label: "accumulated", data: points("accumulated_db"), borderColor: color("--whole"), backgroundColor: color("--whole"), borderWidth: 1.5, pointRadius: 2 },
      ],
    },
    options: {
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      spanGaps: true,
      onClick: (event, hits) => hits.length && choose(ordered[hits[0].index], true),
      scales: { x: { ticks: { display: false }, grid: { display: false } }, y: { title: { display: true, text: "dB" } } },
      plugins: { tooltip: { callbacks: { label: (item) => `${item.dataset.label}: ${decibels(item.raw)} dB` } } },
    },
  });
}

const COLUMNS = [
  { key: "name", title: "layer", text: true, show: (layer) => layer.name },
  { key: "type", title: "type", text: true, show: (layer) => layer.type },
  { key: "alone_db", title: "alone dB", show: (layer) => decibels(layer.alone_db) },
  { key: "accumulated_db", title: "accumulated dB", show: (layer) => decibels(layer.accumulated_db) },
  { key: "cause", title: "cause", text: true, show: (layer) => (layer.quantized ? layer.cause : "float") },
  { key: "precision", title: "runs in", text: true, show: (layer) => layer.precision || MISSING },
  { key: "milliseconds", title: "ms", show: (layer) => milliseconds(layer.milliseconds) },
  { key: "milliseconds_before", title: "ms before", show: (layer) => milliseconds(layer.milliseconds_before) },
];
const view = { key: null, descending: false, chosen: null, charts: [] };

function cell(column, layer) {
  const text = column.show(layer);
  const made = element("td", { class: (column.text ? "text " : "") + (column.key === "name" ? "name" : "") });
  if (column.key === "cause" && layer.cause !== "none") made.append(element("span", { class: "cause" }, text));
  else if (column.key === "name") made.append(element("bdi", { title: layer.name }, text));
  else made.append(text);
  if (column.key === "alone_db" && asNumber(layer.alone_db ?? Infinity) < 20) made.classList.add("bad");
  return made;
}

// Numbers by value, unknown ones last whichever way; worst first without a column.
function compare(a, b) {
  if (!view.key) return 0;
  const [x, y] = [a, b].map((layer) => asNumber(layer[view.key]));
  if (x === null || y === null) return (x === null) - (y === null);
  const order = typeof x === "string" ? x.localeCompare(y, undefined, { numeric: true }) : x === y ? 0 : x - y;
  return view.descending ? -order : order;
}

function visibleLayers() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const cause = byId("cause").value;
  return report.layers
    .filter((layer) => words.every((word) => `${layer.name} ${layer.type}`.toLowerCase().includes(word)))
    .filter((layer) => !cause || (layer.quantized ? layer.cause : "float") === cause)
    .sort(compare);
}

function showRows() {
  const layers = visibleLayers();
  byId("count").textContent = `${layers.length} of ${report.layers.length} layers${view.key ? "" : ", worst first"}`;
  byId("rows").replaceChildren(...layers.map((layer) => {
    const row = element("tr", { class: (layer.quantized ? "" : "float ") + (layer === view.chosen ? "chosen" : "") }, ...COLUMNS.map((column) => cell(column, layer)));
    row.dataset.position = layer.position;
    row.onclick = () => choose(layer);
    return row;
  }));
}

function showHead() {
  byId("head").replaceChildren(...COLUMNS.map((column) => {
    const head = element("th", { class: column.text ? "text" : "" }, column.title);
    if (view.key === column.key) head.setAttribute("aria-sort", view.descending ? "descending" : "ascending");
    head.onclick = () => {
      view.descending = view.key === column.key && !view.descending;
      view.key = column.key;
      showHead();
      showRows();
    };
    return head;
  }));
}

function facts(pairs) {
  const list = element("dl");
  for (const [name, value] of pairs) if (value !== null && value !== "") list.append(element("dt", {}, name), element("dd", {}, value));
  return list;
}

// Shares are drawn over a logarithmic axis, where the tails that decide a range can be seen.
function drawHistogram(canvas, input) {
  const { low, high, shares } = input.histogram;
  const width = (high - low) / shares.length;
  const least = Math.min(...shares.filter((share) => share > 0)) / 2;
  const most = Math.max(...shares);
  const end = (x, label) => ({ label, data: [{ x, y: least }, { x, y: most }], borderColor: color("--alone"), borderWidth: 2, borderDash: [5, 3], pointRadius: 0 });
  const values = shares.map((share, i) => ({ x: low + i * width, y: Math.max(share, least) }));
  values.push({ x: high, y: values[values.length - 1].y });
  view.charts.push(new Chart(canvas, {
    type: "line",
    data: {
      datasets: [
        end(input.low, "range"), end(input.high, "range end"),
        { label: "values", data: values, stepped: "before", fill: "start", borderColor: color("--whole"), backgroundColor: color("--whole") + "55", borderWidth: 1, pointRadius: 0 },
      ],
    },
    options: {
      maintainAspectRatio: false,
      scales: {
        x: { type: "linear", min: low - 2 * width, max: high + 2 * width, ticks: { callback: short, maxTicksLimit: 8, includeBounds: false } },
        y: { type: "logarithmic", min: least, title: { display: true, text: "share of values" }, ticks: { callback: (x) => (Number.isInteger(Math.log10(x)) ? x.toExponential(0) : "") } },
      },
      plugins: { legend: { labels: { filter: (item) => item.text !== "range end", boxHeight: 1 } }, tooltip: { enabled: false } },
    },
  }));
}

function describeInput(input) {
  const canvas = element("canvas");
  const known = input.histogram.shares.length > 0;
  return {
    nodes: [
      element("h4", {}, `Reads ${input.value}`),
      ...(known ? [element("div", { class: "chart" }, canvas)] : []),
      facts([
        ["range", `[${short(input.low)}, ${short(input.high)}], ${input.levels} levels${input.ranges > 1 ? `, ${input.ranges} ranges` : ""}`],
        ["values", known ? `[${short(input.min)}, ${short(input.max)}]` : "not seen"],
        ["outside of the range", known ? percent(input.clipped, 4) : null],
        ["error of rounding / clipping", known ? `${short(input.rounding_error)} / ${short(input.clipping_error)} of the signal` : null],
        ["a range a channel would err", input.channel_gain > 1 ? `${times(input.channel_gain)} less (widest: channel ${input.widest_channel} of ${input.channels})` : null],
      ]),
    ],
    draw: () => known && drawHistogram(canvas, input),
  };
}

function choose(layer, scroll = false) {
  view.chosen = layer;
  view.charts.splice(0).forEach((chart) => chart.destroy());
  const inputs = layer.inputs.map(describeInput);
  const advice = layer.fix && layer.leave_out && layer.fix.python !== layer.leave_out.python ? [layer.fix, layer.leave_out] : [layer.fix ?? layer.leave_out].filter(Boolean);
  byId("detail").replaceChildren(
    element("h3", {}, layer.name),
    facts([
      ["type", layer.type],
      ["alone", layer.alone_db === null ? null : `${decibels(layer.alone_db)} dB, its weights alone ${decibels(layer.weights_alone_db)} dB`],
      ["accumulated", layer.accumulated_db === null ? null : `${decibels(layer.accumulated_db)} dB`],
      ["cause", layer.cause === "none" ? (layer.quantized && layer.alone_db !== null ? "none: above 40 dB alone" : null) : `${layer.cause}: ${layer.why}`],
      ["note", layer.note],
      ["runs in", layer.precision ? `${layer.precision} (before ${layer.precision_before || MISSING})${layer.executed_in ? `, as part of ${layer.executed_in}` : ""}` : null],
      ["time", layer.milliseconds === null ? null : `${milliseconds(layer.milliseconds)} ms (before ${milliseconds(layer.milliseconds_before)})`],
      ["weights in float", layer.weight_bytes_before ? megabytes(layer.weight_bytes_before) : null],
    ]),
    ...advice.flatMap((fix) => [element("h4", {}, fix.text), ...fixCode(fix)]),
    ...inputs.flatMap((input) => input.nodes),
  );
  inputs.forEach((input) => input.draw());
  for (const row of byId("rows").children) row.classList.toggle("chosen", Number(row.dataset.position) === layer.position);
  if (scroll) byId("layers-section").scrollIntoView({ behavior: "smooth" });
}

function showFilters() {
  const causes = [...new Set(report.layers.map((layer) => (layer.quantized ? layer.cause : "float")))].sort();
  byId("cause").append(element("option", { value: "" }, "All causes"), ...causes.map((cause) => element("option", { value: cause }, cause === "none" ? "no cause: above 40 dB" : cause)));
  byId("search").oninput = showRows;
  byId("cause").onchange = showRows;
}

showSummary();
showFixes();
showOverview();
showFilters();
showHead();
showRows();
if (report.layers.length) choose(report.layers[0]);
