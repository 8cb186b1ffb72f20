// Run by node: where @huggingface/transformers is, FOLDER, CLIP… to a JSON list of texts.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";

const [installed, folder, ...clips] = process.argv.slice(2);
const { env, pipeline } = createRequire(join(installed, "_"))("@huggingface/transformers");

env.localModelPath = dirname(folder);
env.allowRemoteModels = false;
const options = { dtype: "fp32" };
const transcriber = await pipeline("automatic-speech-recognition", basename(folder), options);
const texts = [];
for (const clip of clips) {
  const bytes = readFileSync(clip);
  const waveform = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  texts.push((await transcriber(waveform)).text);
}
console.log(JSON.stringify(texts));
