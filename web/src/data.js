// The blocks of the file. The index is there from the start; others may still be on their way.
export const index = JSON.parse(document.getElementById("index").textContent);

const FIELDS = ["kind", "score", "distance", "error", "trust"];
for (const sample of index.samples) {
  const columns = sample.objects;
  sample.entries = columns.length
    ? columns[0].map((_, i) => Object.fromEntries(FIELDS.map((name, k) => [name, columns[k][i]])))
    : [];
}

function block(id) {
  return new Promise((resolve, reject) => {
    const look = () => {
      const element = document.getElementById(id);
      // A script element that is still being read may be cut short; its successor tells the end.
      const whole = element && (element.nextElementSibling || document.readyState !== "loading");
      if (whole) resolve(element.textContent);
      else if (document.readyState === "loading") setTimeout(look, 50);
      else reject(new Error(`block ${id} is missing: the page is incomplete, write it anew`));
    };
    look();
  });
}

function bytes(text) {
  const binary = atob(text);
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}

const cache = new Map(); // a few samples, the newest last
const KEEP = 6;

/** Views and objects of a sample. */
export async function loadSample(number) {
  if (!cache.has(number)) cache.set(number, readSample(number));
  while (cache.size > KEEP) cache.delete(cache.keys().next().value);
  return cache.get(number);
}

async function readSample(number) {
  const packed = bytes(await block(`objects-${number}`));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const sample = await new Response(stream).json();
  sample.objects.forEach((object, id) => Object.assign(object, object.entry, { id }));
  await Promise.all(sample.views.map(async (view) => {
    view.picture = new Image();
    view.picture.src = `data:image/webp;base64,${await block(view.image)}`;
    await view.picture.decode();
  }));
  return sample;
}

/** Numbers of a quantized array. */
export function restore({ data, bits, low, high }) {
  const raw = bytes(data);
  const codes = bits === 16 ? new Uint16Array(raw.buffer) : raw;
  const step = (high - low) / (2 ** bits - 1);
  return Float64Array.from(codes, (code) => low + code * step);
}
