#!/usr/bin/env bash
# Many machines with ClusterShell: record each of them, judge them here in one table, and prove and build what they need.
#
#   ./clush.sh record NODES    a recording of each into rack/, then one table; its exit code is the worst of any machine
#   ./clush.sh smoke NODES     what transcribes there: results of each into smoke/, then a line for each
#   ./clush.sh build RECIPE    one wheel for all the architectures that rack/ has, made on this machine
#
# NODES is what clush takes: node[001-128], or @group. rocmkit has to be on the PATH of the nodes and here, jq here.
# ENVIRONMENT is the Python environment on the nodes, CLUSH the command with options of your own.
set -euo pipefail

environment=${ENVIRONMENT:-"~/venv"} # the shell of the node expands it
read -ra clush <<<"${CLUSH:-clush}"

# What each node prints goes into FOLDER/NODE; what it says beside that comes here. A node's exit code is its verdict, and ends nothing.
collect() { # FOLDER ENDING NODES COMMAND
  local folder=$1 ending=$2 nodes=$3 command=$4 new file
  new=$(mktemp -d)
  "${clush[@]}" -q -w "$nodes" --outdir "$new" "$command" >/dev/null || true
  mkdir -p "$folder"
  for file in "$new"/*; do
    [ -s "$file" ] || { echo "${file##*/}: nothing came" >&2 && continue; }
    mv "$file" "$folder/${file##*/}.$ending"
  done
  rm -rf "$new"
}

case "${1:-} $#" in
"record 2")
  collect rack yaml "$2" "rocmkit doctor --python $environment --record - -o /dev/null"
  code=0
  rocmkit doctor --from rack --format html -o rack.html || code=$?
  rocmkit doctor --from rack || code=$?
  exit "$code"
  ;;
"smoke 2")
  collect smoke json "$2" "rocmkit smoke --python $environment --json"
  jq -r '[(input_filename | split("/")[-1]), .verdict, (.cases[] | select(.outcome == "pass") | .system)] | @tsv' smoke/*.json
  ;;
"build 2")
  rocmkit doctor --from rack --json -o rack.json || true
  mapfile -t archs < <(jq -r '.reports[].facts.gpus | arrays[] | .gfx // empty' rack.json | sort -u)
  [ ${#archs[@]} -gt 0 ] || { echo "no GPU in rack/" >&2 && exit 4; }
  rocmkit build "$2" "${archs[@]/#/--arch=}"
  ;;
*)
  sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
  exit 2
  ;;
esac
