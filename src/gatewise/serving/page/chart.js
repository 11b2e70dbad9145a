// A chart of one series with its forecast: drawn as SVG, read by pointer or by keys, zoomed by both.

import {button, drawn, make} from "./elements.js";
import {extent, margins, roundNumbers, shortened, timeTicks} from "./chart_scales.js";
import {number, say} from "./words.js";

let charts = 0;

export class Chart {
  // What happens when another step is looked at is told to `moved`.
  constructor(host, {moved = null, tall = false} = {}) {
    this.moved = moved;
    this.id = `chart-${++charts}`;
    this.paper = make("div", {class: tall ? "paper tall" : "paper"});
    this.legend = make("div", {class: "legend", id: `${this.id}-legend`});
    this.slider = make("input", {type: "range", class: "steps", min: 0, step: 1, oninput: () => this.go(Number(this.slider.value), true)});
    this.where = make("span", {class: "where"});
    this.controls = make("div", {class: "zoom"},
      this.in = button("+", () => this.zoom(0.6)), this.out = button("−", () => this.zoom(1 / 0.6)), this.all = button("", () => this.whole()));
    host.replaceChildren(make("figure", {class: "chart"}, make("div", {class: "chart-head"}, this.legend, this.controls), this.paper, this.slider));
    this.pointer();
    new ResizeObserver(() => this.draw()).observe(this.paper);
  }

  // model: {label, times, lines: [{name, colour, values, joins, dashed, dots}], bands: [{name, low, high, colour, joins}], split, opens}
  show(model, keep = false) {
    const before = this.model;
    this.model = {bands: [], split: null, opens: 0, ...model};
    this.labels = shortened(model.times);
    this.last = Math.max(model.times.length - 1, 0);
    // Somebody who looked at the newest value goes on looking at the newest.
    const followed = before && this.to >= before.times.length - 1.01;
    if (!keep || !before) this.from = Math.min(this.model.opens, Math.max(this.last - 1, 0));
    if (!keep || !before || followed) this.to = Math.max(this.last, 1);
    if (keep && followed && this.to - this.from > 80 && this.from > 0) this.from = this.to - 80;
    this.slider.max = String(this.last);
    this.slider.setAttribute("aria-label", say("chart-step", {label: model.label}));
    this.in.setAttribute("aria-label", say("zoom-in"));
    this.out.setAttribute("aria-label", say("zoom-out"));
    this.all.textContent = say("zoom-all");
    this.at = keep && before && !followed ? Math.min(this.at, this.last) : this.model.at ?? this.last;
    this.draw();
  }

  go(place, byUser = false) {
    this.at = Math.min(Math.max(Math.round(place), 0), this.last);
    const span = this.to - this.from;
    if (this.at < this.from) { this.from = this.at; this.to = this.at + span; }
    if (this.at > this.to) { this.to = this.at; this.from = this.at - span; }
    this.draw();
    if (byUser && this.moved) this.moved(this.at);
  }

  zoom(factor) {
    const span = Math.min(Math.max((this.to - this.from) * factor, 4), Math.max(this.last, 1));
    const share = (this.at - this.from) / (this.to - this.from || 1);
    const inside = share >= 0 && share <= 1 ? share : 0.5;
    const middle = this.from + inside * (this.to - this.from);
    this.from = Math.min(Math.max(middle - inside * span, 0), Math.max(this.last - span, 0));
    this.to = this.from + span;
    this.draw();
  }

  whole() {
    this.from = 0;
    this.to = Math.max(this.last, 1);
    this.draw();
  }

  pointer() {
    let start = null;
    const place = event => {
      const box = this.paper.getBoundingClientRect(), width = box.width - this.left - margins.right;
      return this.from + Math.min(Math.max((event.clientX - box.left - this.left) / width, 0), 1) * (this.to - this.from);
    };
    this.paper.addEventListener("pointerdown", event => {
      if (event.pointerType === "mouse" && event.button === 0) { start = place(event); this.paper.setPointerCapture(event.pointerId); event.preventDefault(); }
      this.go(place(event), true);
    });
    this.paper.addEventListener("pointermove", event => {
      if (!this.model || (event.pointerType !== "mouse" && !event.buttons)) return;
      this.chosen = start === null ? null : [start, place(event)];
      this.go(place(event), true);
    });
    this.paper.addEventListener("pointerup", event => {
      const [a, b] = [start, place(event)].sort((one, two) => one - two);
      const wide = start !== null && b - a > (this.to - this.from) * 0.03;
      start = this.chosen = null;
      if (wide) { this.from = Math.max(a, 0); this.to = Math.max(b, this.from + Math.min(4, this.last)); this.draw(); }
    });
    this.paper.addEventListener("dblclick", () => this.whole());
    this.paper.addEventListener("wheel", event => {
      // Without a key the wheel scrolls the page, as everywhere.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.at = Math.round(place(event));
      this.zoom(event.deltaY < 0 ? 0.8 : 1.25);
    }, {passive: false});
  }

  draw() {
    const width = this.paper.clientWidth, height = this.paper.clientHeight;
    if (!this.model || width < 40) return;
    const {model, from, to} = this, [low, high] = extent(model, from, to);
    const ticks = roundNumbers(low, high, Math.max((height - margins.top - margins.bottom) / 55, 2)), left = Math.max(...ticks.map(one => number(one).length), 3) * 7.2 + 18;
    this.left = left;
    this.paper.parentElement.style.setProperty("--left", `${left}px`);
    const inner = {width: width - left - margins.right, height: height - margins.top - margins.bottom};
    const x = place => left + (place - from) / (to - from || 1) * inner.width;
    const y = value => margins.top + (1 - (value - low) / (high - low || 1)) * inner.height;
    const picture = drawn("svg", {width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": model.label});
    const clip = drawn("clipPath", {id: `${this.id}-clip`}, drawn("rect", {x: left - 4, y: 0, width: inner.width + 8, height: height - margins.bottom + 4}));
    const inside = drawn("g", {"clip-path": `url(#${this.id}-clip)`});
    for (const value of ticks) {
      picture.append(drawn("line", {class: "rule", x1: left, x2: width - margins.right, y1: y(value), y2: y(value)}),
        drawn("text", {class: "axis", x: left - 8, y: y(value) + 4, "text-anchor": "end"}, number(value)));
    }
    const room = Math.max(...timeTicks(this.labels, from, to, 40).map(place => this.labels[place].length), 4) * 7 + 24;
    for (const place of timeTicks(this.labels, from, to, Math.max(inner.width / room, 1.5))) {
      const at = x(place), half = this.labels[place].length * 3.6;
      picture.append(drawn("text", {class: "axis", x: Math.min(Math.max(at, half), width - half), y: height - 8, "text-anchor": "middle"}, this.labels[place]));
    }
    if (model.split !== null && model.split <= to) {
      const at = Math.max(x(model.split - 0.5), left);
      inside.append(drawn("rect", {class: "ahead", x: at, y: margins.top - 6, width: Math.max(width - margins.right - at, 0), height: inner.height + 6}));
    }
    for (const band of model.bands) inside.append(drawn("path", {class: `band ${band.colour}`, d: bandPath(band, x, y)}));
    for (const line of model.lines) {
      inside.append(drawn("path", {class: `line ${line.colour}${line.dashed ? " dashed" : ""}`, d: linePath(line, x, y)}));
      for (const place of dots(line, from, to)) inside.append(drawn("circle", {class: `dot ${line.colour}`, cx: x(place), cy: y(line.values[place]), r: 2.6}));
    }
    if (this.chosen) {
      const [a, b] = this.chosen.map(x).sort((one, two) => one - two);
      inside.append(drawn("rect", {class: "chosen", x: a, y: margins.top, width: b - a, height: inner.height}));
    }
    inside.append(drawn("line", {class: "cursor", x1: x(this.at), x2: x(this.at), y1: margins.top - 6, y2: margins.top + inner.height}));
    for (const line of model.lines) {
      const value = line.values[this.at];
      if (value !== null && value !== undefined) inside.append(drawn("circle", {class: `mark ${line.colour}`, cx: x(this.at), cy: y(value), r: 4.5}));
    }
    picture.append(clip, inside);
    this.paper.replaceChildren(picture);
    this.tell();
  }

  // The legend says what the values are where the cursor stands; so does the slider, to those who hear it.
  tell() {
    const {model, at} = this, spoken = [], items = [];
    const time = this.labels[at] ?? "";
    const add = (kind, colour, name, text) => {
      if (text !== null) spoken.push(`${name} ${text}`);
      items.push(make("span", {class: "item"}, make("i", {class: `${kind} ${colour}`, "aria-hidden": "true"}), `${name} `, make("b", {}, text ?? "–")));
    };
    for (const line of model.lines) add(line.dashed ? "key dashed" : "key", line.colour, line.name, known(line.values[at]) ? number(line.values[at]) : null);
    for (const band of [...model.bands].reverse()) add("key band", band.colour, band.name, known(band.low[at]) ? range(band.low[at], band.high[at]) : null);
    this.where.textContent = time;
    this.legend.replaceChildren(this.where, ...items);
    this.slider.value = String(at);
    this.slider.setAttribute("aria-valuetext", `${time}: ${spoken.join(", ")}`);
  }
}

export const range = (low, high) => `${number(low, 4)} – ${number(high, 4)}`;
const known = value => value !== null && value !== undefined;
const point = (x, y) => `${x.toFixed(1)} ${y.toFixed(1)}`;

// A line with gaps where values are missing; `joins` is a point before the first, which is drawn and not told.
function linePath(line, x, y) {
  const parts = [];
  let on = false;
  if (line.joins) { parts.push(`M${point(x(line.joins[0]), y(line.joins[1]))}`); on = true; }
  line.values.forEach((value, place) => {
    if (!known(value)) { if (!line.joins || place > line.joins[0]) on = false; return; }
    parts.push(`${on ? "L" : "M"}${point(x(place), y(value))}`);
    on = true;
  });
  return parts.join("");
}

function bandPath(band, x, y) {
  const places = band.low.map((value, place) => place).filter(place => known(band.low[place]) && known(band.high[place]));
  if (!places.length) return "";
  const first = band.joins ? [point(x(band.joins[0]), y(band.joins[1]))] : [];
  const upper = places.map(place => point(x(place), y(band.high[place]))), lower = places.reverse().map(place => point(x(place), y(band.low[place])));
  return `M${[...first, ...upper, ...lower].join("L")}Z`;
}

// Values that stand alone, or are few, are dots: no line would show them.
function dots(line, from, to) {
  const first = Math.max(Math.ceil(from), 0), last = Math.floor(to), few = to - from <= 48 && !line.joins;
  const found = [];
  for (let place = first; place <= last; place++) {
    const alone = !known(line.values[place - 1]) && !known(line.values[place + 1]) && !(line.joins && line.joins[0] === place - 1);
    if (known(line.values[place]) && (few || line.dots || alone)) found.push(place);
  }
  return found;
}
