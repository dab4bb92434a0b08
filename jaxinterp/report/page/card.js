// What is known of one unit? Its card.

/** @typedef {{ maps: Float64Array[], scale: number }} LayerMaps  of every unit the weights on the pixels, and their scale */

/**
 * What a card is made from.
 * @typedef {object} Context
 * @property {Payload} payload
 * @property {(seed: number) => Network} networkOf
 * @property {View} view
 * @property {(change: Partial<View>) => string} hash  the address of the view after a change
 * @property {(seed: number, layer: number) => LayerMaps} mapsOf
 * @property {(seed: number, layer: number, unit: number) => HTMLElement} thumbnail
 */

const FILTERS = 8;  // that fit side by side

// The card's parts for the unit of a view.
/** @type {(context: Context) => HTMLElement[]} */
function card(context) {
  const { payload: { meta, arrays }, view } = context;
  const { seed, layer, unit } = view;
  /** @type {(name: string) => number} */
  const at = (name) => entry(arrays[`layer${layer}/${name}`], seed, unit);
  const strongest = strongestClass(context.payload, seed, layer, unit);
  const dead = isDead(context.payload, seed, layer, unit);
  const facts = [
    dead ? DEAD : `responds most to ${meta.classes[strongest]}`,
    `above 0 on ${share(at("firing"))} of test images`, `mean ${written(at("mean"))}, sd ${written(at("sd"))}`,
  ];
  const { maps, site } = meta.layers[layer];
  return [
    make("h3", { tabindex: "-1" }, `Seed ${meta.seeds[seed]}, ${layerName(site)}, ${unitWord(meta.layers[layer])} ${unit}`),
    make("p", { class: "facts" }, facts.join(" · ")),
    ...(maps ? [make("p", { class: "note" }, `A channel's activation is the mean over its map of ${maps.rows} × ${maps.columns} positions, each of which sees ${maps.size} × ${maps.size} pixels.`)] : []),
    labels(context),
    make("div", { class: "row" }, pictures(context), exemplars(context)),
    classes(context),
    make("div", { class: "row" }, measures(context), make("div", {}, connections(context, -1), connections(context, 1))),
    counterparts(context),
  ];
}

/** @type {(title: string, note: string, ...children: Child[]) => HTMLElement} */
const block = (title, note, ...children) =>
  make("section", { class: "block" }, make("h4", {}, title), note !== "" && make("p", { class: "note" }, note), children);

// What rules and language models call the unit. What a model wrote is text, as all that `make` is given.
/** @type {(context: Context) => HTMLElement} */
function labels({ payload, view: { seed, layer, unit } }) {
  const { meta: { labels: { baselines, measured, scored } }, arrays } = payload;
  const others = entry(arrays[`layer${layer}/baseline_score`], seed, unit);
  const best = make("span", {}, datum(others, 2), Number.isFinite(others) ? ` ${baselines[entry(arrays[`layer${layer}/baseline`], seed, unit)]}` : "");
  const rows = labelsOf(payload, seed, layer, unit).map(({ name, model, text, score }) => [
    text, `${name}${model ? ", a language model" : ""}`, make("span", {}, datum(score, 2), score > others ? " ✓ beyond" : ""), best.cloneNode(true),
  ]);
  return block("Labels", `Correlation: on ${scored} test images, of the unit's activation with what the label predicts. Rules read ${measured} training images. ` +
    "Best baseline: the best prediction without words, from the class, the pixels or the exemplars.",
    table(["label", "written by", "correlation", "best baseline"], rows, { class: "labels" }));
}

/** @type {(context: Context) => HTMLElement} */
function pictures({ payload, networkOf, view, hash, mapsOf }) {
  const { meta, arrays } = payload, { seed, layer, unit } = view;
  const { maps, scale } = mapsOf(seed, layer);
  /** @type {(name: string) => number} */
  const at = (name) => entry(arrays[`layer${layer}/${name}`], seed, unit);
  const direct = `layer${layer}/map` in arrays;
  const what = direct ? "Mean gradient by the pixels" : layer === 0 ? "Weights" : "Effective weights on the pixels";
  const { maps: channels } = meta.layers[layer], driven = channels ? "mean pre-activation" : "pre-activation";
  const reach = `reaches ${written(at("maximiser_value"), 2)} of at most ${written(at("maximiser_bound"), 2)}`;
  const fraction = Number.isFinite(at("maximiser_fraction")) ? `, ${share(at("maximiser_fraction"))} of the way from the blank image` : "";
  return block("What it looks for", layer === 0 || direct ? "" : "Effective weights: the product of the kernels below, activation functions ignored.",
    channels && filters({ payload, networkOf, view, hash }),
    make("div", { class: "pictures" },
      make("figure", {}, weightMap(maps[unit], meta, scale, `${what} of this ${unitWord(meta.layers[layer])}: ${extremes(maps[unit], meta)}`, { class: "map large" }),
        make("figcaption", {}, what)),
      make("figure", {}, photograph(part(arrays[`layer${layer}/maximiser`], seed, unit), meta, `Image that drives this ${unitWord(meta.layers[layer])}'s ${driven} highest: ${reach}`, { class: "image large" }),
        make("figcaption", {}, `Maximiser: ${reach}${fraction}`)),
      channels && bestPatch({ payload, view }, channels)),
    legend(-scale, scale, weightColour(meta, scale), `${direct ? "gradient" : "weight"}${meta.channels === 1 ? "" : " on red, green or blue"}, one scale for the layer; beyond it, clipped`));
}

// The patch that drives a channel highest in the middle of its map.
/** @type {(context: Pick<Context, "payload" | "view">, maps: MapShape) => HTMLElement} */
function bestPatch({ payload: { arrays }, view: { seed, layer, unit } }, { patch: [height, width] }) {
  /** @type {(name: string) => string} */
  const at = (name) => written(entry(arrays[`layer${layer}/${name}`], seed, unit), 2);
  const reach = `reaches ${at("patch_value")} of at most ${at("patch_bound")} there`;
  return make("figure", {},
    picture(part(arrays[`layer${layer}/patch`], seed, unit), height, width, ink, `Patch that drives this channel's pre-activation highest in the middle of its map: ${reach}`, { class: "image patch-maximiser" }),
    make("figcaption", {}, `Its patch of ${height} × ${width} for the middle of the map: ${reach}`));
}

// The kernel of a channel: a picture for each channel that it reads, of many those with the largest norms.
/** @type {(context: Pick<Context, "payload" | "networkOf" | "view" | "hash">) => HTMLElement} */
function filters({ payload: { meta }, networkOf, view: { seed, layer, unit }, hash }) {
  const linear = networkOf(seed).linear[layerName(meta.layers[layer].site)], [height, width, inputs] = linear.shape;
  const found = filtersOf(linear, unit).map((filter, input) => ({ filter, input, norm: Math.hypot(...filter) }))
    .sort((a, b) => b.norm - a.norm).slice(0, FILTERS).sort((a, b) => a.input - b.input);
  const scale = scaleOf([Float64Array.from(linear.kernel)]), below = layer && layerName(meta.layers[layer - 1].site);
  /** @type {(input: number) => string} */
  const source = (input) => (layer ? `${below} ${input}` : inputs === 1 ? "pixels" : CHANNELS[input]);
  const which = inputs > FILTERS ? `: the ${FILTERS} of ${inputs} channels that it reads with the largest norms` : "";
  return make("figure", { class: "filters" },
    make("figcaption", {}, `Filter, ${height} × ${width}${which}`),
    make("div", { class: "pictures small" }, found.map(({ filter, input, norm }) => make("figure", {},
      picture(filter, height, width, (value) => signed(value, scale), `Filter on ${source(input)}, norm ${written(norm)}`, { class: "map filter" }),
      make("figcaption", {}, layer ? make("a", { href: hash({ layer: layer - 1, unit: input }) }, source(input)) : source(input))))),
    legend(-scale, scale, (value) => signed(value, scale), "weight, one scale for the layer"));
}

// The pixels that a position of a map sees, of those that the image has.
/** @type {(meta: Meta, maps: MapShape, position: number) => { x: number, y: number, width: number, height: number }} */
function seenBy({ rows, columns }, { columns: wide, size, stride, offset }, position) {
  const [y, x] = [Math.floor(position / wide), position % wide].map((place) => offset + place * stride);
  const [top, left] = [Math.max(0, y), Math.max(0, x)];
  return { x: left, y: top, width: Math.min(columns, x + size) - left, height: Math.min(rows, y + size) - top };
}

/** @type {(context: Context) => HTMLElement} */
function exemplars({ payload: { meta, arrays }, view: { seed, layer, unit } }) {
  const places = part(arrays[`layer${layer}/exemplars`], seed, unit);
  const values = part(arrays[`layer${layer}/exemplar_values`], seed, unit);
  const { maps } = meta.layers[layer];
  const positions = maps ? part(arrays[`layer${layer}/exemplar_positions`], seed, unit) : [];
  /** @type {(place: number, rank: number) => HTMLElement} */
  const figure = (place, rank) => {
    const number = entry(arrays["pool/labels"], place), label = meta.classes[number] ?? `${number}`;
    const seen = maps && seenBy(meta, maps, positions[rank]);
    const where = seen ? `; highest at rows ${seen.y} to ${seen.y + seen.height - 1}, columns ${seen.x} to ${seen.x + seen.width - 1}` : "";
    return make("figure", {},
      make("a", { href: hashOf("try", { seed: meta.seeds[seed], image: place }), title: "open it in Try it", class: "framed" },
        photograph(part(arrays["pool/images"], place), meta, `Test image of ${label}, activation ${written(values[rank], 2)}${where}`),
        seen && makeSvg("svg", { class: "patch", viewBox: `0 0 ${meta.columns} ${meta.rows}`, "aria-hidden": "true" }, makeSvg("rect", seen))),
      make("figcaption", {}, `${label}: `, datum(values[rank], 2)));
  };
  const note = maps ? "label and mean of the pre-activation over its map under each; framed: what the position with the highest one sees" : "label and pre-activation under each";
  return block("Images that activate it most", `Of ${meta.test_images} test images; ${note}.`,
    make("div", { class: "pictures small" }, Array.from(places, figure)));
}

// Response and damage, one row per class.
/** @type {(context: Context) => HTMLElement} */
function classes({ payload: { meta, arrays }, view, hash }) {
  const { seed, layer, unit, chosen } = view;
  const means = part(arrays[`layer${layer}/class_mean`], seed, unit), sds = part(arrays[`layer${layer}/class_sd`], seed, unit);
  /** @type {(r: number) => boolean} */
  // Only an odd activation function has units that are each other's mirror image.
  const mirrored = (r) => meta.matching === "absolute" && r < 0;
  const others = matches({ meta, arrays }, view).map(({ place, match, r }) =>
    part(arrays[`layer${layer}/class_mean`], place, match).map((value) => (mirrored(r) ? -value : value)));
  const all = [0, ...means.map((value, place) => value + sds[place]), ...means.map((value, place) => value - sds[place]), ...others.flatMap((values) => [...values])];
  const [low, high] = extent(all.filter(Number.isFinite));
  /** @type {(value: number) => number} */
  const x = (value) => (Number.isFinite(value) ? 2 + (156 * (value - low)) / (high - low || 1) : x(0));
  /** @type {(name: string, from: number, to: number, y?: number) => SVGElement} */
  const line = (name, from, to, y = 9) => makeSvg("line", { class: name, x1: x(from), x2: x(to), y1: y, y2: y });
  /** @type {(place: number) => SVGElement} */
  const chart = (place) => makeSvg("svg", { class: "response", viewBox: "0 0 160 18", "aria-hidden": "true" },
    makeSvg("line", { class: "rail", x1: x(0), x2: x(0), y1: 0, y2: 18 }),
    makeSvg("rect", { class: "bar", x: Math.min(x(0), x(means[place])), width: Math.abs(x(means[place]) - x(0)), y: 4, height: 10 }),
    line("whisker", means[place] - sds[place], means[place] + sds[place]),
    others.map((values) => makeSvg("circle", { class: "other", cx: x(values[place]), cy: 9, r: 1.6 })));
  /** @type {(place: number) => string} */
  const spread = (place) => {
    const values = others.map((profile) => profile[place]).filter(Number.isFinite), middle = mean(values);
    const sd = values.length < 2 ? NaN : Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
    return values.length < 2 ? written(middle, 2) : `${written(middle, 2)} ± ${written(sd, 2)}`;
  };
  const damages = meta.kinds.map((_, kind) => part(arrays[`layer${layer}/damage`], seed, kind, unit));
  const roles = layer === meta.layers.length - 1 ? rolesOf({ meta, arrays }, seed) : null;
  const worst = extent([0.05, ...damages.flatMap((values) => Array.from(values, Math.abs)).filter(Number.isFinite)])[1];
  /** @type {(kind: number, place: number) => HTMLElement} */
  const damage = (kind, place) => {
    const cell = datum(damages[kind][place], 3, { class: "tint" });
    cell.style.background = tint(damages[kind][place], worst);
    return cell;
  };
  const seen = classesSeen({ meta, arrays });
  const rows = seen.map((place) => [
    make("a", { href: hash({ chosen: place }), class: "class", "aria-current": place === chosen ? "true" : null }, meta.classes[place]),
    make("span", { class: "chart" }, chart(place), make("span", {}, `${written(means[place], 2)} ± ${written(sds[place], 2)}`)),
    spread(place), ...meta.kinds.map((_, kind) => damage(kind, place)),
    ...(roles ? [datum(roles.shapley(place, unit)), datum(roles.alone(place, unit))] : []),
  ]);
  const what = meta.layers[layer].maps ? "Response, mean over its map:" : "Response:";
  const note = `${what} mean ± sd over ${meta.test_images} test images (bar, whisker). Matched: the matched units of ${others.length} other seeds, ` +
    `mean ± sd over seeds (a dot each). Damage: the class's accuracy lost when the unit is ablated.${roles ? ` Shapley value: the unit's part of the class's F1, over all coalitions of its layer, with other units set to 0; alone: F1 lost when it alone is set to 0; both on ${meta.roles.images} test images.` : ""}${seen.length < meta.classes.length ? " Classes without test images are left out." : ""}`;
  const heads = ["class", "response", "matched units", ...meta.kinds.map((kind) => `${kind}: damage`), ...(roles ? ["Shapley value", "alone"] : [])];
  return block("Classes", note, table(heads, rows, { class: "classes" }),
    layer === meta.layers.length - 1 && make("p", { class: "note" }, roles
      ? make("a", { href: hashOf("classes", { seed: meta.seeds[seed], class: chosen }) }, `What ${meta.classes[chosen]} needs of this layer`)
      : noRoles(meta)));
}

/** @type {(context: Context) => HTMLElement} */
function measures({ payload, view: { seed, layer, unit, chosen }, hash }) {
  const { meta } = payload, { used, test_images } = meta;
  const rows = measuredOf(payload).map(({ label, name, measure, of, nulled }) => {
    const null_ = nulled(seed, layer, unit, chosen), value = of(seed, layer, unit, chosen);
    const all = range(meta.layers[layer].units).map((other) => of(seed, layer, other, chosen));
    return [
      make("a", { href: hash({ sort: name, up: false }), title: measure.explanation }, label),
      datum(value),
      Number.isFinite(null_) ? make("span", { title: `${measure.null}: ${measure.statistic}` }, datum(null_), compared(measure, value, null_)) : "—",
      written(mean(all.filter(Number.isFinite))),
    ];
  });
  return block("Measures", "Beside each its null, where there is one: ✓ lies beyond it. A name sorts the list by it.",
    table(["measure", "value", "null", "layer's mean"], rows),
    make("details", {}, make("summary", {}, "What they say"),
      make("dl", { class: "terms" }, meta.measures.map(({ label, explanation, null: control, statistic }) =>
        make("div", {}, make("dt", {}, label), make("dd", {}, `${explanation}${control ? ` Null: ${control} (${statistic}).` : ""}`)))),
      make("p", {}, `Selectivity: ${used.selectivity_images} test images, null from ${used.label_draws} permutations. Universality: ${used.counterpart_images} ` +
        `test images, half of them to match units on, null from ${used.pair_draws} shuffles. Maximisers: in closed form where a unit is linear in the pixels, ` +
        `else the best of ${used.restarts} ascents of ${used.steps} steps. ` +
        `${used.gradient_images ? `Mean gradients: about ${used.gradient_images} test images. ` : ""}All else: ${test_images} test images.`)));
}

// How a value stands to its null, which is known.
/** @type {(measure: Measure, value: number, null_: number) => string} */
function compared({ high }, value, null_) {
  if (!Number.isFinite(value)) return " value not known";
  return (high === false ? value < null_ : value > null_) ? " ✓ beyond" : " within";
}

// The strongest connections of a unit: incoming (−1) or outgoing (1).
/** @type {(context: Context, direction: -1 | 1) => HTMLElement} */
function connections({ payload: { meta, arrays }, networkOf, view: { seed, layer, unit }, hash }, direction) {
  const title = direction < 0 ? "Incoming connections" : "Outgoing connections";
  if (direction < 0 && layer === 0) return block(title, `They come from the pixels: see its ${meta.layers[0].maps ? "filter" : "weights"}.`);
  if (direction < 0 && meta.layers[layer].maps) return block(title, "They are its filter.");
  const network = networkOf(seed), last = direction > 0 && layer === meta.layers.length - 1;
  const kernelLayer = direction < 0 ? layer : layer + 1;
  const links = network.links[kernelLayer];
  if (!links) return block(title, "They pass through feature maps, whose weights belong to no single pair of units.");
  const { outputs, inputs, kernel } = links;
  /** @type {(level: number, other: number) => number} */
  const sd = (level, other) => entry(arrays[`layer${level}/sd`], seed, other);
  const found = range(direction < 0 ? inputs : outputs).map((other) => {
    const strength = direction < 0 ? kernel[other * outputs + unit] : kernel[unit * outputs + other];
    return { other, strength, moved: strength * (direction < 0 ? sd(layer - 1, other) : sd(layer, unit)) };
  }).sort((a, b) => Math.abs(b.moved) - Math.abs(a.moved)).slice(0, 8);
  const largest = Math.abs(found[0]?.moved ?? 0) || 1;
  /** @type {(moved: number) => SVGElement} */
  const bar = (moved) => makeSvg("svg", { class: "moved", viewBox: "-50 0 100 12", "aria-hidden": "true" },
    makeSvg("line", { class: "rail", x1: 0, x2: 0, y1: 0, y2: 12 }),
    makeSvg("rect", { class: moved < 0 ? "negative" : "positive", x: Math.min(0, (48 * moved) / largest), width: Math.abs((48 * moved) / largest), y: 2, height: 8 }));
  const level = layer + direction;
  /** @type {(other: number) => Child} */
  const name = (other) => (last
    ? outputs === 1 ? "the output" : `logit of ${meta.classes[other] ?? other}`
    : make("a", { href: hash({ layer: level, unit: other }) }, `${layerName(meta.layers[level].site)} ${unitWord(meta.layers[level])} ${other}`));
  const rows = found.map(({ other, strength, moved }) => [name(other), datum(strength), make("span", { class: "chart" }, bar(moved), datum(moved))]);
  return block(title, "By what they move: weight × spread (sd) of the source's activation.",
    table([direction < 0 ? "from" : "to", "weight", "weight × sd"], rows));
}

// The matched units of the other seeds, and how they correlate.
/** @type {(payload: Payload, view: View) => { place: number, match: number, r: number }[]} */
function matches({ meta, arrays }, { seed, layer, unit }) {
  return range(meta.seeds.length).filter((place) => place !== seed).map((place) => ({
    place, match: entry(arrays[`layer${layer}/counterpart`], seed, place, unit), r: entry(arrays[`layer${layer}/counterpart_r`], seed, place, unit),
  })).filter(({ match }) => match >= 0);
}

/** @type {(context: Context) => HTMLElement} */
function counterparts(context) {
  const { payload, view, hash, thumbnail } = context, { layer } = view;
  const found = matches(payload, view);
  if (!found.length) return block("Matched units in other seeds", "The page holds no other seed.");
  const size = mean(found.map(({ r }) => Math.abs(r)).filter(Number.isFinite));
  const own = make("li", {}, make("span", { class: "own" }, thumbnail(view.seed, layer, view.unit),
    make("span", {}, `seed ${payload.meta.seeds[view.seed]}: ${view.unit}`), make("span", {}, "this unit")));
  const items = found.map(({ place, match, r }) => make("li", {}, make("a", { href: hash({ seed: place, unit: match }) },
    thumbnail(place, layer, match), make("span", {}, `seed ${payload.meta.seeds[place]}: ${match}`), make("span", {}, "r ", datum(r, 2)))));
  return block("Matched units in other seeds",
    `Units matched one to one over the whole layer; r: correlation of the two units' activations on held-out images, mean |r| ${written(size, 2)}. ` +
    "A picture leads to that unit's card.",
    make("p", {}, make("a", { href: hashOf("compare", { layer, seed: payload.meta.seeds[view.seed], unit: view.unit }) }, "Compare two units side by side")), make("ol", { class: "tiles" }, own, items));
}
