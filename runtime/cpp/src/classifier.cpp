// A package's artifact as a classifier of recordings. The graph may be a stranger's: nothing that it
// says is believed before it was checked.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "open_artifact.hpp"
#include "voxport/voxport.hpp"

namespace voxport {
namespace {

constexpr float kScoreRounding = 1e-3F;  // a softmax may round to a little over 1

void require(bool holds, const std::string& what) {
  if (!holds) {
    throw InferenceError("the graph's answer breaks its contract: " + what + "; export the package again");
  }
}

void check(const LabelOutput& output, const Model& model) {
  const std::size_t labels = model.labels.size();
  require(output.logits.size() == labels && output.scores.size() == labels,
          std::to_string(output.scores.size()) + " scores for " + std::to_string(labels) +
              " labels");
  require(std::all_of(output.logits.begin(), output.logits.end(),
                      [](float logit) { return std::isfinite(logit); }),
          "a logit that is not a number");
  for (const float score : output.scores) {
    require(score >= -kScoreRounding && score <= 1 + kScoreRounding,
            "a score of " + std::to_string(score));
  }
}

/// Return the indices of the labels, the highest score first.
std::vector<std::size_t> by_score(const std::vector<float>& scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  return order;
}

}  // namespace

Classifier::Classifier(const std::filesystem::path& package, const Options& options) {
  OpenedArtifact opened = open_artifact(package, "classification", options);
  model_ = std::move(opened.model);
  resamples_ = opened.resamples;
  backend_ = std::move(opened.backend);
}

Classifier::~Classifier() = default;
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;

Classification Classifier::classify(const Audio& audio, std::size_t top_k) const {
  const auto sample_rate = rate_to_resample(audio.sample_rate, model_, resamples_);
  const double duration = duration_of(audio);
  const double least = static_cast<double>(model_.least_samples) /
                       static_cast<double>(model_.sample_rate);
  // Its samples at the model's rate, rounded up as the graph does.
  if (std::ceil(duration * static_cast<double>(model_.sample_rate)) <
      static_cast<double>(model_.least_samples)) {
    throw AudioError("lasts " + std::to_string(duration) + " s, and the model needs at least " +
                std::to_string(least) + " s for an answer");
  }
  std::vector<float> waveform = audio.waveform;
  const auto one_frame = static_cast<std::size_t>(model_.receptive_field);
  waveform.resize(std::max(waveform.size(), one_frame));
  const auto length = static_cast<std::int64_t>(audio.waveform.size());
  LabelOutput output = backend_->classify(std::move(waveform), length, sample_rate);
  check(output, model_);
  Classification answer{std::move(output.label), duration, {}, std::move(output.logits)};
  const std::vector<std::size_t> order = by_score(output.scores);
  const bool is_best = std::any_of(order.begin(), order.end(), [&](std::size_t i) {
    return output.scores[i] >= output.scores[order[0]] && model_.labels[i] == answer.label;
  });
  require(is_best, "the label is not that of the highest score");
  for (const std::size_t i : order) {
    if (answer.scores.size() >= top_k) break;
    answer.scores.push_back({model_.labels[i], output.scores[i]});
  }
  return answer;
}

}  // namespace voxport
