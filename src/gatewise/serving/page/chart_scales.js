// Where things are on a chart, and what stands on its axes.

export const margins = {top: 14, right: 14, bottom: 28};

// Round numbers from low to high, about as many as asked for.
export function roundNumbers(low, high, about = 5) {
  const raw = (high - low) / about || 1, size = 10 ** Math.floor(Math.log10(raw));
  const step = size * [1, 2, 2.5, 5, 10].find(one => one * size >= raw * 0.999);
  const found = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-9; place++) found.push(place * step + 0);
  return found;
}

// How times are written on an axis: no more of them than tells them apart.
export function shortened(times) {
  const texts = times.map(String);
  const all = pattern => texts.length > 0 && texts.every(one => pattern.test(one));
  if (all(/^\d{4}-01-01$/)) return texts.map(one => one.slice(0, 4));
  if (all(/^\d{4}-\d\d-01$/)) return texts.map(one => one.slice(0, 7));
  if (all(/^\d{4}-\d\d-\d\dT\d\d:\d\d:00$/)) return texts.map(one => one.slice(0, 16).replace("T", " "));
  return texts.map(one => one.replace("T", " "));
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
const MONTHS = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200];
const DAYS = [1, 7, 14, 28, 56, 91, 182, 364, 728, 1820];

// The places on the axis that are labelled: at most so many, and of months those where a year begins.
export function timeTicks(labels, from, to, most) {
  const span = to - from, monthly = /^\d{4}-\d\d$/.test(labels[0] ?? ""), daily = /^\d{4}-\d\d-\d\d$/.test(labels[0] ?? "");
  const steps = monthly ? MONTHS : daily ? DAYS : STEPS;
  const step = steps.find(one => span / one <= most) ?? steps.at(-1);
  let first = 0;
  if (monthly && step >= 12) first = Math.max(labels.findIndex(one => one.endsWith("-01")), 0);
  const places = [];
  for (let place = first + Math.ceil((from - first) / step) * step; place <= to; place += step) if (labels[place] !== undefined) places.push(place);
  return places;
}

// The least and the largest of what is seen, with some room.
export function extent(model, from, to) {
  let low = Infinity, high = -Infinity;
  const first = Math.max(Math.floor(from), 0), last = Math.ceil(to);
  const seen = values => {
    for (let place = first; place <= last && place < values.length; place++) {
      const value = values[place];
      if (value === null || value === undefined) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  };
  for (const line of model.lines) seen(line.values);
  for (const band of model.bands) { seen(band.low); seen(band.high); }
  if (low > high) return [0, 1];
  const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  // A floor of zero that nothing goes below is worth more than room beneath it.
  return [low >= 0 && low - room < 0 ? 0 : low - room, high + room];
}
