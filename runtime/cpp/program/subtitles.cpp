#include "subtitles.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

namespace program {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

#include "unicode_ranges.inc"

// The blocks of scripts without spaces between words.
constexpr Range kSpaceless[] = {
    {0x0E01, 0x0EFF},   {0x0F00, 0x109F}, {0x1780, 0x17FF}, {0x1950, 0x19FF}, {0x1A20, 0x1AAF},
    {0x1B00, 0x1B7F},   {0x2E80, 0x2FDF}, {0x3005, 0x3007}, {0x3021, 0x3029}, {0x3031, 0x303C},
    {0x3041, 0x312F},   {0x31A0, 0x31FF}, {0x3400, 0x4DBF}, {0x4E00, 0xA4CF}, {0xA980, 0xA9DF},
    {0xA9E0, 0xA9FF},   {0xAA60, 0xAA7F}, {0xF900, 0xFAFF}, {0xFF66, 0xFF9F}, {0x1AFF0, 0x1B16F},
    {0x20000, 0x3FFFF},
};
// Vowels written before their consonant and signs that stack the next one; vowels written after it,
// small kana, length and repetition marks.
constexpr std::u32string_view kWantsNext =
    U"\u0E40\u0E41\u0E42\u0E43\u0E44\u0EC0\u0EC1\u0EC2\u0EC3\u0EC4\u1039\u17D2\u1A60\uA9C0\u1B44";
constexpr std::u32string_view kFollows =
    U"ะาำๅๆຯະາຳໆぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶーｰｧｨｩｪｫｬｭｮｯﾞﾟ々〻ゝゞヽヾ་";

constexpr std::size_t kLineColumns = 42;
constexpr std::size_t kCueLines = 2;
constexpr double kLongestCue = 7;   // seconds
constexpr double kShortestCue = 1;  // seconds
constexpr double kReadingSpeed = 20;  // columns a second
constexpr double kPause = 1;  // seconds of silence, which end a cue

template <std::size_t Count>
bool is_in(const Range (&ranges)[Count], char32_t one) {
  return std::any_of(std::begin(ranges), std::end(ranges), [&](const Range& range) {
    return range.first <= one && one <= range.last;
  });
}

/// Return the characters of a text, each as its own bytes; bytes that are no UTF-8 stand alone.
std::vector<std::string> characters(const std::string& text) {
  std::vector<std::string> found;
  for (const char one : text) {
    const bool goes_on = (static_cast<unsigned char>(one) & 0xC0) == 0x80;
    if (goes_on && !found.empty()) {
      found.back() += one;
    } else {
      found.emplace_back(1, one);
    }
  }
  return found;
}

/// Return the code point of a character's bytes.
char32_t code_of(const std::string& bytes) {
  const auto head = static_cast<unsigned char>(bytes[0]);
  char32_t code = bytes.size() == 1 ? head : head & (0x7FU >> bytes.size());
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    code = code << 6 | (static_cast<unsigned char>(bytes[i]) & 0x3FU);
  }
  return code;
}

std::size_t count_columns(const std::string& text) {
  std::size_t columns = 0;
  for (const std::string& one : characters(text)) columns += is_in(kWide, code_of(one)) ? 2 : 1;
  return columns;
}

/// Split a word into units: a character and its neighbours, or all where its script has spaces.
std::vector<std::string> split_units(const std::string& text) {
  std::vector<std::string> units;
  bool is_open = false;
  bool is_spaceless = false;
  for (const std::string& one : characters(text)) {
    const char32_t code = code_of(one);
    const bool is_own = is_in(kSpaceless, code);
    const bool joins_last = is_in(kJoinsLast, code) || kFollows.find(code) != kFollows.npos;
    if (units.empty() || (!is_open && !joins_last && (is_own || is_spaceless))) {
      units.push_back(one);
      is_spaceless = is_own;
    } else {
      units.back() += one;
      is_spaceless = is_spaceless || is_own;
    }
    is_open = kWantsNext.find(code) != kWantsNext.npos || is_in(kOpens, code);
  }
  return units;
}

/// A word, or a part of one with a possible line break behind it.
struct Piece {
  std::string text;
  double start = 0;
  double end = 0;
  std::string gap;  // what stands before it: a space, or nothing
};

/// Return start and end of each character of a word.
std::vector<std::pair<double, double>> character_times(const voxport::Word& word,
                                                       const std::vector<voxport::Token>& tokens) {
  std::string joined;
  std::vector<std::pair<double, double>> times;
  for (const voxport::Token& token : tokens) {
    if (token.start < word.start || token.start >= word.end) continue;
    if (token.text.find_first_not_of(' ') == token.text.npos) continue;
    joined += token.text;
    times.insert(times.end(), characters(token.text).size(), {token.start, token.end});
  }
  if (joined == word.text) return times;
  const std::size_t count = characters(word.text).size();
  const double share = (word.end - word.start) / static_cast<double>(count);
  times.clear();
  for (std::size_t i = 0; i < count; ++i) {
    const double end = i + 1 == count ? word.end : word.start + share * static_cast<double>(i + 1);
    times.emplace_back(word.start + share * static_cast<double>(i), end);
  }
  return times;
}

std::vector<Piece> split_words(const voxport::Transcript& transcript) {
  std::vector<Piece> pieces;
  std::size_t place = 0;
  for (const voxport::Word& word : transcript.words) {
    const std::size_t found = transcript.text.find(word.text, place);
    const bool is_joined = found != std::string::npos && place > 0 && place == found;
    if (found != std::string::npos) place = found + word.text.size();
    const std::string gap = is_joined ? "" : " ";
    std::vector<std::string> parts = split_units(word.text);
    if (parts.size() < 2 && word.end - word.start > kLongestCue) parts = characters(word.text);
    if (parts.size() < 2) {
      pieces.push_back({word.text, word.start, word.end, gap});
      continue;
    }
    const auto times = character_times(word, transcript.tokens);
    std::size_t first = 0;
    for (const std::string& part : parts) {
      const std::size_t last = first + characters(part).size() - 1;
      pieces.push_back({part, times.at(first).first, times.at(last).second, first ? "" : gap});
      first = last + 1;
    }
  }
  return pieces;
}

/// Fill lines with words; a word longer than a line has its own.
std::vector<std::string> fill_lines(const std::vector<Piece>& pieces) {
  std::vector<std::string> lines;
  for (const Piece& piece : pieces) {
    const std::string longer = lines.empty() ? "" : lines.back() + piece.gap + piece.text;
    if (!lines.empty() && count_columns(longer) <= kLineColumns) {
      lines.back() = longer;
    } else {
      lines.push_back(piece.text);
    }
  }
  return lines;
}

bool fits(const std::vector<Piece>& group, const Piece& piece) {
  std::vector<Piece> longer = group;
  longer.push_back(piece);
  return piece.start - group.back().end < kPause && piece.end - group[0].start <= kLongestCue &&
         fill_lines(longer).size() <= kCueLines;
}

struct Cue {
  double start = 0;
  double end = 0;
  std::string lines;  // with a line feed between two
  std::string text;   // the same on one line
};

std::vector<Cue> group_into_cues(const voxport::Transcript& transcript) {
  std::vector<std::vector<Piece>> groups;
  for (const Piece& piece : split_words(transcript)) {
    if (groups.empty() || !fits(groups.back(), piece)) groups.emplace_back();
    groups.back().push_back(piece);
  }
  std::vector<Cue> cues;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const std::vector<Piece>& group = groups[i];
    const bool is_last = i + 1 == groups.size();
    const double until =
        is_last ? std::numeric_limits<double>::infinity() : groups[i + 1][0].start;
    Cue cue{group[0].start, 0, "", ""};
    std::size_t columns = 0;
    for (const std::string& line : fill_lines(group)) {
      columns += count_columns(line);
      cue.lines += (cue.lines.empty() ? "" : "\n") + line;
    }
    for (const Piece& piece : group) cue.text += (cue.text.empty() ? "" : piece.gap) + piece.text;
    const double to_read = std::max(kShortestCue, static_cast<double>(columns) / kReadingSpeed);
    const double end = std::max(group.back().end, cue.start + std::min(to_read, kLongestCue));
    cue.end = std::min(end, until);
    cues.push_back(std::move(cue));
  }
  return cues;
}

long long milliseconds(double seconds) {
  const double rounded = std::floor(seconds * 1e4 + 0.5) / 1e4;
  return static_cast<long long>(std::floor(rounded * 1000 + 0.5));
}

std::string clock(double seconds, char point) {
  const long long whole = milliseconds(seconds);
  char text[64];
  std::snprintf(text, sizeof text, "%02lld:%02lld:%02lld%c%03lld", whole / 3600000,
                whole / 60000 % 60, whole / 1000 % 60, point, whole % 1000);
  return text;
}

std::string escape(const std::string& text) {
  std::string escaped;
  for (const char one : text) {
    escaped += one == '&' ? "&amp;" : one == '<' ? "&lt;" : one == '>' ? "&gt;" : std::string(1, one);
  }
  return escaped;
}

}  // namespace

std::string format_subtitles(const voxport::Transcript& transcript, const std::string& form) {
  std::string document = form == "vtt" ? "WEBVTT\n" : form == "tsv" ? "start\tend\ttext\n" : "";
  std::size_t number = 0;
  for (const Cue& cue : group_into_cues(transcript)) {
    ++number;
    if (form == "tsv") {
      document += std::to_string(milliseconds(cue.start)) + '\t' +
                  std::to_string(milliseconds(cue.end)) + '\t' + cue.text + '\n';
      continue;
    }
    if (!document.empty()) document += '\n';
    if (form == "srt") document += std::to_string(number) + '\n';
    const char point = form == "srt" ? ',' : '.';
    document += clock(cue.start, point) + " --> " + clock(cue.end, point) + '\n' +
                (form == "srt" ? cue.lines : escape(cue.lines)) + '\n';
  }
  return document;
}

}  // namespace program
