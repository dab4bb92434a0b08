// Which units are there, and which one is looked at? Controls and list of the explorer.

/** @type {("sort" | "by")[]} */
const CHOICES = ["sort", "by"];  // of a quantity
/** @type {("from" | "to")[]} */
const BOUNDS = ["from", "to"];
/** @type {("from" | "to" | "search")[]} */
const TEXTS = [...BOUNDS, "search"];

// Set up the explorer once; returns show(settings), which brings it to what the address says.
/** @type {(payload: Payload, networkOf: (seed: number) => Network) => { show: (settings: URLSearchParams) => void, move: (axis: "unit" | "seed", by: number) => void }} */
function explorer(payload, networkOf) {
  const { meta, arrays } = payload;
  const known = quantities(payload), seen = classesSeen(payload);
  /** @type {Map<string, LayerMaps>} */
  const maps = new Map();  // by "seed:layer"
  /** @type {number[]} */
  let units = [];
  let view = read(new URLSearchParams()), listed = "", told = "";

  /** @type {(settings: URLSearchParams) => View} */
  function read(settings) {
    const layer = choice(settings, "layer", meta.layers.length), asked = settings.get("pictures") ?? "";
    const label = choice(settings, "class", meta.classes.length, seen[0]);
    /** @type {(name: string, otherwise: string) => string} */
    const named = (name, otherwise) => known.find((quantity) => quantity.name === settings.get(name))?.name ?? otherwise;
    return {
      seed: seedPlace(meta, settings), layer, unit: choice(settings, "unit", meta.layers[layer].units),
      chosen: seen.includes(label) ? label : seen[0], sort: named("sort", "unit"), up: settings.get("order") !== "down",
      by: named("by", known[1].name), from: settings.get("from") ?? "", to: settings.get("to") ?? "", search: settings.get("search") ?? "",
      pictures: ["maximiser", "image"].includes(asked) ? asked : "weights",
    };
  }

  // What the settings say is looked at, and the list that the next key goes through.
  /** @type {(settings: URLSearchParams) => void} */
  function look(settings) {
    view = read(settings);
    units = chosenUnits(payload, known, { ...view, search: spoken(view.search).words });
  }

  /** @type {(change?: Partial<View>) => string} */
  function hash(change = {}) {
    const { seed, layer, unit, chosen, sort, up, by, from, to, search, pictures } = { ...view, ...change };
    return hashOf("explorer", {
      seed: meta.seeds[seed], layer, unit, class: chosen, sort: sort === "unit" ? "" : sort, order: up ? "" : "down",
      by: by === known[1].name ? "" : by, from, to, search, pictures: pictures === "weights" ? "" : pictures,
    });
  }

  /** @type {(change: Partial<View>) => void} */
  const go = (change) => {
    location.hash = hash(change);
    look(readHash().settings);  // the next key may come before the browser tells of this one
  };
  // While someone types, the address follows without filling the browser's history.
  /** @type {(change: Partial<View>) => void} */
  const follow = (change) => { rewrite(hash(change)); show(readHash().settings); };

  /** @type {(seed: number, layer: number) => LayerMaps} */
  function mapsOf(seed, layer) {
    const key = `${seed}:${layer}`, kept = maps.get(key);
    if (kept) return kept;
    const found = range(meta.layers[layer].units).map((unit) => pushedBack(networkOf(seed), layer, unit));
    const made = { maps: found, scale: scaleOf(found) };
    const [oldest] = maps.set(key, made).keys();
    if (maps.size > 8) maps.delete(oldest);
    return made;
  }

  // A unit in a picture, as the view has it: what it weighs, what lights it most, or the real image that does.
  /** @type {(seed: number, layer: number, unit: number, attributes?: Attributes) => HTMLCanvasElement} */
  function thumbnail(seed, layer, unit, attributes = {}) {
    if (view.pictures === "maximiser") {
      return photograph(part(arrays[`layer${layer}/maximiser`], seed, unit), meta, `maximiser of unit ${unit}`, attributes);
    }
    if (view.pictures === "image") {
      const best = entry(arrays[`layer${layer}/exemplars`], seed, unit, 0);
      return photograph(part(arrays["pool/images"], best), meta, `best real image of unit ${unit}`, attributes);
    }
    const { site, maps: channels } = meta.layers[layer];
    if (channels && layer === 0) return filterThumbnail(networkOf(seed).linear[layerName(site)], unit, attributes);
    const weights = seed === view.seed && layer === view.layer ? mapsOf(seed, layer).maps[unit] : pushedBack(networkOf(seed), layer, unit);
    return weightMap(weights, meta, mapsOf(view.seed, view.layer).scale, `weights of unit ${unit}`, attributes);
  }

  // Of a channel that reads the pixels: its filter, in the colours of an image of three channels.
  /** @type {(linear: Linear, unit: number, attributes: Attributes) => HTMLCanvasElement} */
  function filterThumbnail(linear, unit, attributes) {
    const [height, width, inputs] = linear.shape, own = filtersOf(linear, unit);
    const values = Float64Array.from({ length: height * width * inputs }, (_, place) => own[place % inputs][Math.floor(place / inputs)]);
    return weightMap(values, { ...meta, rows: height, columns: width }, scaleOf([Float64Array.from(linear.kernel)]), `filter of channel ${unit}`, attributes);
  }

  function showList() {
    const key = JSON.stringify({ ...view, unit: 0, dark: dark.matches });
    const quantity = known.find(({ name }) => name === (view.sort === "unit" ? known[1].name : view.sort)) ?? known[0];
    if (key !== listed) {
      listed = key;
      find("units").replaceChildren(...units.map((unit) => make("li", {}, make("a", { href: hash({ unit }), "data-unit": unit },
        thumbnail(view.seed, view.layer, unit),
        make("span", { class: "number" }, `${unit}`),
        datum(quantity.of(view.seed, view.layer, unit, view.chosen), quantity.whole ? 0 : 2)))));
    }
    for (const link of find("units").querySelectorAll("a")) {
      link.toggleAttribute("data-chosen", Number(link.dataset.unit) === view.unit);
      if (Number(link.dataset.unit) === view.unit) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    reveal(find("units"), find("units").querySelector("[data-chosen]"));
    find("count").textContent = `${units.length} of ${meta.layers[view.layer].units} units; under each its number and: ${quantity.label}`;
  }

  function showControls() {
    offer(menu("seed"), meta.seeds.map((seed, place) => [place, `${seed}`]), view.seed);
    offer(menu("layer"), meta.layers.map(({ site }, place) => [place, layerName(site)]), view.layer);
    offer(menu("unit"), range(meta.layers[view.layer].units).map((unit) => [unit, `${unit}`]), view.unit);
    offer(menu("class"), seen.map((place) => [place, meta.classes[place]]), view.chosen);
    for (const name of CHOICES) offer(menu(name), known.map((quantity) => [quantity.name, quantity.label]), view[name]);
    menu("order").value = view.up ? "up" : "down";
    menu("pictures").value = view.pictures;
    for (const name of TEXTS) if (document.activeElement !== field(name)) field(name).value = view[name];
  }

  // Say what cannot be meant, and by which of the inputs; nothing takes back what was said.
  /** @type {(texts: string[], blamed: string[]) => void} */
  function complain(texts, blamed) {
    find("complaint").textContent = texts.join(" ");
    for (const name of TEXTS) find(name).setAttribute("aria-invalid", String(blamed.includes(name)));
  }

  // Bring everything to what the settings say.
  /** @type {(settings: URLSearchParams) => void} */
  function show(settings) {
    const inside = find("card").contains(document.activeElement), last = told;
    look(settings);
    told = [view.seed, view.layer, view.unit].join();
    showControls();
    const wrong = BOUNDS.filter((name) => view[name].trim() !== "" && Number.isNaN(bound(view[name])));
    const seedless = seedReplaced(meta, settings);
    complain([...(seedless ? [seedless] : []), ...wrong.map((name) => `“${view[name]}” is no number, so it filters nothing: write one such as 0.5.`)], wrong);
    showList();
    find("card").replaceChildren(...card({ payload, networkOf, view, hash, mapsOf, thumbnail }));
    find("looked").textContent = heading()?.textContent ?? "";
    if (inside && told !== last) heading()?.focus({ preventScroll: true });
  }

  const heading = () => find("card").querySelector("h3");

  // The next unit in the list, or the unit of the next seed.
  /** @type {(axis: "unit" | "seed", by: number) => void} */
  function move(axis, by) {
    const order = axis === "unit" ? units : range(meta.seeds.length);
    if (!order.length) return;
    const place = order.indexOf(view[axis]);
    go({ [axis]: order[place < 0 ? 0 : (place + by + order.length) % order.length] });
  }

  // What was searched for may name a seed and a layer beside other words: "seed 3 hidden1 12".
  /** @type {(search: string) => { seed: string | undefined, layer: number, words: string }} */
  function spoken(search) {
    const seed = search.match(/\bseed\s*(\d+)\b/i), layers = meta.layers.map(({ site }) => layerName(site).toLowerCase());
    const words = search.replace(seed?.[0] ?? "", "").split(/\s+/).filter(Boolean);
    const layer = layers.findIndex((name) => words.some((word) => word.toLowerCase() === name));
    return { seed: seed?.[1], layer, words: words.filter((word) => word.toLowerCase() !== layers[layer]).join(" ") };
  }

  function jump() {
    const asked = spoken(view.search), wrong = asked.seed === undefined ? "" : seedComplaint(meta, asked.seed);
    if (wrong) return complain([wrong], ["search"]);
    const change = {
      search: asked.words, layer: asked.layer < 0 ? view.layer : asked.layer,
      seed: asked.seed === undefined ? view.seed : meta.seeds.indexOf(Number(asked.seed)),
    };
    const { site, units: width } = meta.layers[change.layer];
    const exact = /^\d+$/.test(asked.words) && Number(asked.words) < width ? Number(asked.words) : null;
    const found = exact ?? chosenUnits(payload, known, { ...view, ...change })[0];
    if (found === undefined) {
      return complain([`No unit of ${layerName(site)} is found by “${view.search}”: search for a number from 0 to ${width - 1}, a class, dead, or a word of a label.`], ["search"]);
    }
    follow({ ...change, unit: found, search: exact === null ? asked.words : "" });
    field("search").value = view.search;
    heading()?.focus();
  }

  for (const name of ["seed", "layer", "unit"]) menu(name).addEventListener("change", () => go({ [name]: Number(menu(name).value) }));
  menu("class").addEventListener("change", () => go({ chosen: Number(menu("class").value) }));
  menu("order").addEventListener("change", () => go({ up: menu("order").value === "up" }));
  for (const name of [...CHOICES, "pictures"]) menu(name).addEventListener("change", () => go({ [name]: menu(name).value }));
  for (const name of TEXTS) field(name).addEventListener("input", () => follow({ [name]: field(name).value.trim() }));
  find("all").addEventListener("click", () => {
    for (const name of TEXTS) field(name).value = "";
    follow({ from: "", to: "", search: "" });
  });
  find("finder").addEventListener("submit", (event) => { event.preventDefault(); jump(); });

  return { show, move };
}

// Scroll a list, and never the page, so that one of its links is seen.
/** @type {(list: HTMLElement, link: Element | null) => void} */
function reveal(list, link) {
  if (!link) return;
  const box = list.getBoundingClientRect(), place = link.getBoundingClientRect();
  list.scrollTop += Math.min(0, place.top - box.top) + Math.max(0, place.bottom - box.bottom);
}
