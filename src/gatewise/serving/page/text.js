// What a classifier reads in a text: how likely each class is, and which words speak for it.

import {button, fillSelect, get, look, make, problemBox, tableOf} from "./elements.js";
import {showPage} from "./frame_view.js";
import {Problem, post, way} from "./server.js";
import {number, onLanguage, percent, say} from "./words.js";

let answer = null, asked = null;

export function startText() {
  const form = get("text-form");
  form.addEventListener("submit", event => { event.preventDefault(); read(form.elements.model.value, get("text-input").value); });
  get("text-input").addEventListener("keydown", event => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(); });
  onLanguage(() => { if (answer) draw(); });
}

export function offerText(models) {
  const own = models.filter(one => one.kind === "classifier");
  get("text-form").hidden = !own.length;
  get("text-model-label").hidden = own.length < 2;
  fillSelect(get("text-form").elements.model, own.map(one => [one.name, one.name]), get("text-form").elements.model.value || undefined);
  get("text-empty").replaceChildren(...own.length ? [] : [make("div", {class: "empty"}, make("p", {}, make("strong", {}, say("no-classifier"))), make("p", {}, say("no-classifier-how")),
    make("pre", {tabindex: 0}, "gatewise classify moods.csv --model moods-model\ngatewise serve moods-model"))]);
}

async function read(model, text, label = null) {
  const own = asked = {model, text};
  get("text-problem").replaceChildren();
  get("text-busy").textContent = say("reading-text");
  try {
    const found = await post(way("v1", "models", model, "explain"), {text, ...(label === null ? {} : {label})});
    if (own !== asked) return;
    answer = found;
    draw();
    if (label === null) look(get("classes-title"));
  } catch (error) {
    if (own !== asked) return;
    if (!(error instanceof Problem)) throw error;
    get("text-answer").hidden = true;
    get("text-problem").replaceChildren(problemBox(error));
  } finally {
    if (own === asked) get("text-busy").textContent = "";
  }
}

function draw() {
  const {model, text} = asked, classes = Object.entries(answer.probabilities).sort((a, b) => b[1] - a[1]);
  const bars = classes.map(([name, share]) => {
    const bar = make("span", {class: "bar", "aria-hidden": "true"}, make("i"));
    bar.firstChild.style.setProperty("width", `${100 * share}%`);
    return make("li", {class: name === answer.class ? "chosen" : null}, make("span", {class: "name"}, name), bar, make("b", {}, percent(share)));
  });
  const select = make("select", {onchange: event => read(model, text, event.target.value)});
  fillSelect(select, classes.map(([name]) => [name, name]), answer.class);
  const told = make("p", {class: "told soft", role: "status"});
  get("text-answer").hidden = false;
  get("text-answer").replaceChildren(
    make("h2", {id: "classes-title", tabindex: -1}, say("classes")), make("ul", {class: "bars"}, bars),
    make("h2", {}, say("words-title", {name: answer.class})),
    classes.length > 1 ? make("div", {class: "chooser"}, make("label", {}, make("span", {}, say("words-class")), select)) : null,
    ...words(told),
    make("p", {class: "choices"}, button(say("see-inside"), () => inside(model, text))), make("div", {id: "inside-problem", "aria-live": "assertive"}));
}

// The words in colour, of which the keyboard reaches one, and from there each other by the arrows.
function words(told) {
  const {tokens} = answer;
  if (!tokens.length) return [make("p", {class: "soft"}, say("no-tokens"))];
  const weight = token => token.gradient ?? token.occlusion;
  const most = Math.max(...tokens.map(token => Math.abs(weight(token))), 1e-12);
  const tell = token => { told.textContent = say(weight(token) < 0 ? "word-against" : "word-for", {word: token.token, value: signed(weight(token)), name: answer.class, without: signed(-token.occlusion)}); };
  const shown = tokens.map((token, place) => {
    const share = weight(token) / most;
    const one = button(token.token, () => tell(token), `token ${share > 0 ? "for" : "against"}${token.known ? "" : " unknown"}`);
    one.style.setProperty("--strength", (Math.abs(share) * 0.62).toFixed(3));
    one.tabIndex = place ? -1 : 0;
    one.addEventListener("focus", () => tell(token));
    one.addEventListener("pointerenter", () => tell(token));
    return one;
  });
  const box = make("div", {class: "tokens", role: "group", "aria-label": say("words-title", {name: answer.class})}, shown.flatMap(one => [one, " "]));
  box.addEventListener("keydown", event => {
    const moves = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -1e9, End: 1e9}, at = shown.indexOf(document.activeElement);
    if (!(event.key in moves) || at < 0) return;
    event.preventDefault();
    const next = Math.min(Math.max(at + moves[event.key], 0), shown.length - 1);
    shown[at].tabIndex = -1;
    shown[next].tabIndex = 0;
    shown[next].focus();
  });
  const rows = tokens.map(token => [token.token + (token.known ? "" : ` (${say("word-unknown")})`), token.gradient === null ? "–" : signed(token.gradient), signed(token.occlusion)]);
  const table = make("details", {}, make("summary", {}, say("words-numbers")), make("div", {class: "scroll tall", tabindex: 0, role: "region", "aria-label": say("words-numbers")}, tableOf([say("word"), say("word-gradient"), say("word-occlusion")], rows)));
  return [make("p", {class: "soft small"}, say("words-lead")), box, told, table];
}

const signed = value => `${value > 0 ? "+" : ""}${number(Number(value.toFixed(3)), 4)}`;

async function inside(model, text) {
  get("inside-problem").replaceChildren();
  get("text-busy").textContent = say("doing-gates");
  try {
    showPage(say("inside-title"), await post(way("v1", "models", model, "inspect"), {text}), "inside.html");
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    get("inside-problem").replaceChildren(problemBox(error));
  } finally {
    get("text-busy").textContent = "";
  }
}
