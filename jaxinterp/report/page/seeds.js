// How do the seeds differ? Accuracy, dead units, divergence, and how alike their layers are.

// Set up once; returns show(settings), which brings it to what the address says.
/** @typedef {[number, number, number]} Pair  places of two seeds, and their CKA */

/** @type {(payload: Payload) => { show: () => void }} */
function seedsView(payload) {
  const { meta, arrays } = payload;
  const accuracy = arrays["history/test_accuracy"].data, diverged = arrays["history/diverged"].data;
  const dead = arrays["history/dead"], count = accuracy.length;
  /** @type {Record<string, (seed: number) => number>} */
  const orders = {
    seed: (seed) => seed,
    accuracy: (seed) => (Number.isFinite(accuracy[seed]) ? accuracy[seed] : -1),
    dead: (seed) => -deadUnits(seed),
  };

  // One dot per seed, on an axis from the lowest to the highest accuracy.
  function strip() {
    const kept = range(count).filter((seed) => Number.isFinite(accuracy[seed]) && !diverged[seed]);
    if (!kept.length) return make("p", {}, "No seed has a test accuracy.");
    const [low, high] = extent(kept.map((seed) => accuracy[seed]));
    /** @type {(value: number) => number} */
    const x = (value) => 20 + (560 * (value - low)) / (high - low || 1);
    const stacked = new Map();
    const dots = kept.map((seed) => {
      const column = Math.round(x(accuracy[seed]) / 9), height = stacked.get(column) ?? 0;
      stacked.set(column, height + 1);
      const title = makeSvg("title", {}, `seed ${seed}: ${written(accuracy[seed], 4)}`);
      const dot = makeSvg("circle", { class: "dot", cx: x(accuracy[seed]), cy: 60 - 9 * Math.min(height, 6), r: 4 }, title);
      return meta.seeds.includes(seed) ? makeSvg("a", { href: hashOf("explorer", { seed }), "aria-label": `seed ${seed}, test accuracy ${written(accuracy[seed], 4)}` }, dot) : dot;
    });
    return make("div", { class: "strip" }, makeSvg("svg", { viewBox: "0 0 600 76", role: "group", "aria-label": `Test accuracy of ${kept.length} seeds, from ${written(low, 4)} to ${written(high, 4)}` },
      makeSvg("line", { class: "rail", x1: 10, x2: 590, y1: 68, y2: 68 }), dots),
      make("span", {}, written(low, 4)), low < high && make("span", {}, written(high, 4)));
  }

  /** @type {(seed: number) => number} */
  const deadUnits = (seed) => meta.layers.reduce((sum, { units }, layer) => sum + (entry(dead, seed, layer) || 0) * units, 0);

  function everySeed() {
    const key = orders[menu("seed-order").value];
    const rows = range(count).sort((a, b) => key(a) - key(b) || a - b).map((seed) => [
      meta.seeds.includes(seed) ? make("a", { href: hashOf("explorer", { seed }) }, `${seed}`) : `${seed}`,
      diverged[seed] ? make("strong", { class: "warning" }, `✕ diverged in epoch ${diverged[seed]}`) : "trained",
      datum(accuracy[seed], 4), `${arrays["history/best"].data[seed]}`,
      ...range(meta.layers.length).map((layer) => {
        const value = entry(dead, seed, layer);
        return Number.isFinite(value) ? `${Math.round(value * meta.layers[layer].units)} of ${meta.layers[layer].units}` : "—";
      }),
    ]);
    return table(["seed", "state", "test accuracy", "weights of epoch", ...meta.layers.map(({ site }) => `dead in ${layerName(site)}`)], rows);
  }

  // Pairs of seeds, alike or not, as a picture with the pair under the pointer named below it.
  /** @type {(layer: Layer, place: number, colour: Painter) => HTMLElement} */
  function matrix({ site }, layer, colour) {
    const values = arrays[`layer${layer}/cka`], size = meta.seeds.length;
    const pairs = range(size).flatMap((first) => range(first).map((second) => /** @type {Pair} */ ([first, second, entry(values, first, second)])))
      .filter(([, , value]) => Number.isFinite(value));
    if (!pairs.length) {
      const why = size === 1 ? "one seed has nothing to be compared with" : "CKA is not known of any pair, as where units are dead or images few";
      return make("p", {}, `${layerName(site)}: ${why}.`);
    }
    pairs.sort((a, b) => a[2] - b[2]);
    /** @type {(pair: Pair) => string} */
    const say = ([first, second, value]) => `seeds ${meta.seeds[first]} and ${meta.seeds[second]}: ${written(value)}`;
    const middle = mean(pairs.map(([, , value]) => value)), [least, most] = [pairs[0], pairs[pairs.length - 1]];
    const pointed = make("output", { class: "pointed" }, "Point at a cell, or use the list.");
    const canvas = picture(values.data, size, size, colour, `CKA of ${size} seeds in ${layerName(site)}: mean of pairs ${written(middle)}, least ${say(least)}, most ${say(most)}`, { class: "matrix" });
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect();
      const [first, second] = [event.clientY - box.top, event.clientX - box.left].map((distance) => Math.min(size - 1, Math.max(0, Math.floor((distance / box.width) * size))));
      pointed.textContent = say([first, second, entry(values, first, second)]);
    });
    const list = make("details", {}, make("summary", {}, pairs.length === 1 ? "The only pair" : `All ${pairs.length} pairs`));
    const fillList = () => list.append(make("ol", { class: "pairs", tabindex: "0", "aria-label": "CKA of all pairs" }, [...pairs].reverse().map((pair) => make("li", {}, say(pair)))));
    list.addEventListener("toggle", fillList, { once: true });
    return make("figure", { class: "similarity" }, make("h4", {}, layerName(site)), canvas, pointed,
      make("figcaption", {}, pairs.length === 1 ? `${say(least)}.` : `mean of pairs ${written(middle)}; least alike: ${say(least)}; most: ${say(most)}.`), list);
  }

  function show() {
    const lost = meta.diverged.length;
    find("seeds-glance").replaceChildren(
      make("p", {}, `${count} ${count === 1 ? "seed" : "seeds"}, ${lost ? `${lost} diverged (${meta.diverged.join(", ")})` : "none diverged"}. ${meta.left_out}`),
      make("h3", {}, "Test accuracy, one dot per seed"), strip());
    find("seeds-table").replaceChildren(everySeed());
    const all = meta.layers.flatMap((_, layer) => Array.from(arrays[`layer${layer}/cka`].data)).filter(Number.isFinite);
    const low = Math.min(0.9, Math.floor(10 * extent(all)[0]) / 10);
    /** @type {Painter} */
    const colour = (value) => amount(value - low, 1 - low);
    const found = meta.layers.map((layer, place) => matrix(layer, place, colour)), drawn = found.some((one) => one.matches("figure"));
    find("similarity").replaceChildren(drawn ? legend(low, 1, colour, "CKA, one scale for all layers") : "", make("div", { class: "row" }, found));
  }

  menu("seed-order").addEventListener("change", show);
  return { show };
}
