// Runs an ONNX artifact with ONNX Runtime; the only file that includes it. Knows the graph's names,
// nothing of packages, audio or labels.
#include <onnxruntime_cxx_api.h>

#include "backends/backend.hpp"

namespace voxport {
namespace {

template <typename T>
std::vector<T> values(const Ort::Value& tensor, std::size_t rank) {
  const auto info = tensor.GetTensorTypeAndShapeInfo();
  if (info.GetElementType() != Ort::TypeToTensorType<T>::type ||
      info.GetDimensionsCount() != rank) {
    throw Error("an output of the graph has not the type or rank that voxport writes");
  }
  const T* data = tensor.GetTensorData<T>();
  return {data, data + info.GetElementCount()};
}

class OnnxBackend : public Backend {
 public:
  OnnxBackend(const std::filesystem::path& file, int threads)
      : environment_(ORT_LOGGING_LEVEL_FATAL, "voxport"),  // errors come as exceptions
        session_(environment_, file.c_str(), session_options(threads)) {}

  GraphOutput run(std::vector<float> waveform, std::int64_t length,
                  std::optional<std::int64_t> sample_rate) const override {
    try {
      return answer(fetch(waveform, length, sample_rate));
    } catch (const Ort::Exception& error) {
      throw Error(failure("ONNX Runtime", length, error.what()));
    }
  }

 private:
  static Ort::SessionOptions session_options(int threads) {
    Ort::SessionOptions options;
    options.SetLogSeverityLevel(ORT_LOGGING_LEVEL_FATAL);
    options.SetIntraOpNumThreads(threads);
    options.DisableMemPattern();  // a plan for every new length is kept for ever, and saves no time
    return options;
  }

  std::vector<Ort::Value> fetch(std::vector<float>& waveform, std::int64_t& length,
                                std::optional<std::int64_t>& sample_rate) const {
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    const std::array<std::int64_t, 2> shape = {1, static_cast<std::int64_t>(waveform.size())};
    const std::array<std::int64_t, 1> rows = {1};
    const std::array<const char*, 3> names = {"waveform", "lengths", "sample_rate"};
    std::vector<Ort::Value> inputs;
    inputs.push_back(Ort::Value::CreateTensor<float>(memory, waveform.data(), waveform.size(),
                                                     shape.data(), shape.size()));
    inputs.push_back(
        Ort::Value::CreateTensor<std::int64_t>(memory, &length, 1, rows.data(), rows.size()));
    if (sample_rate) {  // a scalar
      inputs.push_back(
          Ort::Value::CreateTensor<std::int64_t>(memory, &*sample_rate, 1, nullptr, 0));
    }
    // Run() is not const, and safe to call from several threads.
    auto& session = const_cast<Ort::Session&>(session_);
    return session.Run(Ort::RunOptions(), names.data(), inputs.data(), inputs.size(),
                       kOutputs.data(), kOutputs.size());
  }

  static GraphOutput answer(const std::vector<Ort::Value>& outputs) {
    GraphOutput answer;
    answer.emission = values<float>(outputs[0], 3);
    answer.labels = outputs[0].GetTensorTypeAndShapeInfo().GetShape().at(2);
    answer.frames = values<std::int64_t>(outputs[1], 1).at(0);
    answer.tokens = values<std::int64_t>(outputs[2], 2);
    answer.token_count = values<std::int64_t>(outputs[3], 1).at(0);
    answer.starts = values<std::int64_t>(outputs[4], 2);
    answer.ends = values<std::int64_t>(outputs[5], 2);
    answer.scores = values<float>(outputs[6], 2);
    answer.transcript = outputs[7].GetStringTensorElement(0);
    return answer;
  }

  Ort::Env environment_;
  Ort::Session session_;
};

/// A library older than the headers gives no interface, and the first call would crash.
void require_interface() {
  if (OrtGetApiBase()->GetApi(ORT_API_VERSION) == nullptr) {
    throw Error("libonnxruntime is " + onnxruntime_version() +
                ", and this program was built for 1." + std::to_string(ORT_API_VERSION) +
                " or later");
  }
}

}  // namespace

std::string onnxruntime_version() { return OrtGetApiBase()->GetVersionString(); }

std::unique_ptr<Backend> open_onnx(const std::filesystem::path& file, int threads) {
  require_interface();
  try {
    return std::make_unique<OnnxBackend>(file, threads);
  } catch (const Ort::Exception& error) {
    throw Error(file, "ONNX Runtime " + onnxruntime_version() + " cannot load it: " + error.what());
  }
}

}  // namespace voxport
