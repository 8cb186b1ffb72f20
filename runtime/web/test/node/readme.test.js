/** The README's code for Node runs and prints the text beside it. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { ROOT, WEB } from "../support.js";

test("the example for Node prints its comment", () => {
  const text = readFileSync(join(WEB, "README.md"), "utf-8");
  const [, code] = /## Node\n+```js\n(.*?)```/s.exec(text);
  const [, promised] = /console\.log\(.*\); \/\/ (.*)/.exec(code);
  const script = code.replace('"voxport"', JSON.stringify(join(WEB, "dist/lib/node/index.js")));
  const options = { cwd: ROOT, input: script, encoding: "utf-8" };
  const printed = execFileSync(process.execPath, ["--input-type=module", "-"], options);
  assert.equal(printed.split("\n")[0], promised);
});
