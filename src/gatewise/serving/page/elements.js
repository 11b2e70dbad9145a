// Elements, made of text and of nothing that could be read as markup: whatever a user named is shown by textContent alone.

import {say} from "./words.js";

// An element with attributes, listeners ("onclick") and children, of which strings become text.
export function make(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

const SVG = "http://www.w3.org/2000/svg";
export function drawn(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(3).filter(one => one !== null && one !== undefined && one !== false));
  return element;
}

export const get = id => document.getElementById(id);

// A table of text; the first column of each row is its heading.
export function tableOf(head, rows, {caption = null, meanings = [], strong = -1} = {}) {
  const cell = (text, place) => place ? make("td", {}, text) : make("th", {scope: "row"}, text);
  return make("table", {},
    caption && make("caption", {}, caption),
    make("thead", {}, make("tr", {}, head.map((text, place) => make("th", {scope: "col", title: meanings[place]}, text)))),
    make("tbody", {}, rows.map((row, number) => make("tr", {class: number === strong ? "strong" : null}, row.map((text, place) => cell(text, place))))));
}

// What went wrong, in the sentence of the server, with what can be done about it.
export function problemBox(problem, ...actions) {
  const known = say(`problem-${problem.code}`, {...problem.detail, field: problem.field ?? ""});
  const translated = say(`remedy-${problem.code}`), todo = translated || problem.remedy;
  // Of a table the sentence says what to do by itself.
  const remedy = todo && problem.code !== "table_refused" ? make("p", {class: "soft small", lang: translated ? null : "en"}, todo) : null;
  return make("div", {class: "problem"},
    known ? make("p", {}, make("strong", {}, known)) : null,
    make("p", {lang: "en", class: translated ? "soft small" : null}, problem.message),
    remedy,
    actions.length ? make("p", {class: "choices"}, actions) : null);
}

export function button(text, act, kind = null) {
  return make("button", {type: "button", class: kind, onclick: act}, text);
}

// Lets the user have a text as a file, and forgets it.
export function download(name, text, type = "text/csv") {
  const address = URL.createObjectURL(new Blob([text], {type: `${type};charset=utf-8`}));
  const link = make("a", {href: address, download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// A choice with one option for each pair of value and text.
export function fillSelect(select, pairs, chosen) {
  select.replaceChildren(...pairs.map(([value, text]) => make("option", {value}, text)));
  select.value = chosen ?? (pairs.length ? pairs[0][0] : "");
}

// Moves the eyes and the keyboard to what has just appeared.
export function look(element) {
  element.focus({preventScroll: true});
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({block: "start", behavior: calm ? "auto" : "smooth"});
}
