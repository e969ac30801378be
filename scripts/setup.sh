#!/bin/sh
# Prepare .venv in this checkout for one profile:
#   demo   what an analysis needs
#   test   all of that and what the tests need; a Java from the package index when the machine has none
#   browser  all of that and what the tests of the pages need; the Chromium is the machine's own
# Needs Python 3.11 or later and nothing else. Does nothing when the profile is already there.
set -eu

profile=${1:?"usage: scripts/setup.sh demo|test|browser"}
cd "$(dirname "$0")/.."
here=$(pwd -P)
venv_python=.venv/bin/python

say() { printf 'setup: %s\n' "$*" >&2; }
give_up() { say "$*"; exit 2; }

case $profile in
    demo) extras= ;;
    test) extras=test,xgboost ;;
    browser) extras=browser,test,xgboost ;;
    *) give_up "received profile '$profile'; allowed: demo, test, browser" ;;
esac

is_usable() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1; }

find_python() {
    for name in python3.11 python3 python3.12 python3.13; do
        if is_usable "$name"; then command -v "$name"; return; fi
    done
    give_up "found no Python 3.11, 3.12 or 3.13 on PATH; install python3.11 (on Debian also python3.11-venv)"
}

# A larger profile holds the smaller ones.
case $profile in
    demo) stamps=".venv/clarify-demo.stamp .venv/clarify-test.stamp .venv/clarify-browser.stamp" ;;
    test) stamps=".venv/clarify-test.stamp .venv/clarify-browser.stamp" ;;
    browser) stamps=.venv/clarify-browser.stamp ;;
esac

# A virtual environment knows its own absolute path, so a moved checkout needs a new one.
wanted() {
    "$venv_python" - "$here" pyproject.toml constraints.txt scripts/setup.sh <<'PYTHON'
import hashlib, pathlib, sys
digest = hashlib.sha256(f"{sys.version} {sys.argv[1]}".encode())
for name in sys.argv[2:]:
    digest.update(pathlib.Path(name).read_bytes())
print(digest.hexdigest())
PYTHON
}

is_ready() {
    for stamp in $stamps; do
        if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$1" ]; then return 0; fi
    done
    return 1
}

install() {
    if [ -x .venv/bin/uv ] || "$venv_python" -m pip install --quiet --disable-pip-version-check -c constraints.txt uv; then
        if .venv/bin/uv pip install --quiet --python "$venv_python" -c constraints.txt "$@"; then return; fi
    fi
    say "uv could not do it; trying pip, which takes a few minutes"
    "$venv_python" -m pip install --quiet --disable-pip-version-check -c constraints.txt "$@" ||
        give_up "the packages could not be installed; the lines above say why"
}

add_java_if_missing() {
    if ! "$venv_python" -c 'import sys; from clarify.engines.java import find_java; sys.exit(find_java() is None)'; then
        say "no Java 17 or later found; adding one to .venv for the Spark tests"
        install -e '.[java]'
    fi
}

if ! { [ -x "$venv_python" ] && is_usable "$venv_python"; }; then
    python=$(find_python)
    say "creating .venv with $python"
    "$python" -m venv --clear .venv || give_up "could not create .venv; on Debian, install python3.11-venv"
fi

digest=$(wanted)
if ! is_ready "$digest"; then
    say "installing the packages of profile '$profile' into .venv (once; usually a minute)"
    rm -f .venv/clarify-*.stamp
    install -e ".${extras:+[$extras]}"
    printf '%s\n' "$digest" >".venv/clarify-$profile.stamp"
fi
if [ "$profile" != demo ]; then add_java_if_missing; fi
