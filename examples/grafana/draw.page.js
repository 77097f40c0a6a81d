// In the page: each panel at its place, of its kind. `drawn` is what draw.mjs has found.
const PALETTE = ["#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#37872d", "#fade2a", "#447ebc"];
const NAMED = { green: "#73bf69", orange: "#ff9830", red: "#f2495c", text: "#ccccdc" };

// How wide the legend beside a plot is.
const LEGEND = 330;

const digits = (value, decimals) => (decimals === undefined ? String(Number(value.toPrecision(3))) : value.toFixed(decimals));
function shown(value, unit, decimals) {
  if (value === null || value === undefined || Number.isNaN(value)) return "-";
  if (unit === "s") {
    if (value === 0) return "0 s";
    for (const [size, name] of [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]]) {
      if (Math.abs(value) >= size) return `${digits(value / size, decimals)} ${name}`;
    }
    return `${digits(value * 1e9, decimals)} ns`;
  }
  const suffix = { rps: " rd/s", reqps: " req/s" }[unit] ?? "";
  const thousands = Math.abs(value) >= 1000 ? [value / 1000, " K"] : [value, ""];
  return digits(thousands[0], decimals) + thousands[1] + suffix;
}

const element = (name, parent, text, kind) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  parent.append(made);
  return made;
};

function stat(panel, box) {
  const { unit, decimals, thresholds, mappings = [] } = panel.fieldConfig.defaults;
  const value = Number(panel.results[0].series[0]?.value[1]);
  const step = thresholds.steps.filter((one) => one.value === null || value >= one.value).at(-1);
  const mapped = mappings.map((one) => one.options[value]?.text).find((text) => text !== undefined);
  element("div", box, mapped ?? shown(value, unit, decimals), "stat").style.color = NAMED[step.color];
}

function timeseries(panel, box, width, height) {
  const { unit, decimals, custom, min } = panel.fieldConfig.defaults;
  const times = [];
  for (let time = drawn.start; time <= drawn.end; time += drawn.step) times.push(time);
  const series = panel.results.flatMap((result) => result.series).map((one, number) => {
    const known = new Map(one.values.map(([time, value]) => [time, Number(value)]));
    const values = times.map((time) => (Number.isFinite(known.get(time)) ? known.get(time) : null));
    return { name: one.name, values, color: PALETTE[number % PALETTE.length] };
  });
  const isStacked = custom.stacking.mode === "normal";
  let lines = series.map((one) => one.values);
  if (isStacked) {
    const sums = times.map(() => 0);
    lines = lines.map((values) => values.map((value, at) => (sums[at] += value ?? 0)));
  }
  const alpha = Math.round((custom.fillOpacity / 100) * 255).toString(16).padStart(2, "0");
  const stepped = custom.lineInterpolation === "stepAfter" ? uPlot.paths.stepped({ align: 1 }) : undefined;
  const right = panel.options.legend.placement === "right";
  const sorted = [...series].sort((a, b) => Math.max(...b.values) - Math.max(...a.values));
  const legendHeight = right ? 0 : 18 + 16 * sorted.length;
  const place = element("div", box, undefined, `timeseries ${right ? "right" : "bottom"}`);
  const plot = element("div", place);
  const axis = { stroke: "#8e8e9a", grid: { stroke: "#24272d", width: 1 }, ticks: { show: false }, font: "11px DejaVu Sans" };
  const most = Math.max(...lines.flat().filter((value) => value !== null), 0);
  new uPlot({
    width: right ? width - LEGEND : width,
    height: height - legendHeight,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: true, min: drawn.start, max: drawn.end }, y: { range: [min ?? 0, most === 0 ? 1 : most * 1.08] } },
    axes: [
      { ...axis, size: 26, values: (_, all) => all.map((time) => new Date(time * 1000).toTimeString().slice(0, 5)), incrs: [60, 120, 300, 600, 1800, 3600] },
      { ...axis, size: 70, values: (_, all) => all.map((value) => shown(value, unit)) },
    ],
    series: [{}, ...series.map(({ color }, number) => ({
      stroke: color, width: custom.lineWidth, points: { show: false }, paths: stepped,
      fill: custom.fillOpacity > 0 && (!isStacked || number === 0) ? color + alpha : undefined,
    }))],
    bands: isStacked ? series.slice(1).map(({ color }, number) => ({ series: [number + 2, number + 1], fill: color + alpha })) : [],
  }, [times, ...lines], plot);
  const legend = element("table", place, undefined, "legend");
  const head = element("tr", legend);
  for (const text of ["Name", "Last", "Max"]) element("th", head, text);
  for (const { name, values, color } of sorted) {
    const line = element("tr", legend);
    const cell = element("td", line);
    element("i", cell).style.background = color;
    cell.append(name.length > 40 ? `…${name.slice(-39)}` : name);
    const known = values.filter((value) => value !== null);
    element("td", line, shown(known.at(-1), unit, decimals));
    element("td", line, shown(Math.max(...known), unit, decimals));
  }
}

function table(panel, box) {
  const byField = panel.transformations.find(({ id }) => id === "joinByField").options.byField;
  const property = (field, id) => panel.fieldConfig.overrides
    .find(({ matcher }) => matcher.options === field)?.properties.find((one) => one.id === id)?.value;
  const joined = new Map();
  for (const { refId, series } of panel.results) {
    for (const { metric, value } of series) {
      joined.set(metric[byField], { ...joined.get(metric[byField]), [`Value #${refId}`]: Number(value[1]) });
    }
  }
  const fields = panel.results.map(({ refId }) => `Value #${refId}`);
  const made = element("table", box, undefined, "rows");
  const head = element("tr", made);
  for (const field of [byField, ...fields]) element("th", head, property(field, "displayName") ?? field);
  const by = fields.find((field) => property(field, "displayName") === panel.options.sortBy[0].displayName);
  const lines = [...joined].sort(([, a], [, b]) => (b[by] ?? 0) - (a[by] ?? 0));
  for (const [name, values] of lines) {
    const line = element("tr", made);
    element("td", line, name);
    for (const field of fields) element("td", line, shown(values[field], property(field, "unit")));
  }
}

const kinds = { stat, timeseries, table };
const [column, line] = [(1600 - 16) / 24, 38];
const main = document.querySelector("main");
document.querySelector("h1").textContent = drawn.title;
document.querySelector("header p").textContent = drawn.description;
document.querySelector("footer").textContent = drawn.caption;
main.style.height = `${Math.max(...drawn.panels.map(({ gridPos }) => gridPos.y + gridPos.h)) * line}px`;
for (const panel of drawn.panels) {
  const { x, y, w, h } = panel.gridPos;
  const [width, height] = [w * column - 8, h * line - 8];
  const box = element("section", main, undefined, panel.type === "row" ? "row" : "");
  Object.assign(box.style, { left: `${x * column}px`, top: `${y * line}px`, width: `${width}px`, height: `${height}px` });
  if (panel.type === "row") {
    box.textContent = `▾ ${panel.title}`;
    continue;
  }
  element("h2", box, panel.title);
  kinds[panel.type](panel, box, width - 18, height - 38);
}
