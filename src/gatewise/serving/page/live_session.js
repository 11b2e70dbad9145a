// One session on the page: its chart, the field for the next value, what the network said.

import {Chart} from "./chart.js";
import {button, get, make, problemBox, tableOf} from "./elements.js";
import {Problem, ask, post, way} from "./server.js";
import {count, number, say} from "./words.js";

// A recurrent network gives no intervals; a forecaster's are these.
const LEVELS = [80, 95];
const PAST = 120;

const NOTHING = {ds: [], y: [], ds_after: []};

// A session can be fed without its past being drawn.
function without(error) {
  if (!(error instanceof Problem)) throw error;
  return NOTHING;
}

export async function newSession(model, state, past = null) {
  // A forecaster knows the values that it comes from; a network only what it made of them.
  past ??= model.kind === "forecaster" ? await ask(`${way("v1", "sessions", state.session, "history")}?last=${PAST}`).catch(without) : NOTHING;
  return {name: state.session, model: {features: 1, ...model}, seq: state.seq, past, steps: [], ahead: null, horizon: model.kind === "forecaster" ? 12 : 6, forecasts: true};
}

export function showSession(host, session, {tabs, actions, attempt}) {
  const {features, kind} = session.model;
  const chartHost = make("div"), seq = make("p", {class: "soft", role: "status"}), told = make("p", {class: "told", role: "status"}), busy = make("span", {class: "soft", role: "status"});
  const field = features === 1
    ? make("input", {id: "live-next", autocomplete: "off", inputmode: "text", required: true, spellcheck: "false"})
    : make("textarea", {id: "live-next", rows: 2, required: true, spellcheck: "false"});
  const many = make("textarea", {id: "live-many", rows: 4, spellcheck: "false", "aria-label": say("live-many")});
  const numbers = make("div", {class: "scroll tall", tabindex: 0, role: "region", "aria-label": say("numbers")});
  const horizon = make("input", {type: "number", min: 1, max: 1000, value: session.horizon, id: "live-horizon", onchange: () => { session.horizon = Math.max(Number(horizon.value) || 1, 1); ahead(); }});
  const wanted = make("input", {type: "checkbox", onchange: () => { session.forecasts = wanted.checked; ahead(); }});
  wanted.checked = session.forecasts;
  const form = make("form", {class: "feed"},
    make("label", {for: "live-next"}, features === 1 ? say("live-value") : say("live-values", {n: features})), field, make("button", {class: "main"}, say("live-feed")));
  const more = make("details", {}, make("summary", {}, say("live-many")), make("form", {class: "many"}, many, make("p", {class: "choices"}, make("button", {}, say("live-feed")))));
  host.replaceChildren(...[tabs, make("h2", {id: "session-title", tabindex: -1}, say("session-at", {name: session.name, model: session.model.name})), seq,
    form, told, make("div", {class: "pair"}, chartHost, numbers),
    make("p", {class: "choices"}, make("label", {class: "tick"}, wanted, make("span", {}, say("live-ahead"))), make("label", {}, make("span", {class: "unseen"}, say("horizon")), horizon), busy),
    more, actions].filter(Boolean));
  const chart = new Chart(chartHost, {tall: true});
  let waiting = Promise.resolve(), asked = 0, lost = 0;
  form.addEventListener("submit", event => { event.preventDefault(); give(field); });
  more.querySelector("form").addEventListener("submit", event => { event.preventDefault(); give(many); });

  async function give(source) {
    const rows = rowsOf(source.value, features);
    if (typeof rows === "string") { told.textContent = say("live-bad", {n: count(features, "numbers"), text: rows}); told.classList.add("wrong"); source.focus(); return; }
    if (!rows.length) return;
    told.classList.remove("wrong");
    const text = source.value;
    source.value = "";
    source.focus();
    const own = lost, back = () => { source.value = [text, source.value].filter(one => one !== "").join(source === field && features === 1 ? " " : "\n"); };
    // One after the other, however fast they are given; after one that was not taken, those behind it are not either.
    waiting = waiting.then(async () => {
      if (own === lost && await attempt(() => taken(rows), button(say("try-again"), () => give(source)))) return;
      lost++;
      back();
    });
    await waiting;
  }

  async function taken(rows) {
    // What got no answer is sent again under the same number, and is not taken twice.
    const body = rows.length === 1 ? {seq: session.seq + 1, x: rows[0]} : {seq: session.seq + 1, xs: rows};
    let answer;
    try {
      answer = await post(way("v1", "sessions", session.name, "steps"), body);
    } catch (error) {
      if (error instanceof Problem && ["seq_gap", "seq_reused", "seq_conflict", "seq_too_old"].includes(error.code)) {
        session.seq = (await ask(way("v1", "sessions", session.name))).seq;
        told.textContent = say("live-elsewhere", {n: session.seq});
      }
      throw error;
    }
    const said = answer.ys ?? [answer.y];
    rows.forEach((x, place) => session.steps.push({seq: session.seq + 1 + place, x, y: [said[place]].flat()}));
    session.seq += rows.length;
    // What was forecast before is no forecast from here.
    session.ahead = null;
    draw();
    told.textContent = (answer.replayed ? `${say("live-replayed")} ` : "") + `${say(kind === "forecaster" ? "live-before" : "live-output")}: ${session.steps.at(-1).y.map(value => number(value)).join(", ")}`;
    ahead();
    return true;
  }

  async function ahead() {
    const own = ++asked, from = session.seq;
    session.ahead = null;
    if (session.forecasts) {
      busy.textContent = say("live-forecasting");
      try {
        const levels = kind === "forecaster" ? LEVELS : [];
        const found = frameOf(await post(way("v1", "sessions", session.name, "forecast"), {horizon: session.horizon, ...(levels.length ? {level: levels} : {})}));
        // Values may have been given meanwhile, and another forecast asked for.
        if (own !== asked || from !== session.seq) return;
        session.ahead = found;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        // Some networks have nothing to forecast with: that is said once, and no fault.
        session.forecasts = wanted.checked = false;
        get("live-problem").replaceChildren(problemBox(error));
      }
      busy.textContent = "";
    }
    draw();
  }

  function draw() {
    seq.textContent = count(session.seq, "session-seq");
    const {steps} = session, next = session.ahead, width = Math.max(...steps.map(one => one.y.length), 1), length = next ? next.values.length : 0;
    const padded = (values, before = 0) => [...Array(before).fill(null), ...values];
    const {past} = session, known = past.y.length, now = known + steps.length, offset = session.seq - steps.length;
    const times = [...past.ds, ...range(steps.length + length).map(place => past.ds_after[place] ?? String(offset + place + 1))];
    const lines = range(Math.min(features, 3)).map(k => ({name: features === 1 ? say("live-input") : say("live-inputs", {n: k + 1}), colour: k ? `line-${k + 2}` : "ink", values: [...past.y, ...steps.map(one => one.x[k])]}));
    const name = kind === "forecaster" ? say("live-before") : say("live-output");
    lines.push(...range(Math.min(width, 3)).map(k => ({name: width === 1 ? name : `${name} ${k + 1}`, colour: k ? `line-${k + 4}` : "test", dashed: true, values: padded(steps.map(one => one.y[k] ?? null), known)})));
    const last = steps.at(-1), joins = last ? [now - 1, last.x[0]] : known ? [now - 1, past.y.at(-1)] : null;
    if (next) lines.push({name: say("forecast-name"), colour: "train", values: padded(next.values, now), joins});
    const levels = next ? Object.keys(next.bounds).sort((a, b) => b - a) : [];
    const bands = levels.map((level, order) => ({name: say("interval", {level}), colour: order || levels.length === 1 ? "inner" : "outer", low: padded(next.bounds[level][0], now), high: padded(next.bounds[level][1], now), joins}));
    chartHost.hidden = !times.length;
    numbers.hidden = !steps.length;
    if (!steps.length) told.textContent = say("live-none");
    if (!times.length) return;
    chart.show({label: say("live-chart", {name: session.name}), times, split: next ? now : null, lines, bands, at: Math.max(now - 1, 0)}, true);
    const head = ["seq", ...range(features).map(k => features === 1 ? say("live-input") : say("live-inputs", {n: k + 1})), ...range(width).map(k => width === 1 ? name : `${name} ${k + 1}`)];
    numbers.replaceChildren(tableOf(head, [...steps].reverse().slice(0, 500).map(one => [String(one.seq), ...one.x.map(value => number(value)), ...one.y.map(value => value === null ? "–" : number(value))])));
  }

  draw();
  if (session.forecasts && kind === "forecaster" && !session.ahead) ahead();
}

const range = many => Array.from({length: many}, (_, place) => place);

// The rows in a text, a line each; a text that is no row of so many numbers is returned as it is.
function rowsOf(text, features) {
  const rows = [];
  for (const line of text.split("\n").map(one => one.trim()).filter(one => one !== "")) {
    const row = line.split(/[\s,;]+/).filter(one => one !== "").map(Number);
    if (row.length !== features || row.some(value => !Number.isFinite(value))) return line.slice(0, 60);
    rows.push(row);
  }
  return rows;
}

// A forecast as the server gives it: of a network its outputs, of a forecaster the columns of its frame.
function frameOf(given) {
  if (given.y) return {values: given.y.map(one => one[0]), bounds: {}};
  const levels = Object.keys(given).filter(name => name.startsWith("gatewise-lo-")).map(name => name.slice("gatewise-lo-".length));
  const bounds = Object.fromEntries(levels.map(level => [level, [given[`gatewise-lo-${level}`], given[`gatewise-hi-${level}`]]]));
  return {values: given.gatewise, bounds};
}
