// Bundle src/ and uPlot into one HTML file without any reference to the outside.
// The same sources give the same bytes. The hash of the sources stands in the file, so that a
// bundle that was not rebuilt is noticed without node (tests/epropnp_results/explore).
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2] ??
  join(here, "../projects/EProPnPDet/epropnp_results/explore/template.html");

function sourceHash() {
  const hash = createHash("sha256");
  const names = ["build.mjs", "package-lock.json", ...readdirSync(join(here, "src")).sort()
    .map((name) => `src/${name}`)];
  for (const name of names) hash.update(`${name}\0`).update(readFileSync(join(here, name)));
  return hash.digest("hex");
}

async function bundle(entry) {
  const result = await build({
    entryPoints: [join(here, "src", entry)],
    bundle: true, minify: true, write: false, format: "iife", target: "es2022",
    charset: "utf8", legalComments: "inline", absWorkingDir: here,
  });
  return result.outputFiles[0].text.trim().replaceAll("</script", "<\\/script");
}

const parts = { "@@STYLE@@": await bundle("style.css"), "@@PROGRAM@@": await bundle("main.js"), "@@HASH@@": sourceHash() };
let page = readFileSync(join(here, "src/page.html"), "utf8");
for (const [mark, text] of Object.entries(parts)) page = page.replace(mark, () => text);
writeFileSync(target, page);
console.log(`${target}: ${page.length} characters`);
