// What came of a forecast: first who won, then the forecast, then what earlier ones were worth.

import {Chart, range} from "./chart.js";
import {shortened} from "./chart_scales.js";
import {button, download, fillSelect, get, look, make, problemBox, tableOf} from "./elements.js";
import {showPage} from "./frame_view.js";
import {Problem, ask} from "./server.js";
import {number, onLanguage, say} from "./words.js";

let shown = null;

export function showResult(table, asked, answer, reportPath) {
  shown = {table, asked, answer, reportPath, place: 0};
  draw();
  look(get("verdict-title"));
}

function draw() {
  const {answer} = shown, host = get("result");
  host.hidden = false;
  const won = answer.won ?? "unknown";
  const title = make("h2", {id: "verdict-title", tabindex: -1}, say(`won-${won}`));
  // The first sentence begins with what the title says already, where they speak the same language.
  const [first, ...others] = answer.conclusion, begin = `${say(`won-${won}`)}: `;
  const rest = first.startsWith(begin) ? first.charAt(begin.length).toUpperCase() + first.slice(begin.length + 1) : first;
  const sentences = [rest, ...others].map(one => make("p", {lang: "en"}, one));
  const advice = won === "baseline" ? make("p", {class: "soft"}, say("baseline-advice")) : null;
  const chartHost = make("div"), numbers = make("div", {class: "scroll tall", tabindex: 0, role: "region", "aria-label": say("numbers")});
  host.replaceChildren(
    make("div", {class: `verdict ${won}`}, title, sentences, advice),
    make("h2", {}, say("result-chart")), chooser(chartHost, numbers),
    make("div", {class: "pair"}, chartHost, numbers),
    make("p", {class: "choices"}, actions()), make("div", {id: "report-problem", "aria-live": "assertive"}));
  if (answer.scores) {
    const best = answer.scores.rows.findIndex(row => row[0] === "gatewise");
    host.append(make("h2", {}, say("backtest")), make("p", {class: "soft"}, say("backtest-lead")),
      make("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": say("backtest"), lang: "en"}, tableOf(answer.scores.head, answer.scores.rows, {meanings: answer.scores.meanings, strong: best})));
  }
  host.append(make("h2", {}, say("chosen")), make("ul", {class: "notes", lang: "en"}, answer.explanation.map(one => make("li", {}, one))));
  drawSeries(chartHost, numbers);
}

function chooser(chartHost, numbers) {
  const {answer, table} = shown;
  if (answer.forecast.length < 2) return make("div");
  const select = make("select", {onchange: event => { shown.place = Number(event.target.value); drawSeries(chartHost, numbers); }});
  fillSelect(select, answer.forecast.map((one, place) => [String(place), one.id]), String(shown.place));
  const note = table.found.series > answer.forecast.length ? make("span", {class: "soft small"}, say("series-some", {shown: answer.forecast.length, all: table.found.series})) : null;
  return make("div", {class: "chooser"}, make("label", {}, make("span", {}, say("series-choose")), select), note);
}

function drawSeries(chartHost, numbers) {
  const {answer, table, place} = shown, one = answer.forecast[place];
  const past = table.found.shown.find(series => series.id === one.id) ?? {times: [], values: []};
  const steps = past.times.length, ahead = values => [...Array(steps).fill(null), ...values];
  const last = past.values.findLastIndex(value => value !== null), joins = last >= 0 && last === steps - 1 ? [last, past.values[last]] : null;
  const levels = Object.keys(one.bounds).sort((a, b) => b - a);
  const bands = levels.map((level, order) => ({name: say("interval", {level}), colour: order || levels.length === 1 ? "inner" : "outer", low: ahead(one.bounds[level][0]), high: ahead(one.bounds[level][1]), joins}));
  const name = table.found.series > 1 ? one.id : table.name;
  const chart = new Chart(chartHost, {tall: true, moved: at => mark(at - steps)});
  chart.show({
    label: say("chart-forecast", {name}), times: [...past.times, ...one.times], split: steps,
    lines: [{name: say("values"), colour: "ink", values: [...past.values, ...one.values.map(() => null)]}, {name: say("forecast-name"), colour: "train", values: ahead(one.values), joins}],
    bands, opens: Math.max(steps - Math.max(5 * one.times.length, 48), 0), at: steps,
  });
  const inside = [...levels].reverse();
  const head = [say("time"), say("forecast-name"), ...inside.map(level => say("interval", {level}))], times = shortened(one.times);
  const rows = one.values.map((value, step) => [times[step], number(value), ...inside.map(level => range(one.bounds[level][0][step], one.bounds[level][1][step]))]);
  numbers.replaceChildren(tableOf(head, rows));
  const body = numbers.querySelector("tbody");
  body.addEventListener("pointerover", event => { const row = event.target.closest("tr"); if (row) { chart.go(steps + [...body.rows].indexOf(row)); mark([...body.rows].indexOf(row)); } });
  const mark = step => [...body.rows].forEach((row, number) => row.classList.toggle("now", number === step));
}

function actions() {
  const {answer, table} = shown, base = table.name.replace(/\.[A-Za-z0-9]{1,5}$/, "") || "gatewise";
  const title = say("report-title", {name: table.name});
  const made = [
    button(say("get-csv"), () => download(`${base}-forecast.csv`, answer.csv), "main"),
    button(say("see-report"), () => withReport(page => showPage(title, page, `${base}-report.html`))),
    button(say("get-report"), () => withReport(page => download(`${base}-report.html`, page, "text/html"))),
  ];
  if (answer.inside?.page) made.push(button(say("see-inside"), () => showPage(say("inside-title"), answer.inside.page, `${base}-inside.html`)));
  if (answer.inside?.reason) made.push(make("span", {class: "soft small", lang: "en"}, answer.inside.reason));
  return made;
}

// The report has some megabytes, mostly of what draws it: it is fetched when somebody wants it.
async function withReport(use) {
  const own = shown;
  get("report-problem").replaceChildren();
  try {
    own.report ??= await ask(own.reportPath);
    if (own === shown) use(own.report);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    get("report-problem").replaceChildren(problemBox(error));
  }
}

onLanguage(() => { if (shown && !get("result").hidden) draw(); });
