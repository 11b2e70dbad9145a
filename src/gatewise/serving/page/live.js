// A live session: values are fed one at a time, the network answers and remembers.

import {button, download, fillSelect, get, look, make, problemBox} from "./elements.js";
import {showPage} from "./frame_view.js";
import {newSession, showSession} from "./live_session.js";
import {Problem, ask, post, way} from "./server.js";
import {onLanguage, say} from "./words.js";

let models = [], sessions = [], current = null;

export function startLive() {
  const form = get("live-start");
  form.addEventListener("submit", event => {
    event.preventDefault();
    const name = form.elements.session.value.trim(), model = models.find(one => one.name === form.elements.model.value);
    if (event.submitter?.value === "open") open(name);
    else begin(model, form.elements.series.value.trim(), name);
  });
  form.elements.model.addEventListener("change", seriesOfModel);
  onLanguage(() => { if (current) draw(); });
}

export function offerLive(all) {
  models = all.filter(one => one.sessions);
  const form = get("live-start");
  form.hidden = !models.length;
  fillSelect(form.elements.model, models.map(one => [one.name, one.name]), form.elements.model.value || undefined);
  seriesOfModel();
  get("live-empty").replaceChildren(...models.length ? [] : [make("div", {class: "empty"}, make("p", {}, make("strong", {}, say("no-stepped"))), make("p", {}, say("no-stepped-how")),
    make("pre", {tabindex: 0}, "gatewise forecast sales.csv --horizon 12 --model sales-model\ngatewise serve sales-model"))]);
}

export function beginWith(name) {
  get("live-start").elements.model.value = name;
  seriesOfModel();
}

function seriesOfModel() {
  const form = get("live-start"), own = models.find(one => one.name === form.elements.model.value);
  get("live-series-label").hidden = own?.kind !== "forecaster";
  form.elements.series.value = "";
}

async function attempt(work, ...actions) {
  get("live-problem").replaceChildren();
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    get("live-problem").replaceChildren(problemBox(error, ...actions));
    return null;
  }
}

function begin(model, series, name) {
  return attempt(async () => {
    const body = {id: name || newName(model.name), ...(model.kind === "forecaster" && series ? {series} : {})};
    add({...await newSession(model, await post(way("v1", "models", model.name, "sessions"), body)), series});
  });
}

// A name that can be read and remembered; the server's own are longer.
function newName(model) {
  const random = crypto.getRandomValues(new Uint8Array(5));
  return `${model.slice(0, 40)}-${[...random].map(one => one.toString(16).padStart(2, "0")).join("")}`;
}

function open(name) {
  if (!name) { get("live-start").elements.session.focus(); return null; }
  return attempt(async () => {
    const state = await ask(way("v1", "sessions", name));
    add(await newSession(models.find(one => one.name === state.model) ?? {name: state.model, kind: "recurrent", features: 1}, state));
  });
}

function add(session) {
  sessions = [...sessions.filter(one => one.name !== session.name), session];
  current = session;
  get("live-start").elements.session.value = "";
  draw();
  look(get("session-title"));
}

function fork(session) {
  return attempt(async () => {
    const made = await post(way("v1", "sessions", session.name, "fork"), {});
    add({...await newSession(session.model, made, session.past), steps: [...session.steps], from: session.name});
  });
}

function remove(session) {
  return attempt(async () => {
    await ask(way("v1", "sessions", session.name), {method: "DELETE"});
    sessions = sessions.filter(one => one !== session);
    current = sessions.at(-1) ?? null;
    draw();
    if (!current) get("live-start").elements.begin.focus();
  });
}

// What the network of a session's series does; it is looked at as it was saved.
function inside(session) {
  return attempt(async () => {
    const page = await post(way("v1", "models", session.model.name, "inspect"), session.series ? {series: session.series} : {});
    showPage(say("inside-title"), page, "inside.html");
  });
}

function steps(session) {
  const {features} = session.model, width = Math.max(...session.steps.map(one => one.y.length), 0);
  const head = ["seq", ...names("x", features), ...names("y", width)];
  const rows = session.steps.map(one => [one.seq, ...one.x, ...one.y]);
  download(`${session.name}.csv`, `${[head, ...rows].map(row => row.join(",")).join("\n")}\n`);
}

const names = (letter, many) => many === 1 ? [letter] : Array.from({length: many}, (_, place) => `${letter}${place + 1}`);

function draw() {
  const host = get("live-session");
  host.hidden = !current;
  if (!current) return;
  const session = current, sure = make("span", {class: "choices", hidden: true}, make("span", {}, say("delete-sure")), button(say("delete-yes"), () => remove(session), "danger"));
  const tabs = sessions.length < 2 ? null : make("div", {class: "chips", role: "group", "aria-label": say("sessions")}, sessions.map(one =>
    make("button", {type: "button", "aria-pressed": String(one === session), onclick: () => { current = one; draw(); }}, one.name)));
  const actions = make("p", {class: "choices"},
    make("button", {type: "button", title: say("fork-told"), onclick: () => fork(session)}, say("fork")),
    button(say("get-steps"), () => steps(session)),
    session.model.kind === "forecaster" ? button(say("see-inside"), () => inside(session)) : null, button(say("delete"), () => { sure.hidden = false; sure.querySelector("button").focus(); }), sure);
  showSession(host, session, {tabs, actions, attempt});
}
