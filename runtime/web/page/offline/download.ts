/**
 * The page's own large files: compressed in the build, as not every server compresses, and kept in the
 * service worker's cache, so that they are fetched once.
 */

const CACHE = "voxport"; // of the service worker
const GZIP = [0x1f, 0x8b];

/** Return the served name of a file: compressed in a build, unchanged in development. */
function servedName(url: string): string {
  return import.meta.env.PROD ? `${url}.gz` : url;
}

/** Fetch a file of the build; `url` is its name before compression. */
export async function download(url: string): Promise<Uint8Array> {
  const response = await cachedFetch(new URL(servedName(url), self.location.href).href);
  if (!response.ok) throw new Error(`the server answered ${response.status} to ${url}`);
  return uncompressed(new Uint8Array(await response.arrayBuffer()));
}

async function cachedFetch(url: string): Promise<Response> {
  // No cache over plain http, in some private windows, and in development.
  const cache = import.meta.env.PROD && (await globalThis.caches?.open(CACHE).catch(() => null));
  if (!cache) return fetch(url);
  const found = await cache.match(url);
  if (found) return found;
  const response = await fetch(url);
  if (response.ok) await cache.put(url, response.clone()).catch(() => undefined); // a full disk
  return response;
}

/** Servers that know the ending declare an encoding, and the browser has then undone it already. */
async function uncompressed(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  if (!GZIP.every((byte, i) => bytes[i] === byte)) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
