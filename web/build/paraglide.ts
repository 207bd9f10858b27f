/** How the text catalogue is compiled; one place for `vite`, `npm run check` and `npm test`. */
export const paraglideOptions = {
  project: "./project.inlang",
  outdir: "./src/lib/paraglide",
  outputStructure: "locale-modules" as const,
  strategy: ["localStorage" as const, "preferredLanguage" as const, "baseLocale" as const],
  emitTsDeclarations: true,
};
