// What the page says, in the language that the reader chose; numbers and spans of time as that language writes them.

import {chinese} from "./chinese.js";
import {english} from "./english.js";

const KEPT = "gatewise-language";
const WORDS = {en: english, zh: chinese};
const listeners = [];

let language = sessionStorage.getItem(KEPT) ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
if (!(language in WORDS)) language = "en";

// A text by its name, with its parts filled in; of an unknown name nothing.
export function say(name, parts = {}) {
  const text = WORDS[language][name] ?? WORDS.en[name] ?? "";
  return text.replace(/\{(\w+)\}/g, (_, part) => parts[part] ?? "");
}

// "1 step", "2 steps": of each language its own forms.
export function count(many, name) {
  const form = new Intl.PluralRules(language).select(many);
  return say(`${name}-${form}`, {n: whole(many)}) || say(`${name}-other`, {n: whole(many)});
}

export const whole = many => new Intl.NumberFormat(language).format(many);

// A number with so many digits, and without digits that a larger one has no need of.
export function number(value, digits = 5) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e9 || size < 1e-4) return value.toExponential(digits - 2).replace(/\.?0*e\+?/, "e").replaceAll("-", "−");
  const options = size >= 10 ** (digits - 1) ? {maximumFractionDigits: 0} : {maximumSignificantDigits: digits};
  return new Intl.NumberFormat(language, options).format(value).replace("-", "−");
}

export const percent = (share, digits = 1) => new Intl.NumberFormat(language, {style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits}).format(share);

// How long something takes, to people: no seconds beyond a few minutes.
export function span(seconds) {
  const rounded = seconds < 10 ? Math.max(Math.ceil(seconds), 1) : seconds < 60 ? Math.ceil(seconds / 5) * 5 : null;
  return rounded !== null ? count(rounded, "second") : count(Math.round(seconds / 60), "minute");
}

export const spoken = () => language;

export function onLanguage(listener) {
  listeners.push(listener);
}

export function choose(name) {
  language = name;
  sessionStorage.setItem(KEPT, name);
  translate();
  listeners.forEach(listener => listener());
}

// Puts the language into everything that stands in the page from the beginning.
export function translate() {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  document.querySelectorAll("[data-say]").forEach(one => { one.textContent = say(one.dataset.say); });
  document.querySelectorAll("[data-label]").forEach(one => one.setAttribute("aria-label", say(one.dataset.label)));
  document.querySelectorAll("[data-place]").forEach(one => { one.placeholder = say(one.dataset.place); });
}
