import js from "@eslint/js";
import globals from "globals";

const rules = {
  ...js.configs.recommended.rules,
  eqeqeq: "error",
  "no-var": "error",
  "prefer-const": "error",
};

export default [
  { ignores: ["**/.venv/**", "node_modules/**", "test-results/**"] },
  { files: ["genlab/ui/static/**/*.js"], languageOptions: { globals: globals.browser }, rules },
  { files: ["tests/js/*.js", "*.js"], languageOptions: { globals: globals.nodeBuiltin }, rules },
];
