/**
 * The built page in headless Chromium.
 *
 * $VOXPORT_SCREENSHOTS names a folder for screenshots.
 */

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";

import { launch, open, serve, skip } from "../chromium.js";
import { PACKAGE, ROOT, SAMPLES, WEB, flipped, spoiled, temporaryFolder, wav } from "../support.js";

const MAX_BYTES = 15e6; // of the whole page with its WASM and its model
const DATA = process.env.VOXPORT_DATA ?? join(ROOT, "../shared/data");
const PICTURES = process.env.VOXPORT_SCREENSHOTS;
const noGpu = !process.env.VOXPORT_WEBGPU && "takes minutes without a GPU: set VOXPORT_WEBGPU=1";
const manifest = JSON.parse(readFileSync(join(PACKAGE, "manifest.json"), "utf-8"));
const words = (clip) => clip.transcript.trim().split(" ");
// The fake microphone's recording, in a loop.
const spoken = manifest.golden.reduce((a, b) => (words(b).length > words(a).length ? b : a));

let server, browser, page, problems, context;
before(async () => {
  if (skip) return;
  server = await serve(join(WEB, "dist/page"));
  browser = await launch(
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    `--use-file-for-fake-audio-capture=${join(PACKAGE, spoken.path)}`,
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
  );
  const viewport = { width: 1280, height: 900 };
  ({ page, problems, context } = await open(browser, server.url, { viewport }));
});
after(async () => {
  await browser?.close();
  await server?.close();
});
afterEach(() => assert.deepEqual(problems?.splice(0) ?? [], []));

/** Return what axe has against the page as it is, in words. */
async function accessibility(where) {
  if (!(await page.evaluate(() => "axe" in window))) {
    await page.addScriptTag({ path: join(WEB, "node_modules/axe-core/axe.min.js") });
  }
  const { violations } = await page.evaluate(() => axe.run());
  return violations.map(({ id, nodes }) => `${where}: ${id}: ${nodes.map((node) => node.html).join(", ")}`);
}

/** Return the transcript once the page is done with its request. */
async function transcript() {
  await page.waitForSelector('.answer[aria-busy="false"]', { timeout: 60_000 });
  return (await page.textContent("#transcript")).trim();
}

async function transcriptOf(file) {
  await transcript();
  await page.setInputFiles("#file", file);
  return transcript();
}

async function problem() {
  await page.waitForSelector("#problem:not([hidden])", { timeout: 60_000 });
  return page.textContent("#problem");
}

async function picture(name, options = { fullPage: true }) {
  if (!PICTURES) return;
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`), ...options });
}

test("a cold load ends in a transcript and downloads less than 15 MB", { skip }, async (t) => {
  const example = await transcript();
  const promised = manifest.golden.map((clip) => clip.transcript.trim());
  assert.ok(promised.includes(example), example);
  const [mark] = await page.evaluate(() =>
    performance.getEntriesByName("transcript").map((entry) => entry.startTime),
  );
  await page.waitForSelector("#offline:not([hidden])");
  const bytes = [...server.sent.values()].reduce((sum, size) => sum + size, 0);
  t.diagnostic(`first transcript ${(mark / 1000).toFixed(2)} s after the address was opened`);
  t.diagnostic(`${(bytes / 1e6).toFixed(2)} MB downloaded, with what is kept for offline use`);
  for (const [path, size] of server.sent) t.diagnostic(`${size} ${path}`);
  assert.ok(bytes < MAX_BYTES, `${bytes} bytes`);
  await picture("page");
});

test("recordings of several formats, rates and channel counts are transcribed", { skip }, async () => {
  for (const name of ["one-two-three.flac", "seven.wav", "computer.flac", "go-up.ogg"]) {
    const expected = name.replace(/\..*/, "").replaceAll("-", " ").toUpperCase();
    assert.equal(await transcriptOf(join(SAMPLES, name)), expected);
  }
  assert.equal(await transcriptOf(join(SAMPLES, "noise.flac")), "No words");
});

test("tokens, words, labels and times are shown along the recording", { skip }, async () => {
  await transcriptOf(join(SAMPLES, "left-right.flac"));
  const texts = (selector) => page.$$eval(selector, (all) => all.map((one) => one.textContent));
  assert.deepEqual(await texts("[data-part=words] li"), ["LEFT", "RIGHT"]);
  assert.deepEqual((await texts("[data-part=tokens] li")).join(""), "LEFT␣RIGHT");
  assert.equal((await texts("[data-part=labels] li")).length, manifest.model.labels.length);
  assert.equal((await texts("#rows tr")).length, 2);
  const [width, shown] = await page.$eval("[data-part=heat]", (heat) => [heat.width, heat.clientWidth]);
  assert.equal(width, 84); // frames
  assert.ok(shown > 300);
  await page.hover("[data-part=plot]", { position: { x: 20, y: 200 } });
  assert.match(await page.textContent("[data-part=reading]"), /^0\.\d\d s · blank \d+ %/);
});

test("real speech is transcribed", { skip: skip || (!existsSync(DATA) && "no real speech here: set VOXPORT_DATA") }, async (t) => {
  const wanted = ["yes", "stop", "seven", "left"];
  const heard = [];
  for (const word of wanted) {
    const [file] = readdirSync(join(DATA, "commands", word)).sort();
    heard.push(await transcriptOf(join(DATA, "commands", word, file)));
  }
  t.diagnostic(`${wanted.join(", ")}: ${heard.join(", ")}`);
  const right = heard.filter((text, i) => text === wanted[i].toUpperCase());
  assert.ok(right.length >= 3, heard.join(", ")); // some recordings are bad
});

test("a bad recording gets a message, and the next good one a transcript", { skip }, async () => {
  const folder = temporaryFolder();
  const cut = (name) => readFileSync(join(SAMPLES, name)).subarray(0, 9000);
  const bad = {
    "cut.wav": [cut("seven.wav"), "cut.wav: truncated: the file ends before its audio does"],
    "cut.flac": [cut("yes.flac"), "cut.flac: "],
    "cut.ogg": [cut("go-up.ogg"), "cut.ogg: truncated or damaged: the file ends before its stream"],
    "text.wav": [Buffer.from("not audio\n".repeat(99)), "text.wav: not audio that this browser"],
    "text.txt": [Buffer.from("not audio\n"), "text.txt: not audio that this browser decodes"],
    "empty.wav": [Buffer.alloc(0), "empty.wav: the file is empty (0 bytes)"],
  };
  await transcript();
  for (const [name, [content, expected]] of Object.entries(bad)) {
    writeFileSync(join(folder, name), content);
    await page.setInputFiles("#file", join(folder, name));
    const told = await problem();
    assert.ok(told.startsWith(expected), told);
    assert.ok(await page.$eval("#problem", (p) => p.getBoundingClientRect().top >= 0)); // in view
    if (name === "cut.wav") await picture("problem");
    assert.equal(await transcriptOf(join(SAMPLES, "yes.flac")), "YES");
    assert.ok(await page.isHidden("#problem"));
  }
});

test("the answer of the last recording goes when the next one fails", { skip }, async () => {
  assert.equal(await transcriptOf(join(SAMPLES, "yes.flac")), "YES");
  const path = join(temporaryFolder(), "text.wav");
  writeFileSync(path, "not audio");
  await page.setInputFiles("#file", path);
  await problem();
  assert.equal(await transcript(), "Nothing yet");
  assert.equal(await page.textContent("#recording"), "");
  assert.ok(await page.isHidden("#chart"));
  assert.ok(await page.isDisabled("#copy"));
  assert.deepEqual(await accessibility("after a failure"), []);
});

test("the page says what the model understands, and examples what is said in them", { skip }, async () => {
  await transcript();
  const note = JSON.parse(readFileSync(join(PACKAGE, "manifest.json"), "utf-8")).model.vocabulary;
  assert.equal(await page.textContent("#vocabulary"), `It understands ${note}.`);
  const [first] = await page.$$("#examples button");
  const said = await first.textContent();
  await first.click();
  assert.equal((await transcript()).toLowerCase(), said);
  assert.equal(await first.getAttribute("aria-pressed"), "true");
  assert.equal(await page.textContent("#status"), `Transcript: ${said.toUpperCase()}`);
});

test("a transcript is copied, and saved in four formats", { skip }, async () => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await transcriptOf(join(SAMPLES, "one-two-three.flac"));
  await page.click("#copy");
  await page.waitForFunction(() => document.querySelector("#copy").textContent === "Copied");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "ONE TWO THREE");
  const saved = {};
  for (const format of ["txt", "json", "srt", "vtt"]) {
    const waiting = page.waitForEvent("download");
    await page.click(`#downloads button:has-text("${format}")`);
    const download = await waiting;
    assert.equal(download.suggestedFilename(), `one-two-three.${format}`);
    saved[format] = readFileSync(await download.path(), "utf-8");
  }
  assert.equal(saved.txt, "ONE TWO THREE\n");
  const { file, text, duration, words: all } = JSON.parse(saved.json);
  assert.deepEqual([file, text, duration, all.length], ["one-two-three.flac", "ONE TWO THREE", 2.475, 3]);
  assert.match(saved.srt, /^1\n00:00:00,\d{3} --> 00:00:0\d,\d{3}\nONE TWO THREE\n$/);
  assert.match(saved.vtt, /^WEBVTT\n\n00:00:00\.\d{3} --> /);
});

test("a recording of minutes is transcribed in windows, and shown in parts", { skip }, async () => {
  await transcript();
  const clip = readFileSync(join(PACKAGE, spoken.path)).subarray(44);
  const times = Math.ceil(150 / spoken.seconds);
  const path = join(temporaryFolder(), "minutes.wav");
  writeFileSync(path, wav({ data: Buffer.concat(Array(times).fill(clip)) }));
  await page.evaluate(() => {
    window.told = new Set();
    const label = document.querySelector("#progress-label");
    new MutationObserver(() => told.add(label.textContent)).observe(label, { childList: true });
  });
  const heard = (await transcriptOf(path)).split(" ");
  assert.equal(heard.filter((word) => words(spoken).includes(word)).length, times * words(spoken).length);
  assert.ok((await page.evaluate(() => [...told])).some((text) => /^\d:\d\d of 2:\d\d heard$/.test(text)));
  assert.match(await page.textContent("#part"), /^0:00 to 1:00 of 2:\d\d$/);
  assert.ok(await page.isDisabled("#earlier"));
  await page.click("#later");
  assert.match(await page.textContent("#part"), /^1:00 to 2:00 of 2:\d\d$/);
  assert.equal((await page.textContent("[data-part=axis] span")).trim(), "60");
  await picture("minutes");
  assert.deepEqual(await accessibility("a long recording"), []);
});

test("axe finds nothing, letters on the heat map can be read, light and dark", { skip }, async () => {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 900 });
      await transcriptOf(join(SAMPLES, "no-down-off-on.flac"));
      assert.deepEqual(await accessibility(`${width} pixels, ${colorScheme}`), []);
      await picture(`answer-${width}-${colorScheme}`);
    }
    const contrast = await page.$eval(".runs > span > span", (letter) => {
      const luminance = (colour) => {
        const [r, g, b] = colour.match(/[\d.]+/g).map((value) => {
          const share = Number(value) / 255;
          return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const { color, backgroundColor } = getComputedStyle(letter);
      const [a, b] = [color, backgroundColor].map(luminance).sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05);
    });
    assert.ok(contrast >= 4.5, `${contrast} ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 900 });
});

test("a visitor sees how much of the page has come", { skip }, async () => {
  const fresh = await browser.newContext();
  const other = await fresh.newPage();
  await other.addInitScript(() => {
    window.told = new Set();
    addEventListener("DOMContentLoaded", () => {
      const label = document.querySelector("#progress-label");
      new MutationObserver(() => told.add(label.textContent)).observe(label, { childList: true });
    });
  });
  await other.goto(server.url);
  await other.waitForSelector('.answer[aria-busy="false"]', { timeout: 60_000 });
  const told = await other.evaluate(() => [...window.told]);
  assert.ok(told.some((text) => /^\d\.\d of \d\.\d MB downloaded$/.test(text)), told.join());
  await fresh.close();
});

test("another package is taken from its folder, a bad one refused", { skip }, async () => {
  const file = manifest.artifacts.find((item) => item.precision === "int8")?.path ?? "model.onnx";
  const later = (text) => text.toString().replace(/"version": \d+/, '"version": 99');
  await transcript();
  for (const [path, change, expected] of [
    [file, flipped, /package\/model.*: .*expected sha256 .*, found /],
    ["manifest.json", later, /package\/manifest\.json: format version 99 was written by a later voxport/],
    ["manifest.json", () => null, /package: not a voxport package/],
    ["manifest.json", () => "not a manifest", /package\/manifest\.json: not JSON/],
  ]) {
    await page.setInputFiles("#folder", await spoiled(path, change));
    assert.match(await problem(), expected);
    assert.equal(await transcriptOf(join(SAMPLES, "yes.flac")), "YES"); // with what was open
  }
  await page.setInputFiles("#folder", PACKAGE);
  await transcript();
  assert.ok(await page.isHidden("#problem"));
  assert.equal(await transcriptOf(join(SAMPLES, "stop.flac")), "STOP");
});

test("a dropped recording is transcribed", { skip }, async () => {
  await transcript();
  const content = readFileSync(join(SAMPLES, "stop.flac")).toString("base64");
  const transfer = await page.evaluateHandle((base64) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "stop.flac"));
    return data;
  }, content);
  await page.dispatchEvent("body", "dragover", { dataTransfer: transfer });
  assert.ok(await page.isVisible("#drop"));
  await page.dispatchEvent("body", "drop", { dataTransfer: transfer });
  await page.waitForFunction(() => document.querySelector("#recording").textContent === "stop.flac");
  assert.equal(await transcript(), "STOP");
});

test("a recording from the microphone is transcribed", { skip }, async () => {
  await context.grantPermissions(["microphone"]);
  await transcript();
  await page.click("#speak");
  await page.waitForSelector("#listening:not([hidden])");
  assert.deepEqual(await accessibility("recording"), []);
  await picture("recording");
  await page.waitForTimeout(3500);
  await page.click("#speak");
  await page.waitForFunction(() => document.querySelector("#recording").textContent === "microphone");
  const heard = await transcript();
  assert.ok(words(spoken).some((word) => heard.split(" ").includes(word)), heard);
});

test("WebGPU runs, or WASM where its answer is not the package's", { skip: skip || noGpu }, async (t) => {
  await transcript();
  await page.locator("[value=webgpu]").check({ force: true });
  await page.waitForSelector('.answer[aria-busy="false"]', { timeout: 550_000 });
  const runtime = await page.locator("[name=runtime]:checked").inputValue();
  const told = await page.textContent("#problem");
  t.diagnostic(`${runtime}, model ready in ${await page.textContent("#ready")}: ${told}`);
  assert.equal(told.startsWith("WebGPU cannot be used here, WASM is: "), runtime === "wasm");
  await page.setInputFiles("#file", join(SAMPLES, "yes.flac"));
  await page.waitForSelector('.answer[aria-busy="false"]', { timeout: 550_000 });
  assert.equal((await page.textContent("#transcript")).trim(), "YES");
  problems.length = 0; // what its shaders' compiler says
});

test("the page works offline once loaded", { skip }, async () => {
  await page.waitForSelector("#offline:not([hidden])", { timeout: 60_000 });
  await context.setOffline(true);
  await page.reload();
  const example = await transcript();
  assert.ok(manifest.golden.some((clip) => clip.transcript.trim() === example));
  assert.equal(await transcriptOf(join(SAMPLES, "yes.flac")), "YES");
  assert.ok(await page.evaluate(() => crossOriginIsolated)); // and so may use threads
});

test("a narrow screen has no overflow, light and dark", { skip }, async () => {
  await page.setViewportSize({ width: 360, height: 740 });
  await transcriptOf(join(SAMPLES, "no-down-off-on.flac"));
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${overflow} pixels too wide`);
  await picture("narrow");
  await page.emulateMedia({ colorScheme: "dark" });
  await picture("narrow-dark");
});

test("every control has a name, and the keyboard reaches it", { skip }, async () => {
  await transcript();
  const reached = new Set();
  for (let i = 0; i < 24; i++) {
    await page.keyboard.press("Tab");
    reached.add(
      await page.evaluate(() => {
        const { activeElement: at } = document;
        return at.getAttribute("aria-label") || at.labels?.[0]?.textContent.trim() || at.textContent.trim();
      }),
    );
  }
  for (const name of ["Speak", "Open a recording", "Play", "The recording along time", "WASM", "choose the folder"]) {
    assert.ok(reached.has(name), `${name} is not among ${[...reached].join(", ")}`);
  }
});
