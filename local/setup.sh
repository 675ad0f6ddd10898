#!/bin/sh
# Make the virtual environment: setup.sh <python, or empty> <folder>
set -eu
wanted=$1
venv=$2

python=''
for name in ${wanted:-python3 python3.14 python3.13 python3.12 python3.11}; do
    path=$(command -v "$name" 2>/dev/null) || continue
    if "$path" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$path
        break
    fi
done
if [ -z "$python" ]; then
    echo "setup: no Python 3.11 or newer was found; install one, or say make PYTHON=/path/to/python3" >&2
    exit 2
fi

echo "setup: a virtual environment of $("$python" --version) in $venv"
rm -rf "$venv"
"$python" -m venv "$venv" || {
    echo "setup: $python can't make virtual environments; install its venv module (python3-venv)" >&2
    exit 2
}

echo "setup: installing the locked packages (about 900 MB on disk, once)"
# uv is ten times faster; pip, which knows the machine's own settings, is the one to fall back on.
uv=$(grep -o '^uv==[^ ]*' requirements.txt)
"$venv/bin/python" - "$uv" > "$venv/uv.txt" <<'PYTHON'
import sys
lines = iter(open("requirements.txt", encoding="utf-8"))
for line in lines:
    if line.startswith(sys.argv[1]):
        while True:
            print(line, end="")
            if not line.rstrip().endswith("\\"):
                break
            line = next(lines)
PYTHON
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes -r "$venv/uv.txt"
export UV_SYSTEM_CERTS=1
if ! "$venv/bin/uv" pip install --quiet --no-cache --compile-bytecode --python "$venv/bin/python" \
        --require-hashes -r requirements.txt 2> "$venv/uv.log"; then
    echo "setup: uv could not reach the registry (see $venv/uv.log); pip tries, which takes longer"
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.txt
fi
touch "$venv/ready"
echo "setup: done"
