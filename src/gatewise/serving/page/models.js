// What is served, and whether the server is well.

import {button, download, get, make, problemBox} from "./elements.js";
import {beginWith, offerLive} from "./live.js";
import {Problem, ask, hasToken} from "./server.js";
import {offerText} from "./text.js";
import {onLanguage, say} from "./words.js";

const EVERY = 20000;
let models = [], health = null;

export async function loadModels() {
  try {
    models = (await ask("/v1/models")).models;
    get("models-problem").replaceChildren();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    get("models-problem").replaceChildren(problemBox(error, button(say("try-again"), loadModels)));
  }
  draw();
}

// A link alone would not send the token: what it leads to is fetched with it, and kept as a file.
export function startModels() {
  for (const link of document.querySelectorAll("[data-file]")) {
    link.addEventListener("click", async event => {
      if (!hasToken()) return;
      event.preventDefault();
      try {
        const found = await ask(link.pathname);
        download(link.dataset.file, typeof found === "string" ? found : JSON.stringify(found, null, 1), "text/plain");
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        get("models-problem").replaceChildren(problemBox(error));
      }
    });
  }
}

// Asked now and then, and not while nobody looks.
export async function watchHealth() {
  if (!document.hidden) {
    try {
      await ask("/v2/health/ready");
      health = {state: "ready"};
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      health = error.status === 0 ? {state: "away", why: say("no-answer")} : {state: "not-ready", why: error.message};
    }
    drawHealth();
  }
  setTimeout(watchHealth, EVERY);
}

function drawHealth() {
  if (!health) return;
  const dot = get("health");
  dot.className = `health ${health.state}`;
  if (dot.querySelector("span").textContent !== say(health.state)) dot.querySelector("span").textContent = say(health.state);
  get("server-state").textContent = health.state === "ready" ? say("state-ready") : say("state-not", {why: health.why});
}

function draw() {
  offerText(models);
  offerLive(models);
  get("models-list").replaceChildren(...models.length ? models.map(card) : [make("div", {class: "empty"}, make("p", {}, make("strong", {}, say("no-models"))), make("p", {}, say("no-models-how")), make("pre", {tabindex: 0}, "gatewise serve MODEL"))]);
}

function card(model) {
  const tensors = all => (all ?? []).map(one => `${one.name}: ${one.datatype} [${one.shape.map(size => size === -1 ? "…" : size).join(", ")}]`).join("; ") || "–";
  const use = !model.sessions && model.kind !== "classifier" ? null : model.kind === "classifier" ? make("a", {class: "button", href: "#text"}, say("use-text")) : make("a", {class: "button", href: "#live", onclick: () => beginWith(model.name)}, say("use-live"));
  const facts = [["inputs", tensors(model.inputs)], ["outputs", tensors(model.outputs)]];
  return make("article", {class: "card"}, make("h2", {}, model.name), make("p", {class: "soft"}, say(`kind-${model.kind}`)),
    make("dl", {}, facts.map(([name, text]) => [make("dt", {}, say(name)), make("dd", {}, text)]), make("dt", {}, say("hash")), make("dd", {}, make("code", {title: model.sha256}, model.sha256.slice(0, 12)))),
    use && make("p", {class: "choices"}, use));
}

onLanguage(() => { draw(); drawHealth(); });
