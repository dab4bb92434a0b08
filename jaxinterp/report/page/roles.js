// Which units does each class need? What the page holds of all coalitions of the last hidden layer's units.

/**
 * The roles of one network's units, by class.
 * @typedef {object} Roles
 * @property {number} layer
 * @property {(chosen: number, unit: number) => number} shapley  the unit's part of the class's F1
 * @property {(chosen: number, unit: number) => number} alone  F1 lost without this unit alone
 * @property {(chosen: number) => number} intact  F1 of the whole network
 * @property {(chosen: number) => number[]} enough  units of the smallest sufficient set; none where there is none
 * @property {(chosen: number) => number[]} needed  units of the smallest necessary set
 * @property {(chosen: number) => number} kept  share of the F1 that the sufficient set keeps on other images
 * @property {(chosen: number) => number} left  share of it without the necessary set, on other images
 * @property {(chosen: number) => number} disjoint  how many sufficient sets no two of which share a unit
 * @property {(chosen: number) => { pair: number[], interaction: number }[]} pairs  those that interact most
 */

// The roles in the network of a seed, by its place; null where the page has none of it.
/** @type {(payload: Payload, seed: number) => Roles | null} */
function rolesOf({ meta, arrays }, seed) {
  if (seed >= meta.roles.networks) return null;
  /** @type {(name: Stored) => (chosen: number, unit: number) => number} */
  const ofUnit = (values) => (chosen, unit) => entry(values, seed, chosen, unit);
  /** @type {(name: Stored) => (chosen: number) => number} */
  const ofClass = (values) => (chosen) => entry(values, seed, chosen);
  /** @type {(name: Stored) => (chosen: number) => number[]} */
  const ofSet = (values) => (chosen) => {
    const members = part(values, seed, chosen);
    return range(members.length).filter((unit) => members[unit]);
  };
  return {
    layer: meta.layers.length - 1,
    shapley: ofUnit(arrays["roles/shapley"]), alone: ofUnit(arrays["roles/alone"]),
    intact: ofClass(arrays["roles/intact"]), enough: ofSet(arrays["roles/enough"]), needed: ofSet(arrays["roles/needed"]),
    kept: ofClass(arrays["roles/kept"]), left: ofClass(arrays["roles/left"]), disjoint: ofClass(arrays["roles/disjoint"]),
    pairs: (chosen) => Array.from(part(arrays["roles/interaction"], seed, chosen), (interaction, place) =>
      ({ interaction, pair: Array.from(part(arrays["roles/pair"], seed, chosen, place)) })),
  };
}

// Why the page has no roles, of any network or of this one.
/** @type {(meta: Meta) => string} */
const noRoles = ({ roles, seeds }) => `No Shapley values here. ${roles.left_out ||
  `They take long, so that the page has them of ${roles.networks === 1 ? "seed" : "seeds"} ${spans(seeds.slice(0, roles.networks))} only.`}`;
