// Line charts in SVG and heat maps on canvases, in the colours that the page has now.

const svg = (name, attributes = {}, ...children) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};
const raised = text => [...text].map(sign => "⁰¹²³⁴⁵⁶⁷⁸⁹"["0123456789".indexOf(sign)] ?? (sign === "-" ? "⁻" : "")).join("");
const short = value => {
  if (value === 0 || (Math.abs(value) < 1e4 && Math.abs(value) >= 1e-3)) return String(+value.toPrecision(3));
  const [digits, power] = value.toExponential(0).split("e");
  return `${digits}·10${raised(power)}`;
};

// Draw lines over their places. what: {lines: [{name, values, thin}], log, low, high, at, mark}; at is the step chosen.
function chart(element, what) {
  const width = Math.max(element.clientWidth, 200), height = element.clientHeight || 150;
  const left = 44, right = 8, top = 14, bottom = 18, drawn = value => Number.isFinite(value) && (!what.log || value > 0);
  const every = what.lines.flatMap(line => line.values.filter(drawn)), floor = what.log ? Math.max(...every) * 1e-9 : -Infinity;
  const seen = every.filter(value => value > floor);
  let low = what.low ?? Math.min(...seen), high = what.high ?? Math.max(...seen);
  if (!(high > low)) [low, high] = what.log ? [low / 10, low * 10] : [low - 1, high + 1];
  const scaled = what.log ? value => Math.log(Math.max(value, low)) : value => value;
  const count = Math.max(...what.lines.map(line => line.values.length));
  const x = place => left + (width - left - right) * (count > 1 ? place / (count - 1) : 0.5);
  const y = value => top + (height - top - bottom) * (1 - (scaled(value) - scaled(low)) / (scaled(high) - scaled(low)));
  const picture = svg("svg", {viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true"});
  const middle = what.log ? Math.sqrt(low * high) : (low + high) / 2;
  for (const value of [low, middle, high]) {
    picture.append(svg("line", {x1: left, x2: width - right, y1: y(value), y2: y(value), class: "rule"}));
    picture.append(svg("text", {x: left - 4, y: y(value) + 4, "text-anchor": "end"}, short(value)));
  }
  picture.append(svg("text", {x: left, y: height - 4}, what.first ?? "1"), svg("text", {x: width - right, y: height - 4, "text-anchor": "end"}, what.last ?? String(count)));
  what.lines.forEach((line, number) => {
    const points = line.values.map((value, place) => drawn(value) ? `${x(place).toFixed(1)},${y(Math.min(Math.max(value, low), high)).toFixed(1)}` : "").filter(Boolean);
    picture.append(svg("polyline", {points: points.join(" "), class: `line line-${line.colour ?? number}${line.thin ? " thin" : ""}`}));
    if (what.lines.length > 1) picture.append(svg("text", {x: left + 6 + Math.min(110, (width - left - right) / what.lines.length) * number, y: 10, class: `name line-${line.colour ?? number}`}, line.name));
  });
  for (const [place, kind] of [[what.at, "at"], [what.mark, "mark"]]) {
    if (place !== undefined && place !== null) picture.append(svg("line", {x1: x(place), x2: x(place), y1: top, y2: height - bottom, class: kind}));
  }
  element.replaceChildren(picture);
  element.place = event => {
    const box = picture.getBoundingClientRect();
    const share = ((event.clientX - box.left) * width / box.width - left) / (width - left - right);
    return Math.min(Math.max(Math.round(share * (count - 1)), 0), count - 1);
  };
}

const colour = name => {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim().slice(1);
  return [0, 2, 4].map(start => parseInt(text.slice(start, start + 2), 16));
};

// A table of 255 colours: from the paper to blue, or from orange over the paper to blue.
function palette(both) {
  const [paper, blue, orange] = ["--paper", "--train", "--test"].map(colour);
  const mix = (end, share) => paper.map((part, k) => Math.round(part + (end[k] - part) * share));
  return Array.from({length: 255}, (_, code) => both ? mix(code < 127 ? orange : blue, Math.abs(code - 127) / 127) : mix(blue, code / 254));
}

// Paint codes, a row for each of `rows`, on a canvas as many pixels large; styles stretch it.
function paint(canvas, codes, rows, columns, colours) {
  canvas.width = columns;
  canvas.height = rows;
  const picture = new ImageData(columns, rows);
  for (let i = 0; i < codes.length; i++) picture.data.set([...colours[codes[i]], 255], 4 * i);
  canvas.getContext("2d").putImageData(picture, 0, 0);
}
