#!/usr/bin/env bash
# house.sh STORY: one of the functions below. A rule is looked up in the tree at $house, and prints each breach.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
house=${house:-$here/../..}
cd "$house"

files() { find autograd nn optim datasets training include examples bench tests -name '*.h' -o -name '*.cpp' 2>/dev/null | sort; }

# room FOLDER ROOMS [HEADERS]: what FOLDER includes of the project is in ROOMS (a|b|…), or the version, or HEADERS.
room() {
  [[ -d $1 ]] || return 0
  grep -rnE --include='*.h' --include='*.cpp' '#include [<"]wengert/' "$1" |
    grep -vE "#include <wengert/(($2)/|${3:-version\.h>})" || true
}

IncludesFollowTheArrows() {
  local breaches
  breaches=$(
    room autograd/kernels 'autograd/kernels'
    room autograd 'autograd'
    room nn 'autograd|nn'
    room optim 'autograd|optim'
    room datasets 'autograd|datasets'
    room training 'autograd|nn|optim|datasets|training'
    room examples 'autograd|nn|optim|datasets|training' '[a-z]+\.h>'
    # The tape's inner workings stay in autograd, and programs use what is public.
    grep -rn 'wengert/autograd/internal/' nn optim datasets training || true
    grep -rn '/internal/' examples include || true
  )
  none "$breaches" 'includes against the arrows (docs/architecture.md)'
}

FilesStayShort() {
  local file limit lines breaches=
  while read -r file; do
    limit=400
    [[ $file == *.h ]] && limit=300
    lines=$(wc -l <"$file")
    if ((lines > limit)); then breaches+="$file: $lines lines, $limit at most"$'\n'; fi
  done < <(files)
  none "$breaches" 'files that grew too long: split them'
}

NothingIsLeftToDo() {
  none "$(files | xargs grep -nE '\b(TODO|FIXME|XXX)\b' || true)" 'notes of work undone'
}

PublicHeadersIncludeTheStandardLibraryAlone() {
  local breaches
  breaches=$(
    find autograd nn optim datasets training include -name '*.h' ! -name '*-inl.h' ! -path '*/internal/*' \
      ! -path include/wengert/eigen.h ! -path include/wengert/fmt.h -print0 |
      xargs -0 grep -nE '#include' | grep -vE '#include <(wengert/[a-z0-9_/]+\.h|[a-z0-9_]+)>' || true
  )
  none "$breaches" 'public headers that need more than the standard library'
}

# Everything that is part of the project, whether git knows it or not.
all_files() {
  find . \( -path ./build -o -path ./.git -o -path ./comparison -o -path ./.cache \) -prune -o -type f -print | sort
}

documents() { find . -maxdepth 1 -name '*.md' && find docs -name '*.md'; }

# The project speaks of itself alone, not of the place where it was written.
NothingSpeaksOfOtherPlaces() {
  local words='/wor[k]/|/hom[e]/|\bfar[m]s?\b|\bsessio[n]s?\b|\bagen[t]s?\b|\bassistan[t]|\bprompte[d]\b|workplac[e]|\bissu[e] [0-9]'
  none "$(all_files | xargs -d '\n' grep -nIiE "$words" || true)" 'words from elsewhere'
}

# links FILE: what it links to within the project, one path a line; samples of code are not links.
links() {
  local link
  # shellcheck disable=SC2016  # these are no commands
  sed '/^```/,/^```/d' "$1" | grep -oE '\]\([^)# ]+' | sed 's/^](//' | grep -v '^https\?:' |
    while read -r link; do realpath -m --relative-to=. "$(dirname "$1")/$link"; done || true
}

EveryDocumentIsLinkedAndEveryLinkLeadsSomewhere() {
  local file link linked breaches=
  linked=$(links README.md && links docs/architecture.md)
  while read -r file; do
    grep -qxF "${file#./}" <<<"$linked" || breaches+="$file is linked neither from README.md nor from docs/architecture.md"$'\n'
  done < <(find docs -name '*.md')
  while read -r file; do
    while read -r link; do
      [[ -e $link ]] || breaches+="$file: $link does not exist"$'\n'
    done < <(links "$file")
  done < <(documents)
  none "$breaches" 'documents and their links'
}

# Every command of ./dev is named in the README, and every command that a document names exists.
DocumentsNameTheCommandsThatThereAre() {
  local command known breaches=
  known=$(./dev | grep -oE '^\./dev [a-z]+')
  while read -r command; do
    grep -qF "$command" README.md || breaches+="README.md does not name $command"$'\n'
  done <<<"$known"
  while read -r command; do
    grep -qxF "${command#*:}" <<<"$known" || breaches+="${command%%:*} names ${command#*:}, which there is not"$'\n'
  done < <(documents | xargs -d '\n' grep -oHE '\./dev [a-z]+' | sort -u)
  none "$breaches" 'commands in the documents'
}

# What ./dev installs, docs/dependencies.md gives a reason for.
EveryPackageHasAReason() {
  local package breaches=
  while read -r package; do
    grep -qF "\`$package\`" docs/dependencies.md || breaches+="$package"$'\n'
  done < <(sed -n 's/^[a-z]*_packages=(\(.*\))$/\1/p; s/^ *need //p' dev | tr ' ' '\n' | grep -E '^[a-z]' | sort -u)
  none "$breaches" 'packages without a reason in docs/dependencies.md'
}

# none BREACHES RULE
none() {
  [[ -z $1 ]] && return
  printf '%s:\n%s\n' "$2" "$1"
  return 1
}

# caught STORY FILE LINE: the story fails for a tree that keeps all rules, but for LINE in FILE.
caught() {
  local tree
  tree=$(mktemp -d)
  (cd "$tree" && mkdir -p autograd/kernels nn optim datasets training include examples bench tests docs)
  cp dev "$tree"
  cp docs/dependencies.md "$tree/docs"
  { ./dev && echo '[how](docs/architecture.md) [why](docs/dependencies.md)'; } >"$tree/README.md"
  touch "$tree/docs/architecture.md"
  house=$tree bash "$here/house.sh" "$1" || { echo "$1 fails for a tree that keeps the rules" && return 1; }
  printf '%b\n' "$3" >"$tree/$2"
  if house=$tree bash "$here/house.sh" "$1" >/dev/null; then echo "$1 does not see: $3" && return 1; fi
  rm -r "$tree"
}

EveryRuleCatchesItsBreach() {
  caught IncludesFollowTheArrows autograd/kernels/a.cpp '#include <wengert/autograd/tensor.h>'
  caught IncludesFollowTheArrows autograd/a.cpp '#include <wengert/nn/dense.h>'
  caught IncludesFollowTheArrows nn/a.h '#include <wengert/optim/adam.h>'
  caught IncludesFollowTheArrows optim/a.h '#include "wengert/datasets/idx.h"'
  caught IncludesFollowTheArrows datasets/a.h '#include <wengert/training/fit.h>'
  caught IncludesFollowTheArrows training/a.h '#include <wengert/wengert.h>'
  caught IncludesFollowTheArrows nn/a.cpp '#include <wengert/autograd/internal/list.h>'
  caught IncludesFollowTheArrows examples/a.cpp '#include <wengert/autograd/internal/list.h>'
  caught FilesStayShort nn/a.h "$(yes '\n' | head -301 | tr -d '\n')"
  caught FilesStayShort nn/a.cpp "$(yes '\n' | head -401 | tr -d '\n')"
  caught NothingIsLeftToDo nn/a.cpp "// TO""DO: more"
  caught NothingSpeaksOfOtherPlaces nn/a.cpp "// of /wor""k/main"
  caught PublicHeadersIncludeTheStandardLibraryAlone nn/a.h '#include <Eigen/Core>'
  caught PublicHeadersIncludeTheStandardLibraryAlone autograd/kernels/a.h '#include "fmt/format.h"'
  caught EveryDocumentIsLinkedAndEveryLinkLeadsSomewhere docs/a.md 'linked from nowhere'
  caught EveryDocumentIsLinkedAndEveryLinkLeadsSomewhere docs/architecture.md '[gone](gone.md)'
  caught DocumentsNameTheCommandsThatThereAre README.md 'no command'
  caught DocumentsNameTheCommandsThatThereAre docs/architecture.md './dev nonsense'
  caught EveryPackageHasAReason dev 'new_packages=(libnew-dev)'
}

DevListsItsCommands() {
  local command
  for command in compare test gradcheck bench lint format docs; do
    [[ $(./dev | grep -c "^\./dev $command ") == 1 ]] || { echo "./dev does not list $command" && return 1; }
  done
  for command in nonsense 'lint twice' 'format --all' 'test --preset nonsense' 'test --preset' \
    'test --preset base' 'test --preset bench' 'test Philox --preset nonsense' 'test -V --preset'; do
    # shellcheck disable=SC2086  # some are two words
    if ./dev $command 2>/dev/null; then echo "./dev $command is taken" && return 1; else [[ $? == 2 ]]; fi
  done
}

# bare_machine: a folder of programs, with nothing of Debian's among them, for PATH.
bare_machine() {
  local bin tool
  bin=$(mktemp -d)
  for tool in bash cat dirname env grep mktemp nproc rm; do ln -s "$(command -v "$tool")" "$bin"; done
  echo "$bin"
}

# expect STATUS PATTERN: what `status` and `said` must be.
expect() {
  # shellcheck disable=SC2053  # the pattern is one
  [[ $status == "$1" && $said == $2 ]] || { echo "status $status: $said" && return 1; }
}

DevNamesMissingPackagesAndEndsWithTwo() {
  local bin said status=0
  bin=$(bare_machine)
  said=$(PATH=$bin ./dev compare) || status=$?
  expect 2 'missing packages: g++ *libhwy-dev*dataset-fashion-mnist*'
  # With apt at hand, but told not to use it.
  printf '#!/usr/bin/env bash\nexit 9\n' >"$bin/apt-get"
  chmod +x "$bin/apt-get"
  status=0
  said=$(PATH=$bin ./dev test --no-install Philox) || status=$?
  expect 2 'missing packages: g++ *libgtest-dev*'
  rm -r "$bin"
}

# An apt whose lists are missing: the first attempt fails, the lists are fetched, the second succeeds. Then there is still
# no cmake, and the end is 1.
DevInstallsWhatIsMissing() {
  local bin said status=0
  bin=$(bare_machine)
  cat >"$bin/apt-get" <<END
#!/usr/bin/env bash
echo "\$1 \$*" >>"$bin/calls"
[[ \$1 == update || \$(grep -c . "$bin/calls") == 3 ]]
END
  printf '#!/usr/bin/env bash\nexec "$@"\n' >"$bin/sudo"
  chmod +x "$bin/apt-get" "$bin/sudo"
  cp dev "$bin/dev"
  said=$(PATH=$bin "$bin/dev" gradcheck 2>&1) || status=$?
  expect 1 'installing with apt: g++ cmake *'$'\n''configuring build/release…'*
  [[ $(cut -d' ' -f1 "$bin/calls" | tr '\n' ' ') == 'install update install ' ]]
  rm -r "$bin"
}

"$1"
