#!/bin/sh
# Makes sure that a Chromium is there for the browser tests: the machine's, else Debian's package, else Playwright's own.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Chromium for the browser tests …"
    apt-get update -qq >/dev/null && apt-get install -y -qq --no-install-recommends chromium >/dev/null && exit 0
fi
exec "$root/.venv/bin/python" -m playwright install chromium
