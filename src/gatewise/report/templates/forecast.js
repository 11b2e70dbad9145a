const shown = JSON.parse(document.getElementById("data").textContent);
const select = document.getElementById("series");

// Put the numbers of a forecast into the table; whatever they hold, it stays text.
function fill(table, rows) {
  if (table === null) return;
  table.replaceChildren(...rows.map((cells, row) => {
    const line = document.createElement("tr");
    line.append(...cells.map(cell => {
      const element = document.createElement(row === 0 ? "th" : "td");
      element.textContent = cell;
      return element;
    }));
    return line;
  }));
}

function choose(place) {
  const one = shown[place];
  select.value = String(place);
  document.getElementById("before").disabled = place === 0;
  document.getElementById("after").disabled = place === shown.length - 1;
  document.getElementById("about").textContent = one.about;
  fill(document.getElementById("numbers"), one.rows);
  Object.assign(figures, one.figures);
  for (const id of Object.keys(one.figures)) {
    const element = document.getElementById(id);
    element.setAttribute("aria-label", `${element.dataset.label} ${one.id}`);
  }
  draw(Object.keys(one.figures));
}

for (const id of Object.keys(shown[0].figures)) {
  const element = document.getElementById(id);
  element.dataset.label = element.getAttribute("aria-label") + ":";
}
select.addEventListener("change", () => choose(Number(select.value)));
document.getElementById("before").addEventListener("click", () => choose(Number(select.value) - 1));
document.getElementById("after").addEventListener("click", () => choose(Number(select.value) + 1));
for (const button of document.querySelectorAll("[data-series]")) {
  button.addEventListener("click", () => {
    choose(Number(button.dataset.series));
    document.getElementById("series-heading").scrollIntoView();
  });
}
choose(0);
