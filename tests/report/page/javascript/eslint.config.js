// Which rules hold for the page's scripts? They become one module, in the order of tsconfig.json's files: so a name
// comes from a file before, or from the browser, and one that no later file uses is not needed. What is declared in
// choices.d.ts comes first.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import js from "@eslint/js";
import { Linter } from "eslint";
import globals from "globals";

const languageOptions = { ecmaVersion: 2022, sourceType: "module" };
const read = (file) => readFileSync(new URL(file, import.meta.url), "utf8");
const [choices, ...files] = JSON.parse(read("tsconfig.json")).files;
const given = [...read(choices).matchAll(/declare const (\w+)/g)].map(([, name]) => name);

// The names that a script declares for all, and those that it takes from elsewhere.
function names(file) {
  const linter = new Linter();
  const [fatal] = linter.verify(read(file), { languageOptions });
  if (fatal) throw new Error(`${file}:${fatal.line}: ${fatal.message}`);
  const { scopes, globalScope } = linter.getSourceCode().scopeManager;
  const [module] = scopes.filter(({ type }) => type === "module");
  return { declared: module.variables.map(({ name }) => name), used: globalScope.through.map(({ identifier }) => identifier.name) };
}

const scripts = files.map((file) => ({ file: basename(file), ...names(file) }));

function rulesOf({ file }, place) {
  const before = [...given, ...scripts.slice(0, place).flatMap(({ declared }) => declared)];
  const later = scripts.slice(place + 1).flatMap(({ used }) => used);
  return {
    files: [`**/page/${file}`],
    languageOptions: { globals: { ...globals.browser, ...Object.fromEntries(before.map((name) => [name, "readonly"])) } },
    rules: { "no-unused-vars": ["error", { varsIgnorePattern: `^(${[...new Set(later)].join("|")})$` }] },
  };
}

export default [
  js.configs.recommended,
  { languageOptions, linterOptions: { reportUnusedDisableDirectives: "error" } },
  { rules: { eqeqeq: "error", "no-shadow": "error", "no-var": "error", "prefer-const": "error" } },
  ...scripts.map(rulesOf),
];
