// How do two units differ, or two seeds? Side by side.

/** @typedef {{ of: string, layer: number, seed: number, unit: number, other: number, match: number }} Pairing  places: seed and unit on the left, other and match on the right */

const LISTED = 60;  // images that two seeds read differently

// Set up once; returns show(settings), which brings it to what the address says.
/** @type {(payload: Payload, networkOf: (seed: number) => Network, readAll: ReadAll) => { show: (settings: URLSearchParams) => void }} */
function compareView(payload, networkOf, readAll) {
  const { meta, arrays } = payload, count = meta.seeds.length;
  let view = read(new URLSearchParams());

  // Without a choice, the right is the match, in the next seed, of the unit on the left; of a single seed, the next unit.
  /** @type {(settings: URLSearchParams) => Pairing} */
  function read(settings) {
    const layer = choice(settings, "layer", meta.layers.length, meta.layers.length - 1), { units } = meta.layers[layer];
    const seed = seedPlace(meta, settings), unit = choice(settings, "unit", units);
    const named = meta.seeds.indexOf(Number(settings.get("other") ?? NaN)), other = named < 0 ? (seed + 1) % count : named;
    const match = other === seed ? (unit + 1) % units : Math.max(0, entry(arrays[`layer${layer}/counterpart`], seed, other, unit));
    return { of: settings.get("of") === "seeds" ? "seeds" : "units", layer, seed, unit, other, match: choice(settings, "match", units, match) };
  }

  /** @type {(change: Partial<Pairing>) => string} */
  function hash(change) {
    const { of, layer, seed, unit, other, match } = { ...view, ...change };
    const kept = "match" in change || !("unit" in change || "seed" in change || "other" in change || "layer" in change);
    return hashOf("compare", { of: of === "units" ? "" : of, layer, seed: meta.seeds[seed], unit, other: meta.seeds[other], match: kept ? match : "" });
  }

  /** @type {(seed: number, unit: number) => string} */
  const named = (seed, unit) => `seed ${meta.seeds[seed]}, ${unitWord(meta.layers[view.layer])} ${unit}`;

  // A row of two cells, the left one and the right one, below what they are of.
  /** @type {(name: Child, left: Child, right: Child) => Child[]} */
  const row = (name, left, right) => [name, left, right];

  /** @type {() => HTMLElement[]} */
  function twoUnits() {
    const { layer, seed, unit, other, match } = view;
    const maps = [[seed, unit], [other, match]].map(([place, own]) => pushedBack(networkOf(place), layer, own)), scale = scaleOf(maps);
    const heads = [named(seed, unit), named(other, match)];
    return [
      make("p", {}, ...matching()),
      make("div", { class: "sides" }, side(seed, unit, maps[0], scale), side(other, match, maps[1], scale)),
      block("Classes", `Mean activation of each class, and damage: the accuracy that it loses by ${meta.kinds[0]}-ablation of the unit.`, table(["class", ...heads, "damage, left", "damage, right"],
        classesSeen(payload).map((label) => [meta.classes[label], ...[[seed, unit], [other, match]].map(([place, own]) => response(place, own, label)),
          ...[[seed, unit], [other, match]].map(([place, own]) => datum(entry(arrays[`layer${layer}/damage`], place, 0, own, label)))]))),
      block("Measures", "", table(["measure", ...heads], measuredOf(payload).map(({ label, of }) =>
        row(label, datum(of(seed, layer, unit, 0)), datum(of(other, layer, match, 0)))))),
    ];
  }

  // How the two correlate, if they are matched, and else what the left is matched with.
  /** @type {() => Child[]} */
  function matching() {
    const { layer, seed, unit, other, match } = view;
    if (seed === other) return ["Two units of one network, which are not matched with each other."];
    const found = entry(arrays[`layer${layer}/counterpart`], seed, other, unit), r = entry(arrays[`layer${layer}/counterpart_r`], seed, other, unit);
    if (found === match && !Number.isFinite(r)) return ["These two are matched units, but how they correlate is not known: one has the same activation on every image."];
    if (found === match) return ["These two are matched units: their activations on held-out images correlate with r = ", datum(r, 2), meta.matching === "absolute" && r < 0 ? ": one mirrors the other, as an odd activation function allows." : "."];
    if (found < 0) return ["The unit on the left has no match in the other seed."];
    return [`The unit on the left is matched with another one: `, make("a", { href: hash({ match: found }) }, named(other, found)), ", r = ", datum(r, 2), "."];
  }

  /** @type {(seed: number, unit: number, map: Float64Array, scale: number) => HTMLElement} */
  function side(seed, unit, map, scale) {
    const { layer } = view, strongest = strongestClass(payload, seed, layer, unit);
    const dead = isDead(payload, seed, layer, unit);
    const texts = labelsOf(payload, seed, layer, unit).sort((a, b) => b.score - a.score).slice(0, 1).map(({ text }) => text);
    return make("section", { class: "block" },
      make("h3", {}, make("a", { href: hashOf("explorer", { seed: meta.seeds[seed], layer, unit }) }, named(seed, unit))),
      make("p", { class: "facts" }, `${dead ? DEAD : strongest < 0 ? "responds to no class" : `responds most to ${meta.classes[strongest]}`}${texts.length && !dead ? ` · ${texts[0]}` : ""}`),
      make("div", { class: "pictures" },
        make("figure", {}, weightMap(map, meta, scale, `Weights of ${named(seed, unit)}: ${extremes(map, meta)}`, { class: "map large" }), make("figcaption", {}, "weights, one scale for both")),
        make("figure", {}, photograph(part(arrays[`layer${layer}/maximiser`], seed, unit), meta, `Maximiser of ${named(seed, unit)}`, { class: "image large" }), make("figcaption", {}, "maximiser"))),
      make("p", { class: "note" }, "Images that activate it most"),
      make("div", { class: "pictures small" }, Array.from(part(arrays[`layer${layer}/exemplars`], seed, unit)).slice(0, 6).map((place) => {
        const label = entry(arrays["pool/labels"], place);
        return opening(payload, seed, place, meta.classes[label] ?? `${label}`);
      })));
  }

  // A class's mean activation as a bar, on the scale of its own unit.
  /** @type {(seed: number, unit: number, label: number) => HTMLElement} */
  function response(seed, unit, label) {
    const means = Array.from(part(arrays[`layer${view.layer}/class_mean`], seed, unit)), [low, high] = extent([0, ...means.filter(Number.isFinite)]);
    /** @type {(value: number) => number} */
    const x = (value) => 2 + (96 * ((Number.isFinite(value) ? value : 0) - low)) / (high - low || 1);
    return make("span", { class: "chart" }, makeSvg("svg", { class: "response", viewBox: "0 0 100 18", preserveAspectRatio: "none", "aria-hidden": "true" },
      makeSvg("line", { class: "rail", x1: x(0), x2: x(0), y1: 0, y2: 18 }),
      makeSvg("rect", { class: "bar", x: Math.min(x(0), x(means[label])), width: Math.abs(x(means[label]) - x(0)), y: 4, height: 10 })), datum(means[label], 2));
  }

  /** @type {() => HTMLElement[]} */
  function twoSeeds() {
    const { layer, seed, other } = view, numbers = [meta.seeds[seed], meta.seeds[other]];
    /** @type {(number: number) => number} */
    const accuracy = (number) => entry(arrays["history/test_accuracy"], number);
    /** @type {(number: number, place: number) => string} */
    const dead = (number, place) => `${written(entry(arrays["history/dead"], number, place) * meta.layers[place].units, 0)} of ${meta.layers[place].units}`;
    const pairs = range(meta.layers[layer].units).map((unit) => ({
      unit, match: entry(arrays[`layer${layer}/counterpart`], seed, other, unit), r: entry(arrays[`layer${layer}/counterpart_r`], seed, other, unit),
    })).filter(({ match }) => match >= 0).sort((a, b) => Math.abs(b.r) - Math.abs(a.r));
    const maps = pairs.map(({ unit, match }) => [pushedBack(networkOf(seed), layer, unit), pushedBack(networkOf(other), layer, match)]), scale = scaleOf(maps.flat());
    const alike = meta.layers.map(({ site }, place) => `${layerName(site)} ${written(entry(arrays[`layer${place}/cka`], seed, other))}`);
    return [
      make("h3", {}, `Seeds ${numbers.join(" and ")}`),
      block("Networks", `CKA of their layers' activations: ${alike.join(", ")}.`, table(["quantity", ...numbers.map((number) => `seed ${number}`)], [
        row("test accuracy", ...tuple(numbers.map((number) => datum(accuracy(number), 4)))),
        ...meta.layers.map(({ site }, place) => row(`dead units in ${layerName(site)}`, ...tuple(numbers.map((number) => dead(number, place))))),
      ])),
      block(`Matched units of ${layerName(meta.layers[layer].site)}`, "Left and right, the most alike first; r: correlation of their activations on held-out images. A click compares them.",
        make("ol", { class: "tiles pairs-of-units" }, pairs.map(({ unit, match, r }, place) => make("li", {}, make("a", { href: hash({ of: "units", unit, match }) },
          make("span", { class: "two" }, weightMap(maps[place][0], meta, scale, named(seed, unit)), weightMap(maps[place][1], meta, scale, named(other, match))),
          make("span", { class: "number" }, `${unit} and ${match}`), make("span", {}, "r ", datum(r, 2))))))),
      block("Images that they read differently", "", make("div", { id: "differently" }, make("p", { class: "note", role: "status" }, "Reading the images …"))),
    ];
  }

  /** @type {(asked: Pairing) => Promise<void>} */
  async function differences(asked) {
    const { seed, other } = asked, [left, right] = await Promise.all([readAll(seed), readAll(other)]);
    if (view !== asked) return;
    const labels = arrays["pool/labels"].data, places = range(left.length).filter((place) => left[place].label !== right[place].label);
    /** @type {(label: number) => string} */
    const called = (label) => meta.classes[label] ?? `${label}`;
    find("differently").replaceChildren(
      make("p", { class: "note" }, `${places.length} of the ${left.length} test images that the page holds${places.length > LISTED ? `, of which ${LISTED} are shown` : ""}: its class, and what left and right read.`),
      make("div", { class: "pictures small" }, places.slice(0, LISTED).map((place) =>
        opening(payload, seed, place, `${called(labels[place])}: ${called(left[place].label)}, ${called(right[place].label)}`))));
  }

  // Bring everything to what the settings say.
  /** @type {(settings: URLSearchParams) => void} */
  function show(settings) {
    view = read(settings);
    const { of, layer, seed, unit, other, match } = view;
    /** @type {[number, string][]} */
    const numbers = meta.seeds.map((number, place) => [place, `${number}`]), own = range(meta.layers[layer].units);
    menu("compare-of").value = of;
    offer(menu("compare-layer"), meta.layers.map(({ site }, place) => [place, layerName(site)]), layer);
    offer(menu("compare-seed"), numbers, seed);
    offer(menu("compare-other"), numbers, other);
    offer(menu("compare-unit"), own.map((place) => [place, `${place}`]), unit);
    offer(menu("compare-match"), own.map((place) => [place, `${place}`]), match);
    for (const label of document.querySelectorAll("#compare .of-units")) label.toggleAttribute("hidden", of === "seeds");
    find("compare-replaced").textContent = seedReplaced(meta, settings);
    if (of === "units") return find("compared").replaceChildren(...twoUnits());
    if (seed === other) return find("compared").replaceChildren(make("p", {}, count === 1 ? "The page holds one seed only." : "Choose two different seeds."));
    find("compared").replaceChildren(...twoSeeds());
    differences(view);
  }

  menu("compare-of").addEventListener("change", () => { location.hash = hash({ of: menu("compare-of").value }); });
  for (const name of ["layer", "seed", "unit", "other", "match"]) {
    menu(`compare-${name}`).addEventListener("change", () => { location.hash = hash({ [name]: Number(menu(`compare-${name}`).value) }); });
  }

  return { show };
}

/** @type {<T>(two: T[]) => [T, T]} */
const tuple = ([left, right]) => [left, right];
