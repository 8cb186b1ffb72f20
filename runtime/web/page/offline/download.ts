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

let told: (bytes: number, of: number) => void = () => undefined;
let [received, expected] = [0, 0]; // bytes of all downloads so far

/** Report the bytes that have come, and how many are expected: of all files together. */
export function onDownload(report: typeof told): void {
  told = report;
}

/** Fetch a file of the build; `url` is its name before compression. */
export async function download(url: string): Promise<Uint8Array> {
  const response = await cachedFetch(new URL(servedName(url), self.location.href).href);
  if (!response.ok) throw new Error(`the server answered ${response.status} to ${url}`);
  return uncompressed(await counted(response));
}

/** Read a response and report what has come. */
async function counted(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const parts: BlobPart[] = [];
  const promised = Number(response.headers.get("Content-Length") ?? 0);
  let own = 0;
  expected += promised;
  for (const reader = response.body?.getReader(); reader !== undefined; ) {
    const { value, done } = await reader.read();
    if (done) break;
    parts.push(value);
    own += value.length;
    received += value.length;
    if (own > promised) expected += Math.min(value.length, own - promised); // a server that does not tell
    told(received, expected);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
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
