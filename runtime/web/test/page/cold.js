/**
 * Time of a first visit, in a new browser each time: `node test/page/cold.js [TIMES]` after
 * `npm run page`. Ends in a line of JSON.
 */

import { join } from "node:path";

import { launch, open, serve } from "../chromium.js";
import { WEB } from "../support.js";

const times = Number(process.argv[2] ?? 7);

/** Return the seconds from the opening of the address to the first transcript. */
async function firstTranscript(url) {
  const browser = await launch();
  const { page } = await open(browser, url);
  await page.waitForSelector('.answer[aria-busy="false"]', { timeout: 60_000 });
  const [mark] = await page.evaluate(() =>
    performance.getEntriesByName("transcript").map((entry) => entry.startTime),
  );
  await browser.close();
  return mark / 1000;
}

const server = await serve(join(WEB, "dist/page"));
const seconds = [];
for (let i = 0; i < times; i++) seconds.push(await firstTranscript(server.url));
await server.close();
seconds.sort((a, b) => a - b);
const median = seconds[Math.floor(seconds.length / 2)];
console.log(`first transcript: median ${median.toFixed(2)} s, ${seconds.map((s) => s.toFixed(2)).join(" ")}`);
console.log(JSON.stringify({ first_transcript_seconds: { median, all: seconds } }));
