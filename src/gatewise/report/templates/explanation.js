// The unrolled cell: a position goes through every equation of every month, and then back through the months.

const lesson = JSON.parse(document.getElementById("data").textContent);
const {words, equations, passengers, values, weights, scale} = lesson;
const get = name => document.querySelector(`.${name}`);
const months = passengers.length - 1, units = values.h[0].length, forward = months * equations.length;
const fixed = value => value.toFixed(2).replace("-", "−");
const filled = (text, parts) => text.replace(/\{(\w+)\}/g, (_, name) => parts[name]);
// The months begin in 1957, after the first two thirds of the series.
const called = place => `${1957 + Math.floor(place / 12)}-${String(place % 12 + 1).padStart(2, "0")}`;
let position = 0, unit = 0, timer = null;

// What an equation's gate gets: input times weight, states times weights, bias; as text and as a number.
function sum(gate, t) {
  const column = gate * units + unit, before = t ? values.h[t - 1] : values.h[0].map(() => 0);
  const bias = weights.bias[0][column], inner = weights.bias.length > 1 ? weights.bias[1][column] : 0;
  const x = passengers[t] / scale, state = before.reduce((total, h, k) => total + h * weights.recurrent[k][column], inner);
  const product = (a, b) => `${fixed(a)}·${fixed(b)}`;
  const parts = before.map((h, k) => product(weights.recurrent[k][column], h)).join(" + ");
  return {x: weights.kernel[column] * x + bias, state, first: `${product(weights.kernel[column], x)} + ${fixed(bias)}`, second: inner ? `${parts} + ${fixed(inner)}` : parts};
}

// One equation of a month with its numbers.
function numbers(name, t) {
  const at = (gate, step = t) => step < 0 ? 0 : values[gate][step][unit], result = fixed(at(name));
  if (name === "c") return `${fixed(at("forget"))}·${fixed(at("c", t - 1))} + ${fixed(at("input"))}·${fixed(at("cell"))} = ${result}`;
  if (name === "h" && lesson.cell === "lstm") return `${fixed(at("output"))}·tanh(${fixed(at("c"))}) = ${result}`;
  if (name === "h" && lesson.cell === "gru") return `${fixed(at("update"))}·${fixed(at("h", t - 1))} + ${fixed(1 - at("update"))}·${fixed(at("candidate"))} = ${result}`;
  const {x, state, first, second} = sum(Math.max(["input", "forget", "cell", "output"].indexOf(name), ["update", "reset", "candidate"].indexOf(name), 0), t);
  if (name === "candidate") return `tanh(${first} + ${fixed(at("reset"))}·(${second})) = tanh(${fixed(x + at("reset") * state)}) = ${result}`;
  const squash = ["cell", "h"].includes(name) ? "tanh" : "σ";
  return `${squash}(${first} + ${second}) = ${squash}(${fixed(x + state)}) = ${result}`;
}

function show() {
  const back = position - forward, going = back >= 0;
  const t = going ? Math.max(months - 1 - back, 0) : Math.floor(position / equations.length), lit = going ? -1 : position % equations.length;
  get("position").value = String(position);
  get("where").textContent = `${going ? words.backward : words.forward}: ${words.month} ${called(t)}` + (going ? "" : `, ${words.reads} ${passengers[t]}`);
  boxes.forEach((box, place) => {
    box.classList.toggle("now", place === t);
    box.classList.toggle("read", !going && place <= t);
    box.classList.toggle("back", going && place >= t);
    box.style.setProperty("--left", Math.min(lesson.decay[months - 1 - place], 1).toFixed(3));
    box.style.setProperty("--share", `${going || place <= t ? 100 * Math.abs(values.h[place][unit]) : 0}%`);
    box.lastChild.textContent = !going && place > t ? "" : going && place >= t ? lesson.decay[months - 1 - place].toPrecision(2) : fixed(values.h[place][unit]);
  });
  lines.forEach((line, place) => {
    line.classList.toggle("lit", place === lit);
    line.classList.toggle("done", going || place < lit);
    line.lastChild.textContent = going || place <= lit ? numbers(equations[place][0], t) : "";
  });
  const left = lesson.decay[Math.min(Math.max(back, 0), months - 1)];
  const end = going && back === 0 ? filled(words.said, {said: lesson.says.at(-1).toFixed(0), true: passengers.at(-1)}) + " " : "";
  get("told").textContent = going
    ? end + filled(words.back, {steps: back, left: `${(100 * left).toPrecision(3)}\u00a0%`}) + " " + words[`back-${lesson.cell}`]
    : words[equations[lit][0]];
  chart(get("series"), {lines: [{name: words.series, values: passengers, colour: 1}, {name: words.says, colour: 0, values: [NaN, ...lesson.says.map((value, place) => going || place < t ? value : NaN)]}], at: t, first: called(0), last: called(months)});
}

function go(place) {
  position = Math.min(Math.max(place, 0), forward + months - 1);
  if (position === forward + months - 1) stop();
  show();
}
function stop() {
  clearInterval(timer);
  timer = null;
  get("play").textContent = `▶ ${words.play}`;
}
function play() {
  if (timer !== null) { stop(); return; }
  if (position === forward + months - 1) position = 0;
  timer = setInterval(() => go(position + 1), 700);
  get("play").textContent = `⏸ ${words.pause}`;
}

const boxes = Array.from({length: months}, (_, place) => {
  const box = document.createElement("button"), name = document.createElement("span"), output = document.createElement("span");
  box.type = "button";
  box.setAttribute("aria-label", `${words.month} ${called(place)}`);
  name.textContent = called(place).slice(2);
  box.append(name, document.createElement("i"), output);
  box.addEventListener("click", () => { stop(); go(position >= forward ? forward + months - 1 - place : place * equations.length); });
  get("boxes").append(box);
  return box;
});
const lines = equations.map(([name, formula], place) => {
  const line = document.createElement("li"), code = document.createElement("code"), result = document.createElement("span");
  // W_f is a W with a low f.
  formula.split(/_(\w)/).forEach((part, k) => code.append(k % 2 ? Object.assign(document.createElement("sub"), {textContent: part}) : part));
  result.className = "numbers";
  line.append(code, result);
  line.addEventListener("click", () => { stop(); go(Math.min(Math.floor(position / equations.length), months - 1) * equations.length + place); });
  get("equations").append(line);
  return line;
});
get("position").max = String(forward + months - 1);
get("position").addEventListener("input", event => { stop(); go(Number(event.target.value)); });
get("unit").addEventListener("change", event => { unit = Number(event.target.value); show(); });
for (const [name, place] of [["first", () => 0], ["before", () => position - 1], ["after", () => position + 1], ["turn", () => forward]]) {
  get(name).addEventListener("click", () => { stop(); go(place()); });
}
get("play").addEventListener("click", play);
addEventListener("keydown", event => {
  if (["INPUT", "SELECT"].includes(event.target.tagName)) return;
  const moves = {ArrowRight: 1, ArrowLeft: -1, PageDown: equations.length, PageUp: -equations.length, Home: -1e9, End: 1e9};
  if (event.key in moves) { event.preventDefault(); stop(); go(position + moves[event.key]); }
  if (event.key === " " && event.target.tagName !== "BUTTON") { event.preventDefault(); play(); }
});
const compare = () => chart(get("compare"), {lines: Object.entries(lesson.cells).map(([name, left]) => ({name: name.toUpperCase(), values: left})), log: true, first: "0", last: String(months - 1)});
const draw = () => { show(); compare(); };
draw();
addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
