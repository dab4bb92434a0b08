// What does a term mean? A label that is a term of the glossary shows its text on hover, on keyboard focus and on tap, and
// so does the first mention of a term in a paragraph, but for the focus: keys would otherwise stop at every other word.

/** @type {NodeListOf<HTMLElement>} */
const texts = document.querySelectorAll("#glossary > [data-term]");
const glossary = new Map([...texts].map((text) => [plain(text.dataset.term ?? ""), text]));
/** @type {WeakMap<Element, HTMLElement>} */
const explained = new WeakMap();  // words, and the controls that they label → their text
const LABELS = "th, dt, h2, h3, h4, label", PROSE = ".note, .facts, .claim, .answer, .question, .guide li, dd, table.settings td";
const MENTION = new RegExp(`(?<![\\p{L}\\p{N}-])(${[...glossary.keys()].sort((a, b) => b.length - a.length).map(escaped).join("|")})(s?)(?![\\p{L}\\p{N}-])`, "iu");
const EVERYDAY = ["bar", "condition", "interaction", "measured", "run"];  // words that prose also uses in their plain sense
/** @type {{ anchor: Element, text: HTMLElement } | null} */
let shown = null;

/** @type {(label: string) => string} */
function plain(label) {
  return label.replace(/\s+/g, " ").trim().toLowerCase();
}

/** @type {(text: string) => string} */
function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}

// Mark the labels of the page that are terms, those to come as well.
function explainTerms() {
  explain(document.body);
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) for (const node of addedNodes) if (node instanceof Element) explain(node);
    if (shown && !shown.anchor.isConnected) hide();
  }).observe(document.body, { childList: true, subtree: true });
  document.addEventListener("pointerover", hovered);
  document.addEventListener("pointerdown", ({ target }) => { if (!holds(target)) hide(); });
  document.addEventListener("click", pressed);
  document.addEventListener("focusin", ({ target }) => { if (target instanceof Element && target.matches(":focus-visible")) show(target); });
  document.addEventListener("focusout", ({ relatedTarget }) => { if (!holds(relatedTarget)) hide(); });
  document.addEventListener("keydown", ({ key }) => { if (key === "Escape") hide(); });
  for (const event of ["scroll", "resize"]) window.addEventListener(event, place, { capture: true, passive: true });
}

/** @type {(root: Element) => void} */
function explain(root) {
  for (const label of [root, ...root.querySelectorAll(LABELS)]) {
    const control = label instanceof HTMLLabelElement ? label.control : null;
    const words = control ? [...label.childNodes].filter((node) => node instanceof Text && node.data.trim()) : [...label.childNodes];
    const text = label.matches(LABELS) && !label.querySelector(".term") && glossary.get(plain(words.map((word) => word.textContent).join("")));
    if (text) mark(label, control, words, text);
  }
  for (const paragraph of [root, ...root.querySelectorAll(PROSE)]) if (paragraph.matches(PROSE)) mention(paragraph);
}

// Mark where a paragraph first mentions a term.
/** @type {(paragraph: Element) => void} */
function mention(paragraph) {
  const seen = new Set(), walker = document.createTreeWalker(paragraph, NodeFilter.SHOW_TEXT);
  /** @type {Text[]} */
  const left = [];
  while (walker.nextNode()) if (walker.currentNode instanceof Text) left.push(walker.currentNode);
  for (let node = left.shift(); node; node = left.shift()) {
    const found = node.data.match(MENTION), text = found && glossary.get(plain(found[1]));
    if (!found || !text || node.parentElement?.closest(".term, a, button, code, label, select, textarea")) continue;
    const word = node.splitText(found.index ?? 0);
    left.unshift(word.splitText(found[0].length));
    if (seen.has(text) || EVERYDAY.includes(plain(found[1]))) continue;
    seen.add(text);
    const span = make("span", { class: "term mentioned" });
    word.replaceWith(span);
    span.append(word);
    explained.set(span, text);
  }
}

// A link explains itself, and a control for its label; elsewhere the label becomes a button, which keys can reach.
/** @type {(label: Element, control: HTMLElement | null, words: ChildNode[], text: HTMLElement) => void} */
function mark(label, control, words, text) {
  const link = label.querySelector("a"), word = link ?? make(control ? "span" : "button", control ? {} : { type: "button" });
  if (!link) {
    words[0].before(word);
    word.append(...words);
  }
  word.classList.add("term");
  word.removeAttribute("title");
  for (const one of control ? [word, control] : [word]) explained.set(one, text);
  const described = control ?? word;
  described.setAttribute("aria-describedby", [described.getAttribute("aria-describedby"), text.id].filter(Boolean).join(" "));
  if (link) {  // a tap follows it: a button for fingers
    const button = make("button", { type: "button", class: "term tap", "aria-label": `What is ${text.dataset.term}?` }, "?");
    explained.set(button, text);
    link.after(" ", button);
  }
}

/** @type {(anchor: Element) => void} */
function show(anchor) {
  const text = explained.get(anchor);
  if (!text || shown?.anchor === anchor) return;
  hide();
  shown = { anchor, text };
  text.hidden = false;
  place();
}

function hide() {
  if (shown) shown.text.hidden = true;
  shown = null;
}

// Below its anchor, or above it where there is more room; never beyond the window's sides.
function place() {
  if (!shown) return;
  const box = shown.anchor.getBoundingClientRect(), { width } = shown.text.getBoundingClientRect();
  shown.text.style.left = `${Math.max(8, Math.min(box.left, document.documentElement.clientWidth - width - 8))}px`;
  const { height } = shown.text.getBoundingClientRect();  // near a side, a text breaks into more lines
  const below = box.bottom + height <= document.documentElement.clientHeight || box.top < height;
  shown.text.style.top = `${below ? Math.floor(box.bottom) : Math.ceil(box.top - height)}px`;
}

// Whether an element is the shown text or its anchor, or lies in one of them.
/** @type {(target: EventTarget | null) => boolean} */
const holds = (target) => target instanceof Node && (shown?.text.contains(target) || shown?.anchor.contains(target)) === true;

/** @type {(event: Event) => Element | null} */
const wordAt = ({ target }) => (target instanceof Element ? target.closest(".term") : null);

// The text stays while the pointer or the focus is on it or on its anchor.
/** @type {(event: PointerEvent) => void} */
function hovered(event) {
  const word = event.pointerType === "touch" ? null : wordAt(event);
  if (word) show(word);
  else if (!holds(event.target) && !holds(document.activeElement)) hide();
}

/** @type {(event: Event) => void} */
function pressed(event) {
  const word = wordAt(event);
  if (!word || word.matches("a")) return;
  event.preventDefault();  // the label's control is not meant
  show(word);
}
