// Does a layer tell the classes apart? Its test images as points, in the plane of its first two principal components.

/** @typedef {{ seed: number, layer: number, chosen: number, image: number }} Look  places; chosen: a class, −1 for all; image: among the points */

const FULL = 32767;  // the largest size of a coordinate, as stored
const REACH = 100, MARGIN = 6, DOT = 1.4;  // half of the picture's width, what is left around it, and a point's radius, as drawn

// The colour of a class: hues as far apart as can be, every other one darker.
/** @type {(place: number, count: number) => string} */
function classColour(place, count) {
  const light = (dark.matches ? [0.82, 0.68] : [0.65, 0.48])[place % 2];
  return `oklch(${light} 0.15 ${Math.round((360 * place) / count)})`;
}

// Set up once; returns show(settings), which brings it to what the address says.
/** @type {(payload: Payload) => { show: (settings: URLSearchParams) => void, move: (axis: "image" | "seed", by: number) => void }} */
function embedding(payload) {
  const { meta, arrays } = payload, images = arrays["embedded/images"].data, count = meta.classes.length;
  const ring = makeSvg("circle", { class: "ring", r: 2.2 * DOT });
  let view = read(new URLSearchParams());

  /** @type {(settings: URLSearchParams) => Look} */
  function read(settings) {
    return {
      seed: seedPlace(meta, settings), layer: choice(settings, "layer", meta.layers.length, meta.layers.length - 1),
      chosen: choice(settings, "class", count, -1), image: choice(settings, "image", images.length),
    };
  }

  /** @type {(change?: Partial<Look>) => string} */
  function hash(change = {}) {
    const { seed, layer, chosen, image } = { ...view, ...change };
    return hashOf("embedding", { seed: meta.seeds[seed], layer, class: chosen < 0 ? "" : chosen, image });
  }

  /** @type {(change: Partial<Look>) => void} */
  const go = (change) => {
    location.hash = hash(change);
    view = { ...view, ...change };  // the next key may come before the browser tells of this one
  };

  /** @type {(place: number) => number} */
  const labelOf = (place) => entry(arrays["pool/labels"], images[place]);
  /** @type {(label: number) => string} */
  const named = (label) => meta.classes[label] ?? `${label}`;
  /** @type {(place: number) => string} */
  const opened = (place) => hashOf("try", { seed: meta.seeds[view.seed], image: images[place] });
  /** @type {(place: number) => string} */
  const said = (place) => `test image ${entry(arrays["pool/index"], images[place])}, labelled ${named(labelOf(place))}`;

  // Where a point is drawn; the second component grows upwards.
  /** @type {(place: number) => [number, number]} */
  function at(place) {
    const [x, y] = part(arrays[`layer${view.layer}/points`], view.seed, place);
    return [(REACH * x) / FULL, (-REACH * y) / FULL];
  }

  function showPicture() {
    const { seed, layer, chosen } = view, { site } = meta.layers[layer];
    const name = `Seed ${meta.seeds[seed]}, ${layerName(site)}`;
    if (part(arrays[`layer${layer}/points`], seed).every((value) => value === 0)) {
      return find("picture").replaceChildren(make("p", {}, `${name}: every test image has the same activations, so there is nothing to draw.`));
    }
    const points = range(images.length).map((place) => {
      const label = labelOf(place), [cx, cy] = at(place), faded = chosen >= 0 && label !== chosen;
      return makeSvg("a", { href: opened(place), tabindex: -1, "data-place": place, "aria-label": said(place), class: faded ? "faded" : null },
        makeSvg("circle", { cx, cy, r: DOT, fill: classColour(label, count) }));
    });
    const side = REACH + MARGIN, box = `${-side} ${-side} ${2 * side} ${2 * side}`;
    find("picture").replaceChildren(makeSvg("svg", { viewBox: box, role: "group", "aria-label": `${name}: ${images.length} test images` }, points, ring, middles()));
  }

  // The name of each class, in the middle of its points.
  function middles() {
    return range(count).flatMap((label) => {
      const own = range(images.length).filter((place) => labelOf(place) === label).map(at);
      if (!own.length || (view.chosen >= 0 && label !== view.chosen)) return [];
      const [x, y] = [0, 1].map((axis) => own.map((where) => where[axis]).sort((a, b) => a - b)[Math.floor(own.length / 2)]);
      return [makeSvg("text", { x, y }, named(label).slice(0, 12))];
    });
  }

  // The image that is pointed at.
  /** @type {(place: number) => void} */
  function point(place) {
    const [cx, cy] = at(place);
    fill(ring, { cx, cy });
    view = { ...view, image: place };
    const pixels = part(arrays["pool/images"], images[place]), text = said(place);
    find("pointed").replaceChildren(
      make("div", { class: "pictures" }, make("figure", {},
        make("a", { href: opened(place) }, photograph(pixels, meta, text, { class: "image large" }), "open it in Try it"),
        make("figcaption", {}, make("span", { role: "status" }, text)))));
  }

  function showClasses() {
    /** @type {(label: number, name: string) => HTMLElement} */
    const item = (label, name) => make("li", {}, make("a", { href: hash({ chosen: label }), class: "class", "aria-current": label === view.chosen ? "true" : null },
      label >= 0 && makeSvg("svg", { viewBox: "-5 -5 10 10", "aria-hidden": "true" }, makeSvg("circle", { r: 4, fill: classColour(label, count) })), name));
    find("embedding-classes").replaceChildren(item(-1, "all"), ...classesSeen(payload).map((label) => item(label, meta.classes[label])));
  }

  function showKept() {
    const { seed, layer } = view;
    const rows = meta.embedded.map(({ name }, place) => [name, ...range(3).map((state) => datum(entry(arrays[`layer${layer}/embedded`], seed, place, state), 2))]);
    find("kept").replaceChildren(
      make("h3", {}, "Are these clusters?"),
      make("p", { class: "note" }, "Only as far as the silhouette in the layer exceeds both controls. What the picture shows beyond that, or hides, is the projection's."),
      table(["number", "trained", "permuted labels", "untrained"], rows),
      make("details", {}, make("summary", {}, "What they say"),
        make("dl", { class: "terms" }, meta.embedded.map(({ name, explanation }) => make("div", {}, make("dt", {}, name), make("dd", {}, explanation))))));
  }

  // Bring everything to what the settings say.
  /** @type {(settings: URLSearchParams) => void} */
  function show(settings) {
    view = read(settings);
    const { maps, units } = meta.layers[view.layer];
    offer(menu("embedding-seed"), meta.seeds.map((seed, place) => [place, `${seed}`]), view.seed);
    offer(menu("embedding-layer"), meta.layers.map(({ site }, place) => [place, layerName(site)]), view.layer);
    find("embedding-replaced").textContent = seedReplaced(meta, settings);
    find("embedding-note").textContent = `The first two principal components of ${units} ${maps ? "channels (means over their maps)" : "units"} on ${images.length} test images, ` +
      "turned so that the seeds' pictures agree. A name stands in the middle of its class. Point at an image to see it, click to open it in Try it.";
    showPicture();
    showClasses();
    point(view.image);
    showKept();
  }

  // The next image of the chosen class, or the next seed.
  /** @type {(axis: "image" | "seed", by: number) => void} */
  function move(axis, by) {
    if (axis === "seed") return go({ seed: (view.seed + by + meta.seeds.length) % meta.seeds.length });
    const order = range(images.length).filter((place) => view.chosen < 0 || labelOf(place) === view.chosen);
    if (!order.length) return;
    const place = order.indexOf(view.image);
    point(order[place < 0 ? 0 : (place + by + order.length) % order.length]);
    rewrite(hash());
  }

  menu("embedding-seed").addEventListener("change", () => go({ seed: Number(menu("embedding-seed").value) }));
  menu("embedding-layer").addEventListener("change", () => go({ layer: Number(menu("embedding-layer").value) }));
  find("picture").addEventListener("pointerover", ({ target }) => {
    const place = target instanceof Element && target.closest("a")?.getAttribute("data-place");
    if (place) point(Number(place));
  });

  return { show, move };
}
