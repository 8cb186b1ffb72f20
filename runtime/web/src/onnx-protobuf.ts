/**
 * A look at an ONNX file before a session sees it: what asks for more than the exporter writes is
 * refused.
 *
 * Reads protobuf's wire format, of which a few field numbers are needed (onnx.proto; they never
 * change). A field that may stand once is checked wherever it stands: parsers take the last.
 */

import { ascii } from "./bytes.js";
import { PackageError } from "./errors.js";

const MAX_DEPTH = 16; // subgraphs within each other; the exporter's have 3

// The operators of the exporter's graphs; the list is that of the Python runtime
// (backends/onnx_inspection), with which a test compares it.
const OPERATORS = new Set(
  `
    Abs Add And ArgMax Cast Ceil Clip Concat Constant ConstantOfShape Conv Cos CumSum
    DequantizeLinear Div DynamicQuantizeLinear Equal Erf Exp Expand Floor Gather Gelu Gemm
    Greater GreaterOrEqual Identity If LayerNormalization Less LessOrEqual Log LogSoftmax Loop
    MatMul MatMulInteger Max Min Mod Mul Neg NonZero Not Or Pad Pow QuantizeLinear Range
    Reciprocal ReduceMax ReduceMean ReduceMin ReduceSum ReduceSumSquare Relu Reshape Scan
    ScatterElements Shape Sigmoid Sin Size Slice Softmax Split Sqrt Squeeze StringConcat Sub Tanh
    Tile Transpose Unsqueeze Where
  `.trim().split(/\s+/),
);

const MODEL = { graph: 7, opset: 8, training: 20, functions: 25 };
const OPSET_DOMAIN = 1;
const GRAPH = { node: 1, initializer: 5, sparse: 15 };
const NODE = { operator: 4, attribute: 5, domain: 7 };
const ATTRIBUTE = { tensor: 5, graph: 6, tensors: 10, graphs: 11, sparse: 22, sparses: 23 };
const TENSOR = { externalData: 13, dataLocation: 14 };
const ENTRY = { key: 1, value: 2 };

interface Field {
  readonly number: number;
  readonly value: number; // of a number
  readonly content: Uint8Array; // of a string or a message
}

const NOTHING = new Uint8Array();
// Without these a mark in front, or bytes that are no text, would read as another name.
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
// Parsers drop the bits of a key beyond 32: a larger one is another field to them.
const MAX_KEY = 2 ** 32 - 1;

/**
 * Refuse operators outside of ONNX's own domain, functions, and weights in files that `listed` does
 * not name: ONNX Runtime would read those unhashed.
 */
export function checkOnnx(model: Uint8Array, listed: readonly string[], subject: string): void {
  try {
    // ONNX Runtime takes its own format too, by these letters, and never looks at the protobuf.
    if (ascii(model, 4) === "ORTM") refuse("is in ONNX Runtime's own format, and voxport writes ONNX");
    checkModel(model, listed);
  } catch (error) {
    if (error instanceof PackageError) {
      throw new PackageError(error.reason, subject, { cause: error });
    }
    if (!(error instanceof TypeError)) throw error; // of UTF8
    throw new PackageError("is not an ONNX model: a name that is no text", subject, { cause: error });
  }
}

function checkModel(model: Uint8Array, listed: readonly string[]): void {
  let hasGraph = false;
  for (const { number, content } of fieldsOf(model)) {
    if (number === MODEL.graph) {
      hasGraph = true;
      checkGraph(content, listed, 0);
    } else if (number === MODEL.opset) {
      for (const opset of fieldsOf(content)) {
        if (opset.number === OPSET_DOMAIN) checkDomain(opset.content, "an operator set");
      }
    } else if (number === MODEL.functions || number === MODEL.training) {
      refuse("holds functions or training parts, and voxport writes none");
    }
  }
  if (!hasGraph) refuseBytes();
}

function checkGraph(graph: Uint8Array, listed: readonly string[], depth: number): void {
  if (depth > MAX_DEPTH) refuseBytes();
  for (const { number, content } of fieldsOf(graph)) {
    if (number === GRAPH.node) checkNode(content, listed, depth);
    else if (number === GRAPH.initializer) checkTensor(content, listed);
    else if (number === GRAPH.sparse) refuseSparse();
  }
}

function checkNode(node: Uint8Array, listed: readonly string[], depth: number): void {
  const fields = Array.from(fieldsOf(node));
  const last = fields.filter(({ number }) => number === NODE.operator).at(-1);
  const operator = UTF8.decode(last?.content ?? NOTHING);
  for (const { number, content } of fields) {
    if (number === NODE.domain) checkDomain(content, operator);
    else if (number === NODE.attribute) checkAttribute(content, listed, depth);
  }
  if (!OPERATORS.has(operator)) {
    refuse(`uses the operator '${operator}', which the exporter does not write`);
  }
}

function checkAttribute(attribute: Uint8Array, listed: readonly string[], depth: number): void {
  for (const { number, content } of fieldsOf(attribute)) {
    if (number === ATTRIBUTE.tensor || number === ATTRIBUTE.tensors) checkTensor(content, listed);
    if (number === ATTRIBUTE.sparse || number === ATTRIBUTE.sparses) refuseSparse();
    if (number === ATTRIBUTE.graph || number === ATTRIBUTE.graphs) {
      checkGraph(content, listed, depth + 1);
    }
  }
}

function checkTensor(tensor: Uint8Array, listed: readonly string[]): void {
  let isExternal = false;
  let hasLocation = false;
  for (const { number, value, content } of fieldsOf(tensor)) {
    if (number === TENSOR.dataLocation) isExternal ||= value !== 0;
    if (number === TENSOR.externalData) hasLocation = checkEntry(content, listed) || hasLocation;
  }
  if (isExternal && !hasLocation) refuseBytes();
}

/**
 * Check one key and value of a tensor's external data; return true for its file. Of a key that
 * stands twice, or as a number, parsers take another than the last: every one counts.
 */
function checkEntry(entry: Uint8Array, listed: readonly string[]): boolean {
  const fields = Array.from(fieldsOf(entry), ({ number, content }) => ({
    number,
    text: UTF8.decode(content),
  }));
  const values = fields.filter(({ number }) => number === ENTRY.value).map(({ text }) => text);
  if (!fields.some(({ number, text }) => number === ENTRY.key && text === "location")) return false;
  for (const location of values.length > 0 ? values : [""]) {
    if (listed.includes(location)) continue;
    refuse(`takes weights from '${location}', which the manifest does not list; export the package again`);
  }
  return true;
}

function checkDomain(content: Uint8Array, operator: string): void {
  const domain = UTF8.decode(content);
  if (domain === "" || domain === "ai.onnx") return;
  refuse(
    `uses the operators of '${domain}' (${operator}), and voxport writes ONNX's own only; ` +
      "export the package again",
  );
}

/** The fields of a message, one after the other. */
function* fieldsOf(message: Uint8Array): Generator<Field> {
  let place = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1, size = 0; size < 10; factor *= 128, size++) {
      const byte = message[place++];
      if (byte === undefined) refuseBytes();
      value += (byte & 0x7f) * factor; // above 2^53 it rounds, and is longer than any file
      if (byte < 0x80) return value;
    }
    return refuseBytes();
  };
  const take = (size: number): Uint8Array => {
    if (size > message.length - place) refuseBytes();
    place += size;
    return message.subarray(place - size, place);
  };
  while (place < message.length) {
    const key = varint();
    if (key > MAX_KEY) refuseBytes();
    const number = Math.floor(key / 8);
    const type = key % 8;
    if (type === 0) yield { number, value: varint(), content: NOTHING };
    else if (type === 2) yield { number, value: 0, content: take(varint()) };
    else if (type === 1 || type === 5) take(type === 1 ? 8 : 4);
    else refuseBytes();
  }
}

function refuseSparse(): never {
  return refuse("holds sparse weights, and voxport writes none");
}

function refuseBytes(): never {
  return refuse("is not an ONNX model: its bytes do not parse");
}

function refuse(reason: string): never {
  throw new PackageError(reason);
}
