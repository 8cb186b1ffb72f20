// Times and scores are those of voxport's Python runtime. Frame t of a model with a stride of s
// samples at r Hz stands for the s samples from t * s on, so that a token on the frames
// start..end-1 lasts from start * s / r to end * s / r seconds, clipped to the recording.
#include "transcript.hpp"

#include <algorithm>
#include <cmath>

namespace voxport {
namespace {

constexpr float kScoreRounding = 1e-3F;  // a mean of probabilities may round to a little over 1

/// The graph may be a stranger's: nothing that it says is believed before it was checked.
void require(bool holds, const std::string& what) {
  if (!holds) {
    throw InferenceError("the graph's answer breaks its contract: " + what + "; export the package again");
  }
}

/// Check that the frames are those of so many seconds: else each time would be wrong.
void check_frames(const GraphOutput& output, double duration, const Model& model) {
  const double strides = duration * static_cast<double>(model.sample_rate) /
                         static_cast<double>(model.frame_stride);
  require(static_cast<double>(output.frames) <= strides + 1,
          std::to_string(output.frames) + " frames, and the recording has at most " +
              std::to_string(static_cast<std::int64_t>(strides) + 1));
}

/// Check the token path: labels of the model, runs of frames one behind another, probabilities.
void check_path(const GraphOutput& output, const Model& model) {
  const auto count = static_cast<std::size_t>(output.token_count);
  require(output.token_count >= 0 && count <= output.tokens.size() &&
              count <= output.starts.size() && count <= output.ends.size() &&
              count <= output.scores.size(),
          std::to_string(output.token_count) + " tokens of " +
              std::to_string(output.tokens.size()));
  const auto labels = static_cast<std::int64_t>(model.labels.size());
  std::int64_t frame = 0;
  for (std::size_t i = 0; i < count; ++i) {
    require(output.tokens[i] >= 0 && output.tokens[i] < labels,
            "token " + std::to_string(output.tokens[i]) + " of " + std::to_string(labels) +
                " labels");
    require(frame <= output.starts[i] && output.starts[i] < output.ends[i] &&
                output.ends[i] <= output.frames,
            "a token on the frames " + std::to_string(output.starts[i]) + " to " +
                std::to_string(output.ends[i]) + " of " + std::to_string(output.frames));
    require(output.scores[i] >= -kScoreRounding && output.scores[i] <= 1 + kScoreRounding,
            "a score of " + std::to_string(output.scores[i]));
    frame = output.ends[i];
  }
}

Token make_token(const GraphOutput& output, std::size_t i, double duration, const Model& model) {
  const std::string& text = model.labels[static_cast<std::size_t>(output.tokens[i])];
  const auto seconds = [&](std::int64_t frame) {
    const double samples = static_cast<double>(frame) * static_cast<double>(model.frame_stride);
    return std::min(samples / static_cast<double>(model.sample_rate), duration);
  };
  return {output.tokens[i], text == model.word_delimiter ? " " : text, seconds(output.starts[i]),
          seconds(output.ends[i]), output.scores[i]};
}

/// A piece of a word that begins it: a space with text behind it.
bool begins_word(const std::string& label) {
  return !label.empty() && label.front() == ' ' && label.find_first_not_of(' ') != label.npos;
}

/// Where labels are pieces of words, the first one with a text has no space in front.
void drop_first_space(std::vector<Token>& tokens) {
  for (Token& token : tokens) {
    if (token.text.empty()) continue;
    token.text.erase(0, std::min(token.text.find_first_not_of(' '), token.text.size()));
    return;
  }
}

/// Adds up the tokens of one word.
class WordInProgress {
 public:
  void add(const Token& token, std::int64_t frames) {
    if (word_.text.empty()) word_.start = token.start;
    word_.text += token.text;
    word_.end = token.end;
    word_.score += static_cast<double>(token.score) * static_cast<double>(frames);
    frames_ += frames;
  }

  void finish(std::vector<Word>& words) {
    if (word_.text.empty()) return;
    word_.score /= static_cast<double>(std::max<std::int64_t>(frames_, 1));
    word_.text.erase(word_.text.find_last_not_of(' ') + 1);
    word_.text.erase(0, std::min(word_.text.find_first_not_of(' '), word_.text.size()));
    words.push_back(word_);
    *this = {};
  }

 private:
  Word word_;
  std::int64_t frames_ = 0;
};

}  // namespace

namespace {

/// Make the transcript with the tokens joined as its text.
Transcript build(const GraphOutput& output, double duration, const Model& model) {
  check_frames(output, duration, model);
  check_path(output, model);
  Transcript transcript{"", duration, {}, {}};
  const auto count = static_cast<std::size_t>(output.token_count);
  for (std::size_t i = 0; i < count; ++i) {
    transcript.tokens.push_back(make_token(output, i, duration, model));
  }
  if (std::any_of(model.labels.begin(), model.labels.end(), begins_word)) {
    drop_first_space(transcript.tokens);
  }
  WordInProgress word;
  for (std::size_t i = 0; i < count; ++i) {
    transcript.text += transcript.tokens[i].text;
    const std::string& label = model.labels[static_cast<std::size_t>(output.tokens[i])];
    const bool is_gap = label == model.word_delimiter;
    if (label.empty()) continue;  // an output without a token: in no word
    if (begins_word(label)) word.finish(transcript.words);
    if (!is_gap) word.add(transcript.tokens[i], output.ends[i] - output.starts[i]);
    // A phoneme is a word: its label ends in a space.
    if (is_gap || label.back() == ' ') word.finish(transcript.words);
  }
  word.finish(transcript.words);
  return transcript;
}

}  // namespace

Transcript make_transcript(const GraphOutput& output, double duration, const Model& model) {
  Transcript transcript = build(output, duration, model);
  require(transcript.text == output.transcript, "its transcript is not its tokens joined");
  return transcript;
}

Transcript join_transcript(const TokenPath& path, std::int64_t frames, double duration,
                           const Model& model) {
  GraphOutput output;
  output.frames = frames;
  output.tokens = path.tokens;
  output.token_count = static_cast<std::int64_t>(path.tokens.size());
  output.starts = path.starts;
  output.ends = path.ends;
  output.scores.assign(path.scores.begin(), path.scores.end());
  return build(output, duration, model);
}

Emission take_emission(GraphOutput output, const Model& model) {
  require(output.labels == static_cast<std::int64_t>(model.labels.size()),
          std::to_string(output.labels) + " logits a frame for " +
              std::to_string(model.labels.size()) + " labels");
  const std::int64_t held =
      static_cast<std::int64_t>(output.emission.size()) / std::max<std::int64_t>(output.labels, 1);
  require(output.frames >= 0 && output.frames <= held,
          std::to_string(output.frames) + " frames of " + std::to_string(held));
  output.emission.resize(static_cast<std::size_t>(output.frames * output.labels));
  require(std::none_of(output.emission.begin(), output.emission.end(),
                       [](float logit) { return std::isnan(logit); }),
          "a logit that is not a number");
  return {std::move(output.emission), output.frames, output.labels};
}

}  // namespace voxport
