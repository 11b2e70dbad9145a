// One panel for each inspection: a step and a unit are chosen, everything shows them.

const data = JSON.parse(document.getElementById("data").textContent);
const percent = share => `${(100 * share).toFixed(1)} %`;
const signed = value => (value < 0 ? "−" : "+") + Math.abs(value).toPrecision(3);
const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

class Panel {
  constructor(root, shown) {
    Object.assign(this, {root, shown, chosen: shown.steps.length - 1, layer: 0, unit: 0, running: shown.running});
    this.squashed = shown.said.startsWith("log-odds");
    this.codes = shown.layers.map(layer => layer.maps.map(map => bytes(map.codes)));
    this.method = Object.keys(shown.attribution)[0];
    this.steps = [...shown.steps];
    this.prepareSequence();
    this.prepareUnits();
    this.prepareWhatIf();
    this.repaint();
    this.choose(this.chosen, true);
  }

  get(name) { return this.root.querySelector(`.${name}`); }

  // -- the sequence ---------------------------------------------------------------------------------------------------

  prepareSequence() {
    const {shown} = this, method = this.get("method"), sequence = this.get("sequence");
    method.append(...Object.keys(shown.attribution).map(name => element("option", {textContent: name})));
    method.addEventListener("change", () => { this.method = method.value; this.colourSteps(); this.choose(this.chosen); });
    sequence.classList.toggle("values", shown.values !== null);
    this.buttons = shown.steps.map((step, place) => {
      // One stop of the tabulator for all of them; arrows go from one to the next.
      const button = element("button", {type: "button", tabIndex: -1, textContent: shown.values === null ? step : ""});
      button.setAttribute("aria-label", `step ${place + 1}: ${step}`);
      button.addEventListener("click", () => this.choose(place));
      return button;
    });
    sequence.append(...this.buttons);
    const running = this.get("running"), moves = {ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -1e9, End: 1e9};
    for (const place of [running, sequence]) {
      place.addEventListener("keydown", event => {
        if (!(event.key in moves)) return;
        event.preventDefault();
        this.choose(this.chosen + moves[event.key]);
        if (place === sequence) this.buttons[this.chosen].focus();
      });
    }
    running.addEventListener("pointerdown", event => this.choose(running.place(event)));
    running.addEventListener("pointermove", event => { if (event.buttons) this.choose(running.place(event)); });
    this.colourSteps();
  }

  colourSteps() {
    const adds = this.shown.attribution[this.method], most = Math.max(...adds.map(Math.abs), 1e-30);
    this.buttons.forEach((button, place) => {
      button.classList.toggle("for", adds[place] > 0);
      button.classList.toggle("against", adds[place] < 0);
      button.style.setProperty("--strength", (0.75 * Math.abs(adds[place]) / most).toFixed(3));
    });
  }

  // Choose a step; where sequences stand side by side, the same one in all of them.
  choose(place, alone = false) {
    const {shown, buttons} = this;
    if (!alone && document.querySelector(".together input")?.checked) for (const panel of panels) if (panel !== this) panel.choose(place, true);
    buttons[this.chosen].classList.remove("chosen");
    buttons[this.chosen].tabIndex = -1;
    this.chosen = Math.min(Math.max(place, 0), buttons.length - 1);
    buttons[this.chosen].classList.add("chosen");
    buttons[this.chosen].tabIndex = 0;
    const said = this.running === null ? null : this.says(this.running[this.runningPlace(this.chosen)]);
    const adds = signed(shown.attribution[this.method][this.chosen]);
    this.get("step").textContent = `Step ${this.chosen + 1} of ${buttons.length}: “${this.steps[this.chosen]}”. ` +
      (said === null ? "" : `After it the network says ${said}. `) + `It adds ${adds} to the ${shown.said} (${this.method}).`;
    this.get("old").textContent = this.steps[this.chosen];
    for (const one of this.root.querySelectorAll(".edit .old")) one.textContent = shown.values === null ? this.steps[this.chosen] : String(this.chosen + 1);
    if (shown.values !== null) for (const name of ["slide", "exact"]) this.get(name).value = String(this.edited[this.chosen][0]);
    this.drawRunning();
    this.drawUnit();
    this.placeCursor();
  }

  // What is run again in the page may have fewer steps than the sequence, behind a pooling.
  runningPlace(place) { return Math.min(Math.floor(place * this.running.length / this.steps.length), this.running.length - 1); }

  says(outputs) {
    const {names, output} = this.shown, value = outputs[output];
    return this.squashed ? `${percent(value)} ${names[output]}` : short(value);
  }

  drawRunning() {
    const {shown} = this, of = rows => rows.map(row => row[shown.output]);
    const lines = [{name: this.running === shown.running ? "it says" : "it says now", values: of(this.running ?? shown.running)}];
    if (this.running !== shown.running) lines.push({name: "it said", values: of(shown.running), thin: true, colour: 5});
    if (shown.values !== null && shown.values[0].length === 1 && !this.squashed) lines.push({name: "the series", values: this.edited.map(row => row[0]), thin: true, colour: 1});
    chart(this.get("running"), {lines, at: this.chosen, ...(this.squashed ? {low: 0, high: 1} : data.length > 1 ? this.range() : {})});
  }

  // From where to where the lines of all go that say the same: side by side they are to be compared.
  range() {
    const alike = data.filter(one => one.said === this.shown.said), numbers = alike.flatMap(one => [...one.running.map(row => row[one.output]), ...(one.values ?? []).map(row => row[0])]);
    numbers.push(...(this.running ?? []).map(row => row[this.shown.output]));
    return {low: Math.min(...numbers), high: Math.max(...numbers)};
  }

  // -- gates and units ------------------------------------------------------------------------------------------------

  prepareUnits() {
    const layer = this.get("layer"), unit = this.get("unit");
    layer.append(...this.shown.layers.map((one, place) => element("option", {textContent: `${one.name} (${one.kind})`, value: place})));
    layer.addEventListener("change", () => { this.layer = Number(layer.value); this.showLayer(); });
    unit.addEventListener("change", () => { this.unit = Number(unit.value); this.drawUnit(); this.placeCursor(); });
    this.showLayer();
  }

  showLayer() {
    const layer = this.shown.layers[this.layer], sizes = layer.ablation.map(Math.abs);
    this.unit = sizes.indexOf(Math.max(...sizes));
    const all = layer.order.length === layer.units ? "" : ` (${layer.order.length} of ${layer.units}: those whose silence changes most)`;
    this.get("unit").replaceChildren(...layer.order.map((unit, place) => element("option", {textContent: `${unit}${place ? "" : all}`, value: place})));
    this.get("unit").value = String(this.unit);
    this.figures = layer.maps.map((map, number) => {
      const canvas = element("canvas"), row = element("div", {className: "row"}), column = element("div", {className: "column"});
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${map.name} of every unit at every step`);
      canvas.addEventListener("pointerdown", event => {
        const box = canvas.getBoundingClientRect(), steps = this.codes[this.layer][number].length / layer.order.length;
        this.unit = Math.min(Math.floor((event.clientY - box.top) / box.height * layer.order.length), layer.order.length - 1);
        const place = Math.floor((event.clientX - box.left) / box.width * steps);
        this.get("unit").value = String(this.unit);
        this.choose(Math.floor((place + 0.5) * this.steps.length / steps));
      });
      const shares = layer.saturation[map.name];
      const mean = k => shares.reduce((sum, one) => sum + one[k], 0) / shares.length;
      const about = shares ? `: open in ${percent(mean(0))}, closed in ${percent(mean(1))} of steps` : `: up to ±${short(map.most)}`;
      return {canvas, row, column, figure: element("figure", {}, element("figcaption", {}, element("b", {textContent: map.name}), about), element("div", {className: "map"}, canvas, row, column))};
    });
    this.get("maps").replaceChildren(...this.figures.map(one => one.figure));
    this.paintMaps();
    this.drawUnit();
    this.placeCursor();
    this.drawDecay();
  }

  paintMaps() {
    const layer = this.shown.layers[this.layer], rows = layer.order.length, gates = palette(false), states = palette(true);
    layer.maps.forEach((map, number) => {
      const codes = this.codes[this.layer][number];
      paint(this.figures[number].canvas, codes, rows, codes.length / rows, map.gate ? gates : states);
    });
  }

  placeCursor() {
    const rows = this.shown.layers[this.layer].order.length;
    for (const {row, column} of this.figures) {
      row.style.top = `${100 * this.unit / rows}%`;
      row.style.height = `${100 / rows}%`;
      column.style.left = `${100 * (this.chosen + 0.5) / this.steps.length}%`;
    }
  }

  drawUnit() {
    const {shown} = this, layer = this.shown.layers[this.layer], unit = this.unit, number = layer.order[unit];
    this.get("unit-name").textContent = `Unit ${number} of ${layer.name}`;
    const facts = [`Held at zero, it changes the ${this.shown.said} by ${signed(layer.ablation[unit])}.`];
    if (layer.corpus !== null) {
      const [mean, size, turned] = layer.corpus.map(values => values[unit]);
      facts.push(`Over the ${shown.corpus} sequences of the corpus it changes that by ${signed(mean)} in the mean (${short(size)} up or down), and gives ${turned} of them another sign.`);
    }
    if (layer.halfLife !== null) facts.push(layer.halfLife[unit] > 1e5 ? "It keeps what it holds." : `Half of what it holds is left after ${short(layer.halfLife[unit])} steps.`);
    for (const [name, shares] of Object.entries(layer.saturation)) facts.push(`Its ${name} gate is open in ${percent(shares[unit][0])} and closed in ${percent(shares[unit][1])} of steps.`);
    this.get("unit-facts").textContent = facts.join(" ");
    const lines = layer.maps.map((map, k) => {
      const codes = this.codes[this.layer][k], steps = codes.length / layer.order.length;
      const values = Array.from(codes.subarray(unit * steps, (unit + 1) * steps), code => map.gate ? code / 254 : (2 * code / 254 - 1) * map.most);
      return {name: map.name, values, colour: k};
    });
    chart(this.get("unit-lines"), {lines, at: this.chosen * (lines[0].values.length - 1) / Math.max(this.steps.length - 1, 1), last: String(this.steps.length)});
    this.get("snippets").replaceChildren(...layer.snippets[unit].map(([before, step, after, output]) =>
      element("li", {}, `${before} `, element("mark", {textContent: step}), ` ${after} `, element("span", {className: "soft", textContent: `(${signed(output)})`}))));
  }

  // -- how far back ---------------------------------------------------------------------------------------------------

  drawDecay() {
    const {shown} = this, layer = shown.layers[this.layer];
    chart(this.get("lags"), {lines: [{name: "influence", values: shown.lags}], log: true, mark: shown.reach, first: "0 steps", last: `${shown.lags.length - 1} steps back`});
    const back = values => layer.backwards ? values : [...values].reverse();
    chart(this.get("decay"), {lines: Object.entries(layer.decay).map(([name, values]) => ({name, values: back(values)})), log: true, first: "0 steps", last: `${layer.decay.h.length - 1} steps back`});
  }

  // -- what if --------------------------------------------------------------------------------------------------------

  prepareWhatIf() {
    const {shown} = this, edit = this.get("edit"), words = shown.values === null, given = shown.network;
    this.edited = words ? null : shown.values.map(row => [...row]);
    this.get("word").hidden = !words;
    this.get("number").hidden = words;
    this.network = typeof given === "string" || given === null ? null : unpacked(given.layers);
    edit.hidden = this.network === null;
    if (this.network === null) { this.get("reason").textContent = given === null ? "" : `The page cannot compute this network: ${given}.`; return; }
    this.sequence = words ? [...given.sequence] : null;
    this.get("reason").textContent = words ? `Choose a step above and give another word; the page knows ${given.words.length.toLocaleString("en")} of them.` : "Choose a step above and give it another value.";
    if (words) {
      this.tokens = new Map(given.words.map((word, place) => [word, this.network[0].rows[place]]));
      const listed = this.root.querySelector("datalist");
      listed.append(...given.words.slice(0, 2000).map(word => element("option", {value: word})));
    } else {
      const every = shown.values.flat(), low = Math.min(...every), high = Math.max(...every), slide = this.get("slide");
      Object.assign(slide, {min: low - (high - low) / 2, max: high + (high - low) / 2});
      slide.addEventListener("input", () => { this.get("exact").value = slide.value; this.change(); });
    }
    edit.addEventListener("submit", event => { event.preventDefault(); this.change(); });
    this.get("undo").addEventListener("click", () => this.undo());
  }

  change() {
    const {shown} = this;
    if (shown.values === null) {
      const word = this.get("new").value.trim();
      if (!this.tokens.has(word)) { this.get("answer").textContent = `The page does not know the word “${word}”: give another.`; return; }
      this.sequence[shown.skipped + this.chosen] = this.tokens.get(word);
      this.steps[this.chosen] = word;
      this.buttons[this.chosen].textContent = word;
    } else {
      const value = Number(this.get("exact").value);
      this.edited[this.chosen][0] = value;
      this.steps[this.chosen] = short(value);
    }
    this.buttons[this.chosen].classList.add("changed");
    this.recompute();
  }

  // Run the network of the page again: what it says, and all its gates.
  recompute() {
    const {shown} = this, found = run(this.network, this.sequence ?? this.edited), start = shown.skipped;
    const total = (this.sequence ?? this.edited).length, from = steps => Math.floor(start * steps.length / total);
    this.running = found.running === null ? null : found.running.slice(from(found.running));
    this.says_ = found.outputs.at(-1);
    found.kept.forEach((all, place) => {
      const steps = all.slice(from(all)), layer = shown.layers[place];
      layer.maps.forEach((map, k) => {
        const codes = this.codes[place][k], name = map.name, count = steps.length;
        layer.order.forEach((unit, row) => steps.forEach((step, t) => {
          const value = step[name][unit] / map.most, level = map.gate ? value : (value + 1) / 2;
          codes[row * count + t] = Math.round(254 * Math.min(Math.max(level, 0), 1));
        }));
      });
    });
    this.get("answer").replaceChildren("It said ", element("b", {textContent: this.says(shown.running.at(-1))}), "; now it says ", element("b", {textContent: this.says(this.says_)}), ".");
    this.paintMaps();
    this.choose(this.chosen);
  }

  undo() {
    const {shown} = this;
    this.steps = [...shown.steps];
    if (shown.values === null) this.sequence = [...shown.network.sequence];
    else this.edited = shown.values.map(row => [...row]);
    this.buttons.forEach((button, place) => { button.classList.remove("changed"); if (shown.values === null) button.textContent = shown.steps[place]; });
    this.codes = shown.layers.map(layer => layer.maps.map(map => bytes(map.codes)));
    this.running = shown.running;
    this.get("answer").textContent = "";
    this.paintMaps();
    this.choose(this.chosen);
  }

  repaint() {
    const {size, steps, top, codes} = this.shown.connectivity, shown = palette(false), raw = bytes(codes);
    paint(this.get("connectivity"), raw, size, size, shown);
    this.get("top").textContent = `${steps > 1 ? `each cell is the largest of ${steps} × ${steps} steps; ` : ""}the largest is ${short(top)}`;
    this.paintMaps();
    this.drawRunning();
    this.drawDecay();
    this.drawUnit();
  }
}

const panels = [];
for (const [place, root] of [...document.querySelectorAll(".panel")].entries()) panels.push(new Panel(root, data[place]));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => panels.forEach(panel => panel.repaint()));
addEventListener("resize", () => panels.forEach(panel => panel.repaint()));
