#!/bin/sh
# Refuses the pushes that GitHub refuses: pushes to protected branches, and pushes of workflow files
# by an App without the permission `workflows`.
while read -r old new ref; do
  if [ -f "$GIT_DIR/refusals" ]; then
    while read -r prefix message; do
      case "$ref" in
        "refs/heads/$prefix"*) printf '%s\n' "$message" >&2; exit 1 ;;
      esac
    done < "$GIT_DIR/refusals"
  fi
  case "$EMULATOR_WORKFLOWS $new" in
    "no 0000000000000000000000000000000000000000") ;;
    "no "*)
      touched=$(git rev-list "$new" --not --all -- .github/workflows | head -n 1)
      if [ -n "$touched" ]; then
        file=$(git diff-tree --no-commit-id --name-only -r --root "$touched" -- .github/workflows | head -n 1)
        printf 'refusing to allow a GitHub App to create or update workflow `%s` without `workflows` permission\n' "$file" >&2
        exit 1
      fi ;;
  esac
done
