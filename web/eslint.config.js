import tseslint from "typescript-eslint";

export default tseslint.config(
    { ignores: ["dist/"] },
    { linterOptions: { reportUnusedDisableDirectives: "error" } },
    {
        files: ["**/*.ts"],
        extends: [tseslint.configs.strict],
        rules: {
            eqeqeq: "error",
            "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
            "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
        },
    },
);
