// Reads protobuf's wire format, of which a few field numbers are needed (onnx.proto; they never
// change). A field that may stand once is checked wherever it stands: parsers take the last.
#include "package/onnx_protobuf.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "voxport/voxport.hpp"

namespace voxport {
namespace {

constexpr int kMaxDepth = 16;  // subgraphs within each other; the exporter's have 3

// The operators of the exporter's graphs, sorted; the list is that of the Python runtime
// (backends/onnx_inspection), with which a test compares it.
constexpr std::array<std::string_view, 74> kOperators = {
    "Abs", "Add", "And", "ArgMax", "Cast", "Ceil", "Clip", "Concat", "Constant", "ConstantOfShape",
    "Conv", "Cos", "CumSum", "DequantizeLinear", "Div", "DynamicQuantizeLinear", "Equal", "Erf",
    "Exp", "Expand", "Floor", "Gather", "Gelu", "Gemm", "Greater", "GreaterOrEqual", "Identity",
    "If", "LayerNormalization", "Less", "LessOrEqual", "Log", "LogSoftmax", "Loop", "MatMul",
    "MatMulInteger", "Max", "Min", "Mod", "Mul", "Neg", "NonZero", "Not", "Or", "Pad", "Pow",
    "QuantizeLinear", "Range", "Reciprocal", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum",
    "ReduceSumSquare", "Relu", "Reshape", "Scan", "ScatterElements", "Shape", "Sigmoid", "Sin",
    "Size", "Slice", "Softmax", "Split", "Sqrt", "Squeeze", "StringConcat", "Sub", "Tanh", "Tile",
    "Transpose", "Unsqueeze", "Where",
};

// Field numbers.
enum Model : std::uint64_t { kGraph = 7, kOpset = 8, kTraining = 20, kFunctions = 25 };
enum Opset : std::uint64_t { kOpsetDomain = 1 };
enum Graph : std::uint64_t { kNode = 1, kInitializer = 5, kSparseInitializer = 15 };
enum Node : std::uint64_t { kOperator = 4, kAttribute = 5, kNodeDomain = 7 };
enum Attribute : std::uint64_t {
  kTensor = 5,
  kSubgraph = 6,
  kTensors = 10,
  kSubgraphs = 11,
  kSparse = 22,
  kSparses = 23
};
enum Tensor : std::uint64_t { kExternalData = 13, kDataLocation = 14 };
enum Entry : std::uint64_t { kKey = 1, kValue = 2 };

[[noreturn]] void refuse_bytes() { throw InferenceError("is not an ONNX model: its bytes do not parse"); }

/// One field of a message after the other.
class Fields {
 public:
  explicit Fields(std::string_view message) : rest_(message) {}

  /// Advance to the next field; false at the end.
  bool next() {
    if (rest_.empty()) return false;
    const std::uint64_t key = varint();
    // Parsers drop the bits of a key beyond 32: a larger one is another field to them.
    if (key > std::numeric_limits<std::uint32_t>::max()) refuse_bytes();
    number_ = key >> 3;
    content_ = {};
    switch (key & 7) {
      case 0: value_ = varint(); return true;
      case 1: take(8); return true;
      case 2: content_ = take(varint()); return true;
      case 5: take(4); return true;
      default: refuse_bytes();
    }
  }

  std::uint64_t number() const noexcept { return number_; }
  std::uint64_t value() const noexcept { return value_; }            // of a number
  std::string_view content() const noexcept { return content_; }     // of a string or a message

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    refuse_bytes();
  }

  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) refuse_bytes();
    const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(static_cast<std::size_t>(size));
    return taken;
  }

  std::string_view rest_;
  std::string_view content_;
  std::uint64_t number_ = 0;
  std::uint64_t value_ = 0;
};

void check_domain(std::string_view domain, std::string_view what) {
  if (domain.empty() || domain == "ai.onnx") return;
  throw InferenceError("uses the operators of '" + std::string(domain) + "' (" + std::string(what) +
              "), and voxport writes ONNX's own only; export the package again");
}

[[noreturn]] void refuse_sparse() { throw InferenceError("holds sparse weights, and voxport writes none"); }

class Checker {
 public:
  explicit Checker(const std::set<std::string>& listed) : listed_(listed) {}

  void check_graph(std::string_view graph, int depth) const {
    if (depth > kMaxDepth) refuse_bytes();
    for (Fields fields(graph); fields.next();) {
      switch (fields.number()) {
        case kNode: check_node(fields.content(), depth); break;
        case kInitializer: check_tensor(fields.content()); break;
        case kSparseInitializer: refuse_sparse();
        default: break;
      }
    }
  }

 private:
  void check_node(std::string_view node, int depth) const {
    std::string_view name;
    for (Fields fields(node); fields.next();) {
      if (fields.number() == kOperator) name = fields.content();
    }
    for (Fields fields(node); fields.next();) {
      if (fields.number() == kNodeDomain) check_domain(fields.content(), name);
      if (fields.number() == kAttribute) check_attribute(fields.content(), depth);
    }
    if (!std::binary_search(kOperators.begin(), kOperators.end(), name)) {
      throw InferenceError("uses the operator '" + std::string(name) + "', which the exporter does not write");
    }
  }

  void check_attribute(std::string_view attribute, int depth) const {
    for (Fields fields(attribute); fields.next();) {
      switch (fields.number()) {
        case kTensor:
        case kTensors: check_tensor(fields.content()); break;
        case kSparse:
        case kSparses: refuse_sparse();
        case kSubgraph:
        case kSubgraphs: check_graph(fields.content(), depth + 1); break;
        default: break;
      }
    }
  }

  void check_tensor(std::string_view tensor) const {
    bool is_external = false;
    bool has_location = false;
    for (Fields fields(tensor); fields.next();) {
      if (fields.number() == kDataLocation) is_external = is_external || fields.value() != 0;
      if (fields.number() == kExternalData) has_location |= check_entry(fields.content());
    }
    if (is_external && !has_location) refuse_bytes();
  }

  /// Check one key and value of a tensor's external data; return true for its file. Of a key that
  /// stands twice, or as a number, parsers take another than the last: every one counts.
  bool check_entry(std::string_view entry) const {
    bool is_location = false;
    std::vector<std::string> values;
    for (Fields fields(entry); fields.next();) {
      if (fields.number() == kKey && fields.content() == "location") is_location = true;
      if (fields.number() == kValue) values.emplace_back(fields.content());
    }
    if (!is_location) return false;
    if (values.empty()) values.emplace_back();
    for (const std::string& value : values) {
      if (listed_.count(value) != 0) continue;
      throw InferenceError("takes weights from '" + value +
                  "', which the manifest does not list; export the package again");
    }
    return true;
  }

  const std::set<std::string>& listed_;
};

}  // namespace

void check_onnx(std::string_view model, const std::set<std::string>& listed) {
  // ONNX Runtime takes its own format too, by these letters, and never looks at the protobuf.
  if (model.substr(0, 8).substr(std::min<std::size_t>(model.size(), 4)) == "ORTM") {
    throw InferenceError("is in ONNX Runtime's own format, and voxport writes ONNX");
  }
  const Checker checker(listed);
  bool has_graph = false;
  for (Fields fields(model); fields.next();) {
    switch (fields.number()) {
      case kGraph:
        has_graph = true;
        checker.check_graph(fields.content(), 0);
        break;
      case kOpset:
        for (Fields opset(fields.content()); opset.next();) {
          if (opset.number() == kOpsetDomain) check_domain(opset.content(), "an operator set");
        }
        break;
      case kTraining:
      case kFunctions: throw InferenceError("holds functions or training parts, and voxport writes none");
      default: break;
    }
  }
  if (!has_graph) refuse_bytes();
}

}  // namespace voxport
