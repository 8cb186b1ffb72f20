// Times and scores are those of voxport's Python runtime. Frame t of a model with a stride of s
// samples at r Hz stands for the s samples from t * s on, so that a token on the frames
// start..end-1 lasts from start * s / r to end * s / r seconds, clipped to the recording.
#include "transcript.hpp"

#include <algorithm>

namespace voxport {
namespace {

void require(bool holds) {
  if (!holds) throw Error("the graph's answer does not fit its manifest; export the package again");
}

Token token(const GraphOutput& output, std::size_t i, double duration, const Model& model) {
  const std::int64_t label = output.tokens.at(i);
  require(label >= 0 && label < static_cast<std::int64_t>(model.labels.size()));
  const std::string& text = model.labels[static_cast<std::size_t>(label)];
  const auto seconds = [&](std::int64_t frame) {
    const auto samples = static_cast<double>(frame * model.frame_stride);
    return std::min(samples / static_cast<double>(model.sample_rate), duration);
  };
  return {label, text == model.word_delimiter ? " " : text, seconds(output.starts.at(i)),
          seconds(output.ends.at(i)), output.scores.at(i)};
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
    words.push_back(word_);
    *this = {};
  }

 private:
  Word word_;
  std::int64_t frames_ = 0;
};

}  // namespace

Transcript transcript_of(const GraphOutput& output, double duration, const Model& model) {
  Transcript transcript{output.transcript, duration, {}, {}};
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(output.token_count, 0));
  require(count <= output.tokens.size());
  WordInProgress word;
  for (std::size_t i = 0; i < count; ++i) {
    transcript.tokens.push_back(token(output, i, duration, model));
    if (model.labels[static_cast<std::size_t>(output.tokens[i])] == model.word_delimiter) {
      word.finish(transcript.words);
    } else {
      word.add(transcript.tokens.back(), output.ends[i] - output.starts[i]);
    }
  }
  word.finish(transcript.words);
  return transcript;
}

Emission emission_of(GraphOutput output, const Model& model) {
  require(output.labels == static_cast<std::int64_t>(model.labels.size()) && output.frames >= 0);
  const auto size = static_cast<std::size_t>(output.frames * output.labels);
  require(size <= output.emission.size());
  output.emission.resize(size);
  return {std::move(output.emission), output.frames, output.labels};
}

}  // namespace voxport
