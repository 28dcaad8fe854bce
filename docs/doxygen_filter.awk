# For doxygen, by docs/Doxyfile: a comment that stands apart, before the namespace, speaks of the file.
/^\/\/\// && !past { comment = comment $0 "\n"; next }
comment != "" && !apart && $0 == "" { apart = 1; comment = comment "\n"; next }
comment != "" { printf "%s%s", apart && /^(namespace|#include)/ ? "/// @file\n" : "", comment; comment = ""; apart = 0 }
/^namespace/ { past = 1 }
{ print }
END { printf "%s", comment }
