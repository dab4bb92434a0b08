// What does a network answer to this digit, and what if a unit is ablated or scaled? The page's "Try it".

// Set up once; returns show(settings), which brings it to what the address says.
function trial(payload, networkOf) {
  const { meta, arrays } = payload;
  const count = arrays["pool/images"].shape[0];
  const scales = new Map();  // "layer:unit" → factor
  let seed = 0, image = 0, edited = false, drawn = null, cells = null, rows = null, painted = false;

  const single = meta.model.outputs === 1;
  const outputs = range(meta.model.outputs).map((place) => (single ? "output" : meta.classes[place] ?? `${place}`));
  const sketch = drawing(find("canvas"), find("cursor"), meta, (changed) => { edited = changed; respond(); });

  const hash = () => hashOf("try", {
    seed: meta.seeds[seed], image: edited ? "" : image,
    scale: [...scales].map(([place, factor]) => `${place}:${factor}`).join(","),
  });
  const note = () => {
    drawn = hash();
    if (location.hash !== drawn) rewrite(drawn);  // browsers allow but so many changes
  };

  // Cells and rows are made once and then only written to: focus stays where it is.
  function build() {
    cells = new Map();
    find("responses").replaceChildren(...meta.layers.map(({ site, units }, layer) => make("section", { class: "block" },
      make("h3", {}, layerName(site)),
      make("div", { class: "cells" }, range(units).map((unit) => {
        const value = make("data", {}), factor = make("span", { class: "factor" });
        const button = make("button", { type: "button", "data-place": `${layer}:${unit}`, on: { click: () => toggle(layer, unit), focus: () => tell(layer, unit), pointerenter: () => tell(layer, unit) } },
          make("span", { class: "number" }, `${unit}`), value, factor);
        cells.set(`${layer}:${unit}`, { button, value, factor });
        return button;
      })))));
    rows = outputs.map((name) => ({ head: make("th", { scope: "row" }, name), bar: bar(), logit: make("data", {}), before: make("data", {}), probability: make("data", {}) }));
    find("logits").replaceChildren(...rows.map(({ head, bar, logit, before, probability }) =>
      make("tr", {}, head, make("td", {}, logit), make("td", {}, before), make("td", {}, probability), make("td", {}, bar.chart))));
  }

  function bar() {
    const shape = makeSvg("rect", { class: "bar", y: 3, height: 8 }), mark = makeSvg("line", { class: "before", y1: 1, y2: 13 });
    const rail = makeSvg("line", { class: "rail", x1: 0, x2: 0, y1: 0, y2: 14 });
    return { shape, mark, chart: makeSvg("svg", { class: "logit", viewBox: "-51 0 102 14", "aria-hidden": "true" }, rail, shape, mark) };
  }

  function stretch({ shape, mark }, logit, before, largest) {
    const x = (value) => (50 * value) / largest;
    shape.setAttribute("x", Math.min(0, x(logit)));
    shape.setAttribute("width", Math.abs(x(logit)));
    for (const end of ["x1", "x2"]) mark.setAttribute(end, x(before));
    mark.toggleAttribute("hidden", logit === before);
  }

  function put(cell, value, digits) {
    cell.value = String(value);
    cell.textContent = written(value, digits);
  }

  function respond() {
    if (!cells) return;
    const pixels = Float64Array.from(sketch.bytes, (byte) => byte / 255), network = networkOf(seed);
    const { logits, activations } = forward(network, pixels, scales);
    const plain = scales.size ? forward(network, pixels) : { logits, activations };
    const chances = probabilities(logits, meta.loss), best = logits.indexOf(Math.max(...logits));
    const largest = Math.max(...logits.map(Math.abs), ...plain.logits.map(Math.abs), 1e-9);
    rows.forEach(({ head, bar, logit, before, probability }, place) => {
      put(logit, logits[place], 2);
      put(before, logits[place] - plain.logits[place], 2);
      put(probability, chances[place], 3);
      stretch(bar, logits[place], plain.logits[place], largest);
      head.parentElement.toggleAttribute("data-best", !single && place === best);
    });
    activations.forEach((values, layer) => {
      const largest = Math.max(...plain.activations[layer].map(Math.abs), 1e-9);
      values.forEach((value, unit) => {
        const { button, value: cell, factor } = cells.get(`${layer}:${unit}`), scale = scales.get(`${layer}:${unit}`);
        put(cell, value, 2);
        button.style.background = tint(value, largest);
        button.setAttribute("aria-pressed", String(scale !== undefined));
        button.setAttribute("aria-label", `unit ${unit}: ${written(value, 2)}${scale === undefined ? "" : `, multiplied by ${scale}`}`);
        factor.textContent = scale === undefined ? "" : `×${scale}`;
      });
    });
    const positive = logits[0] > (meta.loss === "squared_error" ? 0.5 : 0);
    const [answer, chance] = single ? [meta.classes[Number(positive)], positive ? chances[0] : 1 - chances[0]] : [outputs[best], chances[best]];
    const reading = `read as ${answer}${Number.isFinite(chance) ? ` (${share(chance)})` : ""}`;
    const origin = `test image ${part(arrays["pool/index"], image)}, labelled ${meta.classes[part(arrays["pool/labels"], image)] ?? part(arrays["pool/labels"], image)}`;
    find("reading").textContent = `Seed ${meta.seeds[seed]}: ${reading}`;
    find("origin").textContent = edited ? `Drawn or edited; last loaded: ${origin}.` : `Unchanged ${origin}.`;
    find("edits").textContent = scales.size ? `${scales.size} ${scales.size === 1 ? "unit is" : "units are"} changed.` : "No unit is changed.";
    if (painted) note();
  }

  function toggle(layer, unit) {
    const place = `${layer}:${unit}`, factor = Number(find("factor").value);
    if (scales.get(place) === factor || !Number.isFinite(factor) || find("factor").value === "") scales.delete(place);
    else scales.set(place, factor);
    respond();
    tell(layer, unit);
  }

  function choose(place) {
    seed = place;
    find("try-seed").value = seed;
    find("replaced").textContent = "";
    respond();
  }

  // The line below the units, about the one that was touched last.
  function tell(layer, unit) {
    const name = `${layerName(meta.layers[layer].site)} unit ${unit}`, strongest = strongestClass(payload, seed, layer, unit);
    find("touched").replaceChildren(`${name} ${strongest < 0 ? "" : `responds most to ${meta.classes[strongest]}`}: `,
      make("a", { href: hashOf("explorer", { seed: meta.seeds[seed], layer, unit }) }, "its card"));
  }

  // The next image of the chosen class.
  function step(by) {
    const wanted = find("label").value;
    for (let tried = 1; tried <= count; tried++) {
      const place = (image + by * tried + count * tried) % count;
      if (wanted === "" || part(arrays["pool/labels"], place) === Number(wanted)) return load(place);
    }
  }

  function load(place) {
    image = place;
    sketch.load(part(arrays["pool/images"], place));
  }

  // Bring everything to what the settings say.
  function show(settings) {
    if (hashOf("try", Object.fromEntries(settings)) === drawn) return respond();
    painted = false;
    const place = seedPlace(meta, settings);
    scales.clear();
    for (const text of (settings.get("scale") ?? "").split(",").filter(Boolean)) {
      const [layer, unit, factor] = text.split(":").map((number) => (number.trim() === "" ? NaN : Number(number)));
      if (Number.isInteger(unit) && unit >= 0 && unit < meta.layers[layer]?.units && Number.isFinite(factor)) scales.set(`${layer}:${unit}`, factor);
    }
    seed = place;
    find("replaced").textContent = seedReplaced(meta, settings);
    if (!cells) build();
    offer(find("try-seed"), meta.seeds.map((number, at) => [at, `${number}`]), seed);
    if (settings.has("image") || drawn === null) load(choice(settings, "image", count));
    painted = true;
    respond();
  }

  offer(find("label"), [["", "any"], ...meta.classes.map((name, place) => [place, name])], "");
  for (const end of ["from", "to"]) {
    find(`row-${end}`).max = meta.rows - 1;
    find(`row-${end}`).value = end === "from" ? 0 : Math.max(0, Math.floor(meta.rows / 2) - 1);
  }
  find("try-seed").addEventListener("change", (event) => choose(Number(event.target.value)));
  for (const tool of ["pen", "eraser"]) find(tool).addEventListener("change", () => sketch.erase(find("eraser").checked));
  find("next").addEventListener("click", () => step(1));
  find("previous").addEventListener("click", () => step(-1));
  find("label").addEventListener("change", () => step(1));
  find("clear").addEventListener("click", () => sketch.clear());
  find("restore").addEventListener("click", () => { scales.clear(); respond(); });
  find("erase-rows").addEventListener("click", () => {
    const [from, to] = ["row-from", "row-to"].map((id) => Math.min(meta.rows - 1, Math.max(0, Math.round(find(id).valueAsNumber || 0))));
    sketch.eraseRows(Math.min(from, to), Math.max(from, to));
  });

  return {
    show,
    move: (by) => choose((seed + by + meta.seeds.length) % meta.seeds.length),
  };
}
