/**
 * Measures the client as a bundler would ship it, as JSON: minified and compressed with brotli, in bytes.
 *
 *     node sizes.mjs            {"core": 13000, "everything": 41000, "files": {...}, "modules": {...}}
 *
 * `core` is what a page needs that imports index.js: no fallback, status element or language, which follow on demand.
 * `everything` is all of it in one file, every language and text included; `files` are those that on-demand loading makes,
 * which compress less each for itself; `modules` is what each module has in the core, minified but not compressed.
 */

import { build } from 'esbuild';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';

const CLIENT = fileURLToPath(new URL('../../app/holdfast/web/client', import.meta.url));
const INDEX = 'index.js';
const COMMON = {
  absWorkingDir: CLIENT,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  outdir: '/out',
  write: false,
  metafile: true,
  logLevel: 'error',
};

/** Leaves what is loaded on demand where it is. */
const onDemandOutside = {
  name: 'on-demand',
  setup({ onResolve }) {
    onResolve({ filter: /./ }, ({ kind, path }) => (kind === 'dynamic-import' ? { path, external: true } : undefined));
  },
};

function compressed({ contents }) {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: contents.length };
  return brotliCompressSync(contents, { params }).length;
}

/** The modules that an application imports itself, beside index.js: nothing of ours imports them. */
async function roots() {
  const all = readdirSync(CLIENT, { recursive: true }).filter((name) => name.endsWith('.js') && name !== 'types.js');
  const { metafile } = await build({ ...COMMON, entryPoints: all, splitting: true });
  const imported = new Set(Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ path }) => path)));
  return all.filter((name) => !imported.has(name));
}

const core = await build({ ...COMMON, entryPoints: [INDEX], plugins: [onDemandOutside] });
const apart = await build({ ...COMMON, entryPoints: await roots(), splitting: true });
const contents = (await roots()).map((name) => `export * from './${name}';`).join('\n');
const everything = await build({ ...COMMON, stdin: { contents, resolveDir: CLIENT } });
const files = apart.outputFiles.map((file) => [file.path.replace(/^\/out\//, ''), compressed(file)]);
const [{ inputs }] = Object.values(core.metafile.outputs);
const modules = Object.entries(inputs).map(([name, { bytesInOutput }]) => [name, bytesInOutput]);

console.log(
  JSON.stringify({
    core: compressed(core.outputFiles[0]),
    everything: compressed(everything.outputFiles[0]),
    files: Object.fromEntries(files),
    modules: Object.fromEntries(modules.sort(([, a], [, b]) => b - a)),
  }),
);
