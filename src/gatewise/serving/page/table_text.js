// From what a person drops or pastes to the text of a table; what it means is the server's to find out.

export const MOST_BYTES = 12 * 2 ** 20;
// Asked about where a file is not UTF-8, as browsers name them.
export const ENCODINGS = ["windows-1252", "gb18030", "windows-1251", "shift_jis", "utf-16le"];

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

// Bare numbers become a column; anything else is taken for a table as it stands.
export function pastedTable(text) {
  const trimmed = text.trim(), separator = trimmed.includes("\n") ? /[\s;]+|,\s+/ : /[\s;,]+/;
  const parts = trimmed.split(separator).filter(one => one !== "");
  return parts.length && parts.every(one => NUMBER.test(one)) ? `y\n${parts.join("\n")}\n` : `${trimmed}\n`;
}

// What a file is where it is no text: "sheet", "binary"; else null.
export function foreign(bytes) {
  const head = bytes.subarray(0, 4096);
  if (head[0] === 0x50 && head[1] === 0x4b && head[2] === 3) return "sheet";
  if (head[0] === 0xd0 && head[1] === 0xcf) return "sheet";
  const wide = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff);
  return !wide && head.includes(0) ? "binary" : null;
}

// The text of a file; null where its encoding has to be asked for.
export function decoded(bytes, encoding = null) {
  const [a, b] = bytes;
  const marked = a === 0xff && b === 0xfe ? "utf-16le" : a === 0xfe && b === 0xff ? "utf-16be" : "utf-8";
  try {
    return new TextDecoder(encoding ?? marked, {fatal: true}).decode(bytes);
  } catch {
    return null;
  }
}

// The rows of a table from one to another, counted from 1 as the server counts them: a line break inside quotes is none.
export function rowsBetween(text, first, last) {
  const rows = [];
  let start = 0, row = 1, quoted = false;
  for (let place = 0; place <= text.length && row <= last; place++) {
    const sign = text[place];
    if (sign === '"') quoted = !quoted;
    if (place < text.length && (sign !== "\n" || quoted)) continue;
    if (place === text.length && start === place) break;
    if (row >= first) rows.push([row, text.slice(start, place).replace(/\r$/, "")]);
    start = place + 1;
    row++;
  }
  return rows;
}
