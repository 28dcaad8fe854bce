# awk -f samples.awk FILE.md… : the code that the documents show, as a test program.
#
# Every ```cpp block becomes the body of a function, or a program of its own where it has a main. Where a line prints
# to std::cout, its comment and the lines of comment below it are what it must print. An HTML comment just before a
# block says how it is to be taken:
#
#   <!-- sample: continued -->      it goes on where the block before it ended
#   <!-- sample: declarations -->   it stands outside of functions, for the blocks after it in the same file
#   <!-- sample: prints anything -->
#   <!-- sample:                    (or with one of the words above) these lines, not shown, come first
#   const wg::Tensor x({1.0});
#   -->
#   <!-- quote: path -->            no sample: the block stands in that file, word for word
BEGIN {
  includes = "#include <algorithm>\n#include <iostream>\n#include <wengert/wengert.h>\n"
}

function identifier(text) {
  gsub(/[^A-Za-z0-9]+/, "_", text)
  return text
}

# The function that is being collected, and its test.
function flush() {
  if (function_body == "") return
  tests = tests "namespace sample_" function_name " {\nvoid run() {\n" function_body "}\n}\n" \
          "TEST(Samples, " function_name ") { wengert::test::expect_prints(&sample_" function_name "::run, " expected() "); }\n"
  function_body = ""
}

function expected() {
  return anything ? "std::nullopt" : "R\"sample(" printed ")sample\""
}

# What the line promises to print: its comment behind std::cout, and comments alone below it.
function note_output(line) {
  if (line ~ /std::cout/) {
    printing = 1
    if (line ~ /;[ ]+\/\/ /) {
      sub(/^.*;[ ]+\/\/ /, "", line)
      printed = printed line "\n"
    }
  } else if (printing && line ~ /^ *\/\/ /) {
    sub(/^ *\/\/ /, "", line)
    printed = printed line "\n"
  } else {
    printing = 0
  }
}

function begin_block() {
  place = "\n#line " (FNR + 1) " \"" FILENAME "\"\n"
  code = ""
  is_program = 0
  if (quoted != "") return
  if (options !~ /continued/ && options !~ /declarations/) {
    flush()
    printed = ""
    anything = 0
    function_name = identifier(FILENAME) "_line_" FNR
  }
  if (options ~ /prints anything/) anything = 1
  printing = 0
}

function end_block() {
  if (quoted != "") {
    tests = tests "TEST(Quotes, " identifier(FILENAME) "_line_" FNR ") { wengert::test::expect_quoted(\"" quoted "\", R\"sample(" code ")sample\"); }\n"
  } else if (is_program) {
    tests = tests "namespace sample_" function_name " {\n" hidden place code "void run() { program(); }\n}\n" \
            "TEST(Samples, " function_name ") { wengert::test::expect_prints(&sample_" function_name "::run, " expected() "); }\n"
  } else if (options ~ /declarations/) {
    flush()
    tests = tests hidden place code
  } else {
    function_body = function_body hidden place code
  }
  quoted = options = hidden = ""
}

FNR == 1 {
  if (NR > 1) { flush(); tests = tests "}  // namespace\n" }
  tests = tests "\nnamespace of_" identifier(FILENAME) " {\nnamespace wg = wengert;\n"
  state = ""
}

state == "hidden" {
  if (/^-->/) state = ""
  else hidden = hidden $0 "\n"
  next
}
state == "code" && /^```/ { end_block(); state = ""; next }
state == "code" && quoted == "" && /^#include/ {
  if (index(includes, $0 "\n") == 0) includes = includes $0 "\n"
  code = code "\n"
  next
}
state == "code" && quoted == "" {
  note_output($0)
  line = $0
  if (sub(/^int main\(\)/, "void program()", line)) is_program = 1
  code = code line "\n"
  next
}
state == "code" { code = code $0 "\n"; next }
state == "other" { if (/^```/) state = ""; next }

/^<!-- sample/ {
  options = $0
  hidden = "\n#line " (FNR + 1) " \"" FILENAME "\"\n"
  if ($0 !~ /-->/) state = "hidden"
  next
}
/^<!-- quote: / { quoted = $3; next }
/^```cpp/ || (/^```/ && quoted != "") { begin_block(); state = "code"; next }
/^```/ { state = "other"; next }
/./ { quoted = options = hidden = "" }

END {
  flush()
  print "// Written by the build from the documents' samples.\n" includes "#include <docs/sample.h>\n"
  print "namespace {\n" tests "}  // namespace\n}  // namespace"
}
