import { defineConfig } from "vite";

export default defineConfig({
  build: {
    outDir: "../src/alexlab/web/studio/page",
    emptyOutDir: true,
    assetsInlineLimit: 0, // the page's policy allows no scripts or styles within the page
    modulePreload: { polyfill: false },
  },
});
