// Builds the viewer: `node build.mjs FOLDER`. Four entry points under fixed names, so that
// `new URL("./decodeImageFrameWorker.js", import.meta.url)` finds the workers beside the bundle, and the codecs' wasm.
import { build } from "esbuild";
import { copyFile, mkdir, rm } from "node:fs/promises";
import { createRequire, builtinModules } from "node:module";
import { join } from "node:path";

const target = process.argv[2];
if (!target) throw new Error("usage: node build.mjs FOLDER");
const require = createRequire(import.meta.url);

/** The packages' code for Node.js never runs in a browser; it may import nothing. */
const withoutNode = {
  name: "without-node",
  setup(builder) {
    const names = builtinModules.filter((name) => name !== "events").join("|");
    builder.onResolve({ filter: new RegExp(`^(node:)?(${names})$`) }, ({ path }) => ({ path, namespace: "empty" }));
    builder.onLoad({ filter: /.*/, namespace: "empty" }, () => ({ contents: "export default {};" }));
  },
};

/** Readers of VTK's XML files, which nothing here opens: 7 % of what a browser would have to read. */
const withoutXml = {
  name: "without-xml",
  setup(builder) {
    builder.onResolve({ filter: /^xmlbuilder2$/ }, ({ path }) => ({ path, namespace: "without-xml" }));
    builder.onLoad({ filter: /.*/, namespace: "without-xml" }, () => ({ contents: "export const create = undefined;" }));
  },
};

// Names as the decoders ask for them (dicom-image-loader, resolveWasmUrl).
const WASM = {
  "charlswasm_decode.wasm": "@cornerstonejs/codec-charls/decodewasm",
  "openjpegwasm_decode.wasm": "@cornerstonejs/codec-openjpeg/decodewasm",
  "libjpegturbowasm_decode.wasm": "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasm",
  "openjphjs.wasm": "@cornerstonejs/codec-openjph/wasm",
  "libjxlwasm_decode.wasm": "@cornerstonejs/codec-libjxl/decodewasm",
};

await rm(target, { recursive: true, force: true });
await mkdir(join(target, "wasm"), { recursive: true });
await build({
  entryPoints: {
    early: "src/early.js",
    main: "src/main.js",
    decodeImageFrameWorker: require.resolve("@cornerstonejs/dicom-image-loader").replace(/index\.js$/, "decodeImageFrameWorker.js"),
    "workers/computeWorker": require.resolve("@cornerstonejs/tools").replace(/index\.js$/, "workers/computeWorker.js"),
  },
  outdir: target,
  bundle: true,
  splitting: true, // early and main share modules, and with them what was asked and answered
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "external",
  define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
  plugins: [withoutNode, withoutXml],
  logLevel: "warning",
  logOverride: { "empty-import-meta": "silent" },
});
await Promise.all(
  Object.entries(WASM).map(([name, path]) => copyFile(require.resolve(path), join(target, "wasm", name))),
);
