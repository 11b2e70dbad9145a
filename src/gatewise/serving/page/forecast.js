// The forecast of a table, step by step: what is given, what was found in it, what to forecast.

import {Chart} from "./chart.js";
import {button, fillSelect, get, look, make, problemBox} from "./elements.js";
import {forecastWork, leaveWork} from "./forecast_work.js";
import {Problem, ask, post} from "./server.js";
import {ENCODINGS, MOST_BYTES, decoded, foreign, pastedTable, rowsBetween} from "./table_text.js";
import {count, onLanguage, say, whole} from "./words.js";

const FIXES = ["duplicates-first", "duplicates-last", "duplicates-mean", "duplicates-sum", "gaps", "comments", "footer", "utc"];
const MINUTES = [1, 3, 10];
const LEVELS = {"80,95": [80, 95], "90": [90], "95": [95], "99": [99]};

// The table as it was given, how it is to be read, and what was found.
let given = null, found = null, chart = null, place = 0;

export function startForecast() {
  const drop = get("drop");
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, event => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", event => { if (!drop.contains(event.relatedTarget)) drop.classList.remove("over"); });
  drop.addEventListener("drop", event => {
    event.preventDefault();
    drop.classList.remove("over");
    const file = event.dataTransfer.files[0], text = event.dataTransfer.getData("text/plain");
    if (file) readFile(file);
    else if (text) readText(say("pasted"), pastedTable(text));
  });
  // A file that misses the field must not make the browser leave the page.
  for (const name of ["dragover", "drop"]) addEventListener(name, event => event.preventDefault());
  get("file").addEventListener("change", event => { if (event.target.files[0]) readFile(event.target.files[0]); event.target.value = ""; });
  get("paste-open").addEventListener("click", () => {
    const box = get("paste-box");
    box.hidden = !box.hidden;
    get("paste-open").setAttribute("aria-expanded", String(!box.hidden));
    if (!box.hidden) get("paste").focus();
  });
  get("paste-box").addEventListener("submit", event => { event.preventDefault(); if (get("paste").value.trim()) readText(say("pasted"), pastedTable(get("paste").value)); });
  get("example").addEventListener("click", async () => {
    try { readText("airline.csv", await ask("/page/airline.csv")); } catch (error) { trouble(error); }
  });
  get("reading-form").addEventListener("submit", event => { event.preventDefault(); readAs(readingOf(event.target)); });
  get("order").addEventListener("submit", event => { event.preventDefault(); order(event.target); });
  onLanguage(() => { choices(); if (found) showFound(); });
  choices();
}

async function readFile(file) {
  clear();
  if (file.size > MOST_BYTES) { trouble(new Problem(0, {error: say("file-large", {name: file.name, size: (file.size / 2 ** 20).toFixed(1), most: MOST_BYTES / 2 ** 20})})); return; }
  const bytes = new Uint8Array(await file.arrayBuffer()), kind = foreign(bytes);
  if (kind) { trouble(new Problem(0, {error: say("file-foreign", {name: file.name, what: say(`foreign-${kind}`)})})); return; }
  const text = decoded(bytes);
  if (text !== null) { readText(file.name, text); return; }
  get("encoding").hidden = false;
  const fitting = ENCODINGS.filter(name => decoded(bytes, name) !== null);
  get("encodings").replaceChildren(...fitting.map(name => button(name, () => { get("encoding").hidden = true; readText(file.name, decoded(bytes, name)); })));
}

function readText(name, csv) {
  given = {name, csv, how: {}};
  get("reading-form").reset();
  readAs({});
}

// Reads the table in a way; what is asked later belongs to the last one asked for.
async function readAs(how) {
  clear();
  get("drop").classList.add("compact");
  const own = given = {...given, how};
  get("table-busy").textContent = say("reading-table");
  try {
    const answer = await post("/v1/tables", {name: own.name, csv: own.csv, ...how});
    if (own !== given) return;
    [found, place] = [answer, 0];
    get("order").elements.horizon.value = String(found.horizon);
    showFound();
    look(get("found-title"));
  } catch (error) {
    if (own === given) trouble(error);
  } finally {
    if (own === given) get("table-busy").textContent = "";
  }
}

function clear() {
  leaveWork();
  found = null;
  for (const id of ["found", "order", "reading", "result", "encoding"]) get(id).hidden = true;
  for (const id of ["table-problem", "work-problem", "result"]) get(id).replaceChildren();
}

// The sentence, the lines that it is about, and what can be tried.
function trouble(error) {
  if (!(error instanceof Problem)) throw error;
  const detail = error.detail ?? {}, actions = [];
  if (error.code === "no_answer") actions.push(button(say("try-again"), () => readAs(given.how)));
  for (const fix of FIXES) {
    if (!error.message.includes(fix)) continue;
    const kept = (given.how.fix ?? []).filter(one => !(one.startsWith("duplicates") && fix.startsWith("duplicates")));
    actions.push(button(say("repair", {fix: say(`fix-${fix}`)}), () => readAs({...given.how, fix: [...kept, fix]})));
  }
  if (detail.names?.length) {
    columnsOf(detail.names);
    get("reading").hidden = false;
    if (/(time|target|id)_col/.test(error.message)) actions.push(button(say("choose-columns"), () => { get("reading").open = true; get("reading-form").elements.time_col.focus(); }));
  }
  const box = problemBox(error, ...actions);
  if (detail.row && given) {
    const rows = rowsBetween(given.csv, Math.max(detail.row - 2, 1), detail.row + 2);
    box.append(make("p", {class: "soft small"}, say("refused-row", {row: whole(detail.row)})), rowsTable(rows, detail.row));
  }
  if (error.code === "table_refused") box.prepend(make("p", {}, make("strong", {}, say("refused-title"))));
  get("table-problem").replaceChildren(box);
}

// Rows of the file as they are written there, with their numbers.
function rowsTable(rows, marked = null) {
  const cut = text => text.length > 300 ? `${text.slice(0, 300)}…` : text;
  return make("table", {class: "raw"}, make("tbody", {}, rows.map(([row, text]) =>
    make("tr", {class: row === marked ? "marked" : null}, make("th", {scope: "row", "aria-label": `${say("row")} ${row}`}, String(row)), make("td", {}, cut(text))))));
}

function showFound() {
  const {shown} = found;
  get("found-title").textContent = say("found-title", {name: found.name, series: count(found.series, "series")});
  const span = found.shortest === found.longest ? whole(found.longest) : say("range", {a: whole(found.shortest), b: whole(found.longest)});
  const facts = [["fact-values", whole(found.rows)], ["fact-freq", stepOf(found.freq)], ["fact-span", `${found.from} – ${found.to}`], ["fact-missing", whole(found.missing)]];
  if (found.series > 1) facts.splice(1, 0, ["fact-length", span]);
  get("facts").replaceChildren(...facts.map(([name, text]) => make("div", {}, make("dt", {}, say(name)), make("dd", {}, text))));
  get("notes").replaceChildren(...found.notes.map(note => make("li", {lang: "en"}, note)));
  get("first-rows").querySelector("div").replaceChildren(rowsTable(rowsBetween(given.csv, 1, 9)));
  columnsOf(found.names);
  for (const id of ["found", "reading", "order"]) get(id).hidden = false;
  const chooser = get("series-chooser");
  chooser.replaceChildren();
  if (shown.length > 1) {
    const select = make("select", {onchange: event => { place = Number(event.target.value); drawSeries(); }});
    fillSelect(select, shown.map((one, number) => [String(number), one.id]), String(place));
    chooser.append(make("label", {}, make("span", {}, say("series-choose")), select));
    if (found.series > shown.length) chooser.append(make("span", {class: "soft small"}, say("series-some", {shown: shown.length, all: whole(found.series)})));
  }
  drawSeries();
}

// A step as people call it; pandas' name for it beside.
const STEPS = [[/^B?M[SE]$/, "month"], [/^B?Q[SE](-|$)/, "quarter"], [/^B?Y[SE](-|$)/, "year"], [/^(W(-|$)|7D$)/, "week"], [/^D$/, "day"], [/^B$/, "business"], [/^h$/, "hour"], [/^min$/, "minute"], [/^s$/, "second"]];
function stepOf(freq) {
  if (freq === null) return say("freq-none");
  if (freq === 1) return say("freq-rows");
  const name = STEPS.find(([form]) => form.test(freq))?.[1];
  return name ? say(`freq-${name}`, {alias: freq}) : String(freq);
}

function drawSeries() {
  const one = found.shown[place], name = found.series > 1 ? one.id : found.name;
  chart ??= new Chart(get("series-chart"));
  chart.show({label: say("chart-series", {name}), times: one.times, lines: [{name: say("values"), colour: "ink", values: one.values}]});
}

function choices() {
  const {minutes, level} = get("order").elements, keep = [minutes.value, level.value];
  fillSelect(minutes, [["", say("effort-fast")], ...MINUTES.map(n => [String(n), n === 1 ? say("effort-minute") : say("effort-minutes", {n})])], keep[0]);
  fillSelect(level, Object.entries(LEVELS).map(([name, all]) => [name, all.length > 1 ? say("level-both") : say("level-one", {level: name})]), keep[1] || "80,95");
  const duplicates = get("reading-form").elements.duplicates, chosen = duplicates.value;
  fillSelect(duplicates, [["", say("fix-refuse")], ...FIXES.slice(0, 4).map(name => [name, say(`fix-${name}`)])], chosen);
}

function columnsOf(names) {
  const form = get("reading-form").elements;
  for (const name of ["time_col", "target_col", "id_col"]) fillSelect(form[name], [["", say("col-found")], ...names.map(one => [one, one])], given.how[name] ?? "");
  const fixes = given.how.fix ?? [];
  form.duplicates.value = fixes.find(one => one.startsWith("duplicates")) ?? "";
  form.fix.forEach(box => { box.checked = fixes.includes(box.value); });
}

function readingOf(form) {
  const how = {};
  for (const name of ["time_col", "target_col", "id_col"]) if (form.elements[name].value) how[name] = form.elements[name].value;
  const fix = [...form.elements.fix].filter(box => box.checked).map(box => box.value);
  if (form.elements.duplicates.value) fix.push(form.elements.duplicates.value);
  if (fix.length) how.fix = fix;
  return how;
}

function order(form) {
  const {horizon, level, minutes, inside} = form.elements;
  forecastWork({...given, found}, {
    name: given.name, csv: given.csv, ...given.how, horizon: Number(horizon.value), level: LEVELS[level.value],
    ...(minutes.value ? {minutes: Number(minutes.value)} : {}), inside: inside.checked,
  });
}
