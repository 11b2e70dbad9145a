"use strict";
const figures = JSON.parse(document.getElementById("figures").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");

// A copy of a figure in which every "var(--name)" is the colour that the page has for it now.
function coloured(part, style) {
  if (typeof part === "string") {
    const name = part.startsWith("var(") ? part.slice(4, -1) : null;
    return name === null ? part : style.getPropertyValue(name).trim();
  }
  if (Array.isArray(part)) return part.map(one => coloured(one, style));
  if (part === null || typeof part !== "object") return part;
  return Object.fromEntries(Object.entries(part).map(([name, one]) => [name, coloured(one, style)]));
}

function draw(ids = Object.keys(figures)) {
  const style = getComputedStyle(document.documentElement);
  for (const id of ids) {
    const {data, layout} = coloured(figures[id], style);
    // A finger that drags wants to scroll the page; a mouse zooms, and a double click zooms out again.
    if (matchMedia("(pointer: coarse)").matches) layout.dragmode = false;
    Plotly.react(id, data, layout, {responsive: true, displayModeBar: false});
  }
}

draw();
dark.addEventListener("change", () => draw());
