#!/usr/bin/env node
// Draws a dashboard of Grafana without Grafana: each panel's own queries are put to a Prometheus, and what it answers is drawn
// where the panel's grid position says, with its unit, legend, thresholds and mappings. Fails if a query has no data.
//
//     examples/grafana/draw.mjs --prometheus http://127.0.0.1:9090 --minutes 10 --scrape-interval 15 dashboard.json dashboard.png
//
// It needs uPlot (npm install --no-save --prefix target/draw uplot@1.6.32) and chromium. It knows the kinds of panels that
// dashboard.json has: row, stat, timeseries, table.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prometheus: { type: "string", default: "http://127.0.0.1:9090" },
    minutes: { type: "string", default: "60" },
    "scrape-interval": { type: "string", default: "15" },
  },
});
const [file, picture] = positionals;
const range = Number(options.minutes) * 60;
const step = Number(options["scrape-interval"]);
const end = Math.floor(Date.now() / 1000);
const start = end - range;

// What Grafana puts in for its variables; of our own, all values.
const variables = { __rate_interval: `${4 * step}s`, __range: `${range}s` };
const dashboard = JSON.parse(readFileSync(file));
for (const { name, allValue } of dashboard.templating.list) variables[name] ??= allValue;
const filledIn = (text) => text.replace(/\$(\w+)/g, (whole, name) => variables[name] ?? whole);

async function ask(path, parameters) {
  const answer = await fetch(`${options.prometheus}/api/v1/${path}`, { method: "POST", body: new URLSearchParams(parameters) });
  const { status, error, data } = await answer.json();
  if (status !== "success") throw new Error(`${parameters.query}: ${error}`);
  return data.result;
}

const empty = [];
async function results(panel) {
  const all = [];
  for (const target of panel.targets ?? []) {
    const query = filledIn(target.expr);
    const series = target.instant
      ? await ask("query", { query, time: end })
      : await ask("query_range", { query, start, end, step });
    if (series.length === 0) empty.push(`${panel.title}: ${query}`);
    const name = (labels) => target.legendFormat.replace(/{{(\w+)}}/g, (_, label) => labels[label] ?? "");
    all.push({ refId: target.refId, series: series.map((one) => ({ ...one, name: name(one.metric) })) });
  }
  return all;
}

const panels = [];
for (const panel of dashboard.panels) panels.push({ ...panel, results: await results(panel) });

const here = dirname(fileURLToPath(import.meta.url));
const uplot = (name) => readFileSync(join(here, "../../target/draw/node_modules/uplot/dist", name), "utf8");
const rows = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
const [width, height] = [1600, rows * 38 + 84];
const caption = `Drawn from the queries of dashboard.json by examples/grafana/draw.mjs, from ${options.minutes} minutes of a real daemon and a real Prometheus; not by Grafana.`;
const page = `<!doctype html><meta charset="utf-8"><style>${uplot("uPlot.min.css")}${readFileSync(join(here, "draw.css"), "utf8")}</style>
<header><h1></h1><p></p></header><main></main><footer></footer>
<script>${uplot("uPlot.iife.min.js")}</script>
<script>const drawn = ${JSON.stringify({ title: dashboard.title, description: dashboard.description, caption, panels, start, end, step }).replaceAll("<", "\\u003c")};
${readFileSync(join(here, "draw.page.js"), "utf8")}</script>`;

const scratch = mkdtempSync(join(tmpdir(), "draw-"));
try {
  writeFileSync(join(scratch, "page.html"), page);
  execFileSync("chromium", [
    "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1",
    `--user-data-dir=${join(scratch, "profile")}`, `--window-size=${width},${height}`, "--virtual-time-budget=5000",
    `--screenshot=${picture}`, `file://${join(scratch, "page.html")}`,
  ], { stdio: ["ignore", "ignore", "ignore"] });
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
if (empty.length > 0) {
  console.error(`no data:\n${empty.join("\n")}`);
  process.exit(1);
}
