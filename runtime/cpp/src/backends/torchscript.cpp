// Runs a TorchScript artifact with LibTorch; the only file that includes it. Knows the order of the
// graph's outputs, nothing of packages, audio or labels.
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/api/include/torch/version.h>
#include <torch/script.h>

#include <istream>
#include <streambuf>

#include "backends/backend.hpp"

namespace voxport {
namespace {

template <typename T>
std::vector<T> values(const torch::IValue& output) {
  const at::Tensor tensor = output.toTensor().to(c10::CppTypeToScalarType<T>::value).contiguous();
  const T* data = tensor.const_data_ptr<T>();
  return {data, data + tensor.numel()};
}

/// The reason: LibTorch shows the graph's whole code before it.
std::string last_line(const std::exception& error) {
  const auto* ours = dynamic_cast<const c10::Error*>(&error);
  std::string message = ours ? ours->what_without_backtrace() : error.what();
  message.erase(message.find_last_not_of(" \n") + 1);
  return message.substr(message.rfind('\n') + 1);
}

/// Bytes in memory as a stream to read and seek in.
class ByteBuffer : public std::streambuf {
 public:
  explicit ByteBuffer(const FileBytes& bytes) {
    setg(bytes.data.get(), bytes.data.get(), bytes.data.get() + bytes.size);
  }

 private:
  pos_type seekoff(off_type offset, std::ios_base::seekdir from, std::ios_base::openmode) override {
    const off_type start = from == std::ios_base::beg   ? 0
                           : from == std::ios_base::cur ? gptr() - eback()
                                                        : egptr() - eback();
    const off_type place = start + offset;
    if (place < 0 || place > egptr() - eback()) return pos_type(off_type(-1));
    setg(eback(), eback() + place, egptr());
    return pos_type(place);
  }

  pos_type seekpos(pos_type place, std::ios_base::openmode mode) override {
    return seekoff(off_type(place), std::ios_base::beg, mode);
  }
};

class TorchScriptBackend : public Backend {
 public:
  explicit TorchScriptBackend(std::istream& archive)
      : module_(torch::jit::load(archive, at::kCPU)) {
    module_.eval();
  }

  GraphOutput run(std::vector<float> waveform, std::int64_t length,
                  std::optional<std::int64_t> sample_rate) const override {
    try {
      return answer(waveform, length, sample_rate);
    } catch (const std::exception& error) {
      throw InferenceError(describe_failure("LibTorch", length, last_line(error)));
    }
  }

  LabelOutput classify(std::vector<float> waveform, std::int64_t length,
                       std::optional<std::int64_t> sample_rate) const override {
    try {
      const c10::InferenceMode guard;
      const auto outputs = forward(waveform, length, sample_rate, kLabelOutputs.size());
      return {values<float>(outputs[0]), values<float>(outputs[1]),
              outputs[2].toList().get(0).toStringRef()};
    } catch (const std::exception& error) {
      throw InferenceError(describe_failure("LibTorch", length, last_line(error)));
    }
  }

 private:
  /// Run the module; of another number of outputs, an error.
  std::vector<torch::IValue> forward(std::vector<float>& waveform, std::int64_t length,
                                     std::optional<std::int64_t> sample_rate,
                                     std::size_t count) const {
    const auto samples = static_cast<std::int64_t>(waveform.size());
    const at::Tensor rows = torch::from_blob(waveform.data(), {1, samples}, at::kFloat);
    const at::Tensor lengths = torch::full({1}, length, at::kLong);
    auto module = module_;  // forward() is not const; this is another handle on the same module
    std::vector<torch::IValue> inputs = {rows, lengths};
    if (sample_rate) inputs.emplace_back(*sample_rate);
    const auto result = module.forward(std::move(inputs));
    const std::vector<torch::IValue> outputs = result.toTupleRef().elements().vec();
    TORCH_CHECK(outputs.size() == count, "expected ", count, " outputs, got ",
                outputs.size());
    return outputs;
  }

  GraphOutput answer(std::vector<float>& waveform, std::int64_t length,
                     std::optional<std::int64_t> sample_rate) const {
    const c10::InferenceMode guard;
    const auto outputs = forward(waveform, length, sample_rate, kOutputs.size());
    GraphOutput answer;
    answer.emission = values<float>(outputs[0]);
    answer.labels = outputs[0].toTensor().size(-1);
    answer.frames = values<std::int64_t>(outputs[1]).at(0);
    answer.tokens = values<std::int64_t>(outputs[2]);
    answer.token_count = values<std::int64_t>(outputs[3]).at(0);
    answer.starts = values<std::int64_t>(outputs[4]);
    answer.ends = values<std::int64_t>(outputs[5]);
    answer.scores = values<float>(outputs[6]);
    answer.transcript = outputs[7].toList().get(0).toStringRef();
    return answer;
  }

  torch::jit::Module module_;
};

}  // namespace

std::string libtorch_version() { return TORCH_VERSION; }

std::unique_ptr<Backend> open_torchscript(const ArtifactBytes& artifact, int threads) {
  if (threads > 0) at::set_num_threads(threads);  // for the whole process: torch has no other
  try {
    ByteBuffer buffer(artifact.model);
    std::istream archive(&buffer);
    return std::make_unique<TorchScriptBackend>(archive);
  } catch (const std::exception& error) {
    throw InferenceError(artifact.path, "LibTorch " + libtorch_version() + " cannot load it: " + last_line(error));
  }
}

}  // namespace voxport
