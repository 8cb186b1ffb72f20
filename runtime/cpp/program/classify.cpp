// The program `classify`: parse, call the library, print. Labels go to stdout, everything else to
// stderr.
#include <getopt.h>
#include <unistd.h>

#include <cstdio>

#include "common.hpp"

namespace {

using namespace program;

constexpr int kMaxLabels = 1'000'000;

constexpr const char* kHelp = R"(usage: classify [OPTIONS] PACKAGE AUDIO...

Print the labels of audio files, one line a file, in the order given.

PACKAGE is a folder that `voxport export MODEL -o PACKAGE` wrote, of a model that classifies
recordings. AUDIO is wav, flac, ogg, aiff or au, at any rate and with up to 64 channels.

A file that cannot be classified is reported on stderr (with --json in its line), the others are
still classified, and the exit code is 1. Wrong usage is 2.

options:
  --artifact KIND    onnx (if not given) or torchscript, which runs the package's own code: it can
                     read and write your files, so name it for packages that you trust
  --precision NAME   fp32 or another that the package has; fp32 if not given
  --threads N        CPU threads, 1 to 256; the backend's own choice if not given
  --top-k N          labels to print for each file, the best ones; 5 if not given
  --json             one JSON object a line: file, label, duration and scores
  --version          print the versions of voxport and of what it runs on
  -h, --help         this text

examples:
  classify build/mms-lid memo.wav
  classify --json --top-k 1 build/mms-lid *.flac > labels.jsonl
)";

struct Arguments {
  voxport::Options options;
  std::size_t top_k = 5;
  bool json = false;
  bool help = false;
  bool version = false;
  std::string package;
  std::vector<std::string> audio;
};

void parse_option(int option, Arguments& arguments) {
  switch (option) {
    case 'a': arguments.options.artifact = artifact_kind(optarg); break;
    case 'p': arguments.options.precision = optarg; break;
    case 't': arguments.options.threads = whole_number("--threads", optarg, kMaxThreads); break;
    case 'k':
      arguments.top_k = static_cast<std::size_t>(whole_number("--top-k", optarg, kMaxLabels));
      break;
    case 'j': arguments.json = true; break;
    case 'h': arguments.help = true; break;
    case 'v': arguments.version = true; break;
    default: throw UsageError{""};  // getopt has said why
  }
}

Arguments parse(int argc, char** argv) {
  static const option options[] = {
      {"artifact", required_argument, nullptr, 'a'}, {"precision", required_argument, nullptr, 'p'},
      {"threads", required_argument, nullptr, 't'},  {"top-k", required_argument, nullptr, 'k'},
      {"json", no_argument, nullptr, 'j'},           {"help", no_argument, nullptr, 'h'},
      {"version", no_argument, nullptr, 'v'},        {nullptr, 0, nullptr, 0},
  };
  Arguments arguments;
  for (int option; (option = getopt_long(argc, argv, "h", options, nullptr)) != -1;) {
    parse_option(option, arguments);
  }
  if (arguments.help || arguments.version) return arguments;
  if (argc - optind < 2) throw UsageError{"expected a package and at least one audio file"};
  arguments.package = argv[optind];
  arguments.audio.assign(argv + optind + 1, argv + argc);
  return arguments;
}

std::string json_line(const std::string& file, const voxport::Classification& found) {
  Json scores = Json::array();
  for (const voxport::LabelScore& one : found.scores) {
    scores.push_back({{"label", one.label}, {"score", rounded(static_cast<double>(one.score))}});
  }
  return dump_line({{"file", file},
                    {"label", found.label},
                    {"duration", rounded(found.duration)},
                    {"scores", scores}});
}

/// "fra (0.97), eng (0.02)"
std::string text_line(const voxport::Classification& found) {
  std::string line;
  for (const voxport::LabelScore& one : found.scores) {
    char score[32];
    std::snprintf(score, sizeof score, " (%.2f)", static_cast<double>(one.score));
    line += (line.empty() ? "" : ", ") + one.label + score;
  }
  return ::isatty(STDOUT_FILENO) == 1 ? printable(line) : line;
}

void classify(const voxport::Classifier& classifier, const std::string& file,
              const Arguments& arguments) {
  const auto found = classifier.classify(voxport::read_audio(file), arguments.top_k);
  std::cout << (arguments.json ? json_line(file, found) : text_line(found)) << std::endl;
}

/// Classify each file; return true where all succeeded.
bool classify_all(const Arguments& arguments) {
  const voxport::Classifier classifier(arguments.package, arguments.options);
  bool all = true;
  for (const std::string& file : arguments.audio) {
    try {
      classify(classifier, file, arguments);
      continue;
    } catch (const voxport::Error& error) {
      report(file, error.reason(), arguments.json);
    } catch (const std::bad_alloc&) {
      report(file, "there is not enough memory for it; cut it", arguments.json);
    } catch (const std::exception& error) {
      report(file, error.what(), arguments.json);
    }
    all = false;
  }
  if (!std::cout) throw voxport::Error("standard output cannot be written");
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Arguments arguments = parse(argc, argv);
    if (arguments.help) {
      std::cout << kHelp << "\nthis build runs: " << list_backends() << std::endl;
      return 0;
    }
    if (arguments.version) {
      std::cout << "voxport " << VOXPORT_VERSION << " (" << list_backends() << ')' << std::endl;
      return 0;
    }
    return classify_all(arguments) ? 0 : kFailed;
  } catch (const UsageError& error) {
    if (!error.reason.empty()) std::cerr << "error: " << error.reason << '\n';
    std::cerr << "See `classify --help`." << std::endl;
    return kWrongUsage;
  } catch (const std::exception& error) {
    std::cerr << printable(std::string("error: ") + error.what()) << std::endl;
    return kFailed;
  }
}
