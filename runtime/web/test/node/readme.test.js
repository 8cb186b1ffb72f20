/**
 * The npm package as others get it: packed, installed into an empty project, and each example for Node
 * of the README run there as it is printed.
 */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";

import { readAudio } from "voxport";

import { SAMPLES, WEB, temporaryFolder, wav } from "../support.js";

const README = readFileSync(join(WEB, "README.md"), "utf-8");
const EXAMPLES = Array.from(README.matchAll(/```js\n(.*?)```/gs), ([, code]) => code);
const { devDependencies } = JSON.parse(readFileSync(join(WEB, "package.json"), "utf-8"));
const WANTED = ["onnxruntime-node", "typescript"].map((name) => `${name}@${devDependencies[name]}`);

const folder = temporaryFolder();
const project = join(folder, "project");
let missing; // what npm does not have at hand: the tests ask no registry

function npm(...args) {
  const options = { cwd: project, encoding: "utf-8" };
  return spawnSync("npm", [...args, "--ignore-scripts", "--no-audit", "--no-fund"], options);
}

before(async () => {
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), '{"name": "empty", "private": true, "type": "module"}');
  const pack = ["pack", "--ignore-scripts", "--pack-destination", folder]; // it is built
  execFileSync("npm", pack, { cwd: WEB, stdio: "ignore" });
  const done = npm("install", "--offline", join(folder, "voxport-0.1.0.tgz"), ...WANTED);
  if (done.status !== 0) {
    missing = done.stderr.includes("ENOTCACHED") && "npm has not the packages in its cache";
    assert.ok(missing, done.stderr);
    return;
  }
  for (const name of ["one-two-three.flac", "left-right.flac"]) {
    copyFileSync(join(SAMPLES, name), join(project, name));
  }
  const { waveform } = await readAudio(join(SAMPLES, "one-two-three.flac"));
  const samples = Int16Array.from({ length: 55 * waveform.length }, (_, i) => {
    return waveform[i % waveform.length] * 32767;
  });
  writeFileSync(join(project, "talk.wav"), wav({ data: Buffer.from(samples.buffer) }));
});

for (const [i, code] of EXAMPLES.entries()) {
  test(`example ${i + 1} of the README runs in an empty project and prints its comments`, (t) => {
    if (missing) return t.skip(missing);
    writeFileSync(join(project, `example-${i}.js`), code);
    const options = { cwd: project, encoding: "utf-8", stdio: ["ignore", "pipe", "pipe"] };
    const printed = execFileSync(process.execPath, [`example-${i}.js`], options).split("\n");
    const promised = Array.from(code.matchAll(/console\.log\(.*\); \/\/ (.*)/g), ([, text]) => text);
    for (const line of promised) assert.ok(printed.includes(line), `${line} in ${printed}`);
  });
}

test("a long recording's example writes its subtitles", (t) => {
  if (missing) return t.skip(missing);
  const subtitles = readFileSync(join(project, "talk.srt"), "utf-8");
  assert.equal(subtitles.match(/ONE|TWO|THREE/g)?.length, 3 * 55);
});

test("an editor finds the types, of Node and of browsers", (t) => {
  if (missing) return t.skip(missing);
  const [browser] = README.match(/(?<=```ts\n).*?(?=```)/s);
  const files = {
    "node.ts": EXAMPLES[0],
    "browser.ts": `const file = new File([], "x.wav");\n${browser}export { ChosenFiles, transcript };\n`,
    "wrong.ts": 'import { load } from "voxport";\nawait load(5);\n',
  };
  for (const [name, code] of Object.entries(files)) writeFileSync(join(project, name), code);
  const check = (name, ...args) => {
    const tsc = join(project, "node_modules/typescript/bin/tsc");
    assert.ok(existsSync(tsc));
    const options = ["--noEmit", "--strict", "--target", "es2022", "--module", "esnext"];
    options.push("--moduleResolution", "bundler", "--types", "", ...args);
    return spawnSync(process.execPath, [tsc, ...options, name], { cwd: project, encoding: "utf-8" });
  };
  const asNode = check("node.ts", "--customConditions", "node");
  assert.equal(asNode.status, 0, asNode.stdout);
  const asBrowser = check("browser.ts", "--skipLibCheck");
  assert.equal(asBrowser.status, 0, asBrowser.stdout);
  assert.match(check("wrong.ts", "--customConditions", "node").stdout, /'number' is not assignable/);
});
