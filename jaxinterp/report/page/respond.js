// What does a network answer to this digit, and what if a unit is ablated or scaled? The page's "Try it".

/** @typedef {{ button: HTMLButtonElement, value: HTMLDataElement, factor: HTMLElement }} Cell  of a unit */
/** @typedef {{ shape: SVGElement, mark: SVGElement, chart: SVGElement }} Bar  of a logit, and a mark of what it was without edits */
/** @typedef {{ row: HTMLElement, bar: Bar, logit: HTMLDataElement, before: HTMLDataElement, probability: HTMLDataElement }} Row  of an output */

// Set up once; returns show(settings), which brings it to what the address says.
/** @type {(payload: Payload, networkOf: (seed: number) => Network) => { show: (settings: URLSearchParams) => void, move: (by: number) => void }} */
function trial(payload, networkOf) {
  const { meta, arrays } = payload;
  const count = arrays["pool/images"].shape[0];
  /** @type {Map<string, number>} */
  const scales = new Map();  // "layer:unit" → factor
  /** @type {Map<string, Cell>} */
  const cells = new Map();
  /** @type {Row[]} */
  let rows = [];
  /** @type {string | null} */
  let drawn = null;
  /** @type {Answer | null} */
  let answer = null;
  const mapped = meta.layers.findIndex(({ maps }) => maps);
  let shown = { layer: mapped, unit: 0 };  // whose map is drawn
  let seed = 0, image = 0, edited = false, painted = false, uploaded = "";

  const single = meta.outputs === 1;
  const outputs = range(meta.outputs).map((place) => (single ? "output" : meta.classes[place] ?? `${place}`));
  const sketch = drawing(element("canvas", HTMLCanvasElement), find("cursor"), meta, (changed) => { edited = changed; respond(); });

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
    find("responses").replaceChildren(...meta.layers.map(({ site, units, maps }, layer) => make("section", { class: "block" },
      make("h3", {}, `${layerName(site)}${maps ? ": each channel's mean over its map" : ""}`),
      make("div", { class: "cells" }, range(units).map((unit) => {
        const value = make("data", {}), factor = make("span", { class: "factor" });
        const button = make("button", { type: "button", "data-place": `${layer}:${unit}` }, make("span", { class: "number" }, make("span", { class: "hidden" }, `${unitWord(meta.layers[layer])} `), `${unit}`), value, factor);
        button.addEventListener("click", () => toggle(layer, unit));
        for (const event of ["focus", "pointerenter"]) button.addEventListener(event, () => { tell(layer, unit); showMap(answer); });
        cells.set(`${layer}:${unit}`, { button, value, factor });
        return button;
      })))));
    rows = outputs.map((name) => {
      const [logit, before, probability] = range(3).map(() => make("data")), bar = makeBar();
      const row = make("tr", {}, make("th", { scope: "row" }, name), [logit, before, probability, bar.chart].map((cell) => make("td", {}, cell)));
      return { row, bar, logit, before, probability };
    });
    find("logits").replaceChildren(...rows.map(({ row }) => row));
  }

  /** @type {() => Bar} */
  function makeBar() {
    const shape = makeSvg("rect", { class: "bar", y: 3, height: 8 }), mark = makeSvg("line", { class: "before", y1: 1, y2: 13 });
    const rail = makeSvg("line", { class: "rail", x1: 0, x2: 0, y1: 0, y2: 14 });
    return { shape, mark, chart: makeSvg("svg", { class: "logit", viewBox: "-51 0 102 14", "aria-hidden": "true" }, rail, shape, mark) };
  }

  /** @type {(bar: Bar, logit: number, before: number, largest: number) => void} */
  function stretch({ shape, mark }, logit, before, largest) {
    /** @type {(value: number) => number} */
    const x = (value) => (50 * value) / largest;
    fill(shape, { x: Math.min(0, x(logit)), width: Math.abs(x(logit)) });
    fill(mark, { x1: x(before), x2: x(before) });
    mark.toggleAttribute("hidden", logit === before);
  }

  /** @type {(cell: HTMLDataElement, value: number, digits: number) => void} */
  function put(cell, value, digits) {
    cell.value = String(value);
    cell.textContent = written(value, digits);
  }

  function respond() {
    if (!rows.length) return;
    const pixels = Float64Array.from(sketch.bytes, (byte) => byte / 255), network = networkOf(seed);
    answer = forward(network, pixels, scales);
    const { logits, activations } = answer, plain = scales.size ? forward(network, pixels) : answer;
    const chances = probabilities(logits, meta.loss), { label: readAs, chance } = readingOf(meta, logits);
    const highest = Math.max(...logits.map(Math.abs), ...plain.logits.map(Math.abs), 1e-9);
    rows.forEach(({ row, bar, logit, before, probability }, place) => {
      put(logit, logits[place], 2);
      put(before, logits[place] - plain.logits[place], 2);
      put(probability, chances[place], 3);
      stretch(bar, logits[place], plain.logits[place], highest);
      row.toggleAttribute("data-best", !single && place === readAs);
    });
    activations.forEach((values, layer) => {
      const largest = Math.max(...plain.activations[layer].map(Math.abs), 1e-9);
      values.forEach((value, unit) => {
        const cell = cells.get(`${layer}:${unit}`), scale = scales.get(`${layer}:${unit}`);
        if (cell) showCell(cell, value, largest, scale);
      });
    });
    showMap(answer);
    const reading = `read as ${meta.classes[readAs] ?? readAs}${Number.isFinite(chance) ? ` (${share(chance)})` : ""}`;
    const label = entry(arrays["pool/labels"], image), origin = `test image ${entry(arrays["pool/index"], image)}, labelled ${meta.classes[label] ?? label}`;
    find("reading").textContent = `Seed ${meta.seeds[seed]}: ${reading}`;
    find("origin").textContent = uploaded ? `${uploaded}, uploaded and scaled to ${meta.rows} × ${meta.columns} pixels.` : edited ? `Drawn or edited; last loaded: ${origin}.` : `Unchanged ${origin}.`;
    find("edits").textContent = scales.size ? `${scales.size} ${scales.size === 1 ? "unit is" : "units are"} changed.` : "No unit is changed.";
    if (painted) note();
  }

  // The map of the channel that was touched last, for this image.
  /** @type {(answer: Answer | null) => void} */
  function showMap(given) {
    const { layer, unit } = shown;
    if (!given || layer < 0) return;
    const maps = given.layerMaps[layer], values = channelOf(maps, unit, meta.layers[layer].units);
    const [low, high] = extent([...values]), largest = Math.max(-low, high, 1e-9);
    const what = `Map of ${layerName(meta.layers[layer].site)} channel ${unit}, ${maps.rows} × ${maps.columns}`;
    find("feature-map").hidden = false;
    find("feature-map").replaceChildren(
      make("figcaption", { class: "note" }, `${what}: mean ${written(mean(values), 2)}, from ${written(low, 2)} to ${written(high, 2)}`),
      picture(values, maps.rows, maps.columns, (value) => signed(value, largest), what, { class: "map" }));
  }

  /** @type {(cell: Cell, value: number, largest: number, scale: number | undefined) => void} */
  function showCell({ button, value: cell, factor }, value, largest, scale) {
    put(cell, value, 2);
    button.style.background = tint(value, largest);
    button.setAttribute("aria-pressed", String(scale !== undefined));
    factor.textContent = scale === undefined ? "" : `×${scale}`;
  }

  /** @type {(layer: number, unit: number) => void} */
  function toggle(layer, unit) {
    const place = `${layer}:${unit}`, factor = field("factor").valueAsNumber;
    if (scales.get(place) === factor || !Number.isFinite(factor)) scales.delete(place);
    else scales.set(place, factor);
    tell(layer, unit);
    respond();
  }

  /** @type {(place: number) => void} */
  function choose(place) {
    seed = place;
    menu("try-seed").value = String(seed);
    find("replaced").textContent = "";
    respond();
  }

  // The line below the units, about the one that was touched last.
  /** @type {(layer: number, unit: number) => void} */
  function tell(layer, unit) {
    if (meta.layers[layer].maps) shown = { layer, unit };
    const name = `${layerName(meta.layers[layer].site)} ${unitWord(meta.layers[layer])} ${unit}`, strongest = strongestClass(payload, seed, layer, unit);
    find("touched").replaceChildren(`${name} ${strongest < 0 ? "" : `responds most to ${meta.classes[strongest]}`}: `,
      make("a", { href: hashOf("explorer", { seed: meta.seeds[seed], layer, unit }) }, "its card"));
  }

  // The next image of the chosen class.
  /** @type {(by: -1 | 1) => void} */
  function step(by) {
    const wanted = menu("label").value;
    for (let tried = 1; tried <= count; tried++) {
      const place = (image + by * tried + count * tried) % count;
      if (wanted === "" || entry(arrays["pool/labels"], place) === Number(wanted)) return load(place);
    }
  }

  /** @type {(place: number) => void} */
  function load(place) {
    image = place;
    uploaded = "";
    sketch.load(part(arrays["pool/images"], place));
  }

  // Load the picture of the chosen file; it never leaves the browser.
  async function upload() {
    const [file] = field("upload").files ?? [];
    if (!file) return;
    find("upload-complaint").textContent = "";
    try {
      const bytes = await scaled(file, meta, field("invert").checked);
      uploaded = file.name;
      sketch.load(bytes, true);
    } catch {
      find("upload-complaint").textContent = `${file.name} is no image that this browser can read: choose a PNG, JPEG, WebP or GIF file.`;
    }
  }

  // Bring everything to what the settings say.
  /** @type {(settings: URLSearchParams) => void} */
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
    if (!rows.length) build();
    offer(menu("try-seed"), meta.seeds.map((number, at) => [at, `${number}`]), seed);
    if (settings.has("image") || drawn === null) load(choice(settings, "image", count));
    painted = true;
    respond();
  }

  offer(menu("label"), [["", "any"], ...classesSeen(payload).map((place) => /** @type {[number, string]} */ ([place, meta.classes[place]]))], "");
  for (const end of ["from", "to"]) {
    field(`row-${end}`).max = String(meta.rows - 1);
    field(`row-${end}`).value = String(end === "from" ? 0 : Math.max(0, Math.floor(meta.rows / 2) - 1));
  }
  menu("try-seed").addEventListener("change", () => choose(Number(menu("try-seed").value)));
  for (const tool of ["pen", "eraser"]) find(tool).addEventListener("change", () => sketch.erase(field("eraser").checked));
  find("next").addEventListener("click", () => step(1));
  find("previous").addEventListener("click", () => step(-1));
  find("label").addEventListener("change", () => step(1));
  find("clear").addEventListener("click", () => { uploaded = ""; sketch.clear(); });
  for (const name of ["upload", "invert"]) find(name).addEventListener("change", upload);
  find("restore").addEventListener("click", () => { scales.clear(); respond(); });
  find("erase-rows").addEventListener("click", () => {
    const [from, to] = ["row-from", "row-to"].map((id) => Math.min(meta.rows - 1, Math.max(0, Math.round(field(id).valueAsNumber || 0))));
    sketch.eraseRows(Math.min(from, to), Math.max(from, to));
  });

  return {
    show,
    move: (by) => choose((seed + by + meta.seeds.length) % meta.seeds.length),
  };
}
