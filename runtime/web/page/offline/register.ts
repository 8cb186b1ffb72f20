/** Registers the service worker, after the first transcript: it must not slow that down. */

/** Resolve once the page loads without a network; false where it never will. */
export async function workOffline(): Promise<boolean> {
  if (!import.meta.env.PROD || navigator.serviceWorker === undefined) return false;
  try {
    await navigator.serviceWorker.register(new URL("service-worker.js", document.baseURI));
    await navigator.serviceWorker.ready;
    return true;
  } catch {
    return false; // a page without it works all the same, as long as there is a network
  }
}
