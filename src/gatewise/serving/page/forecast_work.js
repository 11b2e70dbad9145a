// A forecast being made: how far it is, how long it takes yet, cancelled or done.

import {button, get, look, problemBox} from "./elements.js";
import {showResult} from "./forecast_result.js";
import {Problem, ask, post, way} from "./server.js";
import {say, span} from "./words.js";

const EVERY = 400;
// The work that is going on, and jobs of which the server still holds the answer.
let current = null;
const kept = new Set();

export async function forecastWork(table, asked) {
  leaveWork();
  const own = current = {cancelled: false};
  get("result").hidden = true;
  get("work-problem").replaceChildren();
  show({share: 0, state: "waiting", seconds: 0, doing: ""});
  get("work").hidden = false;
  look(get("work"));
  try {
    const {job} = await post("/v1/tables/forecast", asked);
    own.job = job;
    kept.add(job);
    if (own !== current) { forget(job); return; }
    for (;;) {
      const state = await ask(way("v1", "jobs", job));
      if (own !== current) return;
      if (state.state === "done") { done(table, asked, job, state.answer); return; }
      if (state.state === "failed") throw new Problem(422, state.error);
      if (state.state === "cancelled") throw new Problem(410, {error: say("cancelled")});
      show(state);
      await new Promise(resolve => setTimeout(resolve, EVERY));
    }
  } catch (error) {
    if (own !== current) return;
    get("work").hidden = true;
    if (!(error instanceof Problem)) throw error;
    get("work-problem").replaceChildren(problemBox(error, button(say("try-again"), () => forecastWork(table, asked))));
  }
}

function done(table, asked, job, answer) {
  get("work").hidden = true;
  showResult(table, asked, answer, way("v1", "jobs", job, "report"));
}

// From how fast the share grew since it first did: before that, programs are compiled, which says nothing of the rest.
function leftOf(state) {
  if (state.left !== undefined && state.left !== null) return state.left;
  if (!(state.share > 0) || !current) return null;
  current.since ??= [state.seconds, state.share];
  const [seconds, share] = current.since, gone = state.seconds - seconds, done = state.share - share;
  return gone >= 1.2 && done > 0.02 ? gone * (1 - state.share) / done : null;
}

// What is being done, as the work calls it: "networks local", "baseline Naive", "baselines Theta, ETS".
function doingOf(what) {
  const [, kind, name] = what.match(/^(network|baseline)s? (.+)$/) ?? [];
  return say(`doing-${kind ?? what}`, {name}) || say("doing", {what});
}

function show(state) {
  const bar = get("bar");
  const doing = state.state === "waiting" ? say("waiting") : state.doing ? doingOf(state.doing) : say("starting");
  // Not said again and again to those who hear it.
  if (get("doing").textContent !== doing) get("doing").textContent = doing;
  if (state.share > 0) bar.value = state.share;
  else bar.removeAttribute("value");
  const left = leftOf(state);
  get("left").textContent = left !== null ? say("left", {span: span(left)}) : state.seconds > 1 ? say("gone", {span: span(state.seconds)}) : "";
}

// Lets the server forget what was asked of it before.
export function leaveWork() {
  current = null;
  get("work").hidden = true;
  kept.forEach(forget);
}

function forget(job) {
  kept.delete(job);
  ask(way("v1", "jobs", job), {method: "DELETE", keepalive: true}).catch(() => {});
}

get("cancel").addEventListener("click", () => {
  leaveWork();
  get("work-problem").replaceChildren();
  get("order").querySelector("button").focus();
  get("left").textContent = say("cancelled");
});
addEventListener("pagehide", () => kept.forEach(forget));
